#include <gmock/gmock.h>

#include "corpus/import_test.h"
#include "exchange/encoding.h"
#include "exchange/importers/aishell1.h"
#include "exchange/importers/aishell3.h"
#include "exchange/importers/baker.h"
#include "support/golden.h"

namespace timbre::exchange {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class Mandarin : public testing_support::ImportTest {};

TEST_F(Mandarin, Aishell3TakesCharactersAndPinyinApart) {
  for (const char* name : {"train/wav/SSB0005/SSB00050001.wav", "train/wav/SSB0005/SSB00050002.wav",
                           "train/wav/SSB0005/SSB00050009.wav", "test/wav/SSB0139/SSB01390001.wav"})
    clip(name);
  text("train/content.txt",
       "SSB00050001.wav\t广 guang3 州 zhou1 女 nv3 大 da4\r\nSSB00050002.wav\t那 nar4 O O1 K K1\r\n"
       "SSB00050003.wav\t好 hao3\r\nSSB00050004.wav\t好 hao3 坏\r\nSSB00050005.wav\t好 坏\r\n"
       "SSB00050001.wav\t再 zai4\r\n");
  text("test/content.txt", "SSB01390001.wav\t你 ni3\n");
  text("train/label_train-set.txt", "# tones\n# % and $\nSSB00050001|guang3 zhou1 nv3 da4|广州%女大$\n");
  text("spk-info.txt", "# speaker age gender accent\nSSB0005\tB\tfemale\tsouth\n");
  run("aishell3", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("SSB00050001", "广州女大"), Pair("SSB00050002", "那 O K"),
                                            Pair("SSB01390001", "你")));
  corpus::Utterance u = utterance("SSB00050001");
  EXPECT_EQ(u.speaker, "SSB0005");
  EXPECT_EQ(u.split, "train");
  EXPECT_EQ(u.language, "zh");
  EXPECT_EQ(u.extra, nlohmann::json({{"pinyin", "guang3 zhou1 nv3 da4"},
                                     {"prosody", "广州%女大$"},
                                     {"age_group", "B"},
                                     {"gender", "female"},
                                     {"accent", "south"}}));
  EXPECT_EQ(utterance("SSB01390001").split, "test");
  EXPECT_EQ(utterance("SSB01390001").extra, nlohmann::json({{"pinyin", "ni3"}}));
  EXPECT_THAT(rejects(),
              UnorderedElementsAre("no audio file: content.txt:3", "not characters and pinyin in turn: content.txt:4",
                                   "not characters and pinyin in turn: content.txt:5", "id came before: content.txt:6",
                                   "no text: SSB00050009.wav:0"));
  fs::remove_all(dir / "out");
  run("aishell3", dir / "src/test");
  EXPECT_EQ(imported().size(), 1u);
}

TEST_F(Mandarin, Aishell1ClosesTheBlanksAndKeepsTheSplit) {
  for (const char* name : {"train/S0002/BAC009S0002W0122", "dev/S0724/BAC009S0724W0121", "test/S0764/BAC009S0764W0121",
                           "train/S0002/BAC009S0002W0999"})
    clip(std::string("data_aishell/wav/") + name + ".wav");
  text("data_aishell/wav/S0916.tar.gz", "packed");
  text("data_aishell/transcript/aishell_transcript_v0.8.txt",
       "BAC009S0002W0122 而 对 楼市 成交 抑制\nBAC009S0724W0121 广州市 房地产\nBAC009S0764W0121 甚至 出现 Ｋ Ｔ Ｖ\n"
       "BAC009S0002W0123 没有 录音\nBAC009S0002W0124\nBAC009S0002W0122 又 一次\n");
  text("resource_aishell/speaker.info", "0002 F\n0724 M\n");
  ImportResult result = run("aishell1", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("BAC009S0002W0122", "而对楼市成交抑制"),
                                            Pair("BAC009S0724W0121", "广州市房地产"),
                                            Pair("BAC009S0764W0121", "甚至出现ＫＴＶ")));
  EXPECT_EQ(utterance("BAC009S0002W0122").split, "train");
  EXPECT_EQ(utterance("BAC009S0724W0121").split, "valid");
  EXPECT_EQ(utterance("BAC009S0764W0121").split, "test");
  EXPECT_EQ(utterance("BAC009S0724W0121").speaker, "S0724");
  EXPECT_EQ(utterance("BAC009S0002W0122").extra, nlohmann::json({{"words", "而 对 楼市 成交 抑制"}, {"gender", "F"}}));
  EXPECT_THAT(rejects(), UnorderedElementsAre(
                             "no text: aishell_transcript_v0.8.txt:5", "id came before: aishell_transcript_v0.8.txt:6",
                             "no text: BAC009S0002W0999.wav:0", "no audio file: aishell_transcript_v0.8.txt:4"));
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("1 packed speakers")));
}

TEST_F(Mandarin, BakerPairsOfLines) {
  for (const char* id : {"000001", "000002", "000003", "000004", "000009"})
    clip(std::string("BZNSYP/Wave/") + id + ".wav");
  text("BZNSYP/ProsodyLabeling/000001-010000.txt",
       "\xEF\xBB\xBF"
       "000001\t卡尔普#2陪外孙#1玩滑梯#4。\r\n\tka2 er2 pu3 pei2 wai4 sun1 wan2 hua2 ti1\r\n\r\n"
       "000002\t第#9号#1，A#5级#4。\r\n\tdi4 hao4\r\n000003\t没有#4\r\n000004\t又#1来#4\r\n\tyou4 lai2\r\n"
       "000005\t没声#4\r\n\tmei2 sheng1\r\n\tlonely\r\n");
  text("BZNSYP/PhoneLabeling/000001.interval", "File type = \"ooTextFile\"\n");
  run("baker", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("000001", "卡尔普陪外孙玩滑梯。"), Pair("000002", "第#9号，A级。"),
                                            Pair("000004", "又来")));
  corpus::Utterance u = utterance("000001");
  EXPECT_EQ(u.extra["pinyin"], "ka2 er2 pu3 pei2 wai4 sun1 wan2 hua2 ti1");
  EXPECT_EQ(u.extra["prosody"], "卡尔普#2陪外孙#1玩滑梯#4。");
  EXPECT_EQ(u.extra["intervals"], (dir / "src/BZNSYP/PhoneLabeling/000001.interval").string());
  EXPECT_THAT(rejects(),
              UnorderedElementsAre("no pinyin line: 000001-010000.txt:6", "no audio file: 000001-010000.txt:9",
                                   "pinyin without a text line: 000001-010000.txt:11", "no text: 000009.wav:0"));
  fs::remove_all(dir / "out");
  run("baker", dir / "src/BZNSYP", {"--baker.text", "prosody"});
  EXPECT_EQ(utterance("000001").text, "卡尔普#2陪外孙#1玩滑梯#4。");
}

TEST_F(Mandarin, BakerInGbk) {
  clip("Wave/000001.wav");
  text("ProsodyLabeling/000001-010000.txt", "000001\t\xC4\xE3\xBA\xC3#4\n\tni2 hao3\n");
  EXPECT_THAT(error<DataError>("baker", dir / "src"), HasSubstr("text is not UTF-8 (1)"));
  run("baker", dir / "src", {"--encoding", "gbk"});
  EXPECT_THAT(texts(), ElementsAre(Pair("000001", "你好")));
}

// lhotse's reading of the same folder, entry by entry.
TEST_F(Mandarin, BakerAsLhotseReadsIt) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  run("baker", folder / "BZNSYP");
  std::map<std::string, std::pair<std::string, std::string>> want, have;
  each_line(read_list(folder / "manifests/baker_zh_supervisions_all.jsonl.gz", "auto"), [&](const Line& line) {
    nlohmann::json s = nlohmann::json::parse(line.text);
    want[s["id"]] = {s["custom"]["normalized_text"], s["custom"]["pinyin"]};
    EXPECT_NEAR(utterance(s["id"]).duration_s, s["duration"].get<double>(), 1e-9);
    EXPECT_EQ(utterance(s["id"]).extra["prosody"], s["text"]);
  });
  for (const corpus::Utterance& u : imported()) have[u.id] = {u.text, u.extra["pinyin"].get<std::string>()};
  EXPECT_EQ(have, want);
  EXPECT_EQ(want.size(), 19u);
  EXPECT_THAT(rejects(), ElementsAre(HasSubstr("no audio file: 000001-010000.txt")));  // 000007 has no wave
}

TEST_F(Mandarin, TheirLayoutsAreToldApart) {
  clip("Wave/000001.wav");
  text("ProsodyLabeling/000001-010000.txt", "000001\t好#4\n\thao3\n");
  EXPECT_THAT(error<DataError>("aishell3", dir / "src"),
              AllOf(HasSubstr("no content.txt beside wav/"), HasSubstr("it looks like baker")));
  EXPECT_THAT(error<DataError>("aishell1", dir / "src"), HasSubstr("timbre import baker"));
  text("transcript/aishell_transcript_v0.8.txt", "BAC009S0002W0122 而\n");
  fs::remove_all(dir / "src/ProsodyLabeling");
  EXPECT_THAT(error<DataError>("baker", dir / "src"), HasSubstr("it looks like aishell1"));
}

TEST(MandarinLines, BrokenOnesSayWhy) {
  EXPECT_THAT(parse_aishell3_content("SSB1.wav\t好 坏 hao3 huai4").detail, HasSubstr("'坏'"));
  EXPECT_EQ(parse_aishell3_content("SSB1.wav").fault, "not characters and pinyin in turn");
  EXPECT_EQ(parse_aishell3_label("# a|b|c").id, "");
  EXPECT_EQ(parse_aishell3_speaker("SSB1 B").id, "");
  EXPECT_EQ(parse_aishell1_transcript("  ").id, "");
  EXPECT_THAT(parse_baker(""), IsEmpty());
  EXPECT_EQ(parse_baker("\tlonely\n").at(0).fault, "pinyin without a text line");
}

}  // namespace
}  // namespace timbre::exchange
