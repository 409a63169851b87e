#include <fmt/format.h>

#include <algorithm>

#include "align/hmm.h"
#include "align/textgrid.h"
#include "audio/decode.h"
#include "base/files.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct AlignmentSettings {
  std::string source = "auto";
  std::int64_t rate_hz = 0;
  align::AlignerOptions aligner;
  double min_confidence = -15;
};

config::Fields fields(AlignmentSettings& s) {
  config::Fields f;
  f.add("source", s.source,
        "auto: TextGrids where the corpus has them, else train; train: the built-in aligner; textgrid: TextGrids only")
      .choices({"auto", "train", "textgrid"});
  f.add("rate_hz", s.rate_hz, "rate the aligner hears; 0 = the lowest of the corpus, at most 16000")
      .range(0, 48000)
      .metavar("HZ");
  f.add("gaussians", s.aligner.gaussians, "Gaussians of a state").range(1, 32);
  f.add("iterations", s.aligner.iterations, "training passes").range(4, 200);
  f.add("train_seconds", s.aligner.train_seconds, "audio that is trained on at most; all of it is aligned")
      .range(1, 1e7)
      .metavar("SECONDS");
  f.add("min_pause_s", s.aligner.min_pause_s, "shortest pause inside speech").range(0, 10).metavar("SECONDS");
  f.add("boundary_shift_s", s.aligner.boundary_shift_s, "added to every inner boundary")
      .range(-0.1, 0.1)
      .metavar("SECONDS");
  f.add("min_confidence", s.min_confidence, "utterances below are skipped: their text is not what is said")
      .range(-1e9, 0);
  return f;
}

bool has_grid(const corpus::Utterance& utterance) {
  return utterance.extra.is_object() && utterance.extra.contains("textgrid");
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

// Intervals of the tier "phones" with their words by time. MFA 2's empty labels become sil at the ends and sp inside.
Row row_of_grid(const fs::path& path) {
  const align::TextGrid grid = align::read_textgrid(path);
  const align::Tier* phones = grid.find("phones");
  if (!phones)
    throw DataError(fmt::format("{}: no tier named \"phones\"", path.string()),
                    "align again with a tool that writes phones");
  align::Tier filled = *phones;
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
  return row_of(intervals, word_of_phone, 0.0);
}

// Silences are the aligner's to find: it gets the spoken phones alone.
align::Transcript transcript_of(const StageJob& job, const corpus::Utterance& utterance) {
  align::Transcript t;
  t.id = utterance.id;
  t.speaker = utterance.speaker;
  const auto phones = job.read("phonemes", utterance.id), words = job.read("phoneme_words", utterance.id);
  if (!phones || !words) return t;
  const auto labels = corpus::tensor_list(*phones);
  const auto word_of_phone = words->to_i64();
  for (std::size_t i = 0; i < labels.size() && i < word_of_phone.size(); ++i) {
    if (word_of_phone[i] < 0) continue;
    t.phones.push_back(labels[i]);
    t.word_of_phone.push_back(word_of_phone[i]);
  }
  return t;
}

std::shared_ptr<const align::Aligner> train(const StageJob& job, const align::AlignerOptions& options) {
  std::vector<align::Transcript> transcripts;
  std::vector<const corpus::Utterance*> utterances;
  for (const auto& utterance : job.corpus.utterances()) {
    auto transcript = transcript_of(job, utterance);
    if (transcript.phones.empty()) continue;
    transcripts.push_back(std::move(transcript));
    utterances.push_back(&utterance);
  }
  const align::AudioSource audio = [&](std::size_t i) {
    return audio::decode_audio(job.corpus.audio_path(*utterances[i]), static_cast<std::int64_t>(options.rate_hz))
        .samples_N;
  };
  int shown = -1;
  const align::AlignProgress progress = [&](double done, double total) {
    if (const int percent = static_cast<int>(100 * done / total); percent != shown) {
      shown = percent;
      emit_progress(job.events, "aligner", done, total, "clips × passes", "training");
    }
    return !(job.stop && job.stop->load());
  };
  try {
    return std::make_shared<const align::Aligner>(align::Aligner::train(transcripts, audio, options, progress));
  } catch (const align::Interrupted&) {
    throw Stopped{};
  }
}

MakeRow rows(const StageJob& job) {
  AlignmentSettings settings = options_from<AlignmentSettings>(job.settings, fields, "alignment");
  const auto& utterances = job.corpus.utterances();
  const bool all_grids = std::all_of(utterances.begin(), utterances.end(), has_grid);
  if (settings.rate_hz == 0) {
    settings.rate_hz = 16000;
    for (const auto& u : utterances)
      if (u.rate_hz > 0) settings.rate_hz = std::min(settings.rate_hz, u.rate_hz);
  }
  settings.aligner.rate_hz = static_cast<double>(settings.rate_hz);
  std::shared_ptr<const align::Aligner> aligner;
  if (settings.source == "train" || (settings.source == "auto" && !all_grids)) aligner = train(job, settings.aligner);
  return [&job, settings, aligner](const corpus::Utterance& utterance) -> RowResult {
    if (settings.source != "train" && has_grid(utterance))
      return row_of_grid(job.corpus.dir() / utterance.extra["textgrid"].get<std::string>());
    if (!aligner) return Skipped{utterance.id, "no TextGrid (source = textgrid)"};
    const auto clip = audio::decode_audio(job.corpus.audio_path(utterance), settings.rate_hz);
    const align::Alignment found = aligner->align(transcript_of(job, utterance), clip.samples_N);
    if (found.confidence < settings.min_confidence)
      return Skipped{
          utterance.id,
          fmt::format("the text does not fit the recording (confidence {:.1f}, at least {:.1f} is asked for)",
                      found.confidence, settings.min_confidence)};
    return row_of(found.phones, found.word_of_phone, found.confidence);
  };
}

}  // namespace

void register_stage_alignment(Stages& stages) {
  stages.add({.name = "alignment",
              .summary = "where each phone lies: from TextGrids, or an aligner trained on this corpus",
              .makes = {"alignment", "alignment_phones", "confidence"},
              .settings = [] { return settings_of_struct<AlignmentSettings>(fields); },
              .needs =
                  [](const nlohmann::json& settings) {
                    return settings.at("source") == "textgrid" ? std::vector<std::string>{}
                                                               : std::vector<std::string>{"phonemes", "phoneme_words"};
                  },
              .rows = rows,
              .whole_corpus = true,
              .all = {}});
}

}  // namespace timbre::prepare
