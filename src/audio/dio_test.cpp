#include "audio/dio.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "world/dio.h"
#include "world/stonemask.h"

namespace timbre::audio {
namespace {

/// Glides of a voice-like sound between stretches of noise and digital silence, on an offset.
std::vector<double> voice_like(std::int64_t rate_hz, std::size_t samples) {
  Philox random(3);
  std::vector<double> wave_N(samples);
  double phase = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(rate_hz);
    phase += 2 * M_PI * (120 + 60 * std::sin(7 * t) + 200 * std::fmod(t, 0.9)) / static_cast<double>(rate_hz);
    const double part = std::fmod(t, 0.5);
    if (part > 0.1) wave_N[i] = 0.2 * std::sin(phase) + 0.1 * std::sin(2 * phase + 1) + 0.05 * std::sin(5 * phase);
    if (part < 0.1 || part > 0.4) wave_N[i] += 0.02 * random.normal();
    if (part > 0.45) wave_N[i] = 0;
    wave_N[i] += 0.01;
  }
  return wave_N;
}

/// The reference implementation on the same frames: DIO, then StoneMask.
std::pair<std::vector<double>, std::vector<double>> world(const std::vector<double>& wave_N, const DioOptions& o) {
  DioOption options;
  InitializeDioOption(&options);
  options.f0_floor = o.floor_hz;
  options.f0_ceil = o.ceil_hz;
  options.frame_period = static_cast<double>(o.hop_samples) / static_cast<double>(o.rate_hz) * 1000.0;
  const int samples = static_cast<int>(wave_N.size()), rate_hz = static_cast<int>(o.rate_hz);
  const auto frames = static_cast<std::size_t>(GetSamplesForDIO(rate_hz, samples, options.frame_period));
  std::vector<double> times_F(frames), dio_F(frames), refined_F(frames);
  Dio(wave_N.data(), samples, rate_hz, &options, times_F.data(), dio_F.data());
  StoneMask(wave_N.data(), samples, rate_hz, times_F.data(), dio_F.data(), static_cast<int>(frames), refined_F.data());
  return {dio_F, refined_F};
}

TEST(Dio, EqualsWorldOnEveryRateAndRange) {
  for (const DioOptions& o : {DioOptions{71, 800, 22050, 256},
                              {71, 800, 16000, 256},
                              {50, 500, 24000, 200},
                              {71, 800, 48000, 480},
                              {100, 400, 8000, 80},
                              {60, 700, 44100, 512}}) {
    // Some lengths around what the blocks hold.
    for (const std::size_t samples :
         {std::size_t{40000}, static_cast<std::size_t>(o.rate_hz), std::size_t{13 * 256}, std::size_t{11111}}) {
      const auto wave_N = voice_like(o.rate_hz, samples);
      const auto [want_dio_F, want_F] = world(wave_N, o);
      const auto dio_F = dio(wave_N, o), refined_F = stone_mask(wave_N, dio_F, o);
      ASSERT_EQ(dio_F.size(), want_dio_F.size());
      ASSERT_EQ(dio_frames(static_cast<std::int64_t>(samples), o), static_cast<std::int64_t>(dio_F.size()));
      std::size_t voiced = 0;
      for (std::size_t f = 0; f < dio_F.size(); ++f) {
        ASSERT_NEAR(dio_F[f], want_dio_F[f], 1e-6) << o.rate_hz << " Hz, frame " << f << " of " << dio_F.size();
        ASSERT_NEAR(refined_F[f], want_F[f], 1e-6) << o.rate_hz << " Hz, frame " << f << " of " << dio_F.size();
        voiced += dio_F[f] > 0;
      }
      if (samples > 10000)
        EXPECT_GT(4 * voiced, dio_F.size()) << o.rate_hz << " Hz: a voice-like sound is mostly voiced";
    }
  }
}

TEST(Dio, BearsSilenceAndTheShortest) {
  const DioOptions o{.rate_hz = 22050, .hop_samples = 256};
  for (const std::size_t samples : {1u, 2u, 255u, 256u, 700u, 3000u}) {
    for (const double value : {0.0, 0.5}) {
      const auto f0_F = dio(std::vector<double>(samples, value), o);
      EXPECT_EQ(f0_F.size(), 1 + samples / 256);
      for (const double f0 : f0_F) EXPECT_EQ(f0, 0);
    }
  }
}

// Below 40 Hz nothing is refined; an estimate whose harmonics lead elsewhere stays as it is.
TEST(StoneMask, KeepsWhatItCannotRefine) {
  const DioOptions o{.rate_hz = 22050, .hop_samples = 256};
  std::vector<double> wave_N(22050);
  for (std::size_t i = 0; i < wave_N.size(); ++i) {
    for (const double harmonic : {1, 2, 3, 4, 5, 6})
      wave_N[i] += std::sin(2 * M_PI * 200 * harmonic * static_cast<double>(i) / 22050);
  }
  const auto refined_F = stone_mask(wave_N, std::vector<double>{0, 39, 190, 197, 1900}, o);
  EXPECT_EQ(refined_F[0], 0);
  EXPECT_EQ(refined_F[1], 0);
  EXPECT_NEAR(refined_F[3], 200, 0.1);
  EXPECT_EQ(refined_F[4], 0);
}

}  // namespace
}  // namespace timbre::audio
