#include "exchange/importers/vctk.h"

#include <gmock/gmock.h>

#include "audio/write.h"
#include "corpus/import_test.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class Vctk : public testing_support::ImportTest {
 protected:
  void flac(const std::string& name) {
    fs::path path = dir / "src/VCTK/wav48_silence_trimmed" / name;
    fs::create_directories(path.parent_path());
    audio::write_audio(path, testing_support::babble(0.3, 48000, name.size()), 48000, "flac");
  }
};

TEST_F(Vctk, Version092WithItsHoles) {
  for (const char* name :
       {"p225/p225_001_mic1.flac", "p225/p225_001_mic2.flac", "p225/p225_002_mic1.flac", "p225/p225_002_mic2.flac",
        "p280/p280_001_mic1.flac", "p315/p315_001_mic1.flac", "s5/s5_001_mic1.flac", "s5/s5_001_mic2.flac"})
    flac(name);
  text("VCTK/txt/p225/p225_001.txt", "Please call Stella.\n");
  text("VCTK/txt/p225/p225_002.txt", "\xEF\xBB\xBF Ask her to bring\r\n these things. \r\n");
  text("VCTK/txt/p225/p225_003.txt", "Six spoons.");
  text("VCTK/txt/p280/p280_001.txt", "Please call Stella.");
  text("VCTK/txt/s5/s5_001.txt", "Please call Stella.");
  text("VCTK/speaker-info.txt",
       "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \n"
       "p225  23  F    English    Southern  England\n"
       "p280  25  F    French    France    (mic2 files unavailable)\n"
       "p315  18  M    American    New England\n");
  ImportResult result = run("vctk", dir / "src");
  EXPECT_THAT(texts(), UnorderedElementsAre(
                           Pair("p225_001", "Please call Stella."), Pair("p225_002", "Ask her to bring these things."),
                           Pair("p280_001", "Please call Stella."), Pair("s5_001", "Please call Stella.")));
  EXPECT_THAT(rejects(), ElementsAre("no audio file: p225_003.txt:0", "no text: p315_001_mic1.flac:0"));
  corpus::Utterance u = utterance("p225_001");
  EXPECT_EQ(u.speaker, "p225");
  EXPECT_EQ(u.language, "en");
  EXPECT_THAT(u.audio, HasSubstr("p225_001_mic1.flac"));
  EXPECT_EQ(u.rate_hz, 48000);
  EXPECT_EQ(u.extra,
            nlohmann::json({{"age", "23"}, {"gender", "F"}, {"accent", "English"}, {"region", "Southern England"}}));
  EXPECT_EQ(utterance("p280_001").extra["region"], "France");
  EXPECT_TRUE(utterance("s5_001").extra.is_null());
  EXPECT_EQ(result.about["licence"], "CC-BY-4.0");
  fs::remove_all(dir / "out");
  EXPECT_THAT(run("vctk", dir / "src/VCTK", {"--vctk.mic", "mic2"}).reasons,
              UnorderedElementsAre(Pair("no audio file", 2), Pair("no text", 1)));
  EXPECT_THAT(utterance("p225_001").audio, HasSubstr("_mic2.flac"));
  fs::remove_all(dir / "out");
  run("vctk", dir / "src", {"--vctk.mic", "both"});
  EXPECT_EQ(imported().size(), 7u);
  EXPECT_EQ(utterance("p225_001_mic2").extra["microphone"], "mic2");
}

TEST_F(Vctk, Version080) {
  clip("wav48/p225/p225_001.wav");
  clip("wav48/p315/p315_001.wav");
  text("txt/p225/p225_001.txt", "Please call Stella.");
  text("speaker-info.txt", "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Southern  England\n");
  ImportResult result = run("vctk", dir / "src");
  EXPECT_EQ(utterance("p225_001").extra["accent"], "English");
  EXPECT_THAT(rejects(), ElementsAre("no text: p315_001.wav:0"));
  EXPECT_EQ(result.about["licence"], "ODC-By-1.0");
}

TEST_F(Vctk, AnotherLayoutIsTold) {
  clip("wav/a_1.wav");
  text("metadata.csv", "a_1|Hello you\n");
  EXPECT_THAT(error<DataError>("vctk", dir / "src"),
              testing::AllOf(HasSubstr("no txt/ beside wav48"), HasSubstr("expected a folder with txt/<speaker>"),
                             HasSubstr("it looks like genshin"), HasSubstr("timbre import genshin")));
}

TEST(VctkSpeaker, Lines) {
  EXPECT_EQ(parse_vctk_speaker("p376  22  M    Indian").region, "");
  EXPECT_EQ(parse_vctk_speaker("p376  22  M    Indian").accent, "Indian");
  EXPECT_EQ(parse_vctk_speaker("ID  AGE  GENDER  ACCENTS").id, "");
  EXPECT_EQ(parse_vctk_speaker("").id, "");
}

}  // namespace
}  // namespace timbre::exchange
