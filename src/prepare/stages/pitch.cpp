#include "audio/pitch.h"
#include "audio/averages.h"
#include "prepare/clip.h"

namespace timbre::prepare {
namespace {

struct PitchSettings {
  std::string level = "phoneme";
  std::string averaging = "exact";
  audio::PitchOptions pitch;
};

config::Fields fields(PitchSettings& s) {
  config::Fields f;
  f.add("level", s.level, "phoneme: mean over each phoneme; frame: one value a frame").choices({"phoneme", "frame"});
  f.add("averaging", s.averaging, "exact, or in_place: with ming024's slip where phonemes have no frames")
      .choices({"exact", "in_place"});
  f.add("floor_hz", s.pitch.floor_hz, "lowest pitch looked for").range(20, 1000).metavar("HZ");
  f.add("ceil_hz", s.pitch.ceil_hz, "highest pitch looked for").range(40, 4000).metavar("HZ");
  return f;
}

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<PitchSettings>(job.settings, fields, "pitch");
  const MelSettings mel = mel_settings_of(job);
  return [&job, settings, mel](const corpus::Utterance& utterance) -> RowResult {
    const auto wave_N = load_samples(job, utterance, mel, trim_of(job, utterance.id, mel));
    std::vector<double> pitch_F =
        audio::pitch_dio_stonemask(wave_N, mel.mel.rate_hz, mel.mel.hop_samples, settings.pitch);
    const auto frames = static_cast<std::size_t>(job.read("mel", utterance.id).value().shape.at(0));
    if (pitch_F.size() > frames) pitch_F.resize(frames);
    if (audio::voiced_frames(pitch_F) <= 1) return Skipped{utterance.id, "at most one frame is voiced"};
    if (settings.level == "phoneme") {
      const auto durations_P = job.read("durations", utterance.id).value().to_i64();
      const auto averaging = settings.averaging == "exact" ? audio::Averaging::exact : audio::Averaging::in_place;
      pitch_F = audio::average_by_duration(audio::interpolate_unvoiced(pitch_F), durations_P, averaging);
    }
    const auto count = static_cast<std::int64_t>(pitch_F.size());
    return Row{{"pitch", weights::Tensor::of<double>({count}, std::move(pitch_F))}};
  };
}

}  // namespace

void register_stage_pitch(Stages& stages) {
  stages.add({.name = "pitch",
              .summary = "fundamental frequency by DIO and StoneMask, in Hz",
              .makes = {"pitch"},
              .settings = [] { return settings_of_struct<PitchSettings>(fields); },
              .needs =
                  [](const nlohmann::json&) {
                    return std::vector<std::string>{"alignment", "alignment_phones", "mel", "durations"};
                  },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
