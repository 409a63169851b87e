#include "corpus/check.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "base/error.h"
#include "corpus/clips.h"
#include "support/plugins.h"

// Every rule has a test that plants its fault in a sound corpus and sees that rule find it, and nothing else.
namespace timbre::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::babble;
using testing_support::MadeCorpus;
using testing_support::RawWav;
using testing_support::TempFolder;

CheckOptions small_corpus() {
  CheckOptions options;
  options.min_total_s = 1;
  options.min_speaker_clips = 2;
  return options;
}

class Doctor : public testing::Test {
 protected:
  CheckReport examine(const CheckOptions& options = small_corpus()) {
    return check_corpus(made.publish(), options, no_events());
  }
  static std::set<std::string> rules(const CheckReport& report) {
    std::set<std::string> names;
    for (const Finding& f : report.findings) names.insert(f.rule);
    return names;
  }
  /// The only finding is `rule`, once, on `id`, with `detail` in its example.
  void expect_only(const std::string& rule, const std::string& id, const std::string& detail,
                   Severity severity = Severity::warning, const CheckOptions& options = small_corpus()) {
    CheckReport report = examine(options);
    ASSERT_THAT(rules(report), ElementsAre(rule));
    const Finding& f = report.findings[0];
    EXPECT_EQ(f.count, 1);
    EXPECT_EQ(f.severity, severity);
    EXPECT_EQ(report.fatal(), severity == Severity::fatal);
    ASSERT_EQ(f.worst.size(), 1u);
    EXPECT_EQ(f.worst[0].id, id);
    EXPECT_THAT(f.worst[0].detail, HasSubstr(detail));
    EXPECT_FALSE(f.remedy.empty());
  }
  TempFolder dir;
  MadeCorpus made{dir.path()};
};

TEST_F(Doctor, SoundCorpusHasNoFindings) {
  CheckReport report = examine();
  EXPECT_THAT(rules(report), IsEmpty());
  EXPECT_GE(report.rules_run, 25);
  EXPECT_NEAR(report.duration_s, 75, 0.1);
  EXPECT_THAT(to_text(report), HasSubstr("nothing found"));
}

TEST_F(Doctor, MissingFile) {
  fs::remove(dir / "audio/clip3.wav");
  expect_only("missing-file", "clip3", "", Severity::fatal);
}
TEST_F(Doctor, Undecodable) {
  TIMBRE_NEED_PLUGIN("ffmpeg");
  made.replace(4, std::string(3000, 'x'));
  expect_only("undecodable", "clip4", "", Severity::fatal);
}
TEST_F(Doctor, Empty) {
  made.replace(5, RawWav{}.bytes({}));
  expect_only("empty", "clip5", "", Severity::fatal);
}
TEST_F(Doctor, Truncated) {
  std::string whole = RawWav{}.bytes(babble(2.5, 22050, 6));
  made.replace(5, whole.substr(0, whole.size() * 9 / 10));
  made.utterances[5].duration_s = 0;  // as an import of the cut file would not know it
  expect_only("truncated", "clip5", "", Severity::fatal);
}
TEST_F(Doctor, HeaderLength) {
  std::vector<float> wave_N = babble(2.5, 22050, 7);
  made.replace(6, RawWav{.claimed_bytes = std::int64_t(wave_N.size()) * 2 - 4000}.bytes(wave_N));
  made.utterances[6].duration_s = 0;
  expect_only("header-length", "clip6", "");
}
TEST_F(Doctor, ChangedClip) {
  testing_support::write_clip(dir / "audio/clip7.wav", babble(2.6, 22050, 8));
  expect_only("changed-clip", "clip7", "at import, now");
}
TEST_F(Doctor, Silent) {
  made.replace(8, std::vector<float>(55125, 0.0f));
  expect_only("silent", "clip8", "digital silence", Severity::fatal);
}
TEST_F(Doctor, Stereo) {
  std::vector<float> mono = babble(2.5, 22050, 90), both;
  for (float x : mono) both.insert(both.end(), {x, x});
  made.replace(9, RawWav{.channels = 2}.bytes(both));
  expect_only("stereo", "clip9", "2 channels");
}
TEST_F(Doctor, LowAndMixedRates) {
  made.replace(1, babble(2.5, 8000, 30), 8000);
  CheckReport report = examine();
  EXPECT_THAT(rules(report), ElementsAre("low-rate", "mixed-rates"));
  CheckOptions options = small_corpus();
  options.skip = {"mixed-rates"};
  expect_only("low-rate", "clip1", "8000 Hz", Severity::warning, options);
}
TEST_F(Doctor, Clipped) {
  std::vector<float> wave_N = babble(2.5, 22050, 10, 3.0);
  for (float& x : wave_N) x = std::max(-1.0f, std::min(1.0f, x));
  made.replace(10, wave_N);
  CheckOptions options = small_corpus();
  options.skip = {"dc-offset"};  // cut off more on one side than on the other
  expect_only("clipped", "clip10", "at the ceiling", Severity::warning, options);
}
TEST_F(Doctor, Quiet) {
  made.replace(11, babble(2.5, 22050, 11, 0.01));
  expect_only("quiet", "clip11", "dB");
}
TEST_F(Doctor, DcOffset) {
  std::vector<float> wave_N = babble(2.5, 22050, 12);
  for (float& x : wave_N) x += 0.05f;
  CheckOptions options = small_corpus();
  options.skip = {"edge-silence"};
  made.replace(12, wave_N);
  expect_only("dc-offset", "clip12", "mean +0.050", Severity::warning, options);
}
TEST_F(Doctor, EdgeSilence) {
  std::vector<float> wave_N(22050, 0.0f), speech = babble(2.5, 22050, 13);
  wave_N.insert(wave_N.end(), speech.begin(), speech.end());
  made.replace(13, wave_N);
  expect_only("edge-silence", "clip13", "1.09 s before");
}
TEST_F(Doctor, InnerSilence) {
  std::vector<float> wave_N = babble(1.25, 22050, 14), rest = wave_N;
  wave_N.insert(wave_N.end(), 22050 * 5 / 2, 0.0f);
  wave_N.insert(wave_N.end(), rest.begin(), rest.end());
  made.replace(14, wave_N);
  CheckOptions options = small_corpus();
  options.skip = {"pace-outlier"};
  expect_only("inner-silence", "clip14", "2.67 s", Severity::warning, options);
}
TEST_F(Doctor, TooShort) {
  made.replace(15, babble(0.25, 22050, 15, 0.3, 0.0));
  made.utterances[15].text = "ab";
  expect_only("too-short", "clip15", "0.250 s");
}
TEST_F(Doctor, TooLong) {
  made.replace(16, babble(21, 22050, 16));
  made.utterances[16].text = testing_support::sentence(16, 250);
  expect_only("too-long", "clip16", "21.0 s");
}
TEST_F(Doctor, BadSamples) {
  // 32-bit float WAV with a NaN.
  std::vector<float> wave_N = babble(2.5, 22050, 17);
  wave_N[1000] = std::numeric_limits<float>::quiet_NaN();
  std::string bytes = RawWav{}.bytes(std::vector<float>(wave_N.size() * 2, 0.0f)).substr(0, 44);
  bytes[20] = 3, bytes[34] = 32, bytes[32] = 4;
  std::int64_t rate = 22050 * 4;
  for (int i = 0; i < 4; ++i) bytes[28 + i] = char(rate >> 8 * i);
  made.replace(17, bytes + std::string(reinterpret_cast<const char*>(wave_N.data()), wave_N.size() * 4));
  expect_only("bad-samples", "clip17", "1 samples", Severity::fatal);
}
TEST_F(Doctor, DuplicateAudio) {
  made.replace(19, babble(2.5, 22050, 19));  // clip18 was made with seed 19
  expect_only("duplicate-audio", "clip19", "same sound as clip18, with another text");
}
TEST_F(Doctor, TextMissing) {
  made.utterances[2].text = "  ";
  expect_only("text-missing", "clip2", "no text", Severity::fatal);
  made.utterances[2].text = "?!";
  expect_only("text-missing", "clip2", "nothing to say", Severity::fatal);
}
TEST_F(Doctor, UnreadableSymbols) {
  made.utterances[2].text += " ☎ #";
  expect_only("unreadable-symbols", "clip2", "☎ #");
}
TEST_F(Doctor, WrongScript) {
  made.utterances[2].text = "приветствую вас дорогие";
  expect_only("wrong-script", "clip2", "Cyrillic");
}
TEST_F(Doctor, DigitsLeft) {
  made.utterances[2].text += " 42";
  expect_only("digits-left", "clip2", "42");
}
TEST_F(Doctor, PaceOutlier) {
  made.utterances[2].text = testing_support::sentence(2, 150);
  expect_only("pace-outlier", "clip2", "characters a second, usual");
  made.utterances[2].text = "so";
  expect_only("pace-outlier", "clip2", "characters a second, usual");
}
TEST_F(Doctor, DuplicateText) {
  made.utterances[2].text = made.utterances[1].text + "!";
  expect_only("duplicate-text", "clip2", "also clip1", Severity::info);
}
TEST_F(Doctor, SplitLeakAndNoTrainingSide) {
  made.utterances[2].text = made.utterances[1].text;
  made.utterances[1].split = "test";
  made.utterances[2].split = "train";
  CheckOptions options = small_corpus();
  options.skip = {"duplicate-text"};
  expect_only("split-leak", "clip2", "is also in test (clip1)", Severity::warning, options);
  for (Utterance& u : made.utterances) u.split = "test";
  expect_only("no-training-side", "", "marked valid or test", Severity::fatal, options);
}
TEST_F(Doctor, LittleData) {
  CheckOptions options = small_corpus();
  options.min_total_s = 600;
  expect_only("little-data", "", "1 min 15 s in 30 clips", Severity::warning, options);
}
TEST_F(Doctor, SpeakerWithLittleDataOrNone) {
  made.utterances[2].speaker = "bob";
  expect_only("speaker-little-data", "", "bob: 1 clips");
  made.utterances[2].speaker = "";
  CheckOptions options = small_corpus();
  options.skip = {"speaker-little-data"};
  expect_only("speaker-missing", "clip2", "no speaker", Severity::warning, options);
}
TEST_F(Doctor, ChangedManifest) {
  testing_support::write_bytes(dir / "corpus.json", R"({"manifest_hash":"0123"})");
  expect_only("changed-manifest", "", "not the one that was imported");
}

TEST_F(Doctor, WorstExamplesFirstAndCounted) {
  for (std::size_t i = 0; i < 10; ++i) made.utterances[i].text += std::string(" ") + std::string(i + 1, '7');
  CheckOptions options = small_corpus();
  options.examples = 3;
  options.skip = {"pace-outlier"};
  CheckReport report = examine(options);
  ASSERT_THAT(rules(report), ElementsAre("digits-left"));
  EXPECT_EQ(report.findings[0].count, 10);
  ASSERT_EQ(report.findings[0].worst.size(), 3u);
  EXPECT_EQ(report.findings[0].worst[0].id, "clip9");
  EXPECT_EQ(report.findings[0].worst[2].id, "clip7");
  EXPECT_THAT(to_text(report), HasSubstr("… 7 more"));
  nlohmann::json json = to_json(report);
  EXPECT_EQ(json["findings"][0]["count"], 10);
  EXPECT_EQ(json["fatal"], false);
}

TEST_F(Doctor, WithoutAudioOnlyTextsAreRead) {
  fs::remove_all(dir / "audio");
  CheckOptions options = small_corpus();
  options.audio = false;
  EXPECT_THAT(rules(examine(options)), IsEmpty());
  options.skip = {"digit-left"};
  try {
    examine(options);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.next(), HasSubstr("digits-left"));
  }
}

TEST(Rules, NamesAreDistinctAndSayWhatToDo) {
  std::set<std::string> names;
  for (const Rule& rule : all_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_FALSE(rule.what.empty()) << rule.name;
    EXPECT_FALSE(rule.remedy.empty()) << rule.name;
  }
}

}  // namespace
}  // namespace timbre::corpus
