#include "prepare/valle_stages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"

namespace timbre::prepare {

using nlohmann::json;

namespace {

const std::vector<ValleRecipe>& recipes() {
  static const std::vector<ValleRecipe> kRecipes = {
      {"baker", "baker_zh", "baker", "baker", "pypinyin_initials_finals"},
      {"libritts", "libritts", "libritts", "libritts", "espeak"},
      {"aishell", "aishell", "aishell1", "aishell1", "pypinyin_initials_finals"},
      {"ljspeech", "ljspeech", "ljspeech", "ljspeech", "espeak"},
      {"custom", "custom", "", "", "espeak"}};
  return kRecipes;
}

}  // namespace

config::Fields fields(ValleOptions& o) {
  config::Fields f;
  f.add("source", o.source,
        "the corpus as it was unpacked, or the folder that stage 0 fetches it into; of custom any "
        "folder that timbre imports, or a corpus")
      .positional()
      .required()
      .metavar("SRC");
  f.add("recipe", o.recipe, "data of lifeiteng's VALL-E: manifests, tokens and cuts as its prepare.sh leaves them")
      .choices({"baker", "libritts", "aishell", "ljspeech", "custom", "llasa-speed", "llasa"});
  f.add("out", o.out, "folder that gets manifests/ and tokenized/").letter('o').metavar("DIR");
  f.add("stage", o.stage, "first stage: 0 fetch, 1 manifests, 2 tokens, 3 cuts and statistics")
      .range(-1, 3)
      .metavar("N");
  f.add("stop_stage", o.stop_stage, "last stage").range(-1, 3).metavar("M");
  f.add("nj", o.nj, "threads that read and encode; 0 = as --threads says").range(0, 1024).metavar("N");
  f.add("text_extractor", o.text_extractor,
        "espeak, pypinyin, pypinyin_initials_finals, labeled_pinyin (of Baker's labels), or a front end's name with a "
        "colon (phonemizer:es); default: the "
        "recipe's own")
      .metavar("NAME");
  f.add("audio_extractor", o.audio_extractor, "what makes the codes; another codec is named by its folder, --codec")
      .choices({"Encodec"});
  f.add("codec", o.codec, "the codec's folder (timbre convert makes one of EnCodec's file)").metavar("FOLDER");
  f.add("codebooks", o.codebooks, "the first so many of the codec's; 0 = 6 kbit/s of EnCodec, else all").range(0, 1024);
  f.add("batch_duration", o.batch_duration_s, "seconds of audio that are encoded together").range(1, 1e5);
  f.add("dataset_parts", o.dataset_parts, "parts of the corpus, between blanks: all, or \"dev-clean test-clean\"")
      .metavar("PARTS");
  f.add("catalogue", o.catalogue, "YAML file of further corpora or other addresses for stage 0, as timbre get takes it")
      .metavar("FILE");
  f.add("dev_count", o.dev_count, "cuts of cuts_dev; -1 = the recipe's own").range(-1, 1e9).metavar("N");
  f.add("test_count", o.test_count, "cuts of cuts_test, where the recipe takes it from all; -1 = the recipe's own")
      .range(-1, 1e9)
      .metavar("N");
  return f;
}

const ValleRecipe& valle_recipe(const std::string& name) {
  std::vector<std::string> names;
  for (const ValleRecipe& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    names.push_back(recipe.name);
  }
  throw UsageError(fmt::format("there is no recipe '{}'; there are: {}", name, join(names, ", ")),
                   did_you_mean(name, names));
}

std::string front_end_of(const std::string& text_extractor) {
  if (text_extractor == "espeak") return "phonemizer:en-us";
  if (text_extractor == "pypinyin") return "pypinyin:syllables";
  if (text_extractor == "pypinyin_initials_finals") return "pypinyin:initials_finals";
  if (text_extractor == "labeled_pinyin") return "pypinyin:labelled_initials_finals";
  if (text_extractor.find(':') != std::string::npos) return text_extractor;
  throw UsageError(
      fmt::format(
          "--text-extractor {}: expected espeak, pypinyin, pypinyin_initials_finals, labeled_pinyin, or a front "
          "end's name with a colon",
          text_extractor),
      "for example --text-extractor phonemizer:fr-fr");
}

std::vector<std::string> present_parts(const ValleJob& job) {
  const std::string head = job.recipe.prefix + "_recordings_", tail = ".jsonl.gz";
  std::vector<std::string> parts;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(job.manifests(), absent)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(head) || !name.ends_with(tail) || name.size() <= head.size() + tail.size()) continue;
    const std::string part = name.substr(head.size(), name.size() - head.size() - tail.size());
    if (fs::exists(job.manifests() / (job.recipe.prefix + "_supervisions_" + part + tail))) parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> wanted_parts(const ValleJob& job, const std::vector<std::string>& present) {
  std::vector<std::string> wanted;
  for (const std::string& word : split_whitespace(job.options.dataset_parts))
    if (word != "-p" && word != "--dataset-parts") wanted.push_back(word);
  // LJSpeech is tokenised in its three parts, not once more as a whole.
  const bool divided = job.recipe.name == "ljspeech" && present.size() > 1;
  if (wanted.empty() || (wanted.size() == 1 && wanted[0] == "all")) {
    wanted = present;
    if (divided) std::erase(wanted, "all");
    return wanted;
  }
  for (const std::string& part : wanted)
    if (std::find(present.begin(), present.end(), part) == present.end())
      throw UsageError(fmt::format("--dataset-parts {}: {} has {}", part, job.manifests().string(),
                                   present.empty() ? "no manifests" : join(present, ", ")),
                       did_you_mean(part, present));
  return wanted;
}

}  // namespace timbre::prepare
