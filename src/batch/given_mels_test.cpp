#include "batch/given_mels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "corpus/corpus.h"

namespace timbre::batch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

audio::MelOptions mels() {
  audio::MelOptions mel;
  mel.rate_hz = 8000;
  mel.fft_samples = mel.window_samples = 128;
  mel.hop_samples = 32;
  mel.mels = 20;
  mel.f_max_hz = 4000;
  return mel;
}

/// Column "c" with 10 frames of one clip: value = frame + bin / 100.
struct Corpus {
  fs::path dir;
  Corpus() {
    std::string pattern = (fs::temp_directory_path() / "timbre-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~Corpus() { fs::remove_all(dir); }
  void column(const std::string& name, const nlohmann::json& settings) const {
    std::vector<float> mel_FM;
    for (int f = 0; f < 10; ++f)
      for (int m = 0; m < 20; ++m) mel_FM.push_back(static_cast<float>(f) + 0.01f * static_cast<float>(m));
    corpus::ColumnWriter writer(dir, {name, "s", "i"}, {}, settings);
    writer.put("clip", weights::Tensor::of<float>({10, 20}, mel_FM));
    writer.commit();
  }
  GivenMels open(const std::string& name, const audio::MelOptions& takes = mels()) const {
    return {dir, {.mels = "", .column = name}, takes, "vocos"};
  }
  std::string why(const std::string& name, const audio::MelOptions& takes = mels()) const {
    try {
      open(name, takes);
      return "opened";
    } catch (const Error& error) {
      return error.what();
    }
  }
};

nlohmann::json said(audio::MelOptions mel) { return config::to_json(audio::fields(mel)); }

TEST(GivenMels, PiecesAreOnTheRecordingsClock) {
  const Corpus corpus;
  corpus.column("mel_of.x", {{"voice", "v"}, {"facts", {{"mel", said(mels())}}}});
  const GivenMels given = corpus.open("mel_of.x");
  EXPECT_EQ(given.changes(), "");
  EXPECT_TRUE(given.has("clip") && !given.has("other"));
  const auto piece = given.of_piece("clip", {.clip = 0, .first = 96, .real = 128}, 5);
  ASSERT_EQ(piece.size(), 5u * 20);
  for (std::size_t f = 0; f < 5; ++f) EXPECT_FLOAT_EQ(piece[f * 20 + 7], static_cast<float>(f + 3) + 0.07f);
  // Behind its end, what digital silence is.
  const auto end = given.of_piece("clip", {.clip = 0, .first = 256, .real = 40}, 4);
  EXPECT_FLOAT_EQ(end[20], 9.0f);
  for (std::size_t i = 40; i < end.size(); ++i) EXPECT_FLOAT_EQ(end[i], std::log(1e-5f));
  EXPECT_EQ(given.of_piece("clip", {.clip = 0, .first = 352, .real = 32}, 2).size(), 40u) << "all of it behind the end";
  // Shorter than its recording by more than rounding.
  try {
    given.of_piece("clip", {.clip = 0, .first = 288, .real = 128}, 5);
    FAIL() << "13 frames of sound were trained on 10 of mel";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("clip: its mel has 10 frames, its recording 13 or more"));
  }
}

TEST(GivenMels, AreOfTheVocodersConventionOrBroughtOverOrRefused) {
  const Corpus corpus;
  audio::MelOptions other = mels();
  other.log = "log10";
  corpus.column("mel_of.x", {{"facts", {{"mel", said(other)}}}});
  const GivenMels bridged = corpus.open("mel_of.x");
  EXPECT_THAT(bridged.changes(), HasSubstr("log10"));
  EXPECT_NEAR(bridged.whole("clip").values_FM[3 * 20], 3 * std::log(10), 1e-5);
  audio::MelOptions takes = mels();
  takes.hop_samples = 64;
  EXPECT_EQ(corpus.why("mel_of.x", takes),
            "the vocoder vocos wants mel.hop_samples = 64, the column mel_of.x makes 32");
  // The stage mel says it in its own settings.
  nlohmann::json own = said(mels());
  own["edges"] = "keep";
  corpus.column("mel", own);
  EXPECT_EQ(corpus.why("mel"), "opened");
  EXPECT_THAT(corpus.why("mel", takes), HasSubstr("mel.hop_samples = 64"));
  own["edges"] = "trim";
  corpus::remove_column(corpus.dir, "mel");
  corpus.column("mel", own);
  EXPECT_THAT(corpus.why("mel"), HasSubstr("not on the recordings' clock"));
  corpus.column("pitch", {{"level", "frame"}});
  EXPECT_THAT(corpus.why("pitch"), HasSubstr("column pitch does not say what its mels are"));
  EXPECT_THAT(corpus.why("nothing"), HasSubstr("nothing"));
}

}  // namespace
}  // namespace timbre::batch
