#include "align/hmm.h"

#include <algorithm>

#include "audio/decode.h"
#include "prepare/aligner_column.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct AlignerSettings {
  std::string source = "auto";
  std::int64_t rate_hz = 0;
  align::AlignerOptions aligner;
};

config::Fields fields(AlignerSettings& s) {
  config::Fields f;
  f.add("source", s.source, "as alignment has it: trained unless every utterance has a TextGrid (auto), or always")
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
  return f;
}

align::Aligner train(const StageJob& job, const align::AlignerOptions& options) {
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
    return align::Aligner::train(transcripts, audio, options, progress);
  } catch (const align::Interrupted&) {
    throw Stopped{};
  }
}

std::map<std::string, Row> make(const StageJob& job) {
  AlignerSettings settings = options_from<AlignerSettings>(job.settings, fields, "aligner");
  const auto& utterances = job.corpus.utterances();
  if (settings.source == "auto" && std::all_of(utterances.begin(), utterances.end(), has_textgrid))
    return rows_without_aligner();
  if (settings.rate_hz == 0) {
    settings.rate_hz = 16000;
    for (const auto& u : utterances)
      if (u.rate_hz > 0) settings.rate_hz = std::min(settings.rate_hz, u.rate_hz);
  }
  settings.aligner.rate_hz = static_cast<double>(settings.rate_hz);
  return rows_of_aligner(train(job, settings.aligner));
}

}  // namespace

void register_stage_aligner(Stages& stages) {
  stages.add({.name = "aligner",
              .summary = "a model of this corpus' phones, which finds them in its clips; trained once",
              .makes = {"aligner"},
              .settings = [] { return settings_of_struct<AlignerSettings>(fields); },
              .needs =
                  [](const nlohmann::json&) {
                    return std::vector<std::string>{"phonemes", "phoneme_words"};
                  },
              .rows = {},
              .whole_corpus = true,
              .all = make});
}

}  // namespace timbre::prepare
