// A corpus of a million utterances fits into 1 GiB while it is opened, split and cut into batches. Here with fewer,
// from which the million is extrapolated; TIMBRE_SCALE=1000000 measures it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/rng.h"
#include "base/strings.h"
#include "batch/sampler.h"
#include "corpus/clips.h"
#include "corpus/corpus.h"
#include "corpus/split.h"

namespace timbre::batch {
namespace {

using testing_support::TempFolder;

/// Resident bytes now ("VmRSS") or at the most since reset_peak() ("VmHWM").
double resident_bytes(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(what + ":")) return 1024.0 * static_cast<double>(std::atoll(line.c_str() + what.size() + 1));
  return 0;
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

void write_corpus(const std::filesystem::path& dir, std::int64_t utterances) {
  static const std::vector<std::string> kWords = {"the",   "quick", "brown",  "fox",  "jumps", "over", "lazy", "dogs",
                                                  "while", "many",  "people", "look", "on",    "from", "far",  "away"};
  corpus::CorpusWriter writer(dir);
  Philox random(3);
  for (std::int64_t i = 0; i < utterances; ++i) {
    corpus::Utterance u;
    u.id = fmt::format("utterance-{:07}", i);
    u.audio = fmt::format("audio/utterance-{:07}.wav", i);
    for (int word = 0; word < 12; ++word)
      u.text += (word ? " " : "") + kWords[static_cast<std::size_t>(random.uniform() * 15.99)];
    u.speaker = fmt::format("speaker-{:03}", i % 500);
    u.language = "en";
    u.duration_s = 1 + 9 * random.uniform();
    u.rate_hz = 22050, u.channels = 1, u.audio_bytes = 100'000 + i;
    writer.add(u);
  }
  writer.finish({{"name", "synthetic"}});
}

TEST(Memory, AMillionUtterancesAreOpenedSplitAndSampled) {
  const char* scale = std::getenv("TIMBRE_SCALE");
  const std::int64_t count = scale ? std::atoll(scale) : 50'000;
  TempFolder dir;
  write_corpus(dir / "corpus", count);
  const double before = resident_bytes("VmRSS");
  reset_peak();
  if (resident_bytes("VmHWM") > before * 1.2) GTEST_SKIP() << "this kernel does not reset peaks";
  if (scale) fmt::print("before: {}\n", human_bytes(before));
  const auto start = std::chrono::steady_clock::now();
  auto lap = [&, last = start](const char* what) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (scale)
      fmt::print("{}: {:.1f} s, peak {}\n", what, std::chrono::duration<double>(now - last).count(),
                 human_bytes(resident_bytes("VmHWM")));
    last = now;
  };
  const auto opened = corpus::Corpus::open(dir / "corpus");
  lap("open");
  const auto split = corpus::make_split(opened.utterances(), {.valid = 1000, .test = 1000});
  lap("split");
  EXPECT_EQ(split.train + split.valid + split.test + split.unused, count);
  EXPECT_GE(split.valid, 900);
  std::vector<std::int64_t> frames;
  for (const std::int64_t i : split.indices(corpus::Side::train))
    frames.push_back(std::llround(opened.utterances()[static_cast<std::size_t>(i)].duration_s * 22050 / 256));
  const BucketSampler sampler(frames, {.items = 0, .units = 40'000}, 7);
  std::int64_t items = 0;
  for (std::int64_t epoch = 0; epoch < 2; ++epoch)
    for (const auto& batch : sampler.epoch(epoch)) items += static_cast<std::int64_t>(batch.size());
  lap("two epochs of batches");
  EXPECT_EQ(items, 2 * split.train);
  // 110 MB are LibTorch's own; the rest of 1 GiB is for the million.
  const double each = (resident_bytes("VmHWM") - before) / static_cast<double>(count);
  RecordProperty("bytes_per_utterance", fmt::format("{:.0f}", each));
  EXPECT_LT(each * 1e6, 1024.0 * 1024 * 1024 - 110e6) << each << " bytes an utterance";
}

}  // namespace
}  // namespace timbre::batch
