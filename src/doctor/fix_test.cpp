#include "doctor/fix.h"

#include <gmock/gmock.h>

#include <cmath>

#include "audio/decode.h"
#include "base/error.h"
#include "base/hash.h"
#include "doctor/doctor_for_test.h"
#include "doctor/repair_sound.h"
#include "doctor/tidy_text.h"
#include "support/plugins.h"

namespace timbre::doctor {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing_support::babble;
using testing_support::RawWav;

std::vector<float> joined(std::initializer_list<std::vector<float>> parts) {
  std::vector<float> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
std::vector<float> silence(double seconds) { return std::vector<float>(std::size_t(seconds * 22050), 0.0f); }
std::vector<float> hum(double seconds) {
  std::vector<float> wave_N(std::size_t(seconds * 22050));
  for (std::size_t i = 0; i < wave_N.size(); ++i) wave_N[i] = float(0.02 * std::sin(2 * M_PI * 60 * double(i) / 22050));
  return wave_N;
}

class Fix : public Doctor {
 protected:
  FixReport fix(const RepairOptions& options = {}, bool dry_run = false) {
    const corpus::Corpus corpus = made.publish();
    const CheckOptions check = small_corpus();
    return fix_corpus(corpus, examine_all(corpus, check), check, options, out.path() / "fixed", no_events(), dry_run);
  }
  static Examination examine_all(const corpus::Corpus& corpus, const CheckOptions& check) {
    return doctor::examine(corpus, check, no_events(), true);
  }
  CheckReport checked() const {
    return check_corpus(corpus::Corpus::open(out.path() / "fixed"), small_corpus(), no_events());
  }
  /// Line of rejected.jsonl about an id.
  nlohmann::json rejected(const std::string& id) const {
    for (const std::string& line : testing_support::read_lines(out.path() / "fixed/rejected.jsonl"))
      if (auto json = nlohmann::json::parse(line); json["id"] == id) return json;
    return {};
  }
  audio::Clip clip(const std::string& id) const {
    const corpus::Corpus corpus = corpus::Corpus::open(out.path() / "fixed");
    return audio::decode_audio(corpus.audio_path(corpus.utterances()[std::size_t(corpus.find(id))]));
  }
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(dir.path()))
      if (entry.is_regular_file() && fs::file_size(entry.path()) > 0)
        all[entry.path().string()] = hash_file(entry.path());
    return all;
  }
  TempFolder out;
};

TEST_F(Fix, RepairsWhatItCanAndLeavesTheRestOut) {
  TIMBRE_NEED_PLUGIN("soxr");
  // Repaired: 1 stereo, 2 offset, 3 silence at the ends, 4 silence inside, 5 quiet, 6 header, 7 another rate, 8 text.
  std::vector<float> both;
  for (float x : babble(2.5, 22050, 100)) both.insert(both.end(), {x, x});
  made.replace(1, RawWav{.channels = 2}.bytes(both));
  std::vector<float> offset = babble(2.5, 22050, 101);
  for (float& x : offset) x += 0.05f;
  made.replace(2, offset);
  made.replace(3, joined({silence(1.2), babble(2.5, 22050, 102), silence(1.5)}));
  made.replace(4, joined({babble(1.25, 22050, 103), silence(3), babble(1.25, 22050, 104)}));
  made.replace(5, babble(2.5, 22050, 105, 0.01));
  std::vector<float> wave_N = babble(2.5, 22050, 106);
  made.replace(6, RawWav{.claimed_bytes = std::int64_t(wave_N.size()) * 2 - 70000}.bytes(wave_N));
  made.replace(7, babble(2.5, 44100, 107), 44100);
  made.utterances[8].text += "  twice ";
  // Left out: 10 silent, 11 clipped, 12 the same as 13 with another text, 14 and 15 the same with one text, 16 gone,
  // 17 too long, 18 no text.
  made.replace(10, silence(2.5));
  std::vector<float> loud = babble(2.5, 22050, 110, 3.0);
  for (float& x : loud) x = std::clamp(x, -1.0f, 1.0f);
  made.replace(11, loud);
  made.replace(12, testing_support::sound_clip(2.5, 14));  // clip13's
  made.replace(15, testing_support::sound_clip(2.5, 15));  // clip14's
  made.utterances[15].text = made.utterances[14].text;
  fs::remove(dir / "audio/clip16.wav");
  made.replace(17, babble(21, 22050, 117));
  made.utterances[18].text = "?!";
  // Moved: 20 has a text that is held out.
  made.utterances[19].split = "test";
  made.utterances[20].split = "train";
  made.utterances[20].text = made.utterances[19].text;
  made.publish();
  const auto before = hashes();

  const FixReport report = fix();
  EXPECT_EQ(hashes(), before) << "the source was touched";
  for (const char* rule : {"stereo", "dc-offset", "edge-silence", "inner-silence", "quiet", "header-length",
                           "mixed-rates", "untidy-text", "split-leak"})
    EXPECT_THAT(report.repaired_by, Contains(Pair(rule, 1))) << rule;
  for (const char* rule : {"silent", "clipped", "missing-file", "too-long", "text-missing"})
    EXPECT_THAT(report.quarantined_by, Contains(Pair(rule, 1))) << rule;
  EXPECT_THAT(report.quarantined_by, Contains(Pair("duplicate-audio", 3)));
  EXPECT_EQ(report.kept, 30 - report.quarantined);
  EXPECT_EQ(report.rate_hz, 22050);

  EXPECT_THAT(rejected("clip12")["detail"], HasSubstr("same sound as clip13, with another text"));
  EXPECT_EQ(rejected("clip13")["reason"], "duplicate-audio");
  EXPECT_TRUE(rejected("clip14").is_null());
  EXPECT_THAT(rejected("clip15")["detail"], HasSubstr("same sound and text as clip14"));
  EXPECT_EQ(rejected("clip10")["line"], 11);
  EXPECT_EQ(rejected("clip18")["text"], "?!");

  std::set<std::string> left = rules(checked());
  left.erase("duplicate-text");  // clip19 and clip20, on one side now
  EXPECT_THAT(left, IsEmpty());
  const corpus::Corpus fixed = corpus::Corpus::open(out.path() / "fixed");
  EXPECT_EQ(fixed.utterances()[std::size_t(fixed.find("clip20"))].split, "test");
  EXPECT_EQ(fixed.about()["fixed_from"]["done"]["kept"], report.kept);
  EXPECT_TRUE(fixed.as_imported());
  EXPECT_NEAR(clip("clip3").duration_s(), 2.3 + 2 * 0.15, 0.03);
  EXPECT_NEAR(clip("clip4").duration_s(), 2.5 + 0.5 - 0.2, 0.05);
  EXPECT_NEAR(clip("clip6").duration_s(), 2.5, 1e-3) << "what the header did not admit to was lost";
  EXPECT_EQ(clip("clip7").rate_hz, 22050);
  EXPECT_EQ(clip("clip1").source_channels, 1);
  // What needed nothing is the same bytes.
  EXPECT_EQ(hash_file(out.path() / "fixed/audio/clip0.wav"), hash_file(dir / "audio/clip0.wav"));
}

TEST_F(Fix, HumIsFilteredWhenAskedFor) {
  std::vector<float> wave_N = babble(2.5, 22050, 3);
  const std::vector<float> mains_N = hum(2.5);
  for (std::size_t i = 0; i < wave_N.size(); ++i) wave_N[i] += mains_N[i];
  made.replace(3, wave_N);
  EXPECT_THAT(fix().left_by, Contains(Pair("hum", 1)));
  fs::remove_all(out.path() / "fixed");
  RepairOptions options;
  options.notch_hum = true;
  EXPECT_THAT(fix(options).repaired_by, Contains(Pair("hum", 1)));
  EXPECT_THAT(rules(checked()), IsEmpty());
}

TEST_F(Fix, WhatARepairCannotHelpIsLeftOut) {
  // A click stops the gain.
  std::vector<float> wave_N = babble(2.5, 22050, 11, 0.005);
  wave_N[30000] = 0.9f;
  CheckOptions check = small_corpus();
  made.replace(11, wave_N);
  const FixReport report = fix();
  ASSERT_EQ(report.quarantined, 1);
  EXPECT_THAT(rejected("clip11")["detail"], HasSubstr("after the repair of"));
  EXPECT_THAT(rules(checked()), IsEmpty());
}

TEST_F(Fix, RulesCanBeLeftAndARateAskedFor) {
  TIMBRE_NEED_PLUGIN("soxr");
  made.utterances[2].text += " #";
  RepairOptions options;
  options.leave = {"unreadable-symbols"};
  options.rate_hz = 16000;
  const FixReport report = fix(options);
  EXPECT_EQ(report.kept, 30);
  EXPECT_THAT(report.left_by, Contains(Pair("unreadable-symbols", 1)));
  EXPECT_THAT(report.repaired_by, Contains(Pair("mixed-rates", 30)));
  EXPECT_EQ(clip("clip2").rate_hz, 16000);
  options.leave = {"unreadable-symbol"};
  EXPECT_THROW(fix(options), UsageError);
}

TEST_F(Fix, TextGridsOfClipsThatMovedAreDropped) {
  for (std::size_t i : {2, 3}) made.utterances[i].extra = {{"textgrid", "grids/a.TextGrid"}};
  made.replace(3, joined({silence(1.2), babble(2.5, 22050, 102), silence(0.2)}));
  fix();
  const corpus::Corpus fixed = corpus::Corpus::open(out.path() / "fixed");
  EXPECT_EQ(fixed.utterances()[2].extra["textgrid"], (dir / "grids/a.TextGrid").string());
  EXPECT_FALSE(fixed.utterances()[3].extra.is_object() && fixed.utterances()[3].extra.contains("textgrid"));
}

TEST_F(Fix, NothingIsHalfWritten) {
  EXPECT_EQ(fix({}, true).kept, 30);
  EXPECT_FALSE(fs::exists(out.path() / "fixed")) << "a dry run wrote something";
  const corpus::Corpus corpus = made.publish();
  const CheckOptions check = small_corpus();
  const Examination seen = examine_all(corpus, check);
  EXPECT_THROW(fix_corpus(corpus, seen, check, {}, dir / "inside", no_events(), false), UsageError);
  // A clip that vanishes while it works.
  fs::remove(dir / "audio/clip9.wav");
  EXPECT_THROW(fix_corpus(corpus, seen, check, {}, out.path() / "fixed", no_events(), false), Error);
  EXPECT_THAT(std::distance(fs::directory_iterator(out.path()), {}), 0);
  for (corpus::Utterance& u : made.utterances) u.text = "?";
  EXPECT_THROW(fix(), DataError);
  EXPECT_THAT(std::distance(fs::directory_iterator(out.path()), {}), 0);
}

TEST(RepairSound, SilencesAreShortenedInsideOnly) {
  std::vector<float> wave_N =
      joined({silence(3), babble(1, 22050, 1, 0.3, 0), silence(3), babble(1, 22050, 2, 0.3, 0), silence(3)});
  shorten_silences(wave_N, 22050, 2, 0.5);
  EXPECT_NEAR(double(wave_N.size()) / 22050, 3 + 1 + 0.5 + 1 + 3, 0.05);
  const auto same = wave_N;
  shorten_silences(wave_N, 22050, 2, 0.5);
  EXPECT_EQ(wave_N, same);
}

TEST(RepairSound, NotchesTakeTheHumAndLeaveTheVoice) {
  std::vector<float> wave_N = hum(3);
  notch_hum(wave_N, 22050, 60);
  double before = 0, after = 0;
  for (std::size_t i = 22050; i < wave_N.size(); ++i) before += 0.0002, after += double(wave_N[i]) * wave_N[i];
  EXPECT_LT(10 * std::log10(after / before), -40);
  std::vector<float> voice(3 * 22050);
  for (std::size_t i = 0; i < voice.size(); ++i) voice[i] = float(0.2 * std::sin(2 * M_PI * 147 * double(i) / 22050));
  std::vector<float> filtered = voice;
  notch_hum(filtered, 22050, 60);
  double power = 0, kept = 0;
  for (std::size_t i = 0; i < voice.size(); ++i)
    power += double(voice[i]) * voice[i], kept += double(filtered[i]) * filtered[i];
  EXPECT_NEAR(10 * std::log10(kept / power), 0, 1);
}

TEST(TidyText, ChangesNothingThatIsSaid) {
  EXPECT_EQ(tidy_text("plain text"), "plain text");
  EXPECT_EQ(tidy_text(" a\t b\r\n c "), "a b c");
  EXPECT_EQ(tidy_text("e\u0301te\u0301 \u00a0 \u3000x\ufeff"), "été x");
  EXPECT_EQ(tidy_text("mi\u00adnus\u200b"), "minus");
  EXPECT_EQ(tidy_text("می\u200cخواهم"), "می\u200cخواهم");
  EXPECT_EQ(tidy_text("你好，世界"), "你好，世界");
}

}  // namespace
}  // namespace timbre::doctor
