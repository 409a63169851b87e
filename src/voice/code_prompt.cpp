#include "voice/code_prompt.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "weights/npy.h"
#include "weights/safetensors.h"

namespace timbre::voice {
namespace {

namespace fs = std::filesystem;

/// VALL-E X's lang_code; its language rows have another order.
constexpr std::array<const char*, 3> kNpzLanguages = {"zh", "ja", "en"};

constexpr const char* kMake = "timbre prompt RECORDING --text \"what is said in it\" --voice VOICE -o FILE makes one";

std::int32_t code_of(std::int64_t code, const std::string& where) {
  if (code < 0 || code > 1 << 20) throw DataError(fmt::format("{}: {} is no code", where, code), kMake);
  return static_cast<std::int32_t>(code);
}

const weights::Tensor& array_of(const weights::TensorMap& arrays, const char* name, std::size_t dimensions,
                                const std::string& where) {
  const weights::Tensor* array = arrays.find(name);
  if (!array) throw DataError(fmt::format("{}: no array '{}': it is no prompt", where, name), kMake);
  if (array->shape.size() != dimensions)
    throw DataError(fmt::format("{}: {} is {}; expected {} dimensions", where, name, array->describe(), dimensions),
                    kMake);
  return *array;
}

CodePrompt read_npz_prompt(const fs::path& path) {
  const std::string where = path.string();
  const weights::TensorMap arrays = weights::read_npz(path);
  const auto& audio = array_of(arrays, "audio_tokens", 3, where);
  const auto& text = array_of(arrays, "text_tokens", 2, where);
  if (audio.shape[0] != 1 || text.shape[0] != 1)
    throw DataError(fmt::format("{}: audio_tokens {} and text_tokens {} hold more than one prompt", where,
                                audio.describe(), text.describe()));
  const weights::Tensor* language = arrays.find("lang_code");
  if (!language || language->numel() != 1) throw DataError(fmt::format("{}: no lang_code of one number", where), kMake);
  const std::int64_t code = language->to_i64().front();
  if (code < 0 || code >= static_cast<std::int64_t>(kNpzLanguages.size()))
    throw DataError(fmt::format("{}: lang_code is {}; expected 0 (zh), 1 (ja) or 2 (en)", where, code));
  CodePrompt prompt;
  prompt.tokens_S = text.to_i64();
  prompt.languages = {kNpzLanguages[static_cast<std::size_t>(code)]};
  for (const std::int64_t one : audio.to_i64()) prompt.codes_FQ.push_back(code_of(one, where));
  prompt.frames = audio.shape[1];
  prompt.codebooks = audio.shape[2];
  return prompt;
}

CodePrompt read_own(const fs::path& path) {
  const std::string where = path.string();
  weights::Metadata about;
  const weights::TensorMap arrays = weights::read_safetensors(path, &about);
  const auto& codes = array_of(arrays, "codes", 2, where);
  const auto said = [&](const char* key) {
    const auto found =
        std::find_if(about.begin(), about.end(), [key](const auto& entry) { return entry.first == key; });
    return found == about.end() ? std::string() : found->second;
  };
  CodePrompt prompt;
  prompt.text = said("text");
  prompt.codec = said("codec");
  if (const std::string languages = said("language"); !languages.empty()) prompt.languages = split(languages, ',');
  if (const auto* tokens = arrays.find("tokens")) prompt.tokens_S = tokens->to_i64();
  for (const std::int64_t one : codes.to_i64()) prompt.codes_FQ.push_back(code_of(one, where));
  prompt.frames = codes.shape[0];
  prompt.codebooks = codes.shape[1];
  return prompt;
}

void write_npz_prompt(const fs::path& path, const CodePrompt& p) {
  if (p.tokens_S.empty())
    throw UsageError(fmt::format("{}: the format holds tokens, and the prompt has none", path.string()), kMake);
  const std::string language = p.languages.empty() ? "" : p.languages.front();
  const auto* const code = std::find(kNpzLanguages.begin(), kNpzLanguages.end(), language);
  if (code == kNpzLanguages.end())
    throw UsageError(fmt::format("{}: VALL-E X's prompts are in zh, ja or en, this one is in '{}'", path.string(),
                                 language.empty() ? "no language" : language),
                     "write it as .safetensors");
  weights::TensorMap arrays;
  const std::vector<std::int64_t> codes(p.codes_FQ.begin(), p.codes_FQ.end());
  arrays.insert("audio_tokens", weights::Tensor::of({1, p.frames, p.codebooks}, codes));
  arrays.insert("text_tokens", weights::Tensor::of({1, static_cast<std::int64_t>(p.tokens_S.size())}, p.tokens_S));
  arrays.insert("lang_code", weights::Tensor::of({}, std::vector<std::int64_t>{code - kNpzLanguages.begin()}));
  weights::write_npz(path, arrays, {"audio_tokens"});
}

}  // namespace

bool is_prompt_file(const fs::path& path) {
  const std::string ending = ascii_lower(path.extension().string());
  return ending == ".npz" || ending == ".safetensors";
}

CodePrompt read_prompt(const fs::path& path) {
  if (!is_prompt_file(path))
    throw UsageError(fmt::format("{}: a prompt is an .npz or a .safetensors file", path.string()), kMake);
  return ascii_lower(path.extension().string()) == ".npz" ? read_npz_prompt(path) : read_own(path);
}

void write_prompt(const fs::path& path, const CodePrompt& p) {
  if (!is_prompt_file(path))
    throw UsageError(fmt::format("{}: a prompt is written as .npz or .safetensors", path.string()));
  if (ascii_lower(path.extension().string()) == ".npz") return write_npz_prompt(path, p);
  weights::TensorMap arrays;
  arrays.insert("codes", weights::Tensor::of({p.frames, p.codebooks}, p.codes_FQ));
  arrays.insert("tokens", weights::Tensor::of({static_cast<std::int64_t>(p.tokens_S.size())}, p.tokens_S));
  weights::write_safetensors(path, arrays,
                             {{"text", p.text}, {"language", join(p.languages, ",")}, {"codec", p.codec}});
}

}  // namespace timbre::voice
