#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

/// fs2_make_dataset of torphix/fastspeech2-TTS: from a name or a folder to a corpus that can be trained on. It calls
/// the other verbs and shows their command lines, so that every step can be repeated alone.
struct MakeDatasetVerb {
  std::string source, model = "fastspeech2", preset, format = "auto", data, out, catalogue, language, speaker,
                      textgrids;
  std::vector<std::string> parts;
  bool check = true;
};

config::Fields fields(MakeDatasetVerb& o) {
  config::Fields f;
  f.add("source", o.source, "a corpus of the catalogue (timbre get lists them), or your own folder")
      .positional()
      .required()
      .metavar("NAME|FOLDER")
      .alias("dataset");
  f.add("for", o.model, "the model it is for").metavar("MODEL|RUN.yaml");
  f.add("preset", o.preset, "preset of the model").metavar("NAME");
  f.add("out", o.out, "the corpus folder to make (default: corpora/NAME)").letter('o').metavar("CORPUS");
  f.add("data", o.data, "where a corpus of the catalogue is unpacked (default: data/NAME)").metavar("DIR");
  f.add("parts", o.parts, "parts of a corpus that comes in parts, or all").metavar("A,B");
  f.add("catalogue", o.catalogue, "YAML file of further corpora").metavar("FILE");
  f.add("format", o.format,
        "layout of your own folder (timbre import --help); auto: ljspeech where there is a metadata.csv, else lab")
      .metavar("FORMAT");
  f.add("language", o.language, "language of your own folder").metavar("LANGUAGE");
  f.add("speaker", o.speaker, "speaker of your own folder, instead of what it says");
  f.add("textgrids", o.textgrids, "afterwards, write the alignment of each utterance into this folder")
      .metavar("FOLDER");
  f.add("check", o.check, "stop before preparation when the doctor finds something fatal");
  return f;
}

using Words = std::vector<std::string>;

void add_flag(Words& words, const char* flag, const std::string& value) {
  if (value.empty()) return;
  words.emplace_back(flag);
  words.push_back(value);
}

/// "metadata.csv" is LJ Speech's; otherwise a folder a speaker, as fs2_prepare_dataset leaves them.
std::string format_of(const MakeDatasetVerb& o, const std::filesystem::path& folder) {
  if (o.format != "auto") return o.format;
  return std::filesystem::exists(folder / "metadata.csv") ? "ljspeech" : "lab";
}

std::vector<Words> steps_of(const MakeDatasetVerb& o) {
  namespace fs = std::filesystem;
  fs::path folder = o.source;
  const bool own = fs::exists(folder);
  if (folder.filename().empty()) folder = folder.parent_path();
  const std::string out = o.out.empty() ? "corpora/" + folder.filename().string() : o.out;
  std::vector<Words> steps;
  if (own) {
    if (!o.parts.empty() || !o.data.empty() || !o.catalogue.empty())
      throw UsageError(
          fmt::format("{} is a folder here; --parts, --data and --catalogue are for corpora to fetch", o.source));
    Words words{"import", format_of(o, folder), o.source, "--out", out};
    add_flag(words, "--language", o.language);
    add_flag(words, "--speaker", o.speaker);
    steps.push_back(words);
  } else {
    if (!o.language.empty() || !o.speaker.empty() || o.format != "auto")
      throw UsageError(fmt::format("{}: no such folder; --language, --speaker and --format are for your own", o.source),
                       "check the path; timbre get lists the corpora to fetch");
    Words words{"get", o.source, "--import", "--corpus", out};
    add_flag(words, "--out", o.data);
    add_flag(words, "--parts", join(o.parts, ","));
    add_flag(words, "--catalogue", o.catalogue);
    steps.push_back(words);
  }
  if (o.check) steps.push_back({"check", out});
  Words prepare{"prepare", out, "--for", o.model};
  add_flag(prepare, "--preset", o.preset);
  steps.push_back(prepare);
  if (!o.textgrids.empty()) steps.push_back({"export", out, "--format", "textgrid", "--out", o.textgrids});
  return steps;
}

/// What bash would take for these words.
std::string command_line(const Words& words) {
  std::string line = "timbre";
  for (const std::string& word : words) {
    const bool plain = word.find_first_of(" \t'\"\\$&;|<>()*?[]#~`!") == std::string::npos && !word.empty();
    std::string quoted;
    for (char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    line += " " + (plain ? word : "'" + quoted + "'");
  }
  return line;
}

/// Text that a verb prints.
class Captured {
 public:
  Captured() : file_(::open_memstream(&bytes_, &size_)) {}
  ~Captured() {
    std::fclose(file_);
    std::free(bytes_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::FILE* file() const { return file_; }
  std::string text() const {
    std::fflush(file_);
    return {bytes_, size_};
  }

 private:
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

int run_step(const Verbs& verbs, const Words& words, Context& context, nlohmann::json& report) {
  Verb verb = verbs.all().at(words[0]).make();
  const Words rest(words.begin() + 1, words.end());
  if (verb.extend) verb.extend(verb.fields, rest);
  config::parse_flags(verb.fields, rest);
  Captured captured;
  Context inner{.json = context.json, .events = context.events, .out = context.json ? captured.file() : context.out};
  const int code = verb.run(inner);
  if (context.json)
    report.push_back({{"command", command_line(words)},
                      {"exit_code", code},
                      {"report", nlohmann::json::parse(captured.text(), nullptr, false)}});
  return code;
}

int run(const MakeDatasetVerb& o, Context& context) {
  Verbs verbs;
  register_light_verbs(verbs);
  nlohmann::json report = nlohmann::json::array();
  const std::vector<Words> steps = steps_of(o);
  int code = 0;
  for (const Words& words : steps) {
    if (!context.json) fmt::print(context.out, "$ {}\n", command_line(words));
    std::fflush(context.out);
    if (context.dry_run) {
      if (context.json) report.push_back({{"command", command_line(words)}});
      continue;
    }
    code = run_step(verbs, words, context, report);
    if (code != 0) break;
  }
  if (context.json) {
    fmt::print(context.out, "{}\n", nlohmann::json{{"steps", report}, {"exit_code", code}}.dump(2));
  } else if (code != 0) {
    fmt::print(context.out, "stopped here: repair what is fatal and call this again, or go on with --no-check\n");
  } else if (!context.dry_run) {
    Words train{"train", o.model, "--corpus", steps.back()[1]};
    add_flag(train, "--preset", o.preset);
    fmt::print(context.out,
               "next: {}\n      after a first try whether it can learn a few by heart: the same with --overfit 4\n",
               command_line(train));
  }
  return code;
}

}  // namespace

void register_make_dataset(Verbs& verbs) {
  add_verb<MakeDatasetVerb>(verbs,
                            {.name = "make-dataset",
                             .summary = "Data: get, import, check and prepare in one go",
                             .usage = "make-dataset NAME|FOLDER [--for MODEL] [--out CORPUS]",
                             .examples = {"timbre make-dataset ljspeech --for fastspeech2",
                                          "timbre make-dataset Custom/preprocessed_dataset --language en-US",
                                          "timbre make-dataset libritts --parts dev-clean --dry-run"},
                             .writes = true},
                            fields, run);
}

}  // namespace timbre::cli
