#include "prepare/durations.h"

#include <gmock/gmock.h>

#include <numeric>

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

}  // namespace
}  // namespace timbre::prepare
