#include "exchange/lhotse_manifest.h"

#include <gmock/gmock.h>

#include "audio/decode.h"
#include "base/error.h"
#include "corpus/clips.h"
#include "exchange/importer.h"

namespace timbre::exchange {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;
using testing_support::babble;
using testing_support::RawWav;
using testing_support::read_lines;
using testing_support::TempFolder;
using testing_support::write_bytes;
using testing_support::write_clip;

constexpr std::int64_t kRate_hz = 8000;

json recording(const std::string& id, double seconds = 2) {
  return {{"id", id},
          {"sources", {{{"type", "file"}, {"channels", {0}}, {"source", "wav/" + id + ".wav"}}}},
          {"sampling_rate", kRate_hz},
          {"num_samples", std::llround(seconds * kRate_hz)},
          {"duration", seconds},
          {"channel_ids", {0}}};
}

json supervision(const std::string& id, const std::string& of, double start = 0, double seconds = 2) {
  return {{"id", id},     {"recording_id", of},  {"start", start},        {"duration", seconds},
          {"channel", 0}, {"text", "say " + id}, {"language", "English"}, {"speaker", "ada"}};
}

json cut(const std::string& id, json of, std::vector<json> supervisions, double start = 0, double seconds = 2) {
  return {{"id", id},          {"start", start},  {"duration", seconds},         {"channel", 0},
          {"type", "MonoCut"}, {"recording", of}, {"supervisions", supervisions}};
}

class Lhotse : public testing::Test {
 protected:
  Lhotse() {
    for (const char* id : {"r1", "r2", "r3"})
      write_clip(dir / "src/wav" / (std::string(id) + ".wav"), wave(), kRate_hz);
  }
  static const std::vector<float>& wave() {
    static const std::vector<float> made = babble(2, kRate_hz, 5);
    return made;
  }
  void lines(const std::string& name, const std::vector<json>& all) {
    std::string text;
    for (const json& line : all) text += line.is_string() ? line.get<std::string>() + "\n" : line.dump() + "\n";
    write_bytes(dir / "src/manifests" / name, text);
  }
  ImportResult import(const std::vector<std::string>& flags = {}) {
    Importers all;
    register_all_importers(all);
    Importer importer = all.make("lhotse");
    config::Fields options;
    options.group("lhotse", importer.fields);
    config::parse_flags(options, flags);
    ImportResult result =
        import_corpus(importer, {.sources = {dir / "src/manifests"}, .out = dir / "out"}, no_events());
    const corpus::Corpus corpus = corpus::Corpus::open(dir / "out");
    for (const corpus::Utterance& u : corpus.utterances()) got[u.id] = u;
    if (fs::exists(dir / "out/rejected.jsonl"))
      for (const std::string& line : read_lines(dir / "out/rejected.jsonl")) rejected.push_back(json::parse(line));
    return result;
  }
  /// "line: reason" of what was rejected, in order.
  std::vector<std::string> reasons() const {
    std::vector<std::string> all;
    for (const json& r : rejected)
      all.push_back(fmt::format("{}: {}", r["line"].get<int>(), r["reason"].get<std::string>()));
    return all;
  }
  std::string error(const std::vector<std::string>& flags = {}) {
    try {
      import(flags);
    } catch (const Error& e) {
      return std::string(e.what()) + " | " + e.next();
    }
    return "no error";
  }

  TempFolder dir;
  std::map<std::string, corpus::Utterance> got;
  std::vector<json> rejected;
};

TEST_F(Lhotse, RecordingsAndSupervisionsBecomeUtterances) {
  json gold = supervision("s1", "r1");
  gold["custom"] = {{"normalized_text", "say one"}, {"snr", 12.5}, {"split", "odd"}};
  gold["gender"] = "female";
  lines("mine_recordings_train.jsonl", {recording("r1")});
  lines("mine_supervisions_train.jsonl", {gold});
  lines("mine_recordings_dev.jsonl", {recording("r2")});
  lines("mine_supervisions_dev.jsonl", {supervision("s2", "r2")});
  const ImportResult result = import();
  EXPECT_EQ(result.about["name"], "mine");
  EXPECT_EQ(got.at("s1").text, "say one");
  EXPECT_EQ(got.at("s1").extra["raw_text"], "say s1");
  EXPECT_EQ(got.at("s1").extra["snr"], 12.5);
  EXPECT_EQ(got.at("s1").extra["gender"], "female");
  EXPECT_EQ(got.at("s1").extra["source_split"], "odd");
  EXPECT_EQ(got.at("s1").split, "train");
  EXPECT_EQ(got.at("s2").split, "valid");
  EXPECT_EQ(got.at("s2").language, "en");
  EXPECT_EQ(result.linked, 2);
}

TEST_F(Lhotse, PiecesAreCutOutToTheSample) {
  lines("recordings.jsonl", {recording("r1")});
  lines("supervisions.jsonl", {supervision("a", "r1", 0.25, 0.5), supervision("b", "r1", 1, 1)});
  import();
  const std::vector<float> piece = audio::decode_audio(dir / "out/audio/a.wav").samples_N;
  ASSERT_EQ(piece.size(), 4000u);
  const std::vector<float> whole = audio::decode_audio(dir / "src/wav/r1.wav").samples_N;
  EXPECT_EQ(piece, std::vector<float>(whole.begin() + 2000, whole.begin() + 6000));
  EXPECT_EQ(got.at("b").duration_s, 1);
}

TEST_F(Lhotse, CutsWithOneAndWithSeveralSupervisions) {
  json later = supervision("later", "r1", -0.5, 1);  // begins before its cut
  later["alignment"] = {{"word", {{"say", -0.25, 0.1}}}};
  lines("cuts.jsonl", {cut("c1", recording("r1"), {supervision("x", "r1", 0.1, 0.7)}, 0.5, 1),
                       cut("c2", recording("r2"), {supervision("y", "r2", 0, 0.5), supervision("z", "r2", 1, 1)}),
                       cut("c3", recording("r1"), {later}, 1, 1)});
  import();
  EXPECT_DOUBLE_EQ(got.at("c1").duration_s, 1);  // the cut, with the silence it has
  EXPECT_DOUBLE_EQ(got.at("y").duration_s, 0.5);
  EXPECT_DOUBLE_EQ(got.at("z").duration_s, 1);
  EXPECT_DOUBLE_EQ(got.at("later").duration_s, 1);
  EXPECT_EQ(got.at("later").extra["alignment"]["word"][0][1], 0.25);
  const std::vector<float> whole = audio::decode_audio(dir / "src/wav/r1.wav").samples_N;
  EXPECT_EQ(audio::decode_audio(dir / "out/audio/later.wav").samples_N,
            std::vector<float>(whole.begin() + 4000, whole.begin() + 12000));
}

TEST_F(Lhotse, WhatCannotBeUsedIsToldWithItsLine) {
  json command = recording("r4"), no_file = recording("r5"), faster = recording("r6"), gone = recording("r7"),
       sampled = recording("r3");
  command["sources"][0]["type"] = "command";
  no_file["sources"] = json::array();
  faster["transforms"] = {{{"name", "Speed"}, {"kwargs", {{"factor", 1.1}}}}};
  sampled["transforms"] = {{{"name", "Resample"}, {"kwargs", json::object()}}};
  lines("recordings.jsonl",
        {recording("r1"), command, no_file, faster, gone, recording("r1"), recording("r2"), sampled});
  json wrong = supervision("w", "r1");
  wrong["start"] = "soon";
  lines("supervisions.jsonl",
        {supervision("a", "r1"), supervision("b", "r4"), supervision("c", "r5"), supervision("d", "r6"),
         supervision("e", "r7"), supervision("f", "nobody"), supervision("a", "r1"), wrong, "{\"id\": ", "[1]",
         supervision("g", "r1", 1.5, 1), supervision("h", "r3")});
  const ImportResult result = import();
  EXPECT_THAT(result.reasons,
              UnorderedElementsAre(Pair("recording id came before", 1), Pair("source is no file", 1),
                                   Pair("recording without file", 1), Pair("recording is transformed", 1),
                                   Pair("no audio file", 1), Pair("unknown recording", 1), Pair("id came before", 1),
                                   Pair("broken line", 3), Pair("beyond its recording", 1), Pair("no supervision", 1)));
  EXPECT_EQ(got.size(), 2u);
  EXPECT_TRUE(got.contains("h"));
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("resampled by lhotse")));
  EXPECT_THAT(reasons(), testing::IsSupersetOf({"6: recording id came before", "2: source is no file",
                                                "6: unknown recording", "8: broken line", "9: broken line",
                                                "11: beyond its recording", "7: no supervision"}));
  for (const json& r : rejected) {
    EXPECT_THAT(r["file"].get<std::string>(), HasSubstr("/src/manifests/"));
    if (r["line"] == 8) EXPECT_EQ(r["detail"], "field 'start': expected seconds");
  }
}

TEST_F(Lhotse, CutsThatCannotBeUsed) {
  json mixed = {{"id", "m"}, {"type", "MixedCut"}, {"tracks", json::array()}},
       padding = {{"id", "p"}, {"type", "PaddingCut"}, {"duration", 1}}, features = cut("f", recording("r1"), {});
  features.erase("recording");
  json address = recording("r2");
  address["sources"][0]["type"] = "url";
  address["sources"][0]["source"] = "https://example.org/r2.wav";
  json stereo = recording("r3");
  stereo["sources"][0]["channels"] = {0, 1};
  lines("cuts.jsonl",
        {mixed, padding, features, cut("n", recording("r1"), {}), cut("u", address, {supervision("x", "r2")}),
         cut("s", stereo, {supervision("y", "r3")}), cut("ok", recording("r1"), {supervision("z", "r1")}),
         cut("ok", recording("r1"), {supervision("z", "r1")})});
  import();
  EXPECT_THAT(reasons(), ElementsAre("1: cut is a mix or padding", "2: cut is a mix or padding",
                                     "3: cut without recording", "4: no supervision", "5: source is no file",
                                     "6: one channel of several", "8: id came before"));
  EXPECT_EQ(got.size(), 1u);
}

TEST_F(Lhotse, SeveralChannelsOfOneCutAreMixed) {
  std::vector<float> both;
  for (float x : wave()) both.push_back(x), both.push_back(-x / 2);
  write_bytes(dir / "src/wav/r1.wav", RawWav{.rate_hz = kRate_hz, .channels = 2}.bytes(both));
  json stereo = recording("r1"), words = supervision("x", "r1");
  stereo["sources"][0]["channels"] = {0, 1};
  words["channel"] = {0, 1};
  json multi = cut("c", stereo, {words});
  multi["type"] = "MultiCut";
  multi["channel"] = {0, 1};
  lines("cuts.jsonl", {multi});
  import();
  EXPECT_EQ(got.at("c").channels, 2);  // left in place, told, mixed by later steps
}

TEST_F(Lhotse, WhatIsNotSureIsAsked) {
  lines("recordings.jsonl", {recording("r1")});
  lines("cuts.jsonl", {cut("c", recording("r1"), {supervision("x", "r1")})});
  EXPECT_THAT(error(), HasSubstr("--lhotse.take cuts or --lhotse.take recordings"));
  EXPECT_THAT(error({"--lhotse.take", "recordings"}), HasSubstr("recordings without supervisions"));
  import({"--lhotse.take", "cuts"});
  EXPECT_TRUE(got.contains("c"));
}

TEST_F(Lhotse, ClipsAreFoundInAnotherFolder) {
  json moved = recording("r1");
  moved["sources"][0]["source"] = "D:\\data\\elsewhere\\r1.WAV";
  lines("cuts.jsonl", {cut("c", moved, {supervision("x", "r1")})});
  EXPECT_THAT(error(), HasSubstr("no audio file (1)"));
  import({"--lhotse.audio-dir", (dir / "src/wav").string()});
  EXPECT_EQ(got.at("c").audio, (dir / "src/wav/r1.wav").string());
}

TEST(LhotseNames, SplitsAndLanguages) {
  for (const auto& [name, split] :
       std::vector<std::pair<std::string, std::string>>{{"libritts_cuts_train-clean-100.jsonl.gz", "train"},
                                                        {"libritts_recordings_dev-other.jsonl", "valid"},
                                                        {"cuts_test.jsonl.gz", "test"},
                                                        {"train_cuts.jsonl", "train"},
                                                        {"testimony_cuts_all.jsonl.gz", ""},
                                                        {"test_set_cuts_train.jsonl.gz", "train"}})
    EXPECT_EQ(lhotse::split_of(name), split) << name;
  EXPECT_EQ(lhotse::language_code("Chinese"), "zh");
  EXPECT_EQ(lhotse::language_code("pt_BR"), "pt-BR");
  EXPECT_EQ(lhotse::language_code("Old Norse"), "");
}

}  // namespace
}  // namespace timbre::exchange
