#include "prepare/durations.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "audio/timebase.h"
#include "base/error.h"
#include "base/rng.h"

namespace timbre::prepare {
namespace {

using align::Interval;
using testing::ElementsAre;

TEST(Durations, WorkedExample) {
  // 16 kHz, hop 256: a frame is 16 ms. Edges 0.10 s = 6.25, 0.12 s = 7.5 (tie: to the even 8), 0.30 s = 18.75.
  const std::vector<Interval> clip = {{0, 0.10, "sil"}, {0.10, 0.12, "t"}, {0.12, 0.30, "a"}, {0.30, 0.5, ""}};
  const FramedPhones got = frame_phones(clip, 32, 16000, 256);
  EXPECT_THAT(got.phones, ElementsAre("sil", "t", "a", "sil"));
  EXPECT_THAT(got.durations_P, ElementsAre(6, 2, 11, 13));
}

TEST(Durations, AlwaysAddUpAndNeverVanish) {
  Philox rng(5);
  for (int round = 0; round < 500; ++round) {
    std::vector<Interval> clip;
    double at = 0;
    const auto count = 1 + rng.below(20);
    for (std::uint64_t i = 0; i < count; ++i) {
      const double length_s = rng.below(3) == 0 ? 0.001 : 0.12 * rng.uniform();
      clip.push_back({at, at + length_s, "p"});
      at += length_s;
    }
    const auto exact = static_cast<std::int64_t>(at * 16000 / 256);
    const std::int64_t frames =
        std::max<std::int64_t>(static_cast<std::int64_t>(count), exact + static_cast<std::int64_t>(rng.below(3)));
    const FramedPhones got = frame_phones(clip, frames, 16000, 256);
    ASSERT_EQ(std::accumulate(got.durations_P.begin(), got.durations_P.end(), std::int64_t{0}), frames);
    for (const auto d : got.durations_P) ASSERT_GE(d, 1);
  }
}

TEST(Durations, MorePhonesThanFramesIsAnError) {
  const std::vector<Interval> clip = {{0, 0.01, "a"}, {0.01, 0.02, "b"}, {0.02, 0.03, "c"}};
  EXPECT_THROW(frame_phones(clip, 2, 16000, 256), DataError);
  EXPECT_THROW(frame_phones({}, 2, 16000, 256), DataError);
}

TEST(Durations, TrimmingDropsSilenceAtTheEndsOnly) {
  const std::vector<Interval> clip = {{0, 0.1, "sil"},  {0.1, 0.2, "sp"},  {0.2, 0.4, "a"},
                                      {0.4, 0.5, "sp"}, {0.5, 0.505, "b"}, {0.505, 0.8, "spn"}};
  const TrimmedPhones got = trim_phones(clip, 22050, 256);
  EXPECT_EQ(got.start_s, 0.2);
  EXPECT_EQ(got.end_s, 0.505);
  EXPECT_THAT(got.framed.phones, ElementsAre("a", "sp", "b"));
  // 17.23 → 17, 34.45 → 34, 43.07 → 43, 43.50 → 43 (43.4971): a phone of no frames is ming024's own.
  EXPECT_THAT(got.framed.durations_P, ElementsAre(17, 9, 0));
  const std::vector<Interval> silence = {{0, 1, "sil"}, {1, 2, ""}};
  EXPECT_THROW(trim_phones(silence, 22050, 256), DataError);
}

// Whatever the sizes and the silences, at the ends or of no length: what is made of a clip has as many frames as its
// spectrogram, kept whole or trimmed, with a frame for the last samples (centre) or without.
TEST(Durations, AddUpToTheSpectrogramAtAnySize) {
  Philox rng(17);
  const std::int64_t rates_hz[] = {8000, 11025, 16000, 22050, 24000, 44100, 48000};
  const std::int64_t hops[] = {80, 127, 200, 256, 275, 300, 512};
  const char* const labels[] = {"a", "b", "", "sp", "sil", "spn", "t"};
  int trimmed = 0, cut = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::int64_t rate_hz = rates_hz[rng.below(7)], hop = hops[rng.below(7)];
    std::vector<Interval> clip;
    double at = 0;
    const auto add = [&](const std::string& label, double least_s, double most_s) {
      const double length_s = rng.below(8) == 0 ? 0 : least_s + (most_s - least_s) * rng.uniform();
      clip.push_back({at, at + length_s, label});
      at += length_s;
    };
    if (rng.below(2)) add(rng.below(2) ? "" : "sil", 0, 0.5);
    for (auto count = 1 + rng.below(12); count > 0; --count) add(labels[rng.below(7)], 0.01, 0.3);
    if (rng.below(2)) add(rng.below(2) ? "" : "sil", 0, 0.5);
    const std::int64_t samples = audio::seconds_to_samples(at, rate_hz) + static_cast<std::int64_t>(rng.below(3));
    const bool centred = rng.below(2);
    const auto frames_of = [&](std::int64_t n) { return n / hop + (centred ? 1 : 0); };

    const std::int64_t frames = frames_of(samples);
    if (frames >= static_cast<std::int64_t>(clip.size())) {
      const FramedPhones got = frame_phones(clip, frames, rate_hz, hop);
      ASSERT_EQ(std::accumulate(got.durations_P.begin(), got.durations_P.end(), std::int64_t{0}), frames) << round;
      ASSERT_EQ(got.phones.size(), clip.size());
      for (const auto d : got.durations_P) ASSERT_GE(d, 1);
      for (const auto& phone : got.phones) ASSERT_FALSE(phone.empty());
    }

    const bool speaks = std::any_of(clip.begin(), clip.end(),
                                    [](const Interval& x) { return !is_silence(x.label) && x.end_s > x.start_s; });
    if (!speaks) continue;
    TrimmedPhones got;
    try {
      got = trim_phones(clip, rate_hz, hop);
    } catch (const DataError&) {
      continue;  // the only phones that sound have no length
    }
    const std::int64_t whole =
        std::accumulate(got.framed.durations_P.begin(), got.framed.durations_P.end(), std::int64_t{0});
    const std::int64_t left =
        frames_of(audio::seconds_to_samples(got.end_s, rate_hz) - audio::seconds_to_samples(got.start_s, rate_hz));
    if (std::min(left, whole) < 1) continue;
    fit_to_frames(got.framed, std::min(left, whole));
    ASSERT_EQ(std::accumulate(got.framed.durations_P.begin(), got.framed.durations_P.end(), std::int64_t{0}),
              std::min(left, whole));
    for (const auto d : got.framed.durations_P) ASSERT_GE(d, 0);
    ++trimmed;
    cut += left < whole;
  }
  EXPECT_GT(trimmed, 2000);
  EXPECT_GT(cut, 100);
}

TEST(Durations, AnAlignmentOfAnotherClipDoesNotFit) {
  FramedPhones framed{{"a", "b", "c"}, {5, 5, 1}};
  EXPECT_THROW(fit_to_frames(framed, 8), DataError);
  EXPECT_THROW(fit_to_frames(framed, 12), DataError);
  fit_to_frames(framed, 9);
  EXPECT_THAT(framed.durations_P, ElementsAre(5, 4, 0));
}

}  // namespace
}  // namespace timbre::prepare
