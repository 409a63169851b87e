#include "prepare/codecs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/decode.h"
#include "audio/write.h"
#include "base/files.h"
#include "prepare/run.h"
#include "roles/codes_file.h"
#include "weights/faults_for_test.h"
#include "weights/npy.h"

/// The stage codes.<name> and files of codes, with a codec that needs no network.
namespace timbre::prepare {
namespace {

using testing::HasSubstr;

/// A temporary folder whose paths take '/'.
struct Folder : weights::planting::TemporaryFolder {
  fs::path operator/(const std::string& name) const { return path() / name; }
};

/// A frame is 160 samples at 8 kHz; code q of it is the first sample in 1/100, plus q.
class ToyCodec final : public roles::Codec {
 public:
  std::string name() const override { return "toy"; }
  std::int64_t rate_hz() const override { return 8000; }
  std::int64_t channels() const override { return 1; }
  std::int64_t hop_samples() const override { return 160; }
  std::int64_t codebooks() const override { return 3; }
  std::int64_t codebook_size() const override { return 1024; }
  std::int64_t codebooks_of(double kbps) const override {
    if (kbps != 0.5) throw UsageError("no such bandwidth", "0.5");
    return 1;
  }
  roles::Codes encode(std::span<const float> wave_CN, std::int64_t codebooks) override {
    roles::Codes codes{.codebooks = codebooks == 0 ? 3 : codebooks,
                       .samples = static_cast<std::int64_t>(wave_CN.size()),
                       .segments = std::vector<roles::CodeSegment>(1)};
    if (std::isnan(wave_CN[0])) throw DataError("sample 0 is nan");
    for (std::size_t n = 0; n < wave_CN.size(); n += 160) {
      for (std::int64_t q = 0; q < codes.codebooks; ++q)
        codes.segments[0].codes_FQ.push_back(static_cast<std::int32_t>(std::lround(std::abs(wave_CN[n]) * 100) + q));
      ++codes.segments[0].frames;
    }
    return codes;
  }
  std::vector<roles::Codes> encode_all(std::span<const std::vector<float>> waves, std::int64_t codebooks) override {
    together.push_back(waves.size());
    for (std::size_t i = 1; i < waves.size(); ++i) EXPECT_LE(waves[i - 1].size(), waves[i].size());
    return Codec::encode_all(waves, codebooks);
  }
  std::vector<float> decode(const roles::Codes& codes) override {
    return std::vector<float>(static_cast<std::size_t>(codes.samples));
  }
  static inline std::vector<std::size_t> together;
};

/// Tones of 0.5, 0.4 … seconds at 8 kHz; one of 16 kHz, one stereo, one of less than a frame.
class CodesStage : public testing::Test {
 protected:
  CodesStage() {
    codec_opener() = [](const fs::path&) { return std::make_shared<ToyCodec>(); };
    ToyCodec::together.clear();
    make_folders(folder_ / "toy");
    write_file_atomic(folder_ / "toy/voice.json", R"({"model": {"kind": "toy", "config": {}}})");
    make_folders(folder_ / "audio");
    corpus::CorpusWriter writer(folder_ / "c");
    for (int i = 0; i < 8; ++i) {
      const std::int64_t rate_hz = i == 6 ? 16000 : 8000, samples = i == 7 ? 100 : 4000 - 400 * i;
      std::vector<float> wave_N(static_cast<std::size_t>(samples), 0.01f * static_cast<float>(i + 1));
      const fs::path file = folder_ / "audio" / fmt::format("u{}.wav", i);
      if (i == 5) {
        auto both = wave_N;
        both.insert(both.end(), wave_N.begin(), wave_N.end());
        audio::write_wav_channels(file, both, 2, rate_hz);
      } else {
        audio::write_audio(file, wave_N, rate_hz);
      }
      writer.add({.id = fmt::format("u{}", i),
                  .audio = file.string(),
                  .text = "x",
                  .duration_s = static_cast<double>(samples) / static_cast<double>(rate_hz),
                  .rate_hz = rate_hz,
                  .channels = i == 5 ? 2 : 1});
    }
    writer.finish({{"name", "toys"}});
  }
  ~CodesStage() override { codec_opener() = nullptr; }

  std::vector<ColumnRequest> wanted(const nlohmann::json& more = nlohmann::json::object()) const {
    nlohmann::json settings = {{"codec", (folder_ / "toy").string()}};
    settings.update(more);
    return {{codes_column(folder_ / "toy"), settings}};
  }
  Report run(const RunOptions& options = {}, const nlohmann::json& more = nlohmann::json::object()) const {
    return run_plan(corpus::Corpus::open(folder_ / "c", options.shard), wanted(more), options, no_events());
  }

  const Folder folder_;
};

TEST_F(CodesStage, MakesAColumnOfEveryClipByLengthAndCountsTheOddOnes) {
  const Report report = run();
  ASSERT_EQ(report.stages.size(), 1u);
  const StageReport& stage = report.stages[0];
  EXPECT_EQ(stage.stage, "codes.toy");
  EXPECT_EQ(stage.made, 7);
  ASSERT_EQ(stage.skipped.size(), 1u);
  EXPECT_THAT(stage.skipped[0].reason, HasSubstr("too short: 100 samples at 8000 Hz, a frame of toy has 160"));
  EXPECT_EQ(stage.tallies.at("clips of other channels than the codec's").at("2 channels"), 1);
  EXPECT_EQ(stage.tallies.at("clips of other rates than the codec's, resampled").at("16000 Hz"), 1);
  EXPECT_EQ(ToyCodec::together, std::vector<std::size_t>{7});
  const auto column = corpus::Column::open(folder_ / "c", "codes.toy");
  EXPECT_EQ(column.get("u0").describe(), "i32 [25, 3]");
  EXPECT_EQ(column.get("u4").as<std::int32_t>()[1], 6);
  EXPECT_EQ(column.get("u5").describe(), "i32 [13, 3]");
  EXPECT_EQ(column.settings().at("facts").at("hop_samples"), 160);
  EXPECT_EQ(column.settings().at("facts").at("codebook_size"), 1024);
  EXPECT_EQ(run().stages[0].kept, 8);
}

TEST_F(CodesStage, ShardsMakeWhatOneProcessMakesAndAnotherCodecMakesItStale) {
  run({.shard = corpus::Shard::parse("0/2")});
  EXPECT_EQ(run({.shard = corpus::Shard::parse("1/2")}).stages[0].made, 3);
  EXPECT_TRUE(make_plan(corpus::Corpus::open(folder_ / "c"), wanted()).complete());
  fs::rename(folder_ / "toy", folder_ / "moved");
  fs::copy(folder_ / "moved", folder_ / "toy");
  EXPECT_TRUE(make_plan(corpus::Corpus::open(folder_ / "c"), wanted()).complete()) << "known by what it holds";
  EXPECT_FALSE(make_plan(corpus::Corpus::open(folder_ / "c"), wanted({{"codebooks", 1}})).complete());
  write_file_atomic(folder_ / "toy/voice.json", R"({"model": {"kind": "toy", "config": {"a": 1}}})");
  EXPECT_FALSE(make_plan(corpus::Corpus::open(folder_ / "c"), wanted()).complete());
}

TEST_F(CodesStage, RefusesWhatTheCodecHasNot) {
  EXPECT_THROW(run({}, {{"bandwidth", 3.0}}), UsageError);
  EXPECT_THROW(run({}, {{"codebooks", 4}}), UsageError);
  EXPECT_THROW(run({}, {{"codebooks", 1}, {"bandwidth", 0.5}}), UsageError);
  EXPECT_EQ(run({}, {{"bandwidth", 0.5}}).stages[0].made, 7);
  EXPECT_THROW(
      run_plan(corpus::Corpus::open(folder_ / "c"), {{"codes.other", {{"codec", folder_ / "toy"}}}}, {}, no_events()),
      UsageError);
  EXPECT_THROW(find_codec_folder(folder_ / "c"), UsageError);
}

TEST_F(CodesStage, FilesHoldCodesAndSayWhatIsWrong) {
  ToyCodec codec;
  const std::vector<float> wave_N(1000, 0.5f);
  const roles::Codes codes = codec.encode(wave_N, 2);
  for (const char* name : {"a.safetensors", "a.npy"}) {
    roles::write_codes(folder_ / name, codes, codec);
    const roles::Codes back = roles::read_codes(folder_ / name, codec);
    EXPECT_EQ(back.segments[0].codes_FQ, codes.segments[0].codes_FQ);
    EXPECT_EQ(back.codebooks, 2);
    EXPECT_EQ(back.samples, std::string(name) == "a.npy" ? 7 * 160 : 1000);
  }
  EXPECT_THROW(roles::write_codes(folder_ / "a.txt", codes, codec), UsageError);
  const auto fault = [&](std::vector<std::int64_t> shape, std::vector<std::int64_t> values) {
    weights::write_npy(folder_ / "bad.npy", weights::Tensor::of<std::int64_t>(std::move(shape), std::move(values)));
    try {
      roles::read_codes(folder_ / "bad.npy", codec);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("read");
  };
  EXPECT_THAT(fault({2, 2}, {1, 2, 3, 1024}), HasSubstr("frame 1, codebook 1: code 1024 is out of range"));
  EXPECT_THAT(fault({2, 2}, {1, -2, 3, 4}), HasSubstr("frame 0, codebook 1: code -1 is out of range"));
  EXPECT_THAT(fault({2, 4}, std::vector<std::int64_t>(8, 1)), HasSubstr("looks like codebooks × frames"));
  EXPECT_THAT(fault({0, 2}, {}), HasSubstr("no frames"));
  EXPECT_EQ(fault({3}, {1, 2, 3}), "read");
}

TEST(LoadClip, MixesAndResamplesAsTheCodecWants) {
  const Folder folder;
  audio::write_wav_channels(folder / "two.wav", std::vector<float>{0.5f, 0.25f, -0.5f, 0.0f}, 2, 8000);
  const auto two = audio::decode_channels(folder / "two.wav");
  EXPECT_EQ(two.channels, 2);
  EXPECT_EQ(two.wave_CN, (std::vector<float>{0.5f, 0.25f, -0.5f, 0.0f}));
  const ToyCodec codec;
  EXPECT_EQ(load_clip(folder / "two.wav", codec).wave_CN, (std::vector<float>{0.0f, 0.125f}));
  audio::write_audio(folder / "one.wav", std::vector<float>(1600, 0.5f), 16000);
  const auto one = load_clip(folder / "one.wav", codec);
  EXPECT_EQ(one.wave_CN.size(), 800u);
  EXPECT_EQ(one.source_rate_hz, 16000);
}

}  // namespace
}  // namespace timbre::prepare
