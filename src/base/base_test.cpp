#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "base/threads.h"

namespace timbre {
namespace {

TEST(DidYouMean, FindsNearNamesOnly) {
  EXPECT_EQ(did_you_mean("prepair", {"prepare", "parity", "train"}), "did you mean 'prepare'?");
  EXPECT_EQ(did_you_mean("hop_sampels", {"mel.hop_samples", "mel.mels"}), "did you mean 'mel.hop_samples'?");
  EXPECT_EQ(did_you_mean("xylophone", {"prepare", "parity"}), "");
}

// Known answers of Philox 4x32-10 published with the Random123 library.
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Philox, PositionRestoresTheSequence) {
  Philox a(7, 3);
  for (int i = 0; i < 13; ++i) a.next_u32();
  Philox b(7, 3, a.position());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(a.next_u32(), b.next_u32());
}

TEST(Philox, MomentsAreRight) {
  Philox rng(1);
  const int n = 200'000;
  double mean = 0, square = 0, uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    mean += x;
    square += x * x;
    uniform += rng.uniform();
  }
  EXPECT_NEAR(mean / n, 0, 4 / std::sqrt(n));  // 4 standard errors
  EXPECT_NEAR(square / n, 1, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(uniform / n, 0.5, 4 * std::sqrt(1.0 / 12 / n));
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[rng.below(7)];
  for (const int c : counts) EXPECT_NEAR(c, 10'000, 400);
}

TEST(ParallelFor, CallsEveryIndexOnceAndRethrows) {
  set_thread_count(4);
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(calls.size(), [&](std::size_t i) {
    ++calls[i];
    parallel_for(2, [](std::size_t) {});  // nested calls must not deadlock
  });
  for (const auto& c : calls) EXPECT_EQ(c.load(), 1);
  EXPECT_THROW(parallel_for(100,
                            [](std::size_t i) {
                              if (i == 57) throw DataError("bad item");
                            }),
               DataError);
  set_thread_count(0);
}

TEST(Threads, OfSeveralFailuresTheFirstInOrderIsTold) {
  set_thread_count(4);
  for (int round = 0; round < 50; ++round) {
    std::string told;
    try {
      parallel_for(64, [](std::size_t i) {
        if (i == 2) std::this_thread::sleep_for(std::chrono::microseconds(200));  // its rivals fail before it
        if (i >= 2) throw DataError(fmt::format("item {}", i));
      });
    } catch (const DataError& e) {
      told = e.what();
    }
    ASSERT_EQ(told, "item 2");
  }
  set_thread_count(0);
}

TEST(Files, AtomicWriteReplacesWholeAndLeavesNothingBehind) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("timbre-base-{}", ::getpid());
  make_folders(folder);
  write_file_atomic(folder / "a", "one");
  write_file_atomic(folder / "a", "two");
  EXPECT_EQ(read_file(folder / "a"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
  EXPECT_THROW(write_file_atomic(folder / "no" / "b", "x"), SystemError);
  EXPECT_THROW(read_file(folder), DataError);
  const MappedFile mapped(folder / "a");
  EXPECT_EQ(mapped.bytes().size(), 3u);
  EXPECT_EQ(hash_file(folder / "a"), hash_hex("two"));
  EXPECT_NE(hash_hex("two"), hash_hex("owt"));
  fs::remove_all(folder);
}

TEST(Files, FullDiskLeavesTheOldFile) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_THROW(append_line("/dev/full", "x"), SystemError);
}

TEST(Files, ForeignPathsStayInside) {
  for (const char* good : {"a.wav", "a/b.wav", "a..b/c"}) EXPECT_TRUE(is_safe_relative(good)) << good;
  for (const char* bad : {"", "/etc/passwd", "../a", "a/../../b", "C:\\x", "a\\b", "c:/x"})
    EXPECT_FALSE(is_safe_relative(bad)) << bad;
}

TEST(Strings, Utf8RoundTripsAndRejectsBrokenBytes) {
  const std::string text = "aé中😀";
  EXPECT_EQ(to_utf8(to_code_points(text)), text);
  EXPECT_TRUE(is_valid_utf8(text));
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"})
    EXPECT_FALSE(is_valid_utf8(bad));
  EXPECT_EQ(to_code_points("a\xFFz"), U"a\uFFFDz");
}

TEST(Strings, NumbersMustBeWhole) {
  EXPECT_EQ(parse_double("1e-3"), 1e-3);
  EXPECT_FALSE(parse_double("1.5s"));
  EXPECT_EQ(parse_int("-42"), -42);
  EXPECT_FALSE(parse_int("4.2"));
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_bytes(1.5e9), "1.5 GB");
}

}  // namespace
}  // namespace timbre
