#include <algorithm>
#include <array>

#include "base/strings.h"
#include "exchange/exporter.h"

/// LJSpeech: metadata.csv of `id|text|normalised text`, clips in wavs/. Where the corpus has splits, their lines are
/// also in metadata_train.csv, metadata_valid.csv and metadata_test.csv. The layout has no escapes: a bar in a text
/// becomes a space.
namespace timbre::exchange {

namespace {

std::string without_bars(std::string text, char instead, std::int64_t& changed) {
  if (text.find('|') != std::string::npos) ++changed;
  std::replace(text.begin(), text.end(), '|', instead);
  return text;
}

void check(const ExportJob& job) {
  std::string first = job.utterances().front()->speaker;
  for (const corpus::Utterance* u : job.utterances())
    if (u->speaker != first)
      throw UsageError(fmt::format("{}: several speakers ('{}', '{}' …); the layout of LJSpeech has no place for them",
                                   job.corpus().dir().string(), first, u->speaker),
                       fmt::format("--speaker '{}' exports one, --format libritts or lab all", first));
}

void write(ExportJob& job) {
  const auto& utterances = job.utterances();
  std::int64_t bars = 0, renamed = 0;
  std::vector<std::string> names;
  std::vector<fs::path> wanted;
  UniqueNames unique;
  for (const corpus::Utterance* u : utterances) {
    std::string name = without_bars(u->id, '_', renamed);
    const bool is_new = unique.insert(name);
    if (!is_new) job.skip(u->id, fmt::format("another clip is named '{}' without bars", name));
    names.push_back(is_new ? name : "");
    wanted.push_back(is_new ? fs::path("wavs") / name : fs::path());
  }
  const std::vector<Placed> placed = job.place(wanted);
  std::string all;
  std::map<std::string, std::string> by_split;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (!placed[i].ok) continue;
    const corpus::Utterance& u = *utterances[i];
    std::int64_t changed = 0;
    const std::string spoken = without_bars(one_line(u.text), ' ', changed);
    const std::string raw = without_bars(one_line(raw_text(u)), ' ', changed);
    bars += changed > 0;
    const std::string line = fmt::format("{}|{}|{}\n", names[i], raw, spoken);
    all += line;
    by_split[u.split] += line;
  }
  job.write("metadata.csv", all);
  for (const auto& [split, lines] : by_split)
    if (!split.empty()) job.write(fmt::format("metadata_{}.csv", split), lines);
  if (bars) job.note(fmt::format("{} texts hold '|', which the layout cannot: a space stands there", bars));
  if (renamed) job.note(fmt::format("{} ids hold '|': '_' stands there", renamed));
  if (std::string speaker = utterances.front()->speaker; !speaker.empty())
    job.note(fmt::format("the layout names no speaker; to import it again: --speaker '{}'", speaker));
}

}  // namespace

void register_exporter_ljspeech(Exporters& exporters) {
  exporters.add("ljspeech", [] {
    return Exporter{.name = "ljspeech",
                    .summary = "metadata.csv (id|text|normalised text) and wavs/, one speaker",
                    .clips = ClipForm::wav16,
                    .fields = {},
                    .check = check,
                    .write = write};
  });
}

}  // namespace timbre::exchange
