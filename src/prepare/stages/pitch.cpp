#include "audio/pitch.h"

#include <bit>

#include "audio/averages.h"
#include "audio/pyin.h"
#include "prepare/clip.h"

namespace timbre::prepare {
namespace {

struct PitchSettings {
  std::string method = "dio";
  std::string level = "phoneme";
  std::string averaging = "exact";
  audio::PitchOptions pitch;
};

config::Fields fields(PitchSettings& s) {
  config::Fields f;
  f.add("method", s.method,
        "dio: WORLD's DIO and StoneMask, fast; harvest: WORLD's, few gaps, slow; pyin: probabilistic YIN")
      .choices({"dio", "harvest", "pyin"});
  f.add("level", s.level, "phoneme: mean over each phoneme; frame: one value a frame").choices({"phoneme", "frame"});
  f.add("averaging", s.averaging, "exact, or in_place: with ming024's slip where phonemes have no frames")
      .choices({"exact", "in_place"});
  f.add("floor_hz", s.pitch.floor_hz, "lowest pitch looked for").range(20, 1000).metavar("HZ");
  f.add("ceil_hz", s.pitch.ceil_hz, "highest pitch looked for").range(40, 4000).metavar("HZ");
  return f;
}

std::vector<double> pitch_of(std::span<const float> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                             const PitchSettings& s) {
  if (s.method == "dio") return audio::pitch_dio_stonemask(wave_N, rate_hz, hop_samples, s.pitch);
  if (s.method == "harvest") {
    const std::vector<double> wide_N(wave_N.begin(), wave_N.end());
    return audio::pitch_harvest(wide_N, rate_hz, hop_samples, s.pitch);
  }
  // 85 ms and more hold several periods of the lowest voice: 2048 samples up to 24 kHz, 4096 at 44.1 and 48 kHz.
  const auto frame_samples = std::bit_ceil(static_cast<std::uint64_t>(0.085 * static_cast<double>(rate_hz)));
  return audio::pitch_pyin(wave_N, rate_hz,
                           {.f_min_hz = s.pitch.floor_hz,
                            .f_max_hz = std::min(s.pitch.ceil_hz, static_cast<double>(rate_hz) / 2),
                            .frame_samples = static_cast<std::int64_t>(frame_samples),
                            .hop_samples = hop_samples})
      .f0_F;
}

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<PitchSettings>(job.settings, fields, "pitch");
  const MelSettings mel = mel_settings_of(job);
  return [&job, settings, mel](const corpus::Utterance& utterance) -> RowResult {
    const auto wave_N = load_samples(job, utterance, mel, trim_of(job, utterance.id, mel));
    std::vector<double> pitch_F = pitch_of(wave_N, mel.mel.rate_hz, mel.mel.hop_samples, settings);
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
              .summary = "fundamental frequency in Hz, by DIO and StoneMask, Harvest or pYIN",
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
