#include "prepare/torphix_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "audio/decode.h"
#include "base/files.h"
#include "support/golden.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

class TorphixFolder : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre_torphix_folder_" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    make_folders(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

std::vector<std::int16_t> samples_of(const fs::path& wav) {
  const std::string bytes = read_file(wav);
  std::vector<std::int16_t> samples((bytes.size() - 44) / 2);
  std::memcpy(samples.data(), bytes.data() + 44, samples.size() * 2);
  return samples;
}

TEST_F(TorphixFolder, PreparedClipsAreTheReferencesToOneStep) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_torphix");
  const fs::path raw = set / "database/LJSpeech/raw_data/LJSpeech-1.1",
                 want = set / "database/LJSpeech/preprocessed_dataset/1";
  // Another resampler makes other samples: only clips of the settings' own rate can be compared.
  std::size_t compared = 0;
  make_folders(dir_ / "raw/wavs");
  std::string metadata;
  for (const TorphixLab& lab : torphix_labs(raw / "metadata.csv")) {
    const fs::path wav = raw / "wavs" / (lab.id + ".wav");
    if (!fs::exists(wav) || audio::probe_audio(wav).rate_hz != 22050) continue;
    fs::copy_file(wav, dir_ / "raw/wavs" / wav.filename());
    metadata += lab.id + "|x|" + lab.lab;
  }
  write_file_atomic(dir_ / "raw/metadata.csv", metadata);
  prepare_torphix(dir_ / "raw", dir_ / "1", 22050);
  for (const auto& entry : fs::directory_iterator(dir_ / "1")) {
    if (entry.path().extension() != ".wav") continue;
    const auto got = samples_of(entry.path()), reference = samples_of(want / entry.path().filename());
    ASSERT_EQ(got.size(), reference.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_LE(std::abs(got[i] - reference[i]), 1) << i;
    ++compared;
  }
  EXPECT_GE(compared, 1u);
}

TEST(TorphixSamples, APositivePeakWraps) {
  const std::vector<float> wave = {0.25f, 0.5f, -0.5f, 0.0f};
  EXPECT_EQ(torphix_samples(wave), (std::vector<std::int16_t>{16384, -32768, -32768, 0}));
}

TEST_F(TorphixFolder, LabsAreTheLastColumnWithItsLineEnd) {
  write_file_atomic(dir_ / "metadata.csv", "a|One 1|one one\r\nb|no third\nb|again\nc|x|last line");
  const auto labs = torphix_labs(dir_ / "metadata.csv");
  ASSERT_EQ(labs.size(), 3u);
  EXPECT_EQ(labs[0].lab, "one one\n");
  EXPECT_EQ(labs[1].lab, "no third\n");
  EXPECT_EQ(labs[2].lab, "last line");
}

TEST_F(TorphixFolder, OnlyTheReferencesLastSpeakerIsNormalised) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_torphix");
  const TorphixData data =
      create_torphix(set / "database/Custom/preprocessed_dataset", read_torphix_settings(set / "data.yaml"));
  ASSERT_GE(data.speakers.size(), 2u);
  for (std::size_t i = 0; i < data.speakers.size(); ++i)
    EXPECT_EQ(data.speakers[i].normalised, i + 1 == data.speakers.size());
  write_torphix_folder(data, dir_ / "processed_dataset", "/elsewhere");
  const std::string first = data.speakers.front().name, last = data.speakers.back().name;
  EXPECT_FALSE(fs::exists(dir_ / "processed_dataset" / first / "all_metadata.json"));
  EXPECT_TRUE(fs::exists(dir_ / "processed_dataset" / last / "all_metadata.json"));
  const auto index = nlohmann::json::parse(read_file(dir_ / "processed_dataset" / first / (first + "_data.json")));
  EXPECT_EQ(index["root"], "/elsewhere/" + first);
  const weights::Tensor mel =
      weights::read_npy(dir_ / "processed_dataset" / first / index["data"][0]["mel"].get<std::string>());
  EXPECT_EQ(mel.shape[0], 80);
}

}  // namespace
}  // namespace timbre::prepare
