#include <gmock/gmock.h>

#include "corpus/import_test.h"
#include "exchange/importers/genshin.h"
#include "exchange/importers/gpt_sovits.h"
#include "exchange/importers/nemo.h"
#include "exchange/importers/piper.h"
#include "exchange/importers/qwen.h"
#include "exchange/importers/styletts2.h"

namespace timbre::exchange {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class ForeignLists : public testing_support::ImportTest {};

TEST_F(ForeignLists, GenshinSpeakersStandBeforeTheFirstUnderscore) {
  for (const char* name : {"Paimon_001_a", "Jean_vo", "O'Neil_1", "plain"})
    clip(std::string("Genshin/wav/") + name + ".wav");
  text("Genshin/metadata.csv",
       "Paimon_001_a|Hey, \"you\" there!\r\nJean_vo|One | two\r\nO'Neil_1|NA\r\nplain|Nobody\r\nGone_1|Lost\r\nno "
       "bar\r\n");
  run("genshin", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("Paimon_001_a", "Hey, \"you\" there!"), Pair("Jean_vo", "One | two"),
                                            Pair("O'Neil_1", "NA"), Pair("plain", "Nobody")));
  EXPECT_EQ(utterance("Paimon_001_a").speaker, "Paimon");
  EXPECT_EQ(utterance("O'Neil_1").speaker, "O'Neil");
  EXPECT_EQ(utterance("plain").speaker, "");
  EXPECT_EQ(utterance("plain").language, "en");
  EXPECT_THAT(rejects(),
              ElementsAre("no audio file: metadata.csv:5", "no '|' between name and caption: metadata.csv:6"));
}

TEST_F(ForeignLists, PiperWithAndWithoutSpeakers) {
  clip("wav/1.wav");
  clip("wavs/2.wav");
  text("metadata.csv", "1|Hello|\n1|Hello\n2.wav|There\n3|Lost\n");
  run("piper", dir / "src", {"--piper.columns", "id,text"});
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("1", "Hello"), Pair("2", "There")));
  EXPECT_THAT(rejects(), ElementsAre("another number of columns: metadata.csv:1", "no audio file: metadata.csv:4"));
  fs::remove_all(dir / "out");
  text("metadata.csv", "1|ada|Hello\n2|bob|There\n");
  run("piper", dir / "src");
  EXPECT_EQ(utterance("2").speaker, "bob");
  EXPECT_EQ(utterance("2").text, "There");
  std::string rows;
  for (int i = 0; i < 6; ++i) rows += fmt::format("{}|text number {}|text number {}\n", i, i, i);
  text("metadata.csv", rows);
  EXPECT_THAT(error<DataError>("piper", dir / "src"),
              AllOf(HasSubstr("looks like text, not like speakers"), HasSubstr("timbre import ljspeech")));
}

TEST_F(ForeignLists, GptSovitsPathsAsWindowsWritesThem) {
  clip("output/slicer_opt/a b.wav_0000000000_0000138560.wav");
  clip("output/slicer_opt/名前.wav");
  clip("output/slicer_opt/caf\xC3\xA9.wav");  // é as one character on disk
  clip("one/x.wav");
  clip("two/x.wav");
  text("output/asr_opt/train.list",
       "D:\\GPT-SoVITS\\output\\slicer_opt\\a b.wav_0000000000_0000138560.wav|ada|ZH|你好。\r\n"
       "\"output/slicer_opt/名前.wav\"|ada|JP|こんにちは\r\n"
       "output/slicer_opt/cafe\xCC\x81.wav|bob|en|Coffee\r\n"
       "output\\slicer_opt\\gone.wav|ada|zh|lost\r\n"
       "output/slicer_opt/名前.wav|ada|tlh|Qapla\r\n"
       "output/slicer_opt/名前.wav|ada|zh|a|b\r\n");
  EXPECT_THAT(error<DataError>("gpt-sovits", dir / "src"), HasSubstr("no .list file in it"));
  run("gpt-sovits", dir / "src/output/asr_opt", {"--gpt-sovits.audio-dir", (dir / "src/output").string()});
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].text, "你好。");
  EXPECT_EQ(all[0].language, "zh");
  EXPECT_EQ(all[0].split, "") << "one split is none";
  EXPECT_EQ(all[1].language, "ja");
  EXPECT_EQ(all[2].speaker, "bob");
  EXPECT_THAT(rejects(), ElementsAre("no audio file: train.list:4", "unknown language: train.list:5",
                                     "another number of columns: train.list:6"));
  // Without the option, relative paths are looked for in the folders above the list as well.
  fs::remove_all(dir / "out");
  run("gpt-sovits", dir / "src/output/asr_opt/train.list");
  EXPECT_EQ(imported().size(), 1u);
  // Two clips of one name in two folders: the written folder decides, and a wrong one is never taken.
  fs::remove_all(dir / "out");
  text("all.list", "C:\\data\\two\\x.wav|b|en|Two\nC:\\data\\one\\x.wav|a|en|One\nC:\\data\\three\\x.wav|c|en|Three\n");
  run("gpt-sovits", dir / "src/all.list");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("one_x", "One"), Pair("two_x", "Two")));
}

TEST_F(ForeignLists, ListsInUtf16AndGbk) {
  clip("a.wav");
  using namespace std::string_literals;
  text("u.list", "\xFF\xFE"s + "a\0.\0w\0a\0v\0|\0x\0|\0z\0h\0|\0\x60\x4F\n\0"s);
  run("gpt-sovits", dir / "src/u.list");
  EXPECT_THAT(texts(), ElementsAre(Pair("a", "你")));
  fs::remove_all(dir / "out");
  text("g.list", "a.wav|x|zh|\xC4\xE3\xBA\xC3\n");
  EXPECT_THAT(error<DataError>("gpt-sovits", dir / "src/g.list"), HasSubstr("text is not UTF-8"));
  EXPECT_THAT(error<UsageError>("gpt-sovits", dir / "src/g.list", {"--encoding", "gkb9"}), HasSubstr("gb18030"));
  run("gpt-sovits", dir / "src/g.list", {"--encoding", "gbk"});
  EXPECT_THAT(texts(), ElementsAre(Pair("a", "你好")));
}

TEST_F(ForeignLists, StyleTtsListsAreSplitsAndPhonemes) {
  for (const char* name : {"wavs/LJ1.wav", "wavs/LJ2.wav", "wavs/LJ3.wav"}) clip(name);
  text("Data/train_list.txt", "LJ1.wav|ɪt wʌz hɪz|0\nLJ2.wav|plain words|1\nbroken\n");
  text("Data/val_list.txt", "LJ3.wav|ðə mˈæn|0\nLJ1.wav|ɪt wʌz hɪz|0\n");
  text("Data/OOD_texts.txt", "no clip here|x\n");
  ImportResult result = run("styletts2", dir / "src", {"--styletts2.audio-dir", (dir / "src/wavs").string()});
  EXPECT_EQ(utterance("LJ1").split, "train");
  EXPECT_EQ(utterance("LJ1").extra["phonemes"], "ɪt wʌz hɪz");
  EXPECT_TRUE(utterance("LJ2").extra.is_null());
  EXPECT_EQ(utterance("LJ2").speaker, "1");
  EXPECT_EQ(utterance("LJ3").split, "valid");
  EXPECT_THAT(rejects(), ElementsAre("another number of columns: train_list.txt:3", "id came before: val_list.txt:2"));
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("3 texts are phonemes")));
}

TEST_F(ForeignLists, NemoOffsetsAreCut) {
  clip("talk.wav", 3);
  clip("whole.wav", 1);
  text(
      "train_manifest.json",
      R"({"audio_filepath": "talk.wav", "offset": 0.5, "duration": 1.0, "text": "Piece 1", "normalized_text": "piece one", "speaker": 7, "lang": "en", "snr": 3.5})"
      "\n"
      R"({"audio_filepath": "whole.wav", "duration": 1.0, "text": "All", "offset": 0})"
      "\n"
      R"({"audio_filepath": "whole.wav", "duration": 9.0, "text": "again"})"
      "\nnot json\n[1]\n"
      R"({"audio_filepath": 5, "text": ["a"]})"
      "\n"
      R"({"text": "no clip"})"
      "\n"
      R"({"audio_filepath": "talk.wav", "offset": 2.5, "duration": 4, "text": "beyond"})"
      "\n"
      R"({"audio_filepath": "gone.wav", "text": "gone"})"
      "\n");
  run("nemo", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].id, "talk_1");
  EXPECT_NEAR(all[0].duration_s, 1.0, 1e-9);
  EXPECT_EQ(all[0].text, "Piece 1");
  EXPECT_EQ(all[0].speaker, "7");
  EXPECT_EQ(all[0].split, "");
  EXPECT_EQ(all[0].extra, nlohmann::json({{"normalized_text", "piece one"}, {"snr", 3.5}}));
  // The very samples of the piece.
  std::string talk = read_file(dir / "src/talk.wav"), piece = read_file(dir / "out" / all[0].audio);
  EXPECT_EQ(piece.substr(44), talk.substr(44 + 2 * 8000, 2 * 16000));
  EXPECT_EQ(all[1].audio, (dir / "src/whole.wav").string()) << "a line about the whole file is not cut";
  EXPECT_EQ(all[2].id, "whole");
  EXPECT_THAT(rejects(),
              UnorderedElementsAre("not JSON: train_manifest.json:4", "not a JSON object: train_manifest.json:5",
                                   "no audio file: train_manifest.json:9", "wrong type: train_manifest.json:6",
                                   "missing field: train_manifest.json:7",
                                   "piece lies outside its recording: train_manifest.json:8"));
  fs::remove_all(dir / "out");
  run("nemo", dir / "src/train_manifest.json", {"--nemo.text", "normalized"});
  EXPECT_EQ(imported()[0].text, "piece one");
  fs::remove_all(dir / "out");
  clip("other.wav");
  text("val_manifest.json", R"({"audio_filepath": "other.wav", "text": "Other"})");
  run("nemo", dir / "src");
  EXPECT_EQ(utterance("whole").split, "train");
  EXPECT_EQ(utterance("other").split, "valid");
}

TEST_F(ForeignLists, QwenReferencesAreFound) {
  clip("data/utt1.wav");
  clip("data/ref.wav");
  text(
      "train_raw.jsonl",
      R"({"audio": "./data/utt1.wav", "text": "其实我", "ref_audio": "./data/ref.wav", "language": "Chinese", "audio_codes": [[1, 2]]})"
      "\n"
      R"({"audio": "./data/ref.wav", "text": "b", "ref_audio": "gone.wav", "instruct": "calm"})"
      "\n"
      R"({"audio": "./data/none.wav", "text": "c"})"
      "\n");
  ImportResult result = run("qwen", dir / "src", {"--speaker", "Ada"});
  EXPECT_EQ(utterance("data_utt1").extra, nlohmann::json({{"ref_audio", (dir / "src/data/ref.wav").string()}}));
  EXPECT_EQ(utterance("data_utt1").language, "zh");
  EXPECT_EQ(utterance("data_utt1").speaker, "Ada");
  EXPECT_EQ(utterance("data_ref").extra, nlohmann::json({{"instruct", "calm"}}));
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("its only split is 'train'"), HasSubstr("1 lines name a ref_audio")));
  EXPECT_THAT(rejects(), ElementsAre("no audio file: train_raw.jsonl:3"));
  fs::remove_all(dir / "out");
  EXPECT_THAT(error<DataError>("nemo", dir / "src/data"), HasSubstr("no .json"));
  EXPECT_THAT(error<DataError>("nemo", dir / "src"),
              AllOf(HasSubstr("nothing usable in it: missing field (3)"), HasSubstr("it looks like qwen")));
}

TEST_F(ForeignLists, MoreRejectedThanTakenNamesTheLikelierFormat) {
  for (const char* name : {"a", "b", "c"}) clip(std::string(name) + ".wav");
  text("all.list", "a.wav|x|zh|你\nb.wav|x|zh|我\nc.wav|x|zh|他\n");
  text("mixed.list", "a.wav|x|zh|你\n");
  text("metadata.csv", "a|one\nb.wav|x|zh|我\nc.wav|x|zh|他\n");
  ImportResult result = run("piper", dir / "src");
  EXPECT_EQ(result.utterances, 1);
  EXPECT_THAT(result.notes, ElementsAre(AllOf(HasSubstr("more was rejected than taken"), HasSubstr("gpt-sovits"))));
}

TEST(ListLines, BrokenOnesSayWhy) {
  EXPECT_EQ(parse_genshin_line("|text").fault, "no name before '|'");
  EXPECT_EQ(parse_piper_line("|text", false).fault, "no id before '|'");
  EXPECT_EQ(parse_gpt_sovits_line("|a|zh|t").fault, "no path before '|'");
  EXPECT_EQ(parse_styletts2_line("").fault, "another number of columns");
  EXPECT_EQ(parse_nemo_line(R"({"audio_filepath": "a", "text": "t", "offset": "x"})", false).fault, "wrong type");
  EXPECT_EQ(parse_nemo_line(R"({"audio_filepath": "a", "text": "t", "offset": -1})", false).fault, "wrong type");
  EXPECT_EQ(parse_qwen_line("null").detail, "a null instead");
  EXPECT_TRUE(is_phonetic("hˈɛloʊ"));
  EXPECT_FALSE(is_phonetic("hello, señor"));
}

}  // namespace
}  // namespace timbre::exchange
