#include "doctor/check.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "corpus/clips.h"
#include "corpus/columns.h"
#include "doctor/doctor_for_test.h"
#include "support/plugins.h"

// Every rule has a test that plants its fault in a sound corpus and sees that rule find it, and nothing else.
namespace timbre::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::babble;
using testing_support::RawWav;

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
  expect_only("inner-silence", "clip14", "2.67 s");
}
TEST_F(Doctor, TooShort) {
  made.replace(15, babble(0.25, 22050, 15, 0.3, 0.0));
  made.utterances[15].text = "ab";
  CheckOptions options = small_corpus();
  options.skip = {"duration-outlier"};
  expect_only("too-short", "clip15", "0.250 s", Severity::warning, options);
}
TEST_F(Doctor, TooLong) {
  made.replace(16, babble(21, 22050, 16));
  made.utterances[16].text = testing_support::sentence(16, 250);
  CheckOptions options = small_corpus();
  options.skip = {"duration-outlier"};
  expect_only("too-long", "clip16", "21.0 s", Severity::warning, options);
}
TEST_F(Doctor, DurationOutlier) {
  made.replace(16, babble(15, 22050, 16));
  made.utterances[16].text = testing_support::sentence(16, 180);
  expect_only("duration-outlier", "clip16", "15.00 s, usual 2.50 s", Severity::info);
}
TEST_F(Doctor, Hum) {
  std::vector<float> wave_N = babble(2.5, 22050, 3);
  for (std::size_t i = 0; i < wave_N.size(); ++i) {
    const double t = double(i) / 22050;
    wave_N[i] += float(0.01 * std::sin(2 * M_PI * 50 * t) + 0.004 * std::sin(2 * M_PI * 150 * t));
  }
  made.replace(3, wave_N);
  CheckOptions options = small_corpus();
  options.skip = {"edge-silence"};
  expect_only("hum", "clip3", "50 Hz and harmonics at -43 dB", Severity::warning, options);
}
TEST_F(Doctor, TenMilliseconds) {
  made.replace(15, babble(0.01, 22050, 15, 0.3, 0.0));
  made.utterances[15].text = "ab";
  CheckReport report = examine();
  EXPECT_THAT(rules(report), ElementsAre("duration-outlier", "too-short"));
  for (const Finding& f : report.findings) EXPECT_THAT(f.worst[0].detail, HasSubstr("0.01"));
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
  CheckOptions options = small_corpus();
  options.skip = {"wrong-language"};
  expect_only("wrong-script", "clip2", "Cyrillic", Severity::warning, options);
}
TEST_F(Doctor, DigitsLeft) {
  made.utterances[2].text += " 42";
  expect_only("digits-left", "clip2", "42");
}
TEST_F(Doctor, UntidyText) {
  const std::string sound = made.utterances[2].text;
  for (const char* more : {"  twice", " zero\u200bwidth", " e\u0301te\u0301", " \u00adsoft", " end "}) {
    made.utterances[2].text = sound + more;
    expect_only("untidy-text", "clip2", sound, Severity::info);
  }
}
TEST_F(Doctor, WrongLanguage) {
  TIMBRE_NEED_PLUGIN("cld2");
  made.utterances[2].text = "Das ist ja ganz offensichtlich";
  expect_only("wrong-language", "clip2", "reads like 'de', is marked 'en'");
  made.utterances[2].language = "de";
  EXPECT_THAT(rules(examine()), testing::ElementsAre("several-languages"));
  made.utterances[2].language = "";
  EXPECT_THAT(rules(examine()), IsEmpty());
}

/// A column of one tensor an utterance.
template <class Value>
void write_column(const fs::path& dir, const std::vector<corpus::Utterance>& utterances, const std::string& name,
                  const Value& value_of) {
  corpus::remove_column(dir, name);
  corpus::ColumnWriter writer(dir, corpus::ColumnKey{name, "settings", "inputs"});
  for (const corpus::Utterance& u : utterances) value_of(writer, u);
  writer.commit();
}

TEST_F(Doctor, PhonePaceOutlierNeedsPhonemes) {
  const auto is_run = [&] {
    const CheckReport report = examine();
    for (const auto& [rule, why] : report.not_run)
      if (rule == "phone-pace-outlier") return false;
    return true;
  };
  EXPECT_FALSE(is_run());
  write_column(dir.path(), made.utterances, "phonemes", [](corpus::ColumnWriter& writer, const corpus::Utterance& u) {
    writer.put(u.id, corpus::list_tensor(std::vector<std::string>(u.id == "clip4" ? 90 : 30 + u.id.size() % 3, "a")));
  });
  EXPECT_TRUE(is_run());
  expect_only("phone-pace-outlier", "clip4", "phones a second, usual");
}
TEST_F(Doctor, TextMisfitNeedsAnAlignment) {
  EXPECT_EQ(examine().not_run.back().first, "text-misfit");
  write_column(dir.path(), made.utterances, "confidence", [](corpus::ColumnWriter& writer, const corpus::Utterance& u) {
    writer.put(u.id, weights::Tensor::of<double>({1}, {u.id == "clip7" ? 0.03 : 0.97}));
  });
  expect_only("text-misfit", "clip7", "probability 0.03 that this is what is said");
  write_column(dir.path(), made.utterances, "confidence", [](corpus::ColumnWriter& writer, const corpus::Utterance& u) {
    if (u.id == "clip8")
      writer.skip(u.id, "the text does not fit the recording");
    else
      writer.put(u.id, weights::Tensor::of<double>({1}, {0.97}));
  });
  expect_only("text-misfit", "clip8", "the text does not fit");
  // TextGrids bring no score: nothing to say, and that is said.
  write_column(dir.path(), made.utterances, "confidence", [](corpus::ColumnWriter& writer, const corpus::Utterance& u) {
    writer.put(u.id, weights::Tensor::of<double>({1}, {std::numeric_limits<double>::quiet_NaN()}));
  });
  EXPECT_THAT(rules(examine()), IsEmpty());
  EXPECT_THAT(examine().not_run.back().second, HasSubstr("TextGrids"));
}
TEST_F(Doctor, DiskAndMemoryNeeded) {
  const corpus::Corpus corpus = made.publish();
  const CheckOptions options = small_corpus();
  const PreparedFacts prepared;
  Needs needs{.disk_bytes = 2e9, .disk_free_bytes = 1e9, .memory_bytes = 1e9, .memory_available_bytes = 2e9};
  const Examined examined{corpus, corpus.utterances(), {}, options, prepared, needs};
  const auto hits_of = [&](const std::string& name) {
    for (const Rule& rule : set_rules()) {
      if (rule.name != name) continue;
      Hits hits(1);
      rule.run(examined, hits);
      return hits.count() ? hits.worst()[0].detail : "";
    }
    return std::string("no such rule");
  };
  EXPECT_THAT(hits_of("disk-space"), HasSubstr("2.0 GB are needed, 1.0 GB"));
  EXPECT_EQ(hits_of("memory"), "");
  needs = {.disk_bytes = 1e9, .disk_free_bytes = 2e9, .memory_bytes = 3e9, .memory_available_bytes = 2e9};
  EXPECT_EQ(hits_of("disk-space"), "");
  EXPECT_THAT(hits_of("memory"), HasSubstr("3.0 GB are needed, 2.0 GB"));
  // 75 s in 30 clips: some megabytes of columns, and the program.
  const Needs real = examine().needs;
  EXPECT_NEAR(real.disk_bytes, 75 * 32e3, 1e5);
  EXPECT_GT(real.memory_bytes, 5e8);
  EXPECT_GT(real.disk_free_bytes, 0);
  EXPECT_GT(real.memory_available_bytes, 0);
}
TEST_F(Doctor, SplitLeakOfSound) {
  const std::string sound = testing_support::sound_clip(2.5, 2);
  made.replace(2, sound);
  made.utterances[1].split = "test";
  made.replace(1, sound);
  made.utterances[2].split = "train";
  CheckOptions options = small_corpus();
  options.skip = {"duplicate-audio"};
  expect_only("split-leak-audio", "clip2", "the same sound is in test (clip1)", Severity::warning, options);
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
  for (corpus::Utterance& u : made.utterances) u.split = "test";
  expect_only("no-training-side", "", "marked valid or test", Severity::fatal, options);
  // All that is left has a text that is held out.
  made.utterances[2].split = "";
  options.skip = {"duplicate-text", "split-leak"};
  expect_only("no-training-side", "", "has the text of one that is", Severity::fatal, options);
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

/// docs/doctor.md tells of every rule what this program does.
TEST(Rules, AreTheOnesOfTheDocumentation) {
  std::map<std::string, std::vector<std::string>> rows;
  for (const std::string& line : split(read_file("docs/doctor.md"), '\n')) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells = split(line, '|');
    ASSERT_GE(cells.size(), 5u) << line;
    const std::string name(trim(cells[1]));
    rows[name.substr(1, name.size() - 2)] = cells;
  }
  for (const Rule& rule : all_rules()) {
    ASSERT_TRUE(rows.contains(rule.name)) << rule.name << " is not in docs/doctor.md";
    EXPECT_EQ(trim(rows[rule.name][2]), to_string(rule.severity)) << rule.name;
    EXPECT_THAT(std::string(trim(rows[rule.name][4])), testing::StartsWith(std::string(to_string(rule.cure))))
        << rule.name;
  }
  EXPECT_EQ(rows.size(), all_rules().size());
}

TEST(Rules, NamesAreDistinctAndGiveAdvice) {
  std::set<std::string> names;
  for (const Rule& rule : all_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_FALSE(rule.what.empty()) << rule.name;
    EXPECT_FALSE(rule.remedy.empty()) << rule.name;
  }
}

}  // namespace
}  // namespace timbre::doctor
