#include <fmt/format.h>

#include <algorithm>

#include "audio/pitch.h"
#include "audio/pyin.h"
#include "base/error.h"
#include "parity/coqui_config.h"
#include "parity/speech_features.h"

namespace timbre::parity {
namespace {

using weights::Tensor;

Tensor row(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::of<double>({n}, std::move(values));
}

std::vector<double> world(const std::string& method, const audio::Clip& clip, std::int64_t hop_samples) {
  const std::vector<double> wave_N(clip.samples_N.begin(), clip.samples_N.end());
  if (method == "dio") return audio::pitch_dio(wave_N, clip.rate_hz, hop_samples);
  if (method == "dio_stonemask")
    return audio::pitch_dio_stonemask(std::span<const double>(wave_N), clip.rate_hz, hop_samples);
  if (method == "harvest") return audio::pitch_harvest(wave_N, clip.rate_hz, hop_samples);
  throw DataError(fmt::format("WORLD's '{}' is not computed here", method));
}

void put_pyin(roles::ParityRun& run, const SpeechClip& clip, const std::string& what) {
  const audio::Clip& sound = clip.audio("16k");
  const audio::PyinTrack track = audio::pitch_pyin(sound.samples_N, sound.rate_hz);
  const std::string entry = clip.prefix() + "pyin16k." + what;
  if (what == "f0") {
    run.put(kTensors, entry, row(track.f0_F));
  } else if (what == "prob") {
    run.put(kTensors, entry, row(track.probability_F));
  } else if (what == "voiced") {
    std::vector<std::uint8_t> voiced(track.voiced_F.begin(), track.voiced_F.end());
    const auto n = static_cast<std::int64_t>(voiced.size());
    run.put(kTensors, entry, Tensor::of<std::uint8_t>({n}, std::move(voiced)));
  }
}

/// compute_f0 of the configuration that names a range of pitch.
void put_coqui(roles::ParityRun& run, const SpeechClip& clip) {
  const std::string at = "/coqui_configs";
  for (const std::string& config : run.keys(kCases, at)) {
    if (!run.has_json(kCases, at + "/" + config + "/pitch_fmax")) continue;
    const CoquiConfig coqui = read_coqui_config(run.input_json(kCases, at + "/" + config));
    const double rate_hz = static_cast<double>(coqui.mel.rate_hz);
    // The period of the lowest pitch must fit into the frame.
    const double lowest_hz = rate_hz / static_cast<double>(coqui.mel.window_samples - 1) + 0.1;
    std::vector<float> wave_N = clip.audio("22k").samples_N;
    if (wave_N.size() % static_cast<std::size_t>(coqui.mel.hop_samples) == 0) {  // as its AudioProcessor pads
      const std::size_t last = wave_N.size() - 1;
      for (std::int64_t i = 1; i <= coqui.mel.hop_samples / 2; ++i)
        wave_N.push_back(coqui.mel.padding == "center" ? wave_N.at(last - static_cast<std::size_t>(i)) : 0.0f);
    }
    const auto track = audio::pitch_pyin(wave_N, coqui.mel.rate_hz,
                                         {.f_min_hz = std::max(coqui.pitch_min_hz, lowest_hz),
                                          .f_max_hz = coqui.pitch_max_hz,
                                          .frame_samples = coqui.mel.window_samples,
                                          .hop_samples = coqui.mel.hop_samples,
                                          .padding = coqui.mel.padding == "center" ? "reflect" : "zero"});
    run.put(kTensors, clip.prefix() + "coqui.f0_pyin", row(track.f0_F));
    return;
  }
  throw DataError("no configuration of coqui_configs has pitch_fmax");
}

}  // namespace

bool pitch_feature(roles::ParityRun& run, const SpeechClip& clip, const std::string& feature) {
  if (feature == "coqui.f0_pyin") {
    put_coqui(run, clip);
  } else if (feature.starts_with("world.")) {
    const auto hop_samples = front_end(run, "taco").hop_samples;
    run.put(kTensors, clip.prefix() + feature, row(world(feature.substr(6), clip.audio("22k"), hop_samples)));
  } else if (feature.starts_with("pyin16k.")) {
    put_pyin(run, clip, feature.substr(8));
  } else {
    return false;
  }
  return true;
}

}  // namespace timbre::parity
