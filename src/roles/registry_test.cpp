#include "roles/registry.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "roles/synthesizer.h"
#include "roles/vocoder.h"

namespace timbre::roles {
namespace {

class OneOption final : public ModelConfig {
 public:
  std::int64_t width = 8;
  config::Fields fields() override {
    config::Fields f;
    f.add("width", width, "channels");
    return f;
  }
  std::vector<std::string> problems() const override { return {}; }
  std::unique_ptr<ModelConfig> clone() const override { return std::make_unique<OneOption>(*this); }
};

ModelSpec spec(const std::string& name) {
  ModelSpec s;
  s.name = name;
  s.make_config = [] { return std::make_unique<OneOption>(); };
  s.presets = {{"plain", "", [](ModelConfig&) {}},
               {"wide", "", [](ModelConfig& c) { dynamic_cast<OneOption&>(c).width = 64; }}};
  s.converters = {{.format = name + "-files",
                   .summary = "",
                   .recognises = [name](const auto& path) { return path.filename() == name; },
                   .to_voice = {},
                   .from_voice = {}}};
  return s;
}

TEST(Registry, SuggestsNamesItKnows) {
  Registry registry;
  registry.add(spec("fastspeech2"));
  try {
    registry.model("fastspech2");
    FAIL();
  } catch (const UsageError& problem) {
    EXPECT_NE(std::string(problem.what()).find("did you mean 'fastspeech2'"), std::string::npos) << problem.what();
  }
  EXPECT_THROW(registry.add(spec("fastspeech2")), std::logic_error);
}

TEST(Registry, FindsConvertersByFileAndByName) {
  Registry registry;
  registry.add(spec("a"));
  registry.add(spec("b"));
  EXPECT_EQ(registry.converter_for("x/b")->format, "b-files");
  EXPECT_EQ(registry.converter_for("x/c"), nullptr);
  EXPECT_EQ(registry.converter("a-files").format, "a-files");
  EXPECT_THROW(registry.converter("c-files"), UsageError);
}

TEST(Registry, NamesAVoiceItCannotOpen) {
  const Registry registry;
  try {
    registry.make_synthesizer({"voices/x", {{"model", {{"kind", "tacotron9"}}}}, {}});
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find("voices/x/voice.json: model.kind is 'tacotron9'"), std::string::npos)
        << problem.what();
  }
  EXPECT_THROW(registry.make_vocoder({"voices/x", nlohmann::json::object(), {}}), DataError);
}

/// A vocoder that says by whom it was made, and of what.
class Named final : public Vocoder {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  const audio::MelOptions& mel() const override { return mel_; }
  std::vector<float> synthesize(std::span<const float>, std::int64_t) override { return {}; }

 private:
  std::string name_;
  audio::MelOptions mel_;
};

Maker<Vocoder> named(const std::string& name) {
  return [name](const VoiceFiles& files) { return std::make_unique<Named>(name + " of " + files.dir.string()); };
}

/// "vocos" has both, its engine for width 8 alone; "hifigan" is LibTorch's, "griffin-lim" has nothing else.
Registry three_vocoders() {
  Registry registry;
  registry.add_vocoder("vocos", named("torch"));
  registry.add_vocoder_engine("vocos", {.lacks = [](const VoiceFiles& files) -> std::string {
                                          return files.about["vocoder"]["width"] == 8 ? "" : "width is not 8";
                                        },
                                        .make = named("engine")});
  registry.add_vocoder("hifigan", named("torch"));
  registry.add_vocoder_engine("griffin-lim", {.lacks = {}, .make = named("engine")});
  return registry;
}

VoiceFiles with_vocoder(const std::string& kind, int width = 8) {
  return {.dir = "v", .about = {{"vocoder", {{"kind", kind}, {"width", width}}}}, .vocoder = {}};
}

TEST(Registry, PrefersAnEngineThatCan) {
  const Registry registry = three_vocoders();
  EXPECT_EQ(registry.make_vocoder(with_vocoder("vocos"))->name(), "engine of v");
  EXPECT_EQ(registry.make_vocoder(with_vocoder("vocos", 9))->name(), "torch of v");
  EXPECT_EQ(registry.make_vocoder(with_vocoder("hifigan"))->name(), "torch of v");
  EXPECT_EQ(registry.make_vocoder({"v", nlohmann::json::object(), {}})->name(), "engine of v");
}

TEST(Registry, ABackendThatWasAskedForIsTakenOrNamed) {
  Registry registry = three_vocoders();
  registry.prefer(Backend::torch);
  EXPECT_EQ(registry.make_vocoder(with_vocoder("vocos"))->name(), "torch of v");
  EXPECT_EQ(registry.make_vocoder(with_vocoder("griffin-lim"))->name(), "engine of v");
  registry.prefer(Backend::engine);
  EXPECT_EQ(registry.make_vocoder(with_vocoder("vocos"))->name(), "engine of v");
  for (const auto& [voice, reason] :
       {std::pair{with_vocoder("vocos", 9), "vocos cannot be computed without LibTorch: width is not 8"},
        {with_vocoder("hifigan"), "there is no engine for this kind"}}) {
    try {
      registry.make_vocoder(voice);
      FAIL() << reason;
    } catch (const UsageError& problem) {
      EXPECT_NE(std::string(problem.what()).find(reason), std::string::npos) << problem.what();
    }
  }
}

TEST(Registry, NamesThePartsThatNeedLibTorch) {
  Registry registry = three_vocoders();
  VoiceFiles voice = with_vocoder("vocos", 9);
  voice.about["model"] = {{"kind", "quiet"}};
  EXPECT_EQ(
      registry.parts_without_engine(voice),
      (std::vector<std::string>{"model quiet: there is no engine for this kind", "vocoder vocos: width is not 8"}));
  registry.add_synthesizer_engine("quiet", {});
  voice.about["vocoder"]["width"] = 8;
  EXPECT_TRUE(registry.parts_without_engine(voice).empty());
}

class VocoderFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("timbre-vocoder-" + std::to_string(::getpid()));
    make_folders(dir_ / "inside");
    make_folders(dir_ / "other");
    write_file_atomic(dir_ / "inside" / "voice.json", R"({"model": {"kind": "hifigan"}})");
    write_file_atomic(dir_ / "other" / "voice.json", R"({"model": {"kind": "hifigan"}, "vocoder": {"kind": "x"}})");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(VocoderFolder, AVocoderMayBeAFolderOfItsOwn) {
  const Registry registry = three_vocoders();
  VoiceFiles voice{.dir = dir_, .about = {{"vocoder", {{"folder", "inside"}}}}, .vocoder = {}};
  EXPECT_EQ(registry.make_vocoder(voice)->name(), "torch of " + (dir_ / "inside").string());
  voice.vocoder = dir_ / "other";
  EXPECT_EQ(registry.make_vocoder(voice)->name(), "torch of " + (dir_ / "other").string());
  voice.vocoder = dir_ / "none";
  EXPECT_THROW(registry.make_vocoder(voice), UsageError);
  voice.vocoder.clear();
  voice.about["vocoder"]["folder"] = "../other";
  EXPECT_THROW(registry.make_vocoder(voice), DataError);
}

TEST(ModelSpec, AppliesPresets) {
  const ModelSpec s = spec("a");
  EXPECT_EQ(dynamic_cast<OneOption&>(*s.config_of()).width, 8);
  EXPECT_EQ(dynamic_cast<OneOption&>(*s.config_of("wide")).width, 64);
  EXPECT_THROW(s.config_of("wid"), UsageError);
}

}  // namespace
}  // namespace timbre::roles
