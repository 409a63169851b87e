#include "voice/equip.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "voice/speech.h"

namespace timbre::voice {
namespace {

/// One frame a phone, all of it e⁻⁵.
class Flat : public roles::Synthesizer {
 public:
  roles::MelUtterance synthesize(std::span<const std::string> phones, const roles::Controls&) override {
    roles::MelUtterance out;
    out.bins = mel_.mels;
    out.frames = static_cast<std::int64_t>(phones.size());
    out.durations_P.assign(phones.size(), 1);
    out.mel_FM.assign(static_cast<std::size_t>(out.frames * out.bins), -5.0f);
    return out;
  }
  const audio::MelOptions& mel() const override { return mel_; }
  const std::vector<std::string>& symbols() const override { return symbols_; }
  const std::vector<std::string>& speakers() const override { return symbols_; }

 private:
  audio::MelOptions mel_;
  std::vector<std::string> symbols_ = {"sil", "sp", "h", "ə", "l", "oʊ"};
};

/// Takes decibels, and remembers what it was given.
class Meter : public roles::Vocoder {
 public:
  Meter() { mel_.log = "log10", mel_.gain = 20; }
  std::string name() const override { return "meter"; }
  const audio::MelOptions& mel() const override { return mel_; }
  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    given.assign(mel_FM.begin(), mel_FM.end());
    return std::vector<float>(static_cast<std::size_t>(frames * mel_.hop_samples));
  }
  static inline std::vector<float> given;

 private:
  audio::MelOptions mel_;
};

TEST(Equip, AVoiceCarriesACopyOfItsVocoderAndBringsItsMelsOver) {
  const fs::path dir = fs::temp_directory_path() / ("timbre-equip-" + std::to_string(::getpid()));
  struct Gone {
    fs::path dir;
    ~Gone() { fs::remove_all(dir); }
  } const gone{dir};
  make_folders(dir / "voice");
  make_folders(dir / "meter");
  write_file_atomic(dir / "voice/model.safetensors", "weights");
  write_voice(dir / "voice",
              {{"name", "test"},
               {"model", {{"kind", "flat"}, {"config", nlohmann::json::object()}, {"weights", "model.safetensors"}}},
               {"front_end", "espeak:en-us"},
               {"language", "en"},
               {"symbols", {"sil", "sp", "h", "ə", "l", "oʊ"}},
               {"mel", nlohmann::json::object()},
               {"vocoder", {{"kind", "griffin-lim"}}}});
  write_file_atomic(dir / "meter/voice.json", R"({"model": {"kind": "meter", "weights": "w.bin"}})");
  write_file_atomic(dir / "meter/w.bin", "first");
  equip(Voice::open(dir / "voice"), dir / "meter");
  write_file_atomic(dir / "meter/w.bin", "second");
  equip(Voice::open(dir / "voice"), dir / "meter");
  fs::remove_all(dir / "meter");
  EXPECT_EQ(read_file(dir / "voice/vocoder/w.bin"), "second");
  EXPECT_THROW(equip(Voice::open(dir / "voice"), dir / "voice/vocoder"), UsageError);

  roles::Registry registry;
  registry.add_synthesizer("flat", [](const roles::VoiceFiles&) { return std::make_unique<Flat>(); });
  registry.add_vocoder("meter", [](const roles::VoiceFiles&) { return std::make_unique<Meter>(); });
  Speaker speaker(Voice::open(dir / "voice"), registry);
  const double decibels = -5 * 20 / std::log(10.0);
  for (const bool streamed : {false, true}) {
    Meter::given.clear();
    if (streamed)
      speaker.stream(
          "Hello.", {}, [](std::span<const float>) {}, [](SpokenPiece&&) {});
    else
      speaker.say("Hello.", {}, [](SpokenPiece&& piece) { EXPECT_EQ(piece.mel_FM.front(), -5.0f); });
    ASSERT_FALSE(Meter::given.empty());
    EXPECT_NEAR(Meter::given.front(), decibels, 1e-4);
  }

  unequip(Voice::open(dir / "voice"));
  EXPECT_FALSE(fs::exists(dir / "voice/vocoder"));
  EXPECT_EQ(Voice::open(dir / "voice").about()["vocoder"], nlohmann::json({{"kind", "griffin-lim"}}));
}

}  // namespace
}  // namespace timbre::voice
