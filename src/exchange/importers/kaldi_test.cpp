#include "exchange/importers/kaldi.h"

#include <gmock/gmock.h>

#include "corpus/import_test.h"

namespace timbre::exchange {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;
using Kind = KaldiRecording::Kind;

class KaldiImport : public testing_support::ImportTest {};

TEST_F(KaldiImport, WholeRecordingsAndCommands) {
  for (const char* name : {"a.wav", "with space.wav", "c.wav", "d.wav"}) clip(fs::path("wavs") / name);
  text("data/train/wav.scp",
       "ada-1 ../../wavs/a.wav\nada-2 " + (dir / "src/wavs/with space.wav").string() +
           "\nada-3 cat ../../wavs/c.wav |\nada-4 sox ../../wavs/d.wav -t wav - |\nada-5 feats.ark:1234\nada-6 "
           "../../wavs/none.wav\nada-7 ../../wavs/d.wav\nada-1 ../../wavs/d.wav\n");
  text("data/train/text",
       "ada-1 hello there\r\nada-2\tgood day\nada-3 three\nada-4 four\nada-5 five\nada-6 six\nada-8 eight\n");
  text("data/train/utt2spk", "ada-1 ada\nada-2 ada\nada-3 ada\n");
  text("data/train/utt2lang", "ada-1 en\n");
  text("data/train/spk2gender", "ada f\n");
  run("kaldi", dir / "src/data/train");
  EXPECT_THAT(texts(),
              UnorderedElementsAre(Pair("ada-1", "hello there"), Pair("ada-2", "good day"), Pair("ada-3", "three")));
  corpus::Utterance u = utterance("ada-1");
  EXPECT_EQ(u.speaker, "ada");
  EXPECT_EQ(u.language, "en");
  EXPECT_EQ(u.split, "") << "one folder is no split";
  EXPECT_EQ(u.audio, (dir / "src/wavs/a.wav").string());
  EXPECT_EQ(u.extra, nlohmann::json({{"gender", "f"}}));
  EXPECT_THAT(utterance("ada-3").audio, HasSubstr("c.wav"));
  EXPECT_THAT(rejects(), UnorderedElementsAre("id came before: wav.scp:8", "a command instead of a file: wav.scp:4",
                                              "audio in a Kaldi archive: wav.scp:5", "no audio file: wav.scp:6",
                                              "no text: wav.scp:7", "no recording: text:7"));
}

TEST_F(KaldiImport, SegmentsAreCut) {
  clip("long.wav", 4);
  clip("stereo.wav", 1);
  text("data/dev/wav.scp", "talk ../../long.wav\nside ../../stereo.wav\n");
  text("data/dev/segments",
       "u1 talk 0.25 1.50\nu2 talk 2 -1\nu3 talk 3.9 5.0\nu4 talk 2 1\nu5 talk x 2\nu6 nosuch 0 1\nu7 talk 0 1\nshort\n"
       "u8 side 0 1\nu9 talk 3.5 4.2\nu1 talk 0 1\n");
  text("data/dev/text", "u1 one\nu2 two\nu3 three\nu4 four\nu5 five\nu6 six\nu8 eight\nu9 nine\nu10 ten\n");
  text("data/dev/utt2spk", "u1 ada\nu2 bob\n");
  text("data/dev/reco2file_and_channel", "talk talk A\nside side B\n");
  text("data/train_all/wav.scp", "t1 ../../long.wav\n");
  text("data/train_all/text", "t1 all of it\n");
  ImportResult result = run("kaldi", dir / "src/data");
  EXPECT_EQ(utterance("t1").split, "train");
  EXPECT_EQ(result.about["format"], "kaldi");
  std::string talk = read_file(dir / "src/long.wav");
  corpus::Utterance one = utterance("u1"), two = utterance("u2"), nine = utterance("u9");
  EXPECT_NEAR(one.duration_s, 1.25, 1e-9);
  EXPECT_EQ(read_file(dir / "out" / one.audio).substr(44), talk.substr(44 + 2 * 4000, 2 * 20000));
  EXPECT_NEAR(two.duration_s, 2, 1e-9);
  EXPECT_EQ(read_file(dir / "out" / two.audio).substr(44), talk.substr(44 + 2 * 32000));
  EXPECT_NEAR(nine.duration_s, 0.5, 1e-9) << "a little beyond the end is cut at the end";
  EXPECT_EQ(two.split, "valid");
  EXPECT_EQ(two.speaker, "bob");
  EXPECT_EQ(one.extra, nlohmann::json({{"recording", "talk"}, {"start_s", 0.25}}));
  EXPECT_EQ(imported().size(), 4u);
  EXPECT_THAT(rejects(), UnorderedElementsAre(
                             "piece lies outside its recording: segments:3", "piece ends before it starts: segments:4",
                             "unusable time: segments:5", "no recording: segments:6", "no text: segments:7",
                             "not 4 columns: segments:8", "one channel of several is meant: segments:9",
                             "id came before: segments:11", "no recording: text:9"));
  // A dry run knows the same without decoding.
  ImportResult dry = run("kaldi", dir / "src/data", {}, true);
  EXPECT_EQ(dry.reasons, result.reasons);
  EXPECT_NEAR(dry.duration_s, result.duration_s, 1e-9);
}

TEST_F(KaldiImport, ManyPiecesOfOneRecordingComeInOrder) {
  clip("long.wav", 4);
  std::string segments, texts_of;
  for (int i = 0; i < 530; ++i) {
    segments += fmt::format("u{:03} talk {:.3f} {:.3f}\n", i, i * 0.005, i * 0.005 + 0.1);
    texts_of += fmt::format("u{:03} text {}\n", i, i);
  }
  text("wav.scp", "talk long.wav\n");
  text("segments", segments);
  text("text", texts_of);
  run("kaldi", dir / "src");
  std::vector<corpus::Utterance> all = imported();
  ASSERT_EQ(all.size(), 530u);
  std::string talk = read_file(dir / "src/long.wav");
  for (std::size_t i = 0; i < 530; i += 99) {
    EXPECT_EQ(all[i].id, fmt::format("u{:03}", i));
    EXPECT_EQ(read_file(dir / "out" / all[i].audio).substr(44), talk.substr(44 + 2 * 80 * i, 2 * 1600)) << i;
  }
}

TEST_F(KaldiImport, WhatIsMissingIsSaid) {
  clip("a.wav");
  text("wav.scp", "a a.wav\n");
  EXPECT_THAT(error<DataError>("kaldi", dir / "src"), HasSubstr("no text in it; expected a data folder with wav.scp"));
  fs::remove(dir / "src/wav.scp");
  text("a.lab", "hello");
  EXPECT_THAT(error<DataError>("kaldi", dir / "src"),
              AllOf(HasSubstr("no wav.scp in it"), HasSubstr("it looks like lab")));
}

TEST(KaldiLines, RecordingsOfAllKinds) {
  EXPECT_EQ(parse_kaldi_recording("C:\\a b.wav").path, "C:\\a b.wav");
  EXPECT_EQ(parse_kaldi_recording("flac -c -d -s /x/a.flac |").path, "/x/a.flac");
  EXPECT_EQ(parse_kaldi_recording("/opt/sph2pipe -f wav -p a.sph |").path, "a.sph");
  EXPECT_EQ(parse_kaldi_recording("sph2pipe -f wav -p -c 1 a.sph |").path, "");
  EXPECT_EQ(parse_kaldi_recording("flac -dc a.flac | sox - -t wav - |").path, "");
  EXPECT_EQ(parse_kaldi_recording("flac -dc a b.flac |").path, "") << "two files, or a blank: not to be guessed";
  EXPECT_EQ(parse_kaldi_recording("rm -rf x |").path, "");
  EXPECT_EQ(parse_kaldi_recording("|").path, "");
  EXPECT_EQ(parse_kaldi_recording("x.ark:12").kind, Kind::archive);
  EXPECT_EQ(parse_kaldi_recording("12:30.wav").kind, Kind::file);
  EXPECT_EQ(parse_kaldi_segment("u r 1 2 1").fault, "");
  EXPECT_EQ(parse_kaldi_segment("u r nan 2").fault, "unusable time");
  EXPECT_EQ(parse_kaldi_segment("").fault, "not 4 columns");
  EXPECT_EQ(parse_kaldi_pair("  key ").key, "key");
}

}  // namespace
}  // namespace timbre::exchange
