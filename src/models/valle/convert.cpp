#include "models/valle/convert.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/valle/checkpoint.h"
#include "models/valle/layout.h"
#include "models/valle/vocabulary.h"
#include "roles/network_folder.h"
#include "text/bpe_symbols.h"
#include "text/k2_symbols.h"
#include "text/token_policy_json.h"
#include "voice/voice.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using weights::Value;

constexpr const char* kTrainingFile = "training.safetensors";
constexpr const char* kVallexFile = "vallex-checkpoint.pt";

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

/// The file of symbols: as the option says, or looked for.
fs::path symbols_file(const roles::ConvertRequest& request, const Checkpoint& checkpoint) {
  const bool vallex = checkpoint.line() == Line::vallex;
  const char* name = vallex ? "tokenizer" : "text_tokens";
  if (const std::string given = option(request, name); !given.empty()) {
    if (!fs::is_regular_file(given))
      throw UsageError(fmt::format("--option {}={}: there is no such file", name, given));
    return given;
  }
  if (fs::path found = find_symbols_file(checkpoint, request.source); !found.empty()) return found;
  if (vallex)
    throw UsageError(
        fmt::format("{}: no tokenizer.json or bpe_69.json beside it, and without one nobody knows what the "
                    "rows of its text tables mean",
                    request.source.string()),
        "--option tokenizer=FILE (utils/g2p/bpe_69.json of VALL-E X's repository)");
  const Value* told = checkpoint.parameter("text_tokens");
  throw UsageError(
      fmt::format("{}: the checkpoint's text_tokens ({}) is not here, and without it nobody knows what the "
                  "rows of its text tables mean",
                  request.source.string(), told && told->is_text() ? told->as_text() : "none"),
      "--option text_tokens=unique_text_tokens.k2symbols");
}

/// What a codec of that name is, as prepare::codec_facts() says it.
json codec_facts(const Config& config) {
  return {{"codec", "encodec"},
          {"rate_hz", 24000},
          {"hop_samples", 320},
          {"channels", 1},
          {"codebooks", config.num_quantizers},
          {"codebook_size", config.codebook_size}};
}

/// Everything of a checkpoint but its weights.
Value rest_of(const Checkpoint& checkpoint) {
  Value rest = to_value(checkpoint);
  Value out = Value::dict();
  for (const auto& [key, value] : rest.as_dict())
    if (key.as_text() != "model") out.put(key.as_text(), value);
  return out;
}

void to_voice(const roles::ConvertRequest& request, Line line) {
  refuse_unknown_options(request, {line == Line::vallex ? "tokenizer" : "text_tokens", "front_end", "codec"});
  Checkpoint checkpoint = read_checkpoint(request.source);
  if (checkpoint.line() != line)
    throw UsageError(
        fmt::format("{} {} language tables: it is {}", request.source.string(), line == Line::vallex ? "has no" : "has",
                    line == Line::vallex ? "of lifeiteng's line" : "VALL-E X"),
        line == Line::vallex ? "--from lifeiteng" : "--from vallex");
  const fs::path file = symbols_file(request, checkpoint);
  const std::vector<std::string> symbols = read_symbols(line, file);
  Config& config = checkpoint.config;
  config.front_end = option(request, "front_end", line == Line::vallex ? "vallex:mix" : front_end_of(symbols));
  config.codec = option(request, "codec", "encodec");
  check_symbols(config, config.front_end, symbols, file.string());
  roles::refuse_existing(request.out);
  for (const std::string& line_text : checkpoint.notes) note(request, line_text);
  if (line == Line::lifeiteng && !request.options.contains("front_end"))
    note(request, fmt::format("no checkpoint says which front end made its tokens: {} by the looks of them; "
                              "--option front_end=NAME says otherwise",
                              config.front_end));
  make_folders(request.out);
  weights::write_safetensors(request.out / "model.safetensors", without_ties(config, checkpoint.model),
                             {{"format", "pt"}});
  weights::save(request.out / kTrainingFile, rest_of(checkpoint));
  write_file_atomic(request.out / (line == Line::vallex ? kTokenizerFile : kSymbolsFile), read_file(file));
  json about = {{"name", request.out.filename().string()},
                {"model", roles::about_model("valle", config)},
                {"front_end", config.front_end},
                {"language", config.front_end.starts_with("pypinyin") ? "zh" : "en"},
                {"symbols", symbols},
                {"token_policy", text::to_json(line == Line::vallex ? text::bpe_policy() : text::collater_policy())},
                {"codec", codec_facts(config)},
                {"provenance",
                 {{"imported_from", line == Line::vallex ? "vallex" : "lifeiteng"},
                  {"file", request.source.filename().string()}}}};
  if (config.network() != Network::transformer) return voice::write_voice(request.out, about);
  about.erase("codec");  // it makes mels and is no voice that speaks
  write_file_atomic(request.out / "voice.json", about.dump(2) + "\n");
}

/// The checkpoint that a voice would be: its training file's values where it has one.
Checkpoint checkpoint_of(const fs::path& folder, const json& about) {
  Checkpoint out;
  const std::string where = (folder / "voice.json").string();
  roles::read_model(out.config, "valle", about, where);
  out.model = weights::load_tensors(roles::weights_file(folder, about));
  if (const auto wrong = misfits(out.config, out.model); !wrong.empty())
    throw DataError(fmt::format("{}: the weights do not fit the options: {}", where, wrong.front()));
  if (!fs::exists(folder / kTrainingFile)) return out;
  const Value rest = weights::load(folder / kTrainingFile).root;
  for (const auto& [key, value] : rest.as_dict()) {
    const std::string& name = key.as_text();
    if (name == "optimizer")
      out.optimizer = value;
    else if (name == "scheduler")
      out.scheduler = value;
    else if (name == "grad_scaler")
      out.grad_scaler = value;
    else if (name == "sampler")
      out.sampler = value;
    else if (name != "model_avg")
      out.parameters.put(name, value);
    else
      for (const auto& [tensor, average] : value.as_dict()) out.model_avg.set(tensor.as_text(), average.as_tensor());
  }
  return out;
}

void from_voice(const roles::ConvertRequest& request, Line line) {
  refuse_unknown_options(request, {});
  const fs::path folder = roles::folder_of_network(request.source);
  if (!fs::is_regular_file(folder / "voice.json"))
    throw UsageError(fmt::format("{} is no voice: it has no voice.json", request.source.string()));
  const json about = read_json(folder / "voice.json");
  Checkpoint checkpoint = checkpoint_of(folder, about);
  const Config& config = checkpoint.config;
  if (checkpoint.line() != line)
    throw UsageError(fmt::format("{} {} language tables", folder.string(), line == Line::vallex ? "has no" : "has"),
                     line == Line::vallex ? "--to lifeiteng" : "--to vallex");
  set_parameters(checkpoint.parameters, config);
  if (config.codebook_size != 1024 || (line == Line::vallex ? config.text_rows != 2048 : config.text_rows != 512))
    note(request, fmt::format("this voice has {} codes and {} text rows: NUM_AUDIO_TOKENS and NUM_TEXT_TOKENS of the "
                              "other program must be set so before it loads the file",
                              config.codebook_size, config.text_rows));
  const auto symbols = about.at("symbols").get<std::vector<std::string>>();
  roles::refuse_existing(request.out);
  make_folders(request.out);
  const char* file = line == Line::vallex ? kTokenizerFile : kSymbolsFile;
  if (fs::exists(folder / file)) {
    write_file_atomic(request.out / file, read_file(folder / file));
  } else if (line == Line::vallex) {
    write_file_atomic(request.out / file, format_tokenizer(symbols));
  } else {
    std::set<std::string> tokens;
    for (const std::string& symbol : symbols)
      if (symbol != "<pad>" && symbol != "<bos>" && symbol != "<eos>" && symbol != text::kNullSymbol)
        tokens.insert(symbol);
    const auto table = text::make_k2_symbols(tokens);
    if (text::collater_rows(table) != symbols)
      throw UsageError(fmt::format("{}: its symbols are in another order than lifeiteng's collater would have them",
                                   folder.string()),
                       "only voices with such symbols go back: train with a front end of that line");
    write_file_atomic(request.out / file, text::format_k2_symbols(table));
  }
  const Value* epoch = checkpoint.parameter("cur_epoch");
  write_checkpoint(request.out / (line == Line::vallex ? std::string(kVallexFile)
                                                       : fmt::format("epoch-{}.pt", epoch ? epoch->as_int() : 1)),
                   checkpoint);
}

/// What a checkpoint is, for `timbre info`.
std::string described(const fs::path& path) {
  const Checkpoint checkpoint = read_checkpoint(path, {.strict = false});
  const Config& config = checkpoint.config;
  const char* network = config.network() == Network::valle   ? "VALL-E"
                        : config.network() == Network::vallf ? "VALL-F"
                                                             : "Transformer (debug)";
  const auto told = [&](const char* key) {
    const Value* value = checkpoint.parameter(key);
    return value && value->kind() == Value::Kind::integer ? fmt::format(", {} {}", key, value->as_int()) : "";
  };
  const bool vallex = !config.languages.empty();
  std::string text =
      fmt::format("{} of {}: {} wide, {} heads, {} layers, {} codebooks, {} text rows{}{}\n",
                  vallex ? "VALL-E X" : network, vallex ? "Plachtaa/VALL-E-X or its fork" : "lifeiteng/vall-e",
                  config.decoder_dim, config.nhead, config.num_decoder_layers, config.num_quantizers, config.text_rows,
                  config.prepend_bos ? ", with a start token" : "",
                  vallex ? fmt::format(", languages {}", fmt::join(config.languages, ", ")) : "");
  text += fmt::format("run: prefix_mode {}{}{}{}, {}optimiser state, {}averaged model\n", config.prefix_mode,
                      told("cur_epoch"), told("train_stage"), told("batch_idx_train"),
                      checkpoint.optimizer.is_dict() ? "" : "no ", checkpoint.model_avg.empty() ? "no " : "");
  for (const std::string& line : checkpoint.notes) text += "note: " + line + "\n";
  return text;
}

roles::Converter converter(Line line, const char* name, const char* summary) {
  return {.format = name,
          .summary = summary,
          .recognises = [line](const fs::path& source) { return looks_like_checkpoint(source, line); },
          .to_voice = [line](const roles::ConvertRequest& request) { to_voice(request, line); },
          .from_voice = [line](const roles::ConvertRequest& request) { from_voice(request, line); },
          .describe = described};
}

}  // namespace

roles::Converter lifeiteng_converter() {
  return converter(Line::lifeiteng, "lifeiteng",
                   "lifeiteng/vall-e: epoch-N.pt, checkpoint-N.pt, best-*.pt of its trainer, with the k2symbols file");
}

roles::Converter vallex_converter() {
  return converter(Line::vallex, "vallex",
                   "Plachtaa/VALL-E-X: vallex-checkpoint.pt, and what the fork's trainer leaves, with bpe_69.json");
}

}  // namespace timbre::valle
