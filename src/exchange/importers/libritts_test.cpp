#include "exchange/importers/libritts.h"

#include <gmock/gmock.h>

#include "corpus/import_test.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class LibriTts : public testing_support::ImportTest {
 protected:
  void utterance_files(const std::string& at, const std::string& normalized, const std::string& original) {
    clip("LibriTTS/" + at + ".wav");
    if (!normalized.empty()) text("LibriTTS/" + at + ".normalized.txt", normalized);
    if (!original.empty()) text("LibriTTS/" + at + ".original.txt", original);
  }
};

TEST_F(LibriTts, PartsAreSplitsAndBothTextsAreKept) {
  utterance_files("train-clean-100/103/1241/103_1241_000000_000001", "Mister Smith.", "Mr. Smith.");
  utterance_files("train-clean-100/103/1241/103_1241_000001_000000", "Same.", "Same.");
  utterance_files("dev-other/84/121123/84_121123_000007_000001", "", "Only 1.");
  utterance_files("test-clean/61/70968/61_70968_000000_000000", "", "");
  text("LibriTTS/dev-other/84/121123/84_121123_000009_000000.normalized.txt", "lost");
  text("LibriTTS/train-clean-100/103/1241/103_1241.trans.tsv", "103_1241_000000_000001\tMr. Smith.\tMister Smith.\n");
  text("LibriTTS/train-clean-100/103/1241/103_1241.book.tsv",
       "103_1241_000000_000001\tMr. Smith.\tMister Smith.\tNone\tNone\tNone\t21.5\n");
  text("LibriTTS/speakers.tsv",
       "READER\tGENDER\tSUBSET\tNAME\n103\tF\ttrain-clean-100\tKaren Savage\n84\tF\tdev-other\n");
  run("libritts", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("103_1241_000000_000001", "Mister Smith."),
                                            Pair("103_1241_000001_000000", "Same."),
                                            Pair("84_121123_000007_000001", "Only 1.")));
  EXPECT_THAT(rejects(), UnorderedElementsAre("no text: 61_70968_000000_000000.wav:0",
                                              "no audio file: 84_121123_000009_000000.normalized.txt:0"));
  corpus::Utterance u = utterance("103_1241_000000_000001");
  EXPECT_EQ(u.split, "train");
  EXPECT_EQ(u.speaker, "103");
  EXPECT_EQ(u.extra, nlohmann::json({{"raw_text", "Mr. Smith."},
                                     {"part", "train-clean-100"},
                                     {"chapter", "1241"},
                                     {"snr_db", 21.5},
                                     {"gender", "F"},
                                     {"speaker_name", "Karen Savage"}}));
  EXPECT_FALSE(utterance("103_1241_000001_000000").extra.contains("raw_text"));
  EXPECT_EQ(utterance("84_121123_000007_000001").split, "valid");
  EXPECT_EQ(utterance("84_121123_000007_000001").extra["gender"], "F");
}

TEST_F(LibriTts, OnePartChosenPartsAndTheOriginalText) {
  utterance_files("train-clean-100/103/1241/103_1241_000000_000001", "Mister Smith.", "Mr. Smith.");
  utterance_files("dev-clean/84/121123/84_121123_000007_000001", "Two.", "2.");
  text("LibriTTS/SPEAKERS.txt",
       ";ID  |SEX| SUBSET           |MINUTES| NAME\n84   | M | dev-clean        | 8.02  | A | B\n");
  run("libritts", dir / "src/LibriTTS/dev-clean", {"--libritts.text", "original"});
  EXPECT_THAT(texts(), ElementsAre(Pair("84_121123_000007_000001", "2.")));
  EXPECT_EQ(imported()[0].extra["gender"], "M");
  EXPECT_EQ(imported()[0].split, "") << "one part is no split";
  fs::remove_all(dir / "out");
  run("libritts", dir / "src/LibriTTS", {"--libritts.parts", "train-clean-100"});
  EXPECT_EQ(imported().size(), 1u);
  fs::remove_all(dir / "out");
  EXPECT_THAT(error<UsageError>("libritts", dir / "src", {"--libritts.parts", "train-clean-360"}),
              HasSubstr("holds dev-clean, train-clean-100"));
}

TEST_F(LibriTts, TextsOfTheChaptersTableAlone) {
  clip("root/9/1/9_1_0.wav");
  text("root/9/1/9_1.trans.tsv", "9_1_0\tNo. 5\tNumber five\n");
  run("libritts", dir / "src/root");
  EXPECT_THAT(texts(), ElementsAre(Pair("9_1_0", "Number five")));
  EXPECT_EQ(imported()[0].split, "");
}

TEST_F(LibriTts, AnotherLayoutIsTold) {
  clip("wavs/a.wav");
  text("train.list", "wavs/a.wav|ada|ZH|你好\n");
  EXPECT_THAT(error<DataError>("libritts", dir / "src"),
              testing::AllOf(HasSubstr("no <speaker>/<chapter>/ with clips"), HasSubstr("it looks like gpt-sovits")));
}

TEST(LibriTtsLines, BrokenOnesGiveNothing) {
  EXPECT_EQ(parse_libritts_speaker("; comment | a | b").id, "");
  EXPECT_EQ(parse_libritts_speaker("ID | SEX | SUBSET").id, "");
  EXPECT_EQ(parse_libritts_text("no tab").id, "");
  EXPECT_EQ(split_of_libritts_part("train-clean-100"), "train");
  EXPECT_EQ(split_of_libritts_part("trainers"), "");
}

}  // namespace
}  // namespace timbre::exchange
