#include "voice/voice.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "text/probe.h"
#include "voice/speech.h"
#include "voice/timestamps.h"

namespace timbre::voice {
namespace {

nlohmann::json about() {
  return {{"name", "test"},
          {"model", {{"kind", "metronome"}, {"config", nlohmann::json::object()}, {"weights", "model.safetensors"}}},
          {"front_end", "espeak:en-us"},
          {"language", "en"},
          {"symbols", {"sil", "sp", "h", "ə", "l", "oʊ"}},
          {"mel", {{"rate_hz", 16000}}},
          {"vocoder", {{"kind", "silence"}}}};
}

class VoiceFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre-voice-" + std::to_string(::getpid()));
    fs::create_directories(dir_);
    write_file_atomic(dir_ / "model.safetensors", "weights");
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

/// The text of the error that `act` throws.
template <class E>
std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(VoiceFolder, OpensWhatWasWrittenFromTheVoiceOrItsRun) {
  write_voice(dir_, about());
  EXPECT_EQ(Voice::open(dir_).mel().rate_hz, 16000);
  EXPECT_EQ(Voice::open(dir_ / "voice.json").front_end_name(), "espeak:en-us");
  fs::create_directories(dir_ / "run" / "voice");
  fs::copy(dir_ / "voice.json", dir_ / "run" / "voice");
  EXPECT_EQ(Voice::open(dir_ / "run").dir(), dir_ / "run" / "voice");
}

TEST_F(VoiceFolder, SaysWhichFieldIsWrong) {
  EXPECT_NE(message_of<UsageError>([&] { Voice::open(dir_); }).find("has no voice.json"), std::string::npos);
  EXPECT_NE(message_of<UsageError>([&] { Voice::open(dir_ / "none"); }).find("no such file"), std::string::npos);
  write_file_atomic(dir_ / "run.yaml", "model: x");
  EXPECT_NE(message_of<UsageError>([&] { Voice::open(dir_); }).find("no voice yet"), std::string::npos);
  write_file_atomic(dir_ / "voice.json", "{\"format\": ");
  EXPECT_NE(message_of<DataError>([&] { Voice::open(dir_); }).find("not valid JSON"), std::string::npos);
  write_file_atomic(dir_ / "voice.json", "{\"format\": \"timbre voice 9\"}");
  EXPECT_NE(message_of<DataError>([&] { Voice::open(dir_); }).find("'format'"), std::string::npos);
  auto broken = about();
  broken.erase("symbols");
  EXPECT_NE(message_of<DataError>([&] { write_voice(dir_, broken); }).find("'symbols'"), std::string::npos);
  broken = about();
  broken["model"]["weights"] = "../../etc/passwd";
  EXPECT_NE(message_of<DataError>([&] { write_voice(dir_, broken); }).find("inside the voice's folder"),
            std::string::npos);
}

TEST_F(VoiceFolder, AModelThatMakesNoSoundSaysWhatItDoes) {
  write_file_atomic(dir_ / "voice.json",
                    R"({"name": "g2p", "purpose": "turns letters into phones", "model": {"kind": "g2p"}})");
  EXPECT_NE(message_of<UsageError>([&] {
              Voice::open(dir_);
            }).find("holds a g2p model, which turns letters into phones and makes no sound"),
            std::string::npos);
}

/// Ten frames a phone, divided by the speed.
class Metronome : public roles::Synthesizer {
 public:
  Metronome() { mel_.rate_hz = 16000; }
  roles::MelUtterance synthesize(std::span<const std::string> phones, const roles::Controls& controls) override {
    roles::MelUtterance out;
    out.bins = mel_.mels;
    for (std::size_t p = 0; p < phones.size(); ++p)
      out.durations_P.push_back(static_cast<std::int64_t>(10 / controls.speed));
    for (const auto d : out.durations_P) out.frames += d;
    out.mel_FM.assign(static_cast<std::size_t>(out.frames * out.bins), -11.5f);
    said.insert(said.end(), phones.begin(), phones.end());
    return out;
  }
  const audio::MelOptions& mel() const override { return mel_; }
  const std::vector<std::string>& symbols() const override { return symbols_; }
  const std::vector<std::string>& speakers() const override { return speakers_; }
  static inline std::vector<std::string> said;

 private:
  audio::MelOptions mel_;
  std::vector<std::string> symbols_ = {"sil", "sp", "h", "ə", "l", "oʊ"}, speakers_ = {"one"};
};

class Silence : public roles::Vocoder {
 public:
  explicit Silence(std::int64_t rate_hz) { mel_.rate_hz = rate_hz; }
  std::string name() const override { return "silence"; }
  const audio::MelOptions& mel() const override { return mel_; }
  std::vector<float> synthesize(std::span<const float>, std::int64_t frames) override {
    return std::vector<float>(static_cast<std::size_t>(frames * mel_.hop_samples));
  }

 private:
  audio::MelOptions mel_;
};

roles::Registry registry(std::int64_t vocoder_rate_hz = 16000) {
  roles::Registry r;
  r.add_synthesizer("metronome", [](const roles::VoiceFiles&) { return std::make_unique<Metronome>(); });
  r.add_vocoder("silence", [=](const roles::VoiceFiles&) { return std::make_unique<Silence>(vocoder_rate_hz); });
  return r;
}

TEST_F(VoiceFolder, SpeaksPieceByPieceOnOneTimeAxis) {
  write_voice(dir_, about());
  Speaker speaker(Voice::open(dir_), registry());
  Metronome::said.clear();
  std::vector<SpokenPiece> pieces;
  SayOptions options;
  speaker.say("Hello. [pause:500ms] Hello.", options, [&](SpokenPiece&& p) { pieces.push_back(std::move(p)); });
  double samples = 0, pauses = 0;
  for (const auto& piece : pieces) samples += static_cast<double>(piece.wave_N.size());
  const auto all = join_pieces(pieces);
  ASSERT_EQ(all.words.size(), 2u);
  EXPECT_EQ(all.words[0].label, "Hello");
  // Phones are contiguous inside a piece; the time axis counts every sample, pauses included.
  for (const auto& piece : pieces) {
    for (std::size_t i = 1; i < piece.phones.size(); ++i)
      EXPECT_NEAR(piece.phones[i].start_s, piece.phones[i - 1].end_s, 1e-9);
    pauses += static_cast<double>(piece.wave_N.size()) / 16000 - (piece.end_s - piece.start_s);
  }
  EXPECT_GE(pauses, 0.5);
  EXPECT_NEAR(all.end_s, samples / 16000, 0.6);
  for (const auto& phone : Metronome::said) {
    const auto& known = speaker.synthesizer().symbols();
    EXPECT_NE(std::find(known.begin(), known.end(), phone), known.end()) << phone;  // stressed vowels became plain ones
  }
}

TEST_F(VoiceFolder, SpeedShortensAndNothingIsRefused) {
  write_voice(dir_, about());
  Speaker speaker(Voice::open(dir_), registry());
  const auto seconds = [&](const std::string& speed) {
    double s = 0;
    SayOptions options;
    options.speed = speed;
    speaker.say("Hello hello.", options, [&](SpokenPiece&& p) { s += p.end_s - p.start_s; });
    return s;
  };
  EXPECT_NEAR(seconds("2"), seconds("medium") / 2, 1e-9);
  EXPECT_GT(seconds("slow"), seconds("fast"));
  EXPECT_NE(message_of<UsageError>([&] { seconds("quick"); }).find("slow, medium, fast"), std::string::npos);
  for (const char* nothing : {"", "  \n", "...", "😀"}) {
    EXPECT_NE(message_of<UsageError>([&] { speaker.say(nothing, {}, [](SpokenPiece&&) {}); }).find("nothing to say"),
              std::string::npos)
        << nothing;
  }
}

TEST_F(VoiceFolder, RefusesAVocoderOfOtherMels) {
  write_voice(dir_, about());
  const auto r = registry(22050);
  EXPECT_NE(message_of<DataError>([&] { Speaker(Voice::open(dir_), r); }).find("mel.rate_hz"), std::string::npos);
}

TEST_F(VoiceFolder, NoticesAnotherTextPath) {
  const auto front_end = text::make_front_end("espeak:en-us");
  write_voice(dir_, about(), front_end.get());
  const auto r = registry();
  Speaker(Voice::open(dir_), r);  // the same text path is fine
  auto changed = Voice::open(dir_).about();
  changed["fingerprint"]["sentences"][3] = std::string(32, '0');
  write_file_atomic(dir_ / "voice.json", changed.dump());
  EXPECT_NE(message_of<DataError>([&] { Speaker(Voice::open(dir_), r); }).find("1 of the probe sentences"),
            std::string::npos);
  Speaker(Voice::open(dir_), r, true);

  // What differs is named: the sentence, in the language of the voice however it is written, and the rules' versions.
  changed["language"] = "en-US";
  changed["fingerprint"]["rules"] = "en-0";
  write_file_atomic(dir_ / "voice.json", changed.dump());
  const std::string said = message_of<DataError>([&] { Speaker(Voice::open(dir_), r); });
  EXPECT_NE(said.find(text::probe_sentences("en")[3]), std::string::npos) << said;
  EXPECT_NE(said.find("rules for figures en-0 in training, en-"), std::string::npos) << said;
  changed["fingerprint"]["guesser"] = "g2p 00000000";
  write_file_atomic(dir_ / "voice.json", changed.dump());
  EXPECT_NE(message_of<DataError>([&] { Speaker(Voice::open(dir_), r); }).find("words in no lexicon by g2p 00000000"),
            std::string::npos);
}

TEST_F(VoiceFolder, AVoiceOlderThanTheRulesLeavesFiguresToItsFrontEnd) {
  nlohmann::json old = about();
  old["front_end"] = "espeak:de";
  old["language"] = "de";
  write_voice(dir_, old);
  EXPECT_EQ(Voice::open(dir_).make_front_end()->rules(), "");
  old["text"] = {{"normalize", "words"}};
  write_voice(dir_, old);
  EXPECT_NE(Voice::open(dir_).make_front_end()->rules(), "");
  old["text"] = {{"normalise", "words"}};
  write_voice(dir_, old);
  EXPECT_THROW(Voice::open(dir_).make_front_end(), DataError);
}

TEST(Timestamps, WriteSrtJsonAndTextGrid) {
  SpokenPiece piece;
  piece.text = "Hello";
  piece.start_s = 0.5;
  piece.end_s = 61.25;
  piece.words = {{"Hello", 0.5, 61.25}};
  piece.phones = {{"h", 0.5, 1}, {"oʊ", 1, 61.25}};
  EXPECT_EQ(format_timestamps({piece}, "srt"), "1\n00:00:00,500 --> 00:01:01,250\nHello\n\n");
  const auto json = nlohmann::json::parse(format_timestamps({piece}, "json"));
  EXPECT_EQ(json["pieces"][0]["words"][0]["end_s"], 61.25);
  const std::string grid = format_timestamps({piece}, "textgrid");
  EXPECT_NE(grid.find("name = \"phones\""), std::string::npos);
  EXPECT_EQ(timestamp_format("a/b.TextGrid"), "textgrid");
  EXPECT_THROW(timestamp_format("a.vtt"), UsageError);
}

}  // namespace
}  // namespace timbre::voice
