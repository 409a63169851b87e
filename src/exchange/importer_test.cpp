#include "exchange/importer.h"

#include <gmock/gmock.h>

#include "align/textgrid.h"
#include "base/error.h"
#include "base/strings.h"
#include "corpus/clips.h"
#include "corpus/import_test.h"
#include "exchange/intake.h"
#include "support/plugins.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;
using testing_support::babble;
using testing_support::read_lines;
using testing_support::TempFolder;
using testing_support::write_bytes;
using testing_support::write_clip;

using Import = testing_support::ImportTest;

TEST_F(Import, LjspeechTakesTheThirdColumnOrTheSecond) {
  for (const char* id : {"a1", "a2", "a3"}) clip(fs::path("wavs") / (std::string(id) + ".wav"));
  text("metadata.csv",
       "\xEF\xBB\xBF"
       "a1|Dr. \"X\" has 5|Doctor \"X\" has five\r\na2|Plain, text|\r\na3|Only two\nbroken line\na4|no clip|no "
       "clip\na1|again|again\na2 |  |\n");
  ImportResult result = run("ljspeech", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("a1", "Doctor \"X\" has five"), Pair("a2", "Plain, text"),
                                            Pair("a3", "Only two")));
  EXPECT_EQ(imported()[0].extra["raw_text"], "Dr. \"X\" has 5");
  EXPECT_EQ(imported()[0].rate_hz, 16000);
  EXPECT_NEAR(imported()[0].duration_s, 0.5, 1e-3);
  EXPECT_THAT(result.reasons, UnorderedElementsAre(Pair("not 2 or 3 columns", 1), Pair("no audio file", 1),
                                                   Pair("id came before", 1), Pair("no text", 1)));
  EXPECT_EQ(result.linked, 3);
  std::vector<std::string> rejected = read_lines(dir / "out/rejected.jsonl");
  ASSERT_EQ(rejected.size(), 4u);
  nlohmann::json first = nlohmann::json::parse(rejected[0]);
  EXPECT_EQ(first["line"], 4);
  EXPECT_EQ(first["reason"], "not 2 or 3 columns");
  EXPECT_THAT(first["file"].get<std::string>(), HasSubstr("metadata.csv"));
  EXPECT_EQ(corpus::Corpus::open(dir / "out").about()["format"], "ljspeech");
}

TEST_F(Import, LjspeechRawColumn) {
  clip("wavs/a1.wav");
  text("metadata.csv", "a1|5 men|five men\n");
  run("ljspeech", dir / "src", {"--ljspeech.text", "raw"});
  EXPECT_THAT(texts(), ElementsAre(Pair("a1", "5 men")));
}

TEST_F(Import, TwiceChangesNothingAndOtherImportsAreRefused) {
  clip("wavs/a1.wav");
  text("metadata.csv", "a1|one|\n");
  run("ljspeech", dir / "src");
  auto made = fs::last_write_time(dir / "out/manifest.jsonl");
  ImportResult again = run("ljspeech", dir / "src");
  EXPECT_TRUE(again.already_there);
  EXPECT_EQ(again.utterances, 1);
  EXPECT_EQ(fs::last_write_time(dir / "out/manifest.jsonl"), made);
  EXPECT_THAT(error<UsageError>("ljspeech", dir / "src", {"--speaker", "x"}), HasSubstr("never changed after import"));
  text("metadata.csv", "a1|one|\na2|two|\n");
  EXPECT_THAT(error<UsageError>("ljspeech", dir / "src"), HasSubstr("the source has changed since"));
  EXPECT_EQ(imported().size(), 1u);
}

TEST_F(Import, DryRunWritesNothing) {
  clip("wavs/a1.wav");
  text("metadata.csv", "a1|one|\na2|two|\n");
  ImportResult result = run("ljspeech", dir / "src", {"--audio", "wav16"}, true);
  EXPECT_EQ(result.utterances, 1);
  EXPECT_EQ(result.rejected, 1);
  EXPECT_FALSE(fs::exists(dir / "out"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 1);
}

TEST_F(Import, NothingUsableIsAnErrorAndLeavesNothing) {
  text("metadata.csv", "a1|one|\na2|two|\n");
  EXPECT_THAT(error<DataError>("ljspeech", dir / "src"), HasSubstr("nothing usable in it: no audio file (2)"));
  EXPECT_FALSE(fs::exists(dir / "out"));
  EXPECT_THAT(error<DataError>("ljspeech", dir / "nowhere"), HasSubstr("no such file or folder"));
  EXPECT_THAT(error<DataError>("ljspeech", dir.path()), HasSubstr("no metadata.csv in it"));
  EXPECT_THAT(error<UsageError>("ljspech", dir / "src"), HasSubstr("ljspeech"));
}

TEST_F(Import, AudioIsLinkedCopiedOrDecoded) {
  clip("wavs/a1.wav");
  text("metadata.csv", "a1|one|\n");
  run("ljspeech", dir / "src");
  EXPECT_EQ(imported()[0].audio, (dir / "src/wavs/a1.wav").string());
  fs::remove_all(dir / "out");
  run("ljspeech", dir / "src", {"--audio", "copy"});
  EXPECT_EQ(imported()[0].audio, "audio/a1.wav");
  EXPECT_EQ(read_file(dir / "out/audio/a1.wav"), read_file(dir / "src/wavs/a1.wav"));
  EXPECT_EQ(imported()[0].audio_bytes, std::int64_t(fs::file_size(dir / "src/wavs/a1.wav")));
}

TEST_F(Import, StereoIsReportedAndMixedWhenDecoded) {
  std::vector<float> both;
  for (float x : babble(0.5, 16000)) both.insert(both.end(), {x, 0.0f});
  write_bytes(dir / "src/wavs/a1.wav", testing_support::RawWav{.rate_hz = 16000, .channels = 2}.bytes(both));
  text("metadata.csv", "a1|one|\n");
  ImportResult linked = run("ljspeech", dir / "src");
  EXPECT_EQ(linked.stereo_left, 1);
  EXPECT_EQ(imported()[0].channels, 2);
  fs::remove_all(dir / "out");
  ImportResult decoded = run("ljspeech", dir / "src", {"--audio", "wav16"});
  EXPECT_EQ(decoded.mixed_to_mono, 1);
  EXPECT_EQ(imported()[0].channels, 1);
  EXPECT_EQ(imported()[0].extra["source_channels"], 2);
  EXPECT_EQ(std::int64_t(fs::file_size(dir / "out/audio/a1.wav")), 44 + 16000);
}

TEST_F(Import, UnreadableAndShortClipsAreRejected) {
  TIMBRE_NEED_PLUGIN("ffmpeg");
  clip("wavs/good.wav");
  clip("wavs/short.wav", 0.01);
  text("wavs/bad.wav", "this is no sound at all, but it is long enough to be looked at");
  text("wavs/none.wav", "");
  text("metadata.csv", "good|one|\nshort|two|\nbad|three|\nnone|four|\n");
  EXPECT_THAT(run("ljspeech", dir / "src").reasons,
              UnorderedElementsAre(Pair("audio is too short", 1), Pair("audio cannot be read", 2)));
}

TEST_F(Import, TextThatIsNotUtf8IsRejected) {
  clip("wavs/a.wav");
  clip("wavs/b.wav");
  text("metadata.csv", "a|caf\xE9|\nb|caf\xC3\xA9|\n");
  EXPECT_THAT(run("ljspeech", dir / "src").reasons, ElementsAre(Pair("text is not UTF-8", 1)));
}

TEST_F(Import, TableOfFileAndText) {
  clip("wavs/a 1.wav");
  clip("wavs/名前.wav");
  clip("sub/c.wav");
  clip("d.wav");
  text("list.txt",
       "wavs/a 1.wav|One, two; "
       "\"three\"\nwavs\\名前.wav|Zwei\n\"C:\\Users\\me\\data\\sub\\c.wav\"|Three\nD|Four\nE.wav|Five\n");
  ImportResult result = run("table", dir / "src/list.txt");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("a 1", "One, two; \"three\""), Pair("名前", "Zwei"),
                                            Pair("sub_c", "Three"), Pair("d", "Four")));
  EXPECT_THAT(result.reasons, ElementsAre(Pair("no audio file", 1)));
}

TEST_F(Import, TableOfIdSpeakerText) {
  for (const char* id : {"x1", "x2", "y1", "y2"}) clip(std::string(id) + ".wav");
  text("list.txt", "x1|ada|first words\nx2|ada|second words\ny1|bob|third words\ny2|bob|fourth words\n");
  run("table", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[2].speaker, "bob");
  EXPECT_EQ(all[2].text, "third words");
}

TEST_F(Import, TableThatLooksLikeLjspeechIsAskedAbout) {
  for (int i = 0; i < 6; ++i) clip("w" + std::to_string(i) + ".wav");
  std::string rows;
  for (int i = 0; i < 6; ++i) rows += fmt::format("w{}|sentence number {}|sentence number {}\n", i, i, i);
  text("list.txt", rows);
  EXPECT_THAT(error<DataError>("table", dir / "src/list.txt"), HasSubstr("timbre import ljspeech"));
  run("table", dir / "src/list.txt", {"--table.columns", "file,text,normalized"});
  EXPECT_EQ(imported().size(), 6u);
}

TEST_F(Import, CsvWithHeaderQuotesAndCrlf) {
  clip("a.wav");
  clip("b.wav");
  clip("long.wav", 3);
  text("table.csv",
       "\xEF\xBB\xBF"
       "Audio_File,Speaker,Text,Split,Start,End\r\na.wav,ada,\"Hello, "
       "\"\"you\"\"\",train,,\r\nb.wav,bob,\"Two\r\nlines\",dev,,\r\n"
       "long.wav,bob,piece,test,0.5,1.25\r\nlong.wav,bob,piece "
       "two,test,1.25,2\r\nb.wav,bob,x,nosuch,,\r\na.wav,ada,too,many,cells,here,now\r\n");
  ImportResult result = run("table", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].text, "Hello, \"you\"");
  EXPECT_EQ(all[0].split, "train");
  EXPECT_EQ(all[1].text, "Two\r\nlines");
  EXPECT_EQ(all[1].split, "valid");
  EXPECT_NEAR(all[2].duration_s, 0.75, 1e-3);
  EXPECT_NE(all[2].id, all[3].id);
  EXPECT_TRUE(fs::exists(dir / "out" / all[2].audio));
  EXPECT_THAT(result.reasons,
              UnorderedElementsAre(Pair("unusable split or time", 1), Pair("another number of columns", 1)));
}

TEST_F(Import, TableColumnsNeverGuessed) {
  clip("a.wav");
  text("t.tsv", "a.wav\tx\ty\tz\n");
  EXPECT_THAT(error<DataError>("table", dir / "src/t.tsv"), HasSubstr("--table.columns"));
  EXPECT_THAT(error<UsageError>("table", dir / "src/t.tsv", {"--table.columns", "file,speker,language,text"}),
              HasSubstr("'speker' is no column"));
  run("table", dir / "src/t.tsv", {"--table.columns", "file,speaker,-,text"});
  EXPECT_THAT(texts(), ElementsAre(Pair("a", "z")));
}

TEST_F(Import, TableWithCommasInItsText) {
  clip("a.wav");
  clip("b.wav");
  clip("c.wav");
  text("t.csv", "file,text\na.wav,Hello, my dear, hello\nb.wav,Well\nc.wav,So\n");
  run("table", dir / "src/t.csv");
  EXPECT_EQ(texts()["a"], "Hello, my dear, hello");
}

TEST_F(Import, LabFoldersAreSpeakers) {
  clip("ada/one.wav");
  clip("bob/one.wav");
  clip("bob/deep/two.wav");
  clip("bob/three.wav");
  clip("flat.wav");
  text("ada/one.lab", "hello\n  there \n");
  text("bob/one.txt", "good day");
  text("bob/deep/two.normalized.txt", "deep");
  text("flat.lab", "flat");
  text("bob/gone.lab", "no sound");
  ImportResult result = run("lab", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("ada_one", "hello there"), Pair("bob_one", "good day"),
                                            Pair("bob_deep_two", "deep"), Pair("flat", "flat")));
  for (const corpus::Utterance& u : all) EXPECT_EQ(u.speaker, u.id == "flat" ? "" : u.id.substr(0, 3));
  EXPECT_THAT(result.reasons, UnorderedElementsAre(Pair("no text", 1), Pair("no audio file", 1)));
}

std::string grid(const std::vector<std::tuple<std::string, double, double, std::string>>& intervals) {
  align::TextGrid grid{.start_s = 0, .end_s = 2, .tiers = {}};
  for (const auto& [tier, start, end, label] : intervals) {
    if (grid.tiers.empty() || grid.tiers.back().name != tier)
      grid.tiers.push_back({.name = tier, .start_s = 0, .end_s = 2, .of_points = false, .intervals = {}, .points = {}});
    grid.tiers.back().intervals.push_back({start, end, label});
  }
  return align::format_textgrid(grid);
}

TEST_F(Import, LabReadsAlignedTextGrids) {
  clip("ada/one.wav", 2);
  text("ada/one.TextGrid", grid({{"words", 0, 0.5, ""},
                                 {"words", 0.5, 1, "hello"},
                                 {"words", 1, 1.5, "world"},
                                 {"words", 1.5, 2, "sp"},
                                 {"phones", 0, 2, "x"}}));
  run("lab", dir / "src");
  EXPECT_THAT(texts(), ElementsAre(Pair("ada_one", "hello world")));
  EXPECT_EQ(imported()[0].extra["textgrid"], (dir / "src/ada/one.TextGrid").string());
}

TEST_F(Import, LabCutsTextGridsOfUtterances) {
  clip("talk.wav", 2);
  text("talk.TextGrid",
       grid({{"ada", 0, 0.5, "good day"}, {"ada", 0.5, 2, ""}, {"bob", 0, 0.75, ""}, {"bob", 0.75, 2, "hello you"}}));
  run("lab", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].speaker, "ada");
  EXPECT_EQ(all[1].speaker, "bob");
  EXPECT_NEAR(all[1].duration_s, 1.25, 1e-3);
  EXPECT_EQ(std::int64_t(fs::file_size(dir / "out" / all[1].audio)), 44 + 2 * 20000);
}

TEST_F(Import, AsteriskMatchesNamesAndLeavesSoundsOut) {
  for (const char* name : {"hello", "digits/1", "digits/1F", "beep", "letters/at", "untold"})
    clip(fs::path("sounds/es_MX_f_Ann") / (std::string(name) + ".wav"));
  text("doc/core-sounds-es.txt",
       "\xEF\xBB\xBF; a comment\r\nhello: Hola,  buenos dias.\r\ndigits/1: uno\r\ndigits/1f: una\r\nbeep: "
       "[tono]\r\nletters/at: arroba [@]\r\ngone: nada\r\nno colon\r\nhello: otra vez\r\n");
  text("doc/copyright",
       "Source: http://example.org\n\nFiles: *\nCopyright: 2003, Ann Example\nComment: Recorded by:\n Ann Example "
       "(x)\nLicense: CC-BY-SA-3.0\n");
  ImportResult result = run("asterisk", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("hello", "Hola, buenos dias."), Pair("digits_1", "uno"),
                                            Pair("digits_1F", "una"), Pair("letters_at", "arroba")));
  EXPECT_THAT(result.reasons, UnorderedElementsAre(Pair("not speech", 1), Pair("no audio file", 1),
                                                   Pair("no ':' between name and text", 1), Pair("id came before", 1),
                                                   Pair("no text", 1)));
  EXPECT_EQ(imported()[0].speaker, "Ann Example");
  EXPECT_EQ(imported()[0].language, "es-MX");
  nlohmann::json about = corpus::Corpus::open(dir / "out").about();
  EXPECT_EQ(about["licence"], "CC-BY-SA-3.0");
  EXPECT_THAT(about["attribution"].get<std::string>(), HasSubstr("Ann Example"));
}

TEST_F(Import, AsteriskAsksWhichLanguage) {
  clip("en_US_f_Ann/hello.wav");
  clip("es_MX_f_Ann/hello.wav");
  text("core-sounds-en.txt", "hello: Hello\n");
  text("core-sounds-es.txt", "hello: Hola\n");
  EXPECT_THAT(error<UsageError>("asterisk", dir / "src"), HasSubstr("--language en"));
  run("asterisk", dir / "src", {"--language", "es"});
  EXPECT_THAT(texts(), ElementsAre(Pair("hello", "Hola")));
}

TEST(MakeId, IsAlwaysUsable) {
  EXPECT_EQ(make_id("digits/1"), "digits_1");
  EXPECT_EQ(make_id("..\\x"), "_._x");
  EXPECT_EQ(make_id(" 名前 "), "名前");
  std::string longest;
  for (int i = 0; i < 200; ++i) longest += "名";
  for (const std::string& text :
       {longest, longest + "x", std::string("a\nb"), std::string("\xff\xfe"), std::string("__metadata__")})
    EXPECT_EQ(corpus::id_fault(make_id(text)), "") << text;
  EXPECT_NE(make_id(longest), make_id(longest + "x"));
}

}  // namespace
}  // namespace timbre::exchange
