#include "nn/spectra.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/mel.h"
#include "base/error.h"
#include "base/rng.h"
#include "nn/module.h"

namespace timbre::nn {
namespace {

/// A tone under noise, louder than full scale here and there.
std::vector<float> sound(std::size_t samples, std::uint64_t seed) {
  Philox random(seed);
  std::vector<float> wave_N(samples);
  for (std::size_t n = 0; n < samples; ++n)
    wave_N[n] = static_cast<float>(0.9 * std::sin(0.07 * static_cast<double>(n)) + 0.1 * random.normal());
  return wave_N;
}

Tensor batch_of(const std::vector<float>& wave_N) {
  return to_torch(weights::Tensor::of<float>({1, static_cast<std::int64_t>(wave_N.size())}, wave_N));
}

TEST(Spectra, MelsAreThoseOfTheFeatures) {
  audio::MelOptions decibels = audio::mel_preset("coqui");
  decibels.log = "log10", decibels.gain = 20, decibels.preemphasis = 0.97, decibels.range.enabled = true;
  audio::MelOptions zeros = audio::mel_preset("tacotron");
  zeros.padding = "center_zero", zeros.window_samples = 800;
  const auto wave_N = sound(6001, 3);
  for (const audio::MelOptions& options :
       {audio::mel_preset("tacotron"), audio::mel_preset("hifigan"), audio::mel_preset("vocos"), decibels, zeros}) {
    const audio::Mel want = audio::mel_spectrogram(wave_N, options);
    const Tensor got_FM = MelSpectrogram(options).forward(batch_of(wave_N))[0].contiguous();
    ASSERT_EQ(got_FM.sizes(), (std::vector<std::int64_t>{want.frames, want.bins})) << options.convention;
    const double bound = options.log == "log10" ? 2e-3 : 5e-4;
    for (std::int64_t i = 0; i < got_FM.numel(); ++i)
      ASSERT_NEAR(got_FM.const_data_ptr<float>()[i], want.values_FM[static_cast<std::size_t>(i)], bound)
          << options.convention << " at " << i;
  }
  EXPECT_THROW(MelSpectrogram({.fft_samples = 7}), UsageError);
}

TEST(Spectra, SilenceHasAFiniteGradient) {
  Tensor silence = at::zeros({1, 4096});
  silence.set_requires_grad(true);
  MelSpectrogram(audio::mel_preset("tacotron")).forward(silence).sum().backward();
  EXPECT_TRUE(silence.grad().isfinite().all().item<bool>());
  silence.mutable_grad() = Tensor();
  const auto distance = MultiResolutionStft().forward(silence, batch_of(sound(4096, 3)));
  (distance.convergence + distance.log_magnitude).backward();
  EXPECT_TRUE(silence.grad().isfinite().all().item<bool>());
}

TEST(Spectra, DistancesSeeSpectraAndNotPhases) {
  const MultiResolutionStft distances;
  auto wave_N = sound(8192, 3);
  const Tensor real = batch_of(wave_N);
  const auto same = distances.forward(real, real), turned = distances.forward(-real, real);
  EXPECT_EQ(same.log_magnitude.item<double>(), 0);
  EXPECT_LT(turned.log_magnitude.item<double>(), 1e-5);
  EXPECT_LT(turned.convergence.item<double>(), 1e-5);
  // Twice as loud: ln 2 away in every bin, and once the whole norm.
  const auto louder = distances.forward(2 * real, real);
  EXPECT_NEAR(louder.log_magnitude.item<double>(), std::log(2.0), 1e-3);
  EXPECT_NEAR(louder.convergence.item<double>(), 1, 1e-3);
}

}  // namespace
}  // namespace timbre::nn
