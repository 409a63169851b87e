#include "prepare/teacher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "prepare/run.h"
#include "weights/faults_for_test.h"

/// The stage mel_of.<kind>, with a voice that needs no network.
namespace timbre::prepare {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kRate = 8000, kHop = 80, kMels = 10;
constexpr int kClips = 5;

/// A frame's values are its phone's pitch; the clip of speaker "late" comes out a frame too long.
class ToyVoice final : public roles::Synthesizer {
 public:
  roles::MelUtterance synthesize(std::span<const std::string>, const roles::Controls&) override { return {}; }
  roles::MelUtterance follow(const roles::Recorded& clip) const override {
    ++followed;
    roles::MelUtterance made{.bins = kMels};
    for (std::size_t p = 0; p < clip.phones.size(); ++p) {
      made.frames += clip.durations_P.at(p);
      made.mel_FM.insert(made.mel_FM.end(), static_cast<std::size_t>(clip.durations_P[p] * kMels), clip.pitch.at(p));
    }
    if (clip.speaker == "late") {
      ++made.frames;
      made.mel_FM.resize(made.mel_FM.size() + kMels);
    }
    return made;
  }
  const audio::MelOptions& mel() const override { return mel_; }
  const std::vector<std::string>& symbols() const override { return names_; }
  const std::vector<std::string>& speakers() const override { return names_; }
  static inline std::atomic<int> followed = 0;

 private:
  audio::MelOptions mel_;
  std::vector<std::string> names_;
};

audio::MelOptions mel_options() {
  audio::MelOptions mel;
  mel.rate_hz = kRate;
  mel.fft_samples = mel.window_samples = 256;
  mel.hop_samples = kHop;
  mel.mels = kMels;
  mel.f_max_hz = 4000;
  return mel;
}

struct NoOptions final : roles::ModelConfig {
  config::Fields fields() override { return {}; }
  std::vector<std::string> problems() const override { return {}; }
  std::unique_ptr<ModelConfig> clone() const override { return std::make_unique<NoOptions>(*this); }
};

/// Five clips of 4000 samples (51 frames), whose columns another program has made.
class MelOfStage : public testing::Test {
 protected:
  MelOfStage() {
    teacher_opener() = [](const roles::VoiceFiles&) { return std::make_shared<ToyVoice>(); };
    ToyVoice::followed = 0;
    write_voice("first");
    make_folders(folder_.path() / "audio");
    corpus::CorpusWriter writer(folder_.path() / "c");
    for (int i = 0; i < kClips; ++i) {
      std::vector<float> wave_N(4000);
      for (std::size_t n = 0; n < wave_N.size(); ++n) wave_N[n] = 0.1f * std::sin(0.1f * static_cast<float>(n));
      const fs::path file = folder_.path() / "audio" / fmt::format("u{}.wav", i);
      audio::write_audio(file, wave_N, kRate, "wav");
      writer.add({.id = fmt::format("u{}", i),
                  .audio = file.string(),
                  .text = "Hm.",
                  .speaker = i == 3 ? "late" : "s",
                  .duration_s = 0.5,
                  .rate_hz = kRate,
                  .channels = 1});
    }
    writer.finish({{"name", "hm"}});
    corpus_.emplace(corpus::Corpus::open(folder_.path() / "c"));
    registry_.add({.name = "toy",
                   .summary = "",
                   .make_config = [] { return std::make_unique<NoOptions>(); },
                   .presets = {},
                   .columns =
                       [](const roles::ModelConfig&) {
                         audio::MelOptions mel = mel_options();
                         std::vector<roles::ColumnNeed> needs;
                         for (const char* name : {"aligned_phonemes", "durations", "pitch", "energy", "statistics"})
                           needs.push_back({name, nlohmann::json::object()});
                         needs[0].settings = {{"front_end", "arpabet:en"}};
                         needs.push_back({"mel", config::to_json(audio::fields(mel))});
                         return needs;
                       }});
  }
  ~MelOfStage() override { teacher_opener() = {}; }

  void write_voice(const std::string& name, const std::string& kind = "toy") {
    audio::MelOptions mel = mel_options();
    make_folders(folder_.path() / "v" / "voice");
    const nlohmann::json about = {{"model", {{"kind", kind}, {"config", nlohmann::json::object()}}},
                                  {"name", name},
                                  {"symbols", {"_", "m"}},
                                  {"mel", config::to_json(audio::fields(mel))}};
    write_file_atomic(folder_.path() / "v/voice/voice.json", about.dump());
  }
  std::vector<ColumnRequest> wanted() { return requests_of_teacher(folder_.path() / "v", registry_); }
  /// Columns as the stages before would have made them; the mel of clip u1 is of its first 41 frames alone.
  void fill_columns() {
    const Plan plan = make_plan(*corpus_, wanted());
    const auto put = [&](const char* stage, const char* column, auto make) {
      corpus::ColumnWriter writer(corpus_->dir(), plan.step(stage).key(column), {}, plan.step(stage).recorded);
      for (int i = 0; i < kClips; ++i) writer.put(fmt::format("u{}", i), make(i));
      writer.commit();
    };
    const auto frames = [](int i) { return std::int64_t{i == 1 ? 41 : 51}; };
    put("mel", "mel", [&](int i) {
      return weights::Tensor::of<float>({frames(i), kMels},
                                        std::vector<float>(static_cast<std::size_t>(frames(i) * kMels)));
    });
    put("mel", "energy_frames", [&](int i) {
      return weights::Tensor::of<float>({frames(i)}, std::vector<float>(static_cast<std::size_t>(frames(i))));
    });
    put("durations", "durations", [&](int i) { return weights::Tensor::of<std::int64_t>({2}, {11, frames(i) - 11}); });
    put("durations", "aligned_phonemes", [](int) { return corpus::list_tensor({"sil", "M"}); });
    put("pitch", "pitch", [](int i) { return weights::Tensor::of<double>({2}, {100.0 + i, 200.0 + i}); });
    put("energy", "energy", [](int) { return weights::Tensor::of<float>({2}, {1, 2}); });
  }
  StageReport run(RunOptions options = {}) {
    options.only = "mel_of.toy";
    return run_plan(*corpus_, wanted(), options, no_events()).stages.front();
  }

  weights::planting::TemporaryFolder folder_;
  std::optional<corpus::Corpus> corpus_;
  roles::Registry registry_;
};

TEST_F(MelOfStage, EveryClipGetsItsMelOrIsNamedWithItsCounts) {
  fill_columns();
  const StageReport report = run();
  EXPECT_EQ(report.made, 3);
  ASSERT_EQ(report.skipped.size(), 2u);
  EXPECT_EQ(report.skipped[0].id, "u1");
  EXPECT_THAT(report.skipped[0].reason, HasSubstr("u1: its column mel has 41 frames, its recording 51"));
  EXPECT_EQ(report.skipped[1].id, "u3");
  EXPECT_THAT(report.skipped[1].reason, HasSubstr("u3: toy makes 52 frames of 10 bins of it, its recording has 51"));
  const auto column = corpus::Column::open(corpus_->dir(), "mel_of.toy");
  const auto mel = column.get("u2");
  EXPECT_EQ(mel.shape, (std::vector<std::int64_t>{51, kMels}));
  EXPECT_EQ(mel.to_f32()[10 * kMels], 102.0f);
  EXPECT_EQ(mel.to_f32()[11 * kMels], 202.0f);
  EXPECT_EQ(column.settings().at("facts").at("mel").at("hop_samples"), kHop);
  EXPECT_EQ(column.settings().at("facts").at("name"), "first");
}

TEST_F(MelOfStage, GoesOnWhereItStoppedAndStartsAnewWithAnotherVoice) {
  fill_columns();
  EXPECT_EQ(run({.shard = corpus::Shard::parse("0/2")}).made, 3);  // u0, u2, u4
  const StageReport rest = run();
  EXPECT_EQ(rest.kept, 3);
  EXPECT_EQ(rest.skipped.size(), 2u);
  EXPECT_EQ(ToyVoice::followed, 4) << "u1 was not worth asking about";
  EXPECT_EQ(run().kept, kClips);
  EXPECT_EQ(ToyVoice::followed, 4);
  write_voice("second");
  EXPECT_EQ(make_plan(*corpus_, wanted()).step("mel_of.toy").state, corpus::ColumnState::Kind::stale);
  EXPECT_EQ(run().made, 3);
  EXPECT_EQ(corpus::Column::open(corpus_->dir(), "mel_of.toy").settings().at("facts").at("name"), "second");
}

TEST_F(MelOfStage, SaysWhatIsNoVoiceThatFollows) {
  const auto why = [&](const fs::path& given) {
    try {
      requests_of_teacher(given, registry_);
      return std::string("taken");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(why(folder_.path() / "c"), HasSubstr("is no voice: it has no voice.json"));
  EXPECT_THAT(why(folder_.path() / "gone"), HasSubstr("there is no such folder"));
  write_file_atomic(folder_.path() / "v/voice/voice.json", R"({"model": {"kind": "vocos", "config": {}}})");
  EXPECT_THAT(why(folder_.path() / "v"), HasSubstr("(vocos) makes no mels of texts"));
  registry_.add({.name = "deaf",
                 .summary = "",
                 .make_config = [] { return std::make_unique<NoOptions>(); },
                 .presets = {},
                 .columns =
                     [](const roles::ModelConfig&) {
                       return std::vector<roles::ColumnNeed>{{"mel", {}}};
                     }});
  write_voice("other", "deaf");
  EXPECT_THAT(why(folder_.path() / "v"), HasSubstr("(deaf) was not trained on the column aligned_phonemes"));
}

}  // namespace
}  // namespace timbre::prepare
