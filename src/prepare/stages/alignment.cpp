#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "align/hmm.h"
#include "align/textgrid.h"
#include "audio/decode.h"
#include "base/files.h"
#include "corpus/stats.h"
#include "prepare/aligner_column.h"
#include "prepare/durations.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct AlignmentSettings {
  std::string source = "auto";
  double min_confidence = 0.02;
};

config::Fields fields(AlignmentSettings& s) {
  config::Fields f;
  f.add("source", s.source,
        "auto: TextGrids where the corpus has them, else train; train: the built-in aligner; textgrid: TextGrids only")
      .choices({"auto", "train", "textgrid"});
  f.add("min_confidence", s.min_confidence, "utterances below are skipped: their text is not what is said").range(0, 1);
  return f;
}

Row row_of(const std::vector<align::Interval>& phones, const std::vector<std::int64_t>& word_of_phone,
           double confidence) {
  std::vector<double> times;
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    times.insert(times.end(), {phones[i].start_s, phones[i].end_s, static_cast<double>(word_of_phone[i])});
    labels.push_back(phones[i].label);
  }
  const auto count = static_cast<std::int64_t>(phones.size());
  return {{"alignment", weights::Tensor::of<double>({count, 3}, std::move(times))},
          {"alignment_phones", corpus::list_tensor(labels)},
          {"confidence", weights::Tensor::of<double>({1}, {confidence})}};
}

// Makes the tier end where the clip does: a short rest belongs to the last interval, as MFA has it, a longer one is a
// pause of its own. Throws DataError where a phone lies beyond the clip.
void end_with_clip(align::Tier& phones, double duration_s, const fs::path& path) {
  constexpr double kSlack_s = 0.1, kShort_s = 0.02;
  while (!phones.intervals.empty() && phones.intervals.back().end_s > duration_s) {
    align::Interval& last = phones.intervals.back();
    if (!is_silence(last.label) && last.end_s > duration_s + kSlack_s)
      throw DataError(fmt::format("{}: the phone \"{}\" ends at {:.3f} s, the clip at {:.3f} s", path.string(),
                                  last.label, last.end_s, duration_s),
                      "is the TextGrid that of this clip?");
    last.end_s = duration_s;
    if (last.start_s < duration_s || !is_silence(last.label)) break;
    phones.intervals.pop_back();
  }
  if (phones.intervals.empty()) return;
  align::Interval& last = phones.intervals.back();
  last.start_s = std::min(last.start_s, duration_s);
  if (duration_s - last.end_s < kShort_s) last.end_s = duration_s;
  phones.end_s = duration_s;
}

// Intervals of the tier "phones" with their words by time. MFA 2's empty labels become sil at the ends and sp inside.
Row row_of_grid(const fs::path& path, double duration_s) {
  const align::TextGrid grid = align::read_textgrid(path);
  const align::Tier* phones = grid.find("phones");
  if (!phones)
    throw DataError(fmt::format("{}: no tier named \"phones\"", path.string()),
                    "align again with a tool that writes phones");
  align::Tier filled = *phones;
  if (duration_s > 0) end_with_clip(filled, duration_s, path);
  align::fill_gaps(filled, "");
  const align::Tier* words = grid.find("words");
  std::vector<align::Interval> intervals;
  std::vector<std::int64_t> word_of_phone;
  for (std::size_t i = 0; i < filled.intervals.size(); ++i) {
    align::Interval x = filled.intervals[i];
    std::int64_t word = -1;
    if (words && !x.label.empty() && x.label != "sil" && x.label != "sp") {
      const double middle_s = (x.start_s + x.end_s) / 2;
      for (std::size_t w = 0; w < words->intervals.size(); ++w)
        if (words->intervals[w].start_s <= middle_s && middle_s < words->intervals[w].end_s)
          word = static_cast<std::int64_t>(w);
    }
    if (x.label.empty()) x.label = i == 0 || i + 1 == filled.intervals.size() ? "sil" : "sp";
    if (x.label.find_first_of(" \t\n") != std::string::npos)
      throw DataError(fmt::format("{}: phone \"{}\" holds a blank", path.string(), x.label));
    intervals.push_back(std::move(x));
    word_of_phone.push_back(word);
  }
  if (intervals.empty()) throw DataError(fmt::format("{}: the tier \"phones\" is empty", path.string()));
  return row_of(intervals, word_of_phone, std::numeric_limits<double>::quiet_NaN());
}

MakeRow rows(const StageJob& job) {
  const AlignmentSettings settings = options_from<AlignmentSettings>(job.settings, fields, "alignment");
  const std::shared_ptr<const align::Aligner> aligner = settings.source == "textgrid" ? nullptr : read_aligner(job);
  return [&job, settings, aligner](const corpus::Utterance& utterance) -> RowResult {
    if (settings.source != "train" && has_textgrid(utterance))
      return row_of_grid(job.corpus.dir() / utterance.extra["textgrid"].get<std::string>(), utterance.duration_s);
    if (!aligner) return Skipped{utterance.id, "no TextGrid (source = textgrid)"};
    const auto clip =
        audio::decode_audio(job.corpus.audio_path(utterance), static_cast<std::int64_t>(aligner->options().rate_hz));
    const align::Alignment found = aligner->align(transcript_of(job, utterance), clip.samples_N);
    if (found.confidence < settings.min_confidence)
      return Skipped{
          utterance.id,
          fmt::format("the text does not fit the recording (confidence {:.3f}, at least {:.3g} is asked for)",
                      found.confidence, settings.min_confidence)};
    return row_of(found.phones, found.word_of_phone, found.confidence);
  };
}

// What the aligner thinks of the corpus, from the parts of the column that are there.
std::string summary_of(const corpus::Corpus& corpus) {
  const auto column = corpus::Column::open(corpus.dir(), "confidence");
  std::vector<double> values;
  for (const auto& id : column.ids())
    if (const double value = column.get(id).as<double>()[0]; std::isfinite(value)) values.push_back(value);
  if (values.empty()) return "";
  const auto doubtful = std::count_if(values.begin(), values.end(), [](double v) { return v < 0.5; });
  double wrong = 0;
  for (const double v : values) wrong += 1 - v;
  std::string line =
      fmt::format("confidence: median {:.3f}, {} of {} below 0.5", corpus::median(values), doubtful, values.size());
  if (doubtful > 0) line += fmt::format("; timbre check {} names them", corpus.dir().string());
  return line;
}

}  // namespace

void register_stage_alignment(Stages& stages) {
  stages.add({.name = "alignment",
              .summary = "where each phone lies: from TextGrids, or by the aligner",
              .makes = {"alignment", "alignment_phones", "confidence"},
              .settings = [] { return settings_of_struct<AlignmentSettings>(fields); },
              .shares = {"source"},
              .needs =
                  [](const nlohmann::json& settings) {
                    return settings.at("source") == "textgrid"
                               ? std::vector<std::string>{}
                               : std::vector<std::string>{"phonemes", "phoneme_words", "aligner"};
                  },
              .rows = rows,
              .all = {},
              .summary_of = summary_of});
}

}  // namespace timbre::prepare
