#include "roles/registry.h"

#include <gtest/gtest.h>

#include "base/error.h"
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
    registry.make_synthesizer({"voices/x", {{"model", {{"kind", "tacotron9"}}}}});
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find("voices/x/voice.json: model.kind is 'tacotron9'"), std::string::npos)
        << problem.what();
  }
  EXPECT_THROW(registry.make_vocoder({"voices/x", nlohmann::json::object()}), DataError);
}

TEST(ModelSpec, AppliesPresets) {
  const ModelSpec s = spec("a");
  EXPECT_EQ(dynamic_cast<OneOption&>(*s.config_of()).width, 8);
  EXPECT_EQ(dynamic_cast<OneOption&>(*s.config_of("wide")).width, 64);
  EXPECT_THROW(s.config_of("wid"), UsageError);
}

}  // namespace
}  // namespace timbre::roles
