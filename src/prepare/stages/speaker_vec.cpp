#include "audio/decode.h"
#include "prepare/speaker_vectors.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct SpeakerVecSettings {
  std::string speaker_encoder;
};

config::Fields fields(SpeakerVecSettings& s) {
  config::Fields f;
  f.add("speaker_encoder", s.speaker_encoder, "folder of the speaker encoder").metavar("FOLDER");
  return f;
}

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<SpeakerVecSettings>(job.settings, fields, "speaker_vec");
  const auto encoder = open_speaker_encoder(settings.speaker_encoder);
  return [&job, encoder](const corpus::Utterance& utterance) -> RowResult {
    const auto clip = audio::decode_audio(job.corpus.audio_path(utterance), encoder->rate_hz());
    return Row{{"speaker_vec", weights::Tensor::of<float>({encoder->size()}, encoder->embed(clip.samples_N))}};
  };
}

}  // namespace

void register_stage_speaker_vec(Stages& stages) {
  stages.add({.name = "speaker_vec",
              .summary = "who speaks in each clip, as a speaker encoder hears it",
              .makes = {"speaker_vec"},
              .settings = [] { return settings_of_struct<SpeakerVecSettings>(fields); },
              .files = {"speaker_encoder"},
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{}; },
              .rows = rows,
              .network = true,
              .all = {}});
}

}  // namespace timbre::prepare
