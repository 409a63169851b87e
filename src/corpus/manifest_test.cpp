#include "corpus/manifest.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "base/strings.h"
#include "corpus/clips.h"
#include "corpus/corpus.h"

namespace timbre::corpus {
namespace {

using testing::HasSubstr;
using testing_support::MadeCorpus;
using testing_support::TempFolder;
using testing_support::write_bytes;

template <class F>
std::string data_error(F&& f) {
  try {
    f();
  } catch (const DataError& e) {
    return e.what();
  }
  return "no DataError";
}

std::string random_text(Philox& rng) {
  std::string text;
  for (auto n = rng.below(12); n > 0; --n) {
    char32_t c = rng.below(4) == 0   ? char32_t(0x4E00 + rng.below(2000))
                 : rng.below(6) == 0 ? char32_t(0x1F600 + rng.below(60))
                                     : char32_t(1 + rng.below(126));
    append_utf8(text, c);
  }
  return text;
}

TEST(Manifest, LineRoundTripsForAnyText) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Philox rng(seed);
    Utterance u;
    u.id = "id" + std::to_string(seed);
    u.audio = "audio/a b.wav";
    u.text = random_text(rng);
    u.speaker = random_text(rng);
    u.language = "zh-CN";
    u.duration_s = rng.uniform() * 100;
    u.rate_hz = 16000;
    u.channels = 1 + std::int64_t(rng.below(2));
    u.split = rng.below(2) ? "train" : "";
    if (rng.below(2)) u.extra = {{"raw_text", random_text(rng)}, {"n", 3}};
    Utterance back = from_line(to_line(u), "m", 1);
    ASSERT_EQ(to_line(back), to_line(u)) << "seed " << seed;
    ASSERT_EQ(back.text, u.text) << "seed " << seed;
    ASSERT_EQ(back.duration_s, u.duration_s) << "seed " << seed;
  }
}

TEST(Manifest, NoCutOfALineIsAccepted) {
  Utterance u;
  u.id = "a", u.audio = "a.wav", u.text = "Hé “llo”";
  std::string line = to_line(u);
  for (std::size_t keep = 0; keep < line.size(); ++keep)
    EXPECT_THROW(from_line(line.substr(0, keep), "m", 1), DataError) << keep;
}

TEST(Manifest, DamagedLinesNeverCrash) {
  Utterance u;
  u.id = "a", u.audio = "a.wav", u.text = "hello", u.extra = {{"k", {1, 2}}};
  const std::string line = to_line(u);
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Philox rng(seed);
    std::string bad = line;
    for (int k = 0; k < 2; ++k) bad[rng.below(bad.size())] = char(rng.below(256));
    try {
      Utterance read = from_line(bad, "m", 1);
      EXPECT_EQ(id_fault(read.id), "") << "seed " << seed;
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(Manifest, BrokenLineNamesFileLineColumn) {
  TempFolder dir;
  MadeCorpus made(dir.path(), 2, 0.2);
  made.publish();
  std::string text = read_file(dir / "manifest.jsonl");
  write_bytes(dir / "manifest.jsonl", text + "{\"id\":\"x\",\"audio\":\"x.wav\",\"text\" \"oops\"}\n");
  std::string what = data_error([&] { Corpus::open(dir.path()); });
  EXPECT_THAT(what, HasSubstr("manifest.jsonl, line 3, column 39: not valid JSON near"));
  EXPECT_THAT(what, HasSubstr("expected one object a line"));
}

TEST(Manifest, FieldErrorsNameTheField) {
  auto error = [](const std::string& line) { return data_error([&] { from_line(line, "m.jsonl", 7); }); };
  EXPECT_THAT(error(R"({"audio":"a.wav","text":""})"), HasSubstr("m.jsonl, line 7: field 'id' is missing"));
  EXPECT_THAT(error(R"({"id":"a","audio":"a.wav"})"), HasSubstr("field 'text' is missing"));
  EXPECT_THAT(error(R"({"id":"a","audio":5,"text":""})"), HasSubstr("field 'audio' is 5; expected a string"));
  EXPECT_THAT(error(R"({"id":"a/b","audio":"a.wav","text":""})"), HasSubstr("field 'id' holds a path separator"));
  EXPECT_THAT(error(R"({"id":"a","audio":"../../etc/x.wav","text":""})"), HasSubstr("leaves the corpus folder"));
  EXPECT_THAT(error(R"({"id":"a","audio":"a.wav","text":"","duration_s":-1})"),
              HasSubstr("field 'duration_s' is -1; expected a number from 0"));
  EXPECT_THAT(error(R"({"id":"a","audio":"a.wav","text":"","split":"eval"})"),
              HasSubstr("expected train, valid or test"));
  EXPECT_THAT(error(R"(["a"])"), HasSubstr("line 7: a JSON array"));
}

TEST(Manifest, RepeatedIdNamesItsLine) {
  std::string lines =
      "{\"id\":\"a\",\"audio\":\"a\",\"text\":\"t\"}\n\n{\"id\":\"a\",\"audio\":\"b\",\"text\":\"t\"}\n";
  EXPECT_THAT(data_error([&] { load_manifest(lines, "m"); }), HasSubstr("m, line 3: field 'id': 'a' came before"));
}

TEST(Manifest, ManyLinesInPiecesEqualTheStream) {
  TempFolder dir;
  std::string text;
  for (int i = 0; i < 40000; ++i)
    text += fmt::format("{{\"id\":\"u{}\",\"audio\":\"a{}.wav\",\"text\":\"text number {}\"}}\n", i, i, i);
  write_bytes(dir / "m.jsonl", text);
  std::vector<Utterance> all = load_manifest(text, "m");
  ASSERT_EQ(all.size(), 40000u);
  std::size_t at = 0;
  read_manifest(dir / "m.jsonl", [&](Utterance&& u, std::int64_t line) {
    ASSERT_EQ(line, std::int64_t(at) + 1);
    ASSERT_EQ(u.id, all[at].id);
    ASSERT_EQ(u.text, all[at++].text);
  });
  EXPECT_EQ(at, all.size());
  // The first broken line is the one named, although pieces are read at once.
  text.replace(text.find("\"id\":\"u30000\""), 4, "\"xx\"");
  text.replace(text.find("\"id\":\"u39000\""), 4, "\"xx\"");
  EXPECT_THAT(data_error([&] { load_manifest(text, "m"); }), HasSubstr("line 30001: field 'id' is missing"));
}

TEST(Corpus, OpensFindsAndHashes) {
  TempFolder dir;
  MadeCorpus made(dir.path(), 3, 0.2);
  Corpus corpus = made.publish();
  EXPECT_EQ(corpus.find("clip2"), 2);
  EXPECT_EQ(corpus.find("clip3"), -1);
  EXPECT_EQ(corpus.audio_path(corpus.utterances()[1]), dir / "audio/clip1.wav");
  made.utterances[0].text += "!";
  EXPECT_NE(made.publish().hash(), corpus.hash());
}

TEST(Corpus, AShardHoldsItsOwnLinesAndKnowsTheRest) {
  TempFolder tmp;
  CorpusWriter writer(tmp.path() / "c");
  Utterance u;
  u.audio = "audio/x.wav";
  u.text = "x";
  for (int i = 0; i < 23; ++i) {
    u.id = "u" + std::to_string(i);
    writer.add(u);
  }
  writer.finish({{"name", "c"}});
  const fs::path dir = tmp.path() / "c";
  const Corpus whole = Corpus::open(dir);
  EXPECT_TRUE(whole.whole());
  std::vector<std::string> ids(23);
  for (std::int64_t i = 0; i < 4; ++i) {
    const Corpus part = Corpus::open(dir, Shard{i, 4});
    EXPECT_FALSE(part.whole());
    EXPECT_EQ(part.size(), 23);
    EXPECT_EQ(part.hash(), whole.hash());
    for (std::size_t k = 0; k < part.utterances().size(); ++k)
      ids[static_cast<std::size_t>(i) + 4 * k] = part.utterances()[k].id;
    EXPECT_GE(part.find("u" + std::to_string(i)), 0);
  }
  for (std::size_t i = 0; i < 23; ++i) EXPECT_EQ(ids[i], whole.utterances()[i].id);
  // Edited after import: its lines and ids were never checked, so all are.
  const std::string lines = read_file(dir / "manifest.jsonl");
  write_bytes(dir / "manifest.jsonl", lines + to_line(whole.utterances()[0]) + "\n");
  EXPECT_THAT(data_error([&] { Corpus::open(dir, Shard{1, 4}); }), HasSubstr("'u0' came before"));
  write_bytes(dir / "manifest.jsonl", "\n" + lines);
  EXPECT_TRUE(Corpus::open(dir, Shard{1, 4}).whole());
}

TEST(Corpus, MissingOrEmptyIsADataError) {
  TempFolder dir;
  EXPECT_THAT(data_error([&] { Corpus::open(dir / "none"); }), HasSubstr("no such folder"));
  EXPECT_THAT(data_error([&] { Corpus::open(dir.path()); }), HasSubstr("holds no manifest.jsonl"));
  write_bytes(dir / "manifest.jsonl", "\n");
  EXPECT_THAT(data_error([&] { Corpus::open(dir.path()); }), HasSubstr("no utterance"));
}

TEST(CorpusWriter, AppearsWholeOrNotAtAll) {
  TempFolder dir;
  Utterance u;
  u.id = "a", u.audio = "audio/a.wav", u.text = "t", u.duration_s = 1.5;
  {
    CorpusWriter writer(dir / "c");
    writer.add(u);
    EXPECT_THROW(writer.add(u), DataError);
    EXPECT_THROW(CorpusWriter(dir / "c"), SystemError);  // one import at a time
  }
  EXPECT_FALSE(fs::exists(dir / "c"));
  EXPECT_TRUE(fs::is_empty(dir.path()));
  {
    CorpusWriter writer(dir / "c/");
    writer.add(u);
    writer.reject({{"reason", "no text"}});
    writer.finish({{"name", "n"}});
  }
  Corpus corpus = Corpus::open(dir / "c");
  EXPECT_TRUE(corpus.as_imported());
  EXPECT_EQ(corpus.about()["rejected"], 1);
  EXPECT_EQ(corpus.about()["duration_s"], 1.5);
  EXPECT_THROW(CorpusWriter(dir / "c"), UsageError);
  write_bytes(dir / "c/manifest.jsonl", read_file(dir / "c/manifest.jsonl") + "\n");
  EXPECT_FALSE(Corpus::open(dir / "c").as_imported());
}

TEST(CorpusWriter, LeftoversOfACrashAreReplaced) {
  TempFolder dir;
  write_bytes(dir / "c.importing/audio/old.wav", "x");
  Utterance u;
  u.id = "a", u.audio = "a.wav", u.text = "t";
  CorpusWriter writer(dir / "c");
  writer.add(u);
  writer.finish(nlohmann::json::object());
  EXPECT_FALSE(fs::exists(dir / "c/audio/old.wav"));
  EXPECT_FALSE(fs::exists(dir / "c.importing"));
}

}  // namespace
}  // namespace timbre::corpus
