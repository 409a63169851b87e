#include "doctor/clip_facts.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "audio/levels.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/strings.h"
#include "corpus/clips.h"

namespace timbre::doctor {
namespace {

using testing_support::babble;
using testing_support::RawWav;
using testing_support::TempFolder;
using testing_support::write_bytes;

std::vector<float> tone(double hz, double seconds, double level, std::int64_t rate_hz = 22050) {
  std::vector<float> wave_N(std::size_t(seconds * double(rate_hz)));
  for (std::size_t i = 0; i < wave_N.size(); ++i)
    wave_N[i] = float(level * std::sin(2 * M_PI * hz * double(i) / double(rate_hz)));
  return wave_N;
}

void add(std::vector<float>& to, const std::vector<float>& more) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

TEST(ClipFacts, HowSamplesWereCutMakesNoDifference) {
  std::vector<float> wave_N = babble(3.1, 22050, 5, 3.0);
  for (float& x : wave_N) x = std::clamp(x, -1.0f, 1.0f);
  const ClipFacts whole = measure_samples(wave_N, 22050);
  Philox rng(3);
  for (int round = 0; round < 20; ++round) {
    ClipMeter meter(22050, 1);
    for (std::size_t at = 0; at < wave_N.size();) {
      const std::size_t count = std::min<std::size_t>(wave_N.size() - at, rng.below(round % 2 ? 30 : 9000));
      meter.take(std::span(wave_N).subspan(at, count));
      at += count;
    }
    const ClipFacts pieces = meter.finish();
    ASSERT_EQ(pieces.audio_hash, whole.audio_hash);
    ASSERT_EQ(pieces.clipped_samples, whole.clipped_samples);
    ASSERT_EQ(pieces.samples, whole.samples);
    ASSERT_EQ(pieces.speech_db, whole.speech_db);
    ASSERT_EQ(pieces.leading_silence_s, whole.leading_silence_s);
    ASSERT_EQ(pieces.dc_offset, whole.dc_offset);
  }
  EXPECT_GT(whole.clipped_samples, 1000);
}

TEST(ClipFacts, AgreeWithTheLevelsThatPreparationUses) {
  for (std::uint64_t seed = 1; seed < 8; ++seed) {
    std::vector<float> wave_N(std::size_t(seed * 3000), 0.0f);
    for (float x : babble(2.5, 22050, seed, seed == 3 ? 4.0 : 0.2)) wave_N.push_back(std::clamp(x, -1.0f, 1.0f));
    const ClipFacts facts = measure_samples(wave_N, 22050);
    const audio::Levels levels = audio::measure_levels(wave_N, 22050);
    EXPECT_NEAR(facts.dc_offset, levels.dc_offset, 1e-7);
    EXPECT_EQ(facts.peak, levels.peak);
    EXPECT_EQ(facts.clipped_samples, levels.clipped_samples);
    if (std::abs(facts.dc_offset) > 0.001) continue;  // the doctor looks beside the offset, they do not
    EXPECT_NEAR(facts.speech_db, levels.speech_db, 0.2);
    const audio::EdgeSilence edges = audio::edge_silence(wave_N, 22050);
    EXPECT_NEAR(facts.leading_silence_s, edges.leading_s, 0.02);
    EXPECT_NEAR(facts.trailing_silence_s, edges.trailing_s, 0.02);
  }
}

TEST(ClipFacts, CeilingIsKnownAtTheEndOnly) {
  // Runs just under the later ceiling do not count, whenever the ceiling comes.
  std::vector<float> wave_N(22050, 0.0f);
  for (std::size_t i = 100; i < 200; ++i) wave_N[i] = 0.985f;
  EXPECT_EQ(measure_samples(wave_N, 22050).clipped_samples, 100);
  for (std::size_t i = 300; i < 310; ++i) wave_N[i] = 1.0f;
  EXPECT_EQ(measure_samples(wave_N, 22050).clipped_samples, 10);
  // More of them than are kept at once.
  std::vector<float> square(2000000);
  for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 50 % 2 ? 0.99f : -0.99f;
  EXPECT_EQ(measure_samples(square, 22050).clipped_samples, 2000000);
  for (std::size_t i = 0; i < 5; ++i) square.push_back(1.0f);
  EXPECT_EQ(measure_samples(square, 22050).clipped_samples, 5);
}

TEST(ClipFacts, HumIsALineThatNeverPauses) {
  for (std::int64_t rate : {8000, 22050, 48000}) {
    std::vector<float> wave_N = tone(147, 3, 0.2, rate);
    for (std::size_t i = 0; i < wave_N.size(); ++i)
      wave_N[i] *= float(0.6 + 0.4 * std::sin(30.0 * double(i) / double(rate)));
    EXPECT_EQ(measure_samples(wave_N, rate).hum_hz, 0) << rate;
    std::vector<float> fifty = wave_N, sixty = wave_N;
    add(fifty, tone(50, 3, 0.01, rate));
    EXPECT_EQ(measure_samples(fifty, rate).hum_hz, 50) << rate;
    EXPECT_NEAR(measure_samples(fifty, rate).hum_db, -43, 1) << rate;
    // The fundamental is gone (a high-pass in the microphone), its harmonics are not.
    add(sixty, tone(120, 3, 0.01, rate));
    add(sixty, tone(180, 3, 0.01, rate));
    EXPECT_EQ(measure_samples(sixty, rate).hum_hz, 60) << rate;
  }
  // A voice of 100 Hz that pauses, a steady tone that is no mains frequency, noise, and a clip too short to tell.
  std::vector<float> voice(22050 * 3, 0.0f);
  for (std::size_t i = 0; i < voice.size(); ++i)
    if (i / 11025 % 3 != 2) voice[i] = float(0.2 * std::sin(2 * M_PI * 100 * double(i) / 22050));
  EXPECT_EQ(measure_samples(voice, 22050).hum_hz, 0);
  EXPECT_EQ(measure_samples(tone(73, 3, 0.1), 22050).hum_hz, 0);
  std::vector<float> noise(22050 * 3);
  Philox rng(9);
  for (float& x : noise) x = float(0.1 * (rng.uniform() - 0.5));
  EXPECT_EQ(measure_samples(noise, 22050).hum_hz, 0);
  EXPECT_EQ(measure_samples(tone(50, 0.3, 0.1), 22050).hum_hz, 0);
}

TEST(ClipFacts, SamplesThatAreNoNumbersAreCounted) {
  std::vector<float> wave_N = babble(1, 22050, 2);
  wave_N[5] = wave_N[6000] = std::numeric_limits<float>::quiet_NaN();
  wave_N[22049] = -std::numeric_limits<float>::infinity();
  const ClipFacts facts = measure_samples(wave_N, 22050);
  EXPECT_EQ(facts.bad_samples, 3);
  EXPECT_TRUE(facts.readable);
  // Large ones are numbers all the same.
  wave_N = babble(1, 22050, 2);
  wave_N[5] = 1e30f;
  EXPECT_EQ(measure_samples(wave_N, 22050).bad_samples, 0);
  EXPECT_NEAR(measure_samples(wave_N, 22050).peak, 1e30, 1e24);
}

TEST(ClipFacts, OneSampleAndNone) {
  const ClipFacts none = measure_samples({}, 22050);
  EXPECT_FALSE(none.readable);
  const std::vector<float> one = {0.5f};
  const ClipFacts facts = measure_samples(one, 22050);
  EXPECT_TRUE(facts.readable);
  EXPECT_EQ(facts.samples, 1);
  EXPECT_TRUE(std::isfinite(facts.speech_db));
}

/// Kilobytes of a line of /proc/self/status.
std::int64_t status_kb(const std::string& field) {
  for (const std::string& line : testing_support::read_lines("/proc/self/status"))
    if (line.starts_with(field)) return *parse_int(split_whitespace(line).at(1));
  return -1;
}

TEST(ClipFacts, ThreeHoursInTheMemoryOfSeconds) {
  constexpr std::int64_t kRate = 8000, kSamples = 3 * 3600 * kRate;
  TempFolder dir;
  const auto path = dir / "long.wav";
  // A header, a sentence at either end, and a hole between them.
  const std::string sentence = RawWav{.rate_hz = kRate}.bytes(babble(4, kRate, 1)).substr(44);
  write_bytes(path, RawWav{.rate_hz = kRate, .claimed_bytes = kSamples * 2}.bytes({}) + sentence);
  std::filesystem::resize_file(path, 44 + kSamples * 2);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(44 + kSamples * 2 - std::streamoff(sentence.size()));
    file << sentence;
  }
  std::ofstream("/proc/self/clear_refs") << "5";  // forget the highest memory so far
  const std::int64_t before_kb = status_kb("VmRSS:");
  const ClipFacts facts = measure_clip(path);
  const std::int64_t grown_kb = status_kb("VmHWM:") - before_kb;
  EXPECT_TRUE(facts.damage.empty());
  EXPECT_EQ(facts.duration_s(), 10800);
  EXPECT_NEAR(facts.inner_silence_s, 10800 - 8, 0.5);
  EXPECT_NEAR(facts.leading_silence_s, 0.1, 0.02);
#ifndef __SANITIZE_THREAD__  // whose shadow of what is touched is four times as large
  EXPECT_LT(grown_kb, 100 * 1024) << "the samples alone are 337 MB";
#else
  (void)grown_kb;
#endif
}

TEST(ClipFacts, CompressedClipsAreMeasuredWhileTheyAreDecoded) {
  TempFolder dir;
  const std::vector<float> wave_N = babble(2, 22050, 8);
  audio::write_audio(dir / "a.wav", wave_N, 22050, "wav");
  try {
    audio::write_audio(dir / "a.flac", wave_N, 22050, "flac");
  } catch (const SystemError&) {
    GTEST_SKIP() << "built without libsndfile";
  }
  const ClipFacts wav = measure_clip(dir / "a.wav"), flac = measure_clip(dir / "a.flac");
  EXPECT_EQ(wav.audio_hash, flac.audio_hash);
  EXPECT_EQ(flac.channels, 1);
  EXPECT_EQ(flac.speech_db, wav.speech_db);
}

}  // namespace
}  // namespace timbre::doctor
