#include "models/llasa/convert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/llasa/adapter.h"
#include "models/llasa/growth.h"
#include "models/llasa/layout.h"
#include "models/llasa/voice_about.h"
#include "roles/network_folder.h"
#include "weights/load.h"

namespace timbre::llasa {
namespace {

using Json = nlohmann::ordered_json;
using weights::DType;

constexpr const char* kKeptConfig = "hf_config.json";
constexpr const char* kKeptGeneration = "hf_generation_config.json";

void note(const roles::ConvertRequest& request, const std::string& text) { request.events({"note", {{"text", text}}}); }

std::string option(const roles::ConvertRequest& request, const char* name, const std::string& otherwise = {}) {
  return request.options.value(name, otherwise);
}

void refuse_unknown_options(const roles::ConvertRequest& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.options.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError(fmt::format("--option {}: no such option of this converter", name),
                       fmt::format("it has {}", fmt::join(known, ", ")));
}

std::int64_t whole_option(const roles::ConvertRequest& request, const char* name, std::int64_t otherwise) {
  const std::string text = option(request, name);
  if (text.empty()) return otherwise;
  if (text.size() > 9 || !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); }))
    throw UsageError(fmt::format("--option {}={}: expected a whole number", name, text));
  return std::stoll(text);
}

DType dtype_option(const roles::ConvertRequest& request, DType stored) {
  const std::string name = option(request, "dtype");
  if (name.empty()) return stored == DType::f64 ? DType::f32 : stored;
  const auto dtype = weights::dtype_of_name(name);
  if (!dtype || (*dtype != DType::f32 && *dtype != DType::bf16 && *dtype != DType::f16))
    throw UsageError(fmt::format("--option dtype={}: expected f32, bf16 or f16", name));
  return *dtype;
}

/// The tensors, with the adapter merged that the options name.
std::vector<Source> sources_with_adapter(const roles::ConvertRequest& request, const weights::TensorMap& tensors,
                                         Config& config) {
  const std::string folder = option(request, "adapter");
  if (folder.empty()) return sources_of(tensors);
  const Adapter adapter = read_adapter(folder);
  check_adapter(adapter, config, adapter.base_fingerprint.empty() ? "" : fingerprint(tensors), folder);
  note(request, fmt::format("merged {} adapters of rank {}", adapter.tensors.size() / 2, adapter.options.r));
  return merged_sources(tensors, adapter);
}

/// "small_codec" of a codec's folder, or the name itself.
std::string codec_name(const std::string& given) {
  for (const fs::path& folder : {fs::path(given), fs::path(given) / "voice"})
    if (fs::is_regular_file(folder / "voice.json"))
      return read_json(folder / "voice.json").value(nlohmann::json::json_pointer("/model/kind"), given);
  return given;
}

void to_voice(const roles::ConvertRequest& request) {
  refuse_unknown_options(request, {"dtype", "adapter", "tokenizer", "codec", "vocab_size", "new_rows"});
  HfFolder about = read_hf_folder(request.source);
  const weights::TensorMap tensors = read_hf_tensors(request.source, about);
  for (const std::string& line : about.notes) note(request, line);
  const DType dtype = dtype_option(request, tensors.at(kEmbedding).dtype);
  std::vector<Source> sources = sources_with_adapter(request, tensors, about.config);
  const fs::path tokenizer = option(request, "tokenizer", request.source.string());
  if (!fs::is_regular_file(tokenizer / "tokenizer.json"))
    throw UsageError(fmt::format("{}: no tokenizer.json in it, and without one nobody knows what the rows of the "
                                 "embedding mean",
                                 tokenizer.string()),
                     "--option tokenizer=FOLDER");
  const tokenizer::Tokenizer words = tokenizer::Tokenizer::read(tokenizer);
  const std::int64_t rows = about.config.vocab_size, size = whole_option(request, "vocab_size", rows);
  if (words.size() > size)
    throw UsageError(
        fmt::format("{}: the tokenizer has {} tokens, the network knows {}", tokenizer.string(), words.size(), size),
        fmt::format("its own tokenizer; or, where the others are new, --option vocab_size={}", words.size()));
  if (size != rows) {
    note(request, fmt::format("the vocabulary grows from {} to {} tokens", rows, size));
    grow(about.config, sources, size, new_rows_of(option(request, "new_rows", "mean")), 0);
  }
  about.config.codec = codec_name(option(request, "codec", "xcodec2"));
  roles::refuse_existing(request.out);
  make_folders(request.out);
  copy_tokenizer(tokenizer, request.out / kTokenizerFolder);
  write_hf_weights(request.out, sources, {.dtype = dtype, .shard_bytes = INT64_MAX});
  write_file_atomic(request.out / kKeptConfig, about.config_json.dump(2) + "\n");
  if (!about.generation_json.is_null())
    write_file_atomic(request.out / kKeptGeneration, about.generation_json.dump(2) + "\n");
  nlohmann::json voice =
      about_voice(about.config, tokenizer_facts(words), {{"codec", about.config.codec}, {"codebooks", 1}});
  voice["format"] = "timbre voice 1";
  voice["name"] = request.out.filename().string();
  voice["provenance"] = {{"imported_from", "hf"}, {"file", request.source.filename().string()}};
  write_file_atomic(request.out / "voice.json", voice.dump(2) + "\n");
}

void from_voice(const roles::ConvertRequest& request) {
  refuse_unknown_options(request, {"dtype", "adapter", "shard_gb"});
  const fs::path folder = roles::folder_of_network(request.source);
  if (!fs::is_regular_file(folder / "voice.json"))
    throw UsageError(fmt::format("{} is no voice: it has no voice.json", request.source.string()));
  const nlohmann::json voice = read_json(folder / "voice.json");
  HfFolder about;
  roles::read_model(about.config, "llasa", voice, (folder / "voice.json").string());
  const weights::TensorMap tensors = weights::load_tensors(roles::weights_file(folder, voice));
  if (const auto wrong = misfits(layout(about.config), tensors); !wrong.empty())
    throw DataError(fmt::format("{}: the weights do not fit voice.json: {}", folder.string(), wrong.front()));
  if (fs::is_regular_file(folder / kKeptConfig)) about.config_json = read_json<Json>(folder / kKeptConfig);
  if (fs::is_regular_file(folder / kKeptGeneration)) about.generation_json = read_json<Json>(folder / kKeptGeneration);
  const std::vector<Source> sources = sources_with_adapter(request, tensors, about.config);
  write_hf_folder(request.out, about, sources,
                  {.dtype = dtype_option(request, tensors.at(kEmbedding).dtype),
                   .shard_bytes = whole_option(request, "shard_gb", 5) * 1'000'000'000});
  if (copy_tokenizer(folder / kTokenizerFolder, request.out) == 0)
    note(request, "the voice has no tokenizer's files: none were written");
}

std::string described(const fs::path& folder) {
  const HfFolder about = read_hf_folder(folder);
  const Config& c = about.config;
  return fmt::format(
      "Llama of Hugging Face: {} wide, {} layers, {} heads over {} of keys and values, head width {}, feed-forward {}\n"
      "{:.3f} B parameters, {} tokens, output matrix {}, {} positions ({}){}\n",
      c.hidden_size, c.num_hidden_layers, c.num_attention_heads, c.num_key_value_heads, c.head_dim, c.intermediate_size,
      static_cast<double>(parameter_count(c)) / 1e9, c.vocab_size,
      c.tie_word_embeddings ? "tied to the embedding" : "of its own", c.max_position_embeddings,
      c.rope_scaling.rope_type == "default" ? std::string("rope")
                                            : fmt::format("rope stretched {} times", c.rope_scaling.factor),
      fs::is_regular_file(folder / "tokenizer.json") ? "" : "\nno tokenizer.json beside it");
}

}  // namespace

roles::Converter hf_converter() {
  return {.format = "hf",
          .summary = "Hugging Face: config.json of a Llama (Llasa) and model.safetensors, whole or in shards",
          .recognises = [](const fs::path& source) { return looks_like_hf_folder(source); },
          .to_voice = to_voice,
          .from_voice = from_voice,
          .describe = described};
}

}  // namespace timbre::llasa
