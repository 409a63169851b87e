#include "exchange/exporter.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "audio/decode.h"
#include "base/error.h"
#include "corpus/clips.h"
#include "exchange/importer.h"
#include "exchange/parquet.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::babble;
using testing_support::MadeCorpus;
using testing_support::RawWav;
using testing_support::read_lines;
using testing_support::TempFolder;
using testing_support::write_bytes;

/// Texts that layouts stumble over.
const std::vector<std::string> kTexts = {"Plain words here.", "She said \"no\", 'yes' & <maybe>.", "a|b||c",
                                         "Größe, naïve, 你好，世界！ 😀", "back\\slash, comma; semi"};

class Export : public testing::Test {
 protected:
  Export() {
    MadeCorpus made(dir / "corpus", kTexts.size(), 0.6);
    for (std::size_t i = 0; i < kTexts.size(); ++i) {
      made.utterances[i].text = kTexts[i];
      made.utterances[i].split = i == 3 ? "valid" : i == 4 ? "test" : "train";
    }
    made.utterances[1].extra = {{"raw_text", "She said “no”"}, {"gender", "female"}};
    before = made.utterances;
    made.publish();
    write_bytes(dir / "corpus/corpus.json",
                R"({"name": "Five Clips", "licence": "CC-BY-4.0", "attribution": "Ada \"A.\" Lovelace"})");
  }

  void change(const std::function<void(std::vector<corpus::Utterance>&)>& edit) {
    edit(before);
    std::string manifest;
    for (const corpus::Utterance& u : before) manifest += to_line(u) + "\n";
    write_bytes(dir / "corpus/manifest.jsonl", manifest);
  }

  ExportResult run(const std::string& format, const std::vector<std::string>& flags = {}, bool dry_run = false) {
    Exporters all;
    register_all_exporters(all);
    Exporter exporter = all.make(format);
    ExportRequest request{.corpus = dir / "corpus", .out = dir / "out", .dry_run = dry_run, .tool_version = "timbre x"};
    config::Fields options;
    options.group("", fields(request.options));
    options.group(format, exporter.fields);
    config::parse_flags(options, flags);
    return export_corpus(exporter, request, no_events());
  }

  template <class E>
  std::string error(const std::string& format, const std::vector<std::string>& flags = {}) {
    try {
      run(format, flags);
    } catch (const E& e) {
      return std::string(e.what()) + " | " + e.next();
    }
    return "no such error";
  }

  /// What `timbre import` makes of the export, by id.
  std::map<std::string, corpus::Utterance> back(const std::string& format, const std::vector<std::string>& flags = {}) {
    Importers all;
    register_all_importers(all);
    Importer importer = all.make(format);
    ImportRequest request{.sources = {dir / "out"}, .out = dir / "again"};
    config::Fields options;
    options.group("", fields(request.options));
    options.group(format, importer.fields);
    config::parse_flags(options, flags);
    import_corpus(importer, request, no_events());
    std::map<std::string, corpus::Utterance> by_id;
    const corpus::Corpus again = corpus::Corpus::open(dir / "again");
    for (const corpus::Utterance& u : again.utterances()) by_id[u.id] = u;
    return by_id;
  }

  /// The same utterances, but for the texts given.
  void expect_same(const std::map<std::string, corpus::Utterance>& got,
                   const std::map<std::string, std::string>& texts = {}, const std::string& prefix = "") {
    EXPECT_EQ(got.size(), before.size());
    const corpus::Corpus corpus = corpus::Corpus::open(dir / "again");
    for (const corpus::Utterance& u : before) {
      ASSERT_TRUE(got.contains(prefix + u.id)) << u.id;
      const corpus::Utterance& g = got.at(prefix + u.id);
      auto text = texts.find(u.id);
      EXPECT_EQ(g.text, text == texts.end() ? u.text : text->second);
      EXPECT_EQ(g.speaker, u.speaker);
      EXPECT_EQ(g.split, u.split) << u.id;
      EXPECT_DOUBLE_EQ(g.duration_s, u.duration_s);
      EXPECT_EQ(g.rate_hz, u.rate_hz);
      EXPECT_EQ(audio::decode_audio(corpus.audio_path(g)).samples_N,
                audio::decode_audio(dir / "corpus" / u.audio).samples_N)
          << u.id;
    }
  }

  TempFolder dir;
  std::vector<corpus::Utterance> before;
};

TEST_F(Export, LjspeechComesBackButForBarsAndSpeaker) {
  const ExportResult result = run("ljspeech");
  EXPECT_EQ(result.utterances, 5);
  EXPECT_EQ(result.linked, 5);
  EXPECT_THAT(result.notes, testing::Contains(HasSubstr("1 texts hold '|'")));
  EXPECT_EQ(read_lines(dir / "out/metadata.csv")[1], "clip1|She said “no”|" + kTexts[1]);
  EXPECT_THAT(read_lines(dir / "out/metadata_valid.csv"), ElementsAre("clip3|" + kTexts[3] + "|" + kTexts[3]));
  const auto got = back("ljspeech", {"--speaker", "ada"});
  expect_same(got, {{"clip2", "a b  c"}});
  EXPECT_EQ(got.at("clip1").extra["raw_text"], "She said “no”");
}

TEST_F(Export, LabComesBack) {
  EXPECT_EQ(run("lab").splits.at("train"), 3);
  expect_same(back("lab", {"--lab.id", "name"}));
}

TEST_F(Export, LabKeepsSpeakersApartByFolder) {
  change([](auto& u) { u[0].speaker = "Bob / Alice"; });
  run("lab", {"--lab.ending", "txt"});
  EXPECT_TRUE(fs::exists(dir / "out/Bob _ Alice/clip0.txt"));
  EXPECT_EQ(back("lab", {"--lab.id", "name"}).at("clip0").speaker, "Bob _ Alice");
}

TEST_F(Export, LhotseComesBack) {
  const ExportResult result = run("lhotse");
  EXPECT_EQ(result.left, 5);
  EXPECT_TRUE(fs::exists(dir / "out/five-clips_cuts_train.jsonl.gz"));
  EXPECT_TRUE(fs::exists(dir / "out/five-clips_supervisions_dev.jsonl.gz"));
  const auto got = back("lhotse", {"--lhotse.take", "recordings"});
  expect_same(got);
  EXPECT_EQ(got.at("clip1").extra["raw_text"], "She said “no”");
  EXPECT_EQ(got.at("clip1").extra["gender"], "female");
  EXPECT_FALSE(got.at("clip0").extra.contains("normalized_text"));
}

TEST_F(Export, LhotseCutsComeBackUnderTheirOwnIds) {
  run("lhotse", {"--lhotse.prefix", "five", "--no-lhotse.packed", "--audio", "copy", "--lhotse.paths", "relative"});
  const auto first = nlohmann::json::parse(read_lines(dir / "out/five_cuts_train.jsonl")[0]);
  EXPECT_EQ(first["recording"]["sources"][0]["source"], "audio/clip0.wav");
  EXPECT_EQ(first["recording"]["num_samples"], 13230);
  EXPECT_EQ(first["type"], "MonoCut");
  const auto got = back("lhotse", {"--lhotse.take", "cuts"});
  EXPECT_EQ(got.at("clip2-2").text, kTexts[2]);
  EXPECT_EQ(got.at("clip3-0").split, "valid");
}

TEST_F(Export, LibrittsKeepsLibrittsNamesAndTellsOfOthers) {
  change([](auto& u) {
    u[0].id = "ada_17_000001_000000";
    u[1].id = "two words";
  });
  const ExportResult result = run("libritts");
  EXPECT_TRUE(fs::exists(dir / "out/train-clean-100/ada/17/ada_17_000001_000000.wav"));
  EXPECT_TRUE(fs::exists(dir / "out/train-clean-100/ada/0/ada_0_two-words.normalized.txt"));
  EXPECT_THAT(read_lines(dir / "out/dev-clean/ada/0/ada_0.trans.tsv"),
              ElementsAre("ada_0_clip3\t" + kTexts[3] + "\t" + kTexts[3]));
  EXPECT_THAT(read_lines(dir / "out/train-clean-100/ada/0/ada_0.trans.tsv")[0],
              "ada_0_two-words\tShe said “no”\t" + kTexts[1]);
  EXPECT_EQ(read_lines(dir / "out/ids.tsv")[0], "ada_0_two-words\ttwo words");
  EXPECT_THAT(read_lines(dir / "out/SPEAKERS.txt")[1], HasSubstr("ada"));
  EXPECT_EQ(result.splits.at("test"), 1);
}

TEST_F(Export, LibrittsComesBackUnderItsNames) {
  run("libritts");
  const auto got = back("libritts");
  expect_same(got, {}, "ada_0_");
  EXPECT_EQ(got.at("ada_0_clip1").extra.at("gender"), "F");
  EXPECT_EQ(corpus::Corpus::open(dir / "again").about()["licence"], "CC-BY-4.0");
  EXPECT_EQ(corpus::Corpus::open(dir / "again").about()["attribution"], "Ada \"A.\" Lovelace");
  EXPECT_EQ(corpus::Corpus::open(dir / "again").name(), "Five Clips");
}

TEST_F(Export, AttributionTravelsAlong) {
  run("lab");
  EXPECT_THAT(read_lines(dir / "out/ATTRIBUTION.txt"),
              testing::IsSupersetOf({"name: Five Clips", "licence: CC-BY-4.0", "attribution: Ada \"A.\" Lovelace"}));
}

TEST_F(Export, LinksCopiesAndConverts) {
  EXPECT_EQ(run("lab").linked, 5);
  struct stat one {
  }, other{};
  ::stat((dir / "corpus/audio/clip0.wav").c_str(), &one);
  ::stat((dir / "out/ada/clip0.wav").c_str(), &other);
  EXPECT_EQ(one.st_ino, other.st_ino);
  fs::remove_all(dir / "out");
  EXPECT_EQ(run("lab", {"--audio", "copy"}).copied, 5);
  ::stat((dir / "out/ada/clip0.wav").c_str(), &other);
  EXPECT_NE(one.st_ino, other.st_ino);
  fs::remove_all(dir / "out");
  const ExportResult halved = run("lab", {"--rate", "11025"});
  EXPECT_EQ(halved.converted, 5);
  EXPECT_EQ(audio::probe_audio(dir / "out/ada/clip0.wav").rate_hz, 11025);
  EXPECT_EQ(audio::probe_audio(dir / "out/ada/clip0.wav").samples, 6615);
}

TEST_F(Export, StereoIsMixedWhereTheLayoutIsMono) {
  std::vector<float> wave = babble(0.6, 22050);
  std::vector<float> both;
  for (float x : wave) both.push_back(x), both.push_back(0);
  write_bytes(dir / "corpus/audio/clip0.wav", RawWav{.channels = 2}.bytes(both));
  EXPECT_THAT(error<UsageError>("ljspeech", {"--audio", "copy"}), HasSubstr("clip0: its clip is wav, 16 bit PCM, 2"));
  EXPECT_FALSE(fs::exists(dir / "out"));
  const ExportResult result = run("ljspeech");
  EXPECT_EQ(result.converted, 1);
  EXPECT_EQ(audio::probe_audio(dir / "out/wavs/clip0.wav").channels, 1);
  fs::remove_all(dir / "out");
  run("lhotse", {"--no-lhotse.packed"});
  const auto cut = nlohmann::json::parse(read_lines(dir / "out/five-clips_cuts_train.jsonl")[0]);
  EXPECT_EQ(cut["type"], "MultiCut");
  EXPECT_EQ(cut["channel"], nlohmann::json({0, 1}));
}

TEST_F(Export, MissingClipsAreLeftOutByName) {
  fs::remove(dir / "corpus/audio/clip2.wav");
  for (const char* format : {"ljspeech", "libritts", "lab", "lhotse"}) {
    const ExportResult result = run(format);
    EXPECT_EQ(result.utterances, 4) << format;
    ASSERT_EQ(result.skipped.size(), 1u) << format;
    EXPECT_EQ(result.skipped[0].id, "clip2");
    EXPECT_THAT(result.skipped[0].reason, HasSubstr("clip2.wav: no such file"));
    EXPECT_THAT(read_lines(dir / "out/skipped.jsonl"), ElementsAre(HasSubstr("clip2")));
    fs::remove_all(dir / "out");
  }
  for (const corpus::Utterance& u : before) fs::remove(dir / "corpus" / u.audio);
  EXPECT_THAT(error<DataError>("lab"), HasSubstr("nothing could be written; the first reason"));
  EXPECT_FALSE(fs::exists(dir / "out"));
  EXPECT_FALSE(fs::exists(dir / "out.exporting"));
}

TEST_F(Export, Refusals) {
  EXPECT_THAT(error<UsageError>("lab", {"--speaker", "adda"}), HasSubstr("did you mean 'ada'"));
  EXPECT_THAT(error<UsageError>("lab", {"--rate", "8000", "--audio", "link"}), HasSubstr("--audio auto"));
  EXPECT_THAT(error<UsageError>("lhotse", {"--lhotse.prefix", "a/b"}), HasSubstr("a/b"));
  change([](auto& u) { u[4].speaker = "bob"; });
  EXPECT_THAT(error<UsageError>("ljspeech"), HasSubstr("several speakers ('ada', 'bob' …)"));
  EXPECT_EQ(run("ljspeech", {"--speaker", "bob"}).utterances, 1);
  EXPECT_THAT(error<UsageError>("lab"), HasSubstr("exists and is not an empty folder"));
  EXPECT_TRUE(fs::exists(dir / "out/metadata.csv"));
}

TEST_F(Export, DryRunFindsFaultsAndWritesNothing) {
  fs::remove(dir / "corpus/audio/clip2.wav");
  const ExportResult result = run("lab", {}, true);
  EXPECT_EQ(result.utterances, 4);
  EXPECT_EQ(result.skipped.size(), 1u);
  EXPECT_FALSE(fs::exists(dir / "out"));
  EXPECT_FALSE(fs::exists(dir / "out.exporting"));
}

TEST_F(Export, OneSplitAlone) {
  EXPECT_EQ(run("lab", {"--split", "valid"}).utterances, 1);
  EXPECT_TRUE(fs::exists(dir / "out/ada/clip3.lab"));
}

class ExportHf : public Export {
 protected:
  void SetUp() override {
    if (!fs::exists(program_folder() / "lib/timbre_parquet.so")) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "timbre_parquet.so was not built: pyarrow is missing";
      GTEST_SKIP() << "this build has no Parquet (pyarrow is not in .venv)";
    }
  }
};

TEST_F(ExportHf, ComesBack) {
  const ExportResult result = run("hf");
  EXPECT_EQ(result.copied, 5);
  EXPECT_TRUE(fs::exists(dir / "out/data/validation-00000-of-00001.parquet"));
  const auto got = back("hf");
  expect_same(got);
  EXPECT_EQ(got.at("clip1").extra["raw_text"], "She said “no”");
  EXPECT_EQ(corpus::Corpus::open(dir / "again").about()["licence"], "CC-BY-4.0");
  EXPECT_EQ(corpus::Corpus::open(dir / "again").name(), "Five Clips");
}

TEST_F(ExportHf, ManyShardsHoldEachRowOnce) {
  change([](auto& u) {
    for (corpus::Utterance& one : u) one.split = "", one.audio_bytes = 1'000'000;  // as if they were large
  });
  run("hf", {"--hf.shard-mb", "2"});
  EXPECT_TRUE(fs::exists(dir / "out/data/train-00002-of-00003.parquet"));
  expect_same(back("hf"));
}

TEST_F(ExportHf, ConvertsInsideAndLeavesNoFiles) {
  run("hf", {"--rate", "16000"});
  EXPECT_FALSE(fs::exists(dir / "out/clips"));
  const auto schema = parquet::read_schema(dir / "out/data/test-00000-of-00001.parquet");
  EXPECT_EQ(schema.rows, 1);
  EXPECT_EQ(schema.huggingface["info"]["features"]["audio"]["sampling_rate"], 16000);
  EXPECT_EQ(back("hf").at("clip0").rate_hz, 16000);
}

TEST_F(ExportHf, DamagedFilesAndMissingColumnsAreNamed) {
  run("hf", {"--speaker", "ada"});
  const fs::path file = dir / "out/data/train-00000-of-00001.parquet";
  Importers all;
  register_all_importers(all);
  const auto import = [&](const std::vector<std::string>& flags) -> std::string {
    Importer importer = all.make("hf");
    config::Fields options;
    options.group("hf", importer.fields);
    config::parse_flags(options, flags);
    try {
      import_corpus(importer, {.sources = {file}, .out = dir / "again"}, no_events());
    } catch (const Error& e) {
      return std::string(e.what()) + " | " + e.next();
    }
    return "imported";
  };
  EXPECT_THAT(import({"--hf.text", "words"}),
              HasSubstr("no column 'words' for --hf.text; there are: id (text), audio"));
  EXPECT_THAT(import({"--hf.text", "raw_text"}), "imported");  // two of three rows have none: they are rejected
  EXPECT_EQ(corpus::Corpus::open(dir / "again").about()["rejected"], 2);
  fs::remove_all(dir / "again");
  std::string bytes = read_file(file);
  write_bytes(file, bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(import({}), HasSubstr("not a usable Parquet file"));
  write_bytes(file, "no parquet at all");
  EXPECT_THAT(import({}), HasSubstr("not a usable Parquet file"));
}

}  // namespace
}  // namespace timbre::exchange
