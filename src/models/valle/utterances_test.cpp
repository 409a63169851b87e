#include "models/valle/utterances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "corpus/clips.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "support/golden.h"
#include "weights/hdf5.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::TempFolder;

constexpr std::int64_t kHop = 320, kRate_hz = 24000;

/// codes of a clip: every row other, all below 1024.
std::vector<std::int64_t> codes(std::int64_t frames, std::int64_t first) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < frames * 8; ++i) all.push_back((first + 37 * i) % 1024);
  return all;
}

json cut_of(const std::string& id, std::int64_t frames) {
  const double duration_s = static_cast<double>(frames * kHop) / kRate_hz;
  return {{"id", id},
          {"start", 0},
          {"duration", duration_s},
          {"channel", 0},
          {"type", "MonoCut"},
          {"features",
           {{"type", "encodec"},
            {"num_frames", frames},
            {"num_features", 8},
            {"frame_shift", 320.0 / 24000},
            {"sampling_rate", kRate_hz},
            {"start", 0},
            {"duration", duration_s},
            {"storage_type", "numpy_hdf5"},
            {"storage_path", "codes.h5"},
            {"storage_key", id}}},
          {"supervisions",
           {{{"id", id},
             {"recording_id", id},
             {"start", 0},
             {"duration", duration_s},
             {"text", "hi"},
             {"speaker", "s1"},
             {"language", "English"},
             {"custom", {{"tokens", {{"text", {"h", "aɪ"}}}}}}}}}};
}

/// A folder like data/tokenized, in which clip k has 75 (k + 1) frames.
class Tokenized {
 public:
  explicit Tokenized(std::size_t clips) {
    weights::Hdf5Writer store(dir_ / "codes.h5");
    for (std::size_t k = 0; k < clips; ++k) {
      const auto frames = static_cast<std::int64_t>(75 * (k + 1));
      cuts.push_back(cut_of("c" + std::to_string(k), frames));
      store.put(cuts.back()["id"], weights::Tensor::of<std::int64_t>({frames, 8}, codes(frames, 3)));
    }
    store.close();
  }
  fs::path manifest() const {
    std::string lines;
    for (const json& cut : cuts) lines += cut.dump() + "\n";
    write_file_atomic(dir_ / "cuts_train.jsonl", lines);
    return dir_ / "cuts_train.jsonl";
  }
  const TempFolder& dir() const { return dir_; }
  std::vector<json> cuts;

 private:
  TempFolder dir_;
};

std::vector<std::string> reasons(const Utterances& utterances) {
  std::vector<std::string> all;
  for (const Skipped& s : utterances.quarantined()) all.push_back(s.id + ": " + s.reason);
  return all;
}

TEST(Utterances, come_from_cuts_with_tokens_and_codes) {
  Tokenized data(3);
  data.cuts[1]["start"] = 1.0;  // the second half of two seconds
  data.cuts[1]["duration"] = 1.0;
  const Utterances all = Utterances::of_cuts(data.manifest(), {.codebooks = 4});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all.quarantined(), testing::IsEmpty());
  EXPECT_EQ(all.all()[0].id, "c0");
  EXPECT_EQ(all.all()[0].speaker, "s1");
  EXPECT_EQ(all.all()[0].language, "en");
  EXPECT_THAT(all.all()[0].tokens, ElementsAre("h", "aɪ"));
  EXPECT_EQ(all.all()[2].frames, 225);
  const auto stored = codes(150, 3);
  const weights::Tensor half = all.codes_FQ(1);
  ASSERT_THAT(half.shape, ElementsAre(75, 4));
  const auto got = half.as<std::int64_t>();
  for (std::size_t f = 0; f < 75; ++f)
    for (std::size_t q = 0; q < 4; ++q) EXPECT_EQ(got[f * 4 + q], stored[(f + 75) * 8 + q]);
}

TEST(Utterances, come_from_what_lhotse_wrote) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  const Utterances all = Utterances::of_cuts(fs::path(folder) / "tokenized" / "cuts_train.jsonl.gz", {});
  ASSERT_GT(all.size(), 4u);
  EXPECT_THAT(all.quarantined(), testing::IsEmpty());
  for (std::size_t i = 0; i < all.size(); ++i) {  // the set's codec is a formula
    const weights::Tensor codes_FQ = all.codes_FQ(i);
    const auto got = codes_FQ.as<std::int64_t>();
    for (std::size_t f = 0; f < static_cast<std::size_t>(all.all()[i].frames); ++f)
      for (std::size_t q = 0; q < 8; ++q)
        ASSERT_EQ(got[f * 8 + q], static_cast<std::int64_t>((131 * q + 17 * f + 5) % 1024)) << all.all()[i].id;
  }
}

TEST(Utterances, keep_the_bounds_of_the_duration_filter) {
  Tokenized data(5);  // 1 to 5 s
  const Utterances all = Utterances::of_cuts(data.manifest(), {.min_duration_s = 2, .max_duration_s = 4});
  EXPECT_THAT(all.durations_s(), ElementsAre(2, 3, 4));
  EXPECT_EQ(all.too_short(), 1);
  EXPECT_EQ(all.too_long(), 1);
}

TEST(Utterances, quarantine_what_cannot_be_trained_on) {
  Tokenized data(9);
  auto& cuts = data.cuts;
  cuts[0]["supervisions"] = json::array();
  cuts[1].erase("features");
  cuts[2]["supervisions"].push_back(cuts[2]["supervisions"][0]);
  cuts[3]["supervisions"][0].erase("custom");
  cuts[4]["supervisions"][0]["custom"]["tokens"]["text"] = json::array();
  cuts[5]["features"]["num_frames"] = 451;  // the store was cut short by one
  cuts[6]["features"]["storage_key"] = "nobody";
  cuts[7]["id"] = "c8";
  cuts[8]["features"]["storage_type"] = "lilcom_chunky";
  const Utterances all = Utterances::of_cuts(data.manifest(), {});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(reasons(all), ElementsAre(HasSubstr("c0: no supervision"), HasSubstr("c1: no features"),
                                        HasSubstr("c2: 2 supervisions"), HasSubstr("c3: text without tokens"),
                                        HasSubstr("c4: text without tokens"), HasSubstr("c5: 450 rows are stored"),
                                        HasSubstr("nobody"), HasSubstr("c8: codes in storage 'lilcom_chunky'")));
  EXPECT_THAT(quarantine_text(all.quarantined(), 9), HasSubstr("8 of 9 utterances are quarantined"));
  EXPECT_THAT(quarantine_text(all.quarantined(), 9), HasSubstr("and 3 other reasons"));
}

TEST(Utterances, quarantine_codes_outside_the_codebook) {
  Tokenized data(2);
  TempFolder other;
  weights::Hdf5Writer store(data.dir() / "codes.h5");
  store.put("c0", weights::Tensor::of<std::int64_t>({75, 8}, codes(75, 3)));
  std::vector<std::int64_t> bad = codes(150, 3);
  bad[8 * 20 + 5] = 1024;
  store.put("c1", weights::Tensor::of<std::int64_t>({150, 8}, std::move(bad)));
  store.close();
  const Utterances all = Utterances::of_cuts(data.manifest(), {});
  EXPECT_THAT(reasons(all), ElementsAre("c1: code 1024 at frame 20, codebook 5 is outside the codebook: 0 to 1023"));
  EXPECT_EQ(all.size(), 1u);
  // Unchecked, the fault is found when the clip is used.
  const Utterances unchecked = Utterances::of_cuts(data.manifest(), {.check_codes = false});
  ASSERT_EQ(unchecked.size(), 2u);
  EXPECT_NO_THROW(unchecked.codes_FQ(0));
  EXPECT_THROW(unchecked.codes_FQ(1), DataError);
  EXPECT_THROW(Utterances::of_cuts(data.manifest(), {.codebooks = 9}), DataError);
}

TEST(Utterances, refuse_a_store_that_was_cut_short) {
  Tokenized data(3);
  const fs::path manifest = data.manifest(), store = data.dir() / "codes.h5";
  const auto whole = fs::file_size(store);
  for (const auto bytes : {whole - 1, whole / 2, whole / 10, decltype(whole){0}}) {
    fs::resize_file(store, bytes);
    try {
      const Utterances all = Utterances::of_cuts(manifest, {});
      EXPECT_LT(all.size(), 3u) << bytes;  // what is still whole may be used, the others are counted
      EXPECT_EQ(all.size() + all.quarantined().size(), 3u);
    } catch (const DataError& problem) {
      EXPECT_THAT(problem.what(), HasSubstr("codes.h5"));
    }
  }
  fs::remove(store);
  EXPECT_THROW(Utterances::of_cuts(manifest, {}), DataError);
  EXPECT_THROW(Utterances::of_cuts(data.dir() / "cuts_dev.jsonl", {}), DataError);
}

TEST(Utterances, come_from_columns_of_a_corpus) {
  TempFolder dir;
  const fs::path path = dir / "corpus";
  corpus::CorpusWriter writer(path);
  for (const char* id : {"a", "b", "c", "d"}) {
    corpus::Utterance u;
    u.id = id, u.audio = "audio/x.wav", u.text = "hi", u.speaker = "s", u.duration_s = 1, u.rate_hz = 24000;
    u.channels = 1;
    writer.add(u);
  }
  writer.finish({{"name", "x"}});
  corpus::ColumnWriter phones(path, {"phonemes", "s", "i"}), books(path, {"codes.small", "s", "i"});
  for (const char* id : {"a", "b", "d"}) phones.put(id, corpus::list_tensor({"h", "i"}));
  phones.skip("c", "no phones: nothing in \"…\" can be spoken");
  for (const char* id : {"a", "b", "c"})
    books.put(id, weights::Tensor::of<std::int32_t>({2, 2}, {1, 2, 3, id[0] == 'b' ? 10 : 4}));
  phones.commit();
  books.commit();
  const auto corpus = corpus::Corpus::open(path);
  const std::vector<std::size_t> wanted = {0, 1, 2, 3};
  const Utterances all =
      Utterances::of_corpus(corpus, "codes.small", "phonemes", wanted, {.codebooks = 2, .codebook_size = 10});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.all()[0].id, "a");
  const weights::Tensor codes_FQ = all.codes_FQ(0);
  EXPECT_THAT(codes_FQ.as<std::int64_t>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(reasons(all), ElementsAre(HasSubstr("c: no phonemes: no phones"), "d: no codes.small",
                                        HasSubstr("b: code 10 at frame 1, codebook 1")));
}

}  // namespace
}  // namespace timbre::valle
