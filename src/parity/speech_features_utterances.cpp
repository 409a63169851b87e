#include <fmt/format.h>

#include <numeric>
#include <optional>

#include "audio/pitch.h"
#include "audio/timebase.h"
#include "base/error.h"
#include "parity/speech_features.h"
#include "parity/tgt_alignment.h"

namespace timbre::parity {
namespace {

using nlohmann::json;
using weights::Tensor;

template <class T>
Tensor row(std::vector<T> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::of<T>({n}, std::move(values));
}

/// Statistics of all utterances, as StandardScaler gathers them.
struct Scaler {
  audio::RunningStats pitch, energy;
};

/// process_utterance of ming024's preprocessor.
void utterance(roles::ParityRun& run, const SpeechClip& clip, const audio::MelOptions& taco, Scaler& scaler) {
  const auto grid = align::read_textgrid(run.input_path("textgrid/clip_" + clip.recording() + ".TextGrid"));
  const TgtAlignment alignment = tgt_alignment(grid, taco.rate_hz, taco.hop_samples);
  const audio::Clip& whole = clip.audio("22k");
  const auto samples = static_cast<std::int64_t>(whole.samples_N.size());
  const std::int64_t first = audio::seconds_to_samples(alignment.start_s, taco.rate_hz),
                     end = audio::seconds_to_samples(alignment.end_s, taco.rate_hz);
  const auto wave_N = std::span<const float>(whole.samples_N)
                          .subspan(static_cast<std::size_t>(std::min(first, samples)),
                                   static_cast<std::size_t>(std::min(end, samples) - std::min(first, samples)));
  const auto& durations_P = alignment.durations_P;
  const auto sum = std::accumulate(durations_P.begin(), durations_P.end(), std::int64_t{0});

  audio::Mel mel = audio::mel_spectrogram(wave_N, taco);
  run.put_json(kCases, clip.at() + "/phones", alignment.phones);
  run.put_json(kCases, clip.at() + "/trim_start_s", alignment.start_s);
  run.put_json(kCases, clip.at() + "/trim_end_s", alignment.end_s);
  run.put_json(kCases, clip.at() + "/trim_samples", json{first, end});
  run.put_json(kCases, clip.at() + "/sum_durations", sum);
  run.put_json(kCases, clip.at() + "/mel_frames", mel.frames);

  const auto put = [&](const std::string& name, Tensor value) {
    run.put(kTensors, clip.prefix() + "utt." + name, std::move(value));
  };
  put("durations", row(durations_P));
  auto f0_F = audio::pitch_dio_stonemask(wave_N, taco.rate_hz, taco.hop_samples);
  f0_F.resize(std::min(f0_F.size(), static_cast<std::size_t>(sum)));
  const auto smooth_F = audio::interpolate_unvoiced(f0_F);
  const auto pitch_P =
      audio::average_by_duration(std::span<const double>(smooth_F), durations_P, audio::Averaging::in_place);
  const auto kept_pitch = audio::remove_outliers(pitch_P);
  scaler.pitch.add(kept_pitch);
  put("f0", row(f0_F));
  put("f0_interp", row(smooth_F));
  put("pitch_phone", row(pitch_P));
  put("pitch_no_outlier", row(kept_pitch));

  mel.frames = std::min(mel.frames, sum);
  mel.energy_F.resize(static_cast<std::size_t>(mel.frames));
  put("mel", columns_first(std::span(mel.values_FM).first(static_cast<std::size_t>(mel.frames * mel.bins)), mel.frames,
                           mel.bins));
  const auto energy_P =
      audio::average_by_duration(std::span<const float>(mel.energy_F), durations_P, audio::Averaging::in_place);
  const auto kept_energy = audio::remove_outliers(std::vector<double>(energy_P.begin(), energy_P.end()));
  scaler.energy.add(kept_energy);
  put("energy", row(mel.energy_F));
  put("energy_phone", row(energy_P));
  put("energy_no_outlier", row(kept_energy));
}

}  // namespace

void utterances(roles::ParityRun& run, const std::vector<SpeechClip>& clips) {
  const audio::MelOptions taco = front_end(run, "taco");
  Scaler scaler;
  std::string without;  // clips whose alignment is not in the set
  for (const SpeechClip& clip : clips) {
    if (!run.has(kTensors, clip.prefix() + "utt.durations")) continue;
    const std::string grid = "textgrid/clip_" + clip.recording() + ".TextGrid";
    if (!run.has_file(grid)) {
      const std::string why = fmt::format("its alignment, {}, is not in the set", grid);
      run.skip(fmt::format("{}:{}utt.*", kTensors, clip.prefix()), why);
      run.skip(fmt::format("{}:{}/[ptsm]*", kCases, clip.at()), why);
      without += (without.empty() ? "" : ", ") + clip.id();
      continue;
    }
    const std::string entries = fmt::format("*{}utt.*", clip.prefix());
    attempt(run, entries, [&] { utterance(run, clip, taco, scaler); });
  }
  if (!run.has_json(kCases, "/scaler")) return;
  if (!without.empty()) return run.skip("cases.json:/scaler/*", "over all utterances, of which is missing " + without);
  run.put_json(kCases, "/scaler/pitch_mean", scaler.pitch.mean());
  run.put_json(kCases, "/scaler/pitch_std", scaler.pitch.standard_deviation());
  run.put_json(kCases, "/scaler/energy_mean", scaler.energy.mean());
  run.put_json(kCases, "/scaler/energy_std", scaler.energy.standard_deviation());
}

void average_cases(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/averaging_cases")) {
    const std::string at = "/averaging_cases/" + i;
    attempt(run, fmt::format("{}:{}/*", kCases, at), [&] {
      const auto durations_P = run.input_json(kCases, at + "/durations").get<std::vector<std::int64_t>>();
      const auto values_F = run.input_json(kCases, at + "/values").get<std::vector<double>>();
      const auto average = [&](const std::vector<double>& of_F) {
        return audio::average_by_duration(std::span<const double>(of_F), durations_P, audio::Averaging::in_place);
      };
      run.put_json(kCases, at + "/pitch_interp_and_average", average(audio::interpolate_unvoiced(values_F)));
      run.put_json(kCases, at + "/energy_average", average(values_F));
    });
  }
  for (const std::string& i : run.keys(kCases, "/remove_outlier_cases")) {
    const std::string at = "/remove_outlier_cases/" + i;
    attempt(run, fmt::format("{}:{}/*", kCases, at), [&] {
      const auto values = run.input_json(kCases, at + "/values").get<std::vector<double>>();
      run.put_json(kCases, at + "/kept", audio::remove_outliers(values));
      run.put_json(kCases, at + "/p25", audio::percentile(values, 25));
      run.put_json(kCases, at + "/p75", audio::percentile(values, 75));
    });
  }
}

}  // namespace timbre::parity
