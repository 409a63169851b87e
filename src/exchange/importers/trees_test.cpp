#include <gmock/gmock.h>

#include "corpus/import_test.h"
#include "exchange/importers/mfa.h"

namespace timbre::exchange {
namespace {

using align::Interval;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class Trees : public testing_support::ImportTest {
 protected:
  void grid(const fs::path& name, const std::vector<std::pair<std::string, std::vector<Interval>>>& tiers,
            double end_s = 2) {
    align::TextGrid grid{.start_s = 0, .end_s = end_s, .tiers = {}};
    for (const auto& [tier, intervals] : tiers)
      grid.tiers.push_back(
          {.name = tier, .start_s = 0, .end_s = end_s, .of_points = false, .intervals = intervals, .points = {}});
    text(name, align::format_textgrid(grid));
  }
};

TEST_F(Trees, MfaTextOfTheLabAndPhonesOfTheGrid) {
  for (const char* name : {"one", "two", "three", "four"})
    clip(fs::path("corpus/ada") / (std::string(name) + ".wav"), 2);
  text("corpus/ada/one.lab", "Hello, World!\n");
  std::vector<Interval> words = {{0, 0.5, ""}, {0.5, 1, "hello"}, {1, 1.5, "world"}, {1.5, 2, "sil"}};
  std::vector<Interval> phones = {{0.5, 0.75, "HH"}, {0.75, 1, "L"}, {1, 1.5, "W"}};
  grid("aligned/ada/one.TextGrid", {{"words", words}, {"phones", phones}});
  grid("aligned/ada/two.TextGrid", {{"words", words}, {"phones", phones}});
  grid("aligned/ada/three.TextGrid", {{"words", {{0, 1, "hello"}, {1, 2, "<unk>"}}}, {"phones", phones}});
  more_sources = {dir / "src/aligned"};
  run("mfa", dir / "src/corpus");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("ada_one", "Hello, World!"), Pair("ada_two", "hello world")));
  EXPECT_EQ(utterance("ada_one").speaker, "ada");
  EXPECT_EQ(utterance("ada_one").extra, nlohmann::json({{"textgrid", (dir / "src/aligned/ada/one.TextGrid").string()},
                                                        {"aligned_words", "hello world"}}));
  EXPECT_THAT(rejects(),
              UnorderedElementsAre("not aligned: four.wav:0", "a spoken word without label: three.TextGrid:0"));
  fs::remove_all(dir / "out");
  run("mfa", dir / "src/corpus", {"--mfa.text", "words"});
  EXPECT_EQ(utterance("ada_one").text, "hello world");
}

TEST_F(Trees, MfaPiecesHaveTheirOwnPhones) {
  clip("corpus/talk.wav", 2);
  grid("corpus/talk.TextGrid", {{"ada", {{0.2, 0.9, "Good day."}}}, {"bob", {{1, 2, "Hello"}}}});
  grid("aligned/talk.TextGrid", {{"ada - words", {{0.25, 0.5, "good"}, {0.5, 0.8, "day"}}},
                                 {"ada - phones", {{0.25, 0.5, "G"}, {0.5, 0.8, "D"}}},
                                 {"bob - words", {{1.25, 1.75, "hello"}}},
                                 {"bob - phones", {{1.25, 1.5, "HH"}, {1.5, 1.75, "L"}}}});
  more_sources = {dir / "src/aligned"};
  run("mfa", dir / "src/corpus");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("talk_0001", "Good day."), Pair("talk_0002", "Hello")));
  corpus::Utterance bob = utterance("talk_0002");
  EXPECT_EQ(bob.speaker, "bob");
  EXPECT_NEAR(bob.duration_s, 1, 1e-9);
  ASSERT_EQ(bob.extra["textgrid"], "textgrids/talk_0002.TextGrid");
  align::TextGrid grid = align::read_textgrid(dir / "out/textgrids/talk_0002.TextGrid");
  EXPECT_NEAR(grid.end_s, 1, 1e-6);
  EXPECT_THAT(grid.find("phones")->intervals, ElementsAre(Interval{0, 0.25, ""}, Interval{0.25, 0.5, "HH"},
                                                          Interval{0.5, 0.75, "L"}, Interval{0.75, 1, ""}));
  EXPECT_EQ(grid.find("words")->intervals[1].label, "hello");
}

TEST_F(Trees, MfaCutsAtPausesWhereThereAreOnlyWords) {
  clip("talk.wav", 2);
  grid("talk.TextGrid", {{"ada - words", {{0.1, 0.4, "one"}, {0.45, 0.6, "two"}, {1.4, 1.9, "three"}}},
                         {"ada - phones", {{0.1, 0.4, "W"}, {0.45, 0.6, "T"}, {1.4, 1.9, "TH"}}}});
  run("mfa", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(Pair("talk_0001", "one two"), Pair("talk_0002", "three")));
  EXPECT_EQ(imported()[0].speaker, "ada");
}

TEST_F(Trees, MfaWithoutAlignmentPointsToLab) {
  clip("ada/one.wav");
  text("ada/one.lab", "hello");
  EXPECT_THAT(error<DataError>("mfa", dir / "src"),
              AllOf(HasSubstr("no TextGrid with a tier of words"), HasSubstr("it looks like lab")));
}

TEST_F(Trees, FolderOfAnyDepth) {
  for (const char* name : {"train/ada/b/1.wav", "test/bob/2.wav", "3.wav", "no.wav"}) clip(name);
  text("train/ada/b/1.txt", " One\r\nmore ");
  text("test/bob/2.lab", "Two");
  text("3.normalized.txt", "three");
  text("3.original.txt", "3");
  text("lost.txt", "lost");
  text("README.txt", "about");
  text("._junk.wav", "x");
  fs::create_directory_symlink(dir / "src", dir / "src/test/loop");
  run("folder", dir / "src", {"--folder.speaker", "parent", "--folder.split", "top"});
  EXPECT_THAT(texts(),
              UnorderedElementsAre(Pair("train_ada_b_1", "One more"), Pair("test_bob_2", "Two"), Pair("3", "three")));
  EXPECT_EQ(utterance("train_ada_b_1").speaker, "b");
  EXPECT_EQ(utterance("train_ada_b_1").split, "train");
  EXPECT_EQ(utterance("3").speaker, "");
  EXPECT_THAT(rejects(), UnorderedElementsAre("no text: no.wav:0", "no audio file: lost.txt:0"));
  fs::remove_all(dir / "out");
  run("folder", dir / "src", {"--folder.speaker", "top"});
  EXPECT_EQ(utterance("train_ada_b_1").speaker, "train");
  EXPECT_EQ(utterance("train_ada_b_1").split, "");
}

TEST_F(Trees, FolderWithTextsElsewhere) {
  clip("wav/ada/1.wav");
  text("txt/ada/1.txt", "caf\xE9");
  EXPECT_THAT(error<DataError>("folder", dir / "src/wav", {"--folder.texts", (dir / "src/txt").string()}),
              HasSubstr("text is not UTF-8"));
  run("folder", dir / "src/wav", {"--folder.texts", (dir / "src/txt").string(), "--encoding", "latin1"});
  EXPECT_THAT(texts(), ElementsAre(Pair("ada_1", "café")));
}

TEST(MfaGrids, StretchesEndAtPauses) {
  align::Tier words{.name = "words",
                    .start_s = 0,
                    .end_s = 3,
                    .of_points = false,
                    .intervals = {{0, 1, "a"}, {1, 1.4, ""}, {1.4, 2, "spn"}, {2.5, 3, "c"}},
                    .points = {}};
  std::vector<MfaStretch> found = mfa_stretches(words, 0.5);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].text, "a spn");
  EXPECT_TRUE(found[0].unknown);
  EXPECT_EQ(found[1].start_s, 2.5);
}

// Every format explains itself, is in the documents' table, and does not throw at odd sources.
TEST(Formats, AreAllDescribed) {
  Importers all;
  register_all_importers(all);
  testing_support::TempFolder dir;
  testing_support::write_bytes(dir / "x/a.csv", "\xFF\xFE\n|||\n\"");
  testing_support::write_bytes(dir / "x/train_list.txt", "|||\n");
  std::string table = read_file("docs/corpora.md");
  for (const std::string& name : all.names()) {
    Importer importer = all.make(name);
    EXPECT_FALSE(importer.summary.empty()) << name;
    EXPECT_FALSE(importer.layout.empty()) << name;
    EXPECT_THAT(table, HasSubstr("| `" + name + "` |")) << "docs/corpora.md has no row for it";
    if (!importer.examples.empty()) EXPECT_THAT(importer.examples[0], HasSubstr("timbre import " + name + " "));
  }
  EXPECT_NO_THROW(guess_formats(all, dir / "x"));
  EXPECT_NO_THROW(guess_formats(all, dir / "x/a.csv"));
  EXPECT_NO_THROW(guess_formats(all, dir / "nowhere"));
}

}  // namespace
}  // namespace timbre::exchange
