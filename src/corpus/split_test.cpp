#include "corpus/split.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::corpus {
namespace {

std::vector<Utterance> random_corpus(Philox& rng) {
  std::vector<Utterance> all(5 + rng.below(300));
  std::uint64_t speakers = 1 + rng.below(6), texts = 4 + rng.below(400);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].id = "u" + std::to_string(i);
    all[i].speaker = "s" + std::to_string(rng.below(speakers));
    all[i].text = "text number " + std::to_string(rng.below(texts)) + (rng.below(2) ? "!" : "");
  }
  for (std::size_t i = 0; i < 4; ++i) all[i].text = "sure to differ " + std::to_string(i);
  return all;
}

TEST(Split, NoTextOnTwoSidesNoEmptySideWhateverTheCorpus) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Philox rng(seed);
    std::vector<Utterance> all = random_corpus(rng);
    SplitOptions options;
    options.seed = std::int64_t(seed);
    options.valid = rng.below(2) ? 0.1 : 0.001;
    options.test = rng.below(2) ? 0.2 : 1;
    Split split = make_split(all, options);
    ASSERT_GT(split.train, 0) << seed;
    ASSERT_GT(split.valid, 0) << seed;
    ASSERT_GT(split.test, 0) << seed;
    ASSERT_EQ(split.train + split.valid + split.test, std::int64_t(all.size())) << seed;
    std::map<std::string, Side> side_of_text;
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto [it, is_new] = side_of_text.emplace(text_key(all[i].text), split.side_of[i]);
      ASSERT_TRUE(is_new || it->second == split.side_of[i]) << "seed " << seed << ": " << all[i].text;
    }
    ASSERT_EQ(make_split(all, options).side_of, split.side_of) << seed;
  }
}

/// What a source may mark: nothing, some sides, all of them, or one alone.
void mark(std::vector<Utterance>& all, Philox& rng) {
  static const std::vector<std::vector<std::string>> kMarks = {
      {""}, {"", "test"}, {"train", "test"}, {"train", "valid", "test"}, {"train"}, {"", "valid"}};
  const auto& marks = kMarks[rng.below(kMarks.size())];
  for (Utterance& u : all) u.split = marks[rng.below(marks.size())];
}

TEST(Split, PropertiesHoldForEveryShapeAndMark) {
  std::int64_t made = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    Philox rng(seed, 77);
    std::vector<Utterance> all(2 + rng.below(seed % 10 == 0 ? 300 : 40));
    const std::uint64_t speakers = 1 + rng.below(30), texts = 1 + rng.below(60);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].id = "u" + std::to_string(i);
      all[i].speaker = "s" + std::to_string(rng.below(speakers));
      all[i].text = rng.below(20) ? "text " + std::to_string(rng.below(texts)) : "!?";
    }
    mark(all, rng);
    SplitOptions options;
    options.seed = std::int64_t(seed);
    const double sizes[] = {0, 0.001, 0.05, 0.5, 1, 3};
    options.valid = sizes[rng.below(6)];
    options.test = sizes[rng.below(6)];
    options.use_source = rng.below(4) > 0;
    Split split;
    try {
      split = make_split(all, options);
    } catch (const DataError&) {
      ++refused;
      // Only when there are not enough texts, or the source leaves nothing to train on.
      std::set<std::string> keys, trained;
      for (std::size_t i = 0; i < all.size(); ++i)
        keys.insert(text_key(all[i].text).empty() ? all[i].id : text_key(all[i].text));
      bool held_out_alone = false;
      for (const Utterance& u : all) held_out_alone = held_out_alone || u.split == "valid" || u.split == "test";
      ASSERT_TRUE(keys.size() < 4 || (options.use_source && held_out_alone) || options.test >= 0.5 ||
                  options.valid >= 0.5)
          << seed;
      continue;
    }
    ++made;
    ASSERT_GT(split.train, 0) << seed;
    if (options.valid > 0) ASSERT_GT(split.valid, 0) << seed;
    if (options.test > 0) ASSERT_GT(split.test, 0) << seed;
    ASSERT_EQ(split.train + split.valid + split.test + split.unused, std::int64_t(all.size())) << seed;
    std::map<std::string, Side> side_of_text;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (text_key(all[i].text).empty()) continue;
      auto [it, is_new] = side_of_text.emplace(text_key(all[i].text), split.side_of[i]);
      ASSERT_TRUE(is_new || it->second == split.side_of[i]) << "seed " << seed << ": " << all[i].text;
    }
    ASSERT_EQ(make_split(all, options).side_of, split.side_of) << seed;
  }
  EXPECT_GT(made, 1000);
  EXPECT_GT(refused, 10);
}

TEST(Split, ASideTheSourceLacksIsDrawnFromItsTrainingSide) {
  std::vector<Utterance> all(100);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].id = "u" + std::to_string(i);
    all[i].text = "text " + std::to_string(i);
    all[i].speaker = i % 2 ? "a" : "b";
    all[i].split = i < 20 ? "test" : "train";
  }
  SplitOptions options;
  options.valid = 0.1;
  const Split split = make_split(all, options);
  EXPECT_EQ(split.test, 20);
  EXPECT_EQ(split.valid, 8);
  for (std::int64_t i : split.indices(Side::valid)) EXPECT_GE(i, 20);
  // Where there is something without a mark, that is taken first.
  for (std::size_t i = 90; i < 100; ++i) all[i].split = "";
  options.valid = 5;
  for (std::int64_t i : make_split(all, options).indices(Side::valid)) EXPECT_GE(i, 90);
}

TEST(Split, EverySpeakerGivesItsShare) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Philox rng(seed, 5);
    std::vector<Utterance> all(3000);
    std::map<std::string, double> of_speaker;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].id = "u" + std::to_string(i);
      all[i].text = "text " + std::to_string(i);
      all[i].speaker = "s" + std::to_string(rng.below(1 + rng.below(12)));
      ++of_speaker[all[i].speaker];
    }
    SplitOptions options;
    options.seed = std::int64_t(seed);
    options.valid = 0.1;
    std::map<std::string, double> held_out;
    const Split split = make_split(all, options);
    for (std::int64_t i : split.indices(Side::valid)) ++held_out[all[std::size_t(i)].speaker];
    for (const auto& [speaker, count] : of_speaker) ASSERT_NEAR(held_out[speaker], count * 0.1, 1.01) << speaker;
  }
}

TEST(Split, SharesAndSpeakersAreInProportion) {
  std::vector<Utterance> all(2000);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].id = "u" + std::to_string(i);
    all[i].speaker = i % 4 == 0 ? "small" : "large";
    all[i].text = "text " + std::to_string(i);
  }
  SplitOptions options;
  options.valid = 0.1;
  options.test = 50;
  Split split = make_split(all, options);
  EXPECT_NEAR(double(split.test), 50, 2);
  EXPECT_NEAR(double(split.valid), 0.1 * 1950, 3);
  double small = 0;
  for (std::int64_t i : split.indices(Side::valid)) small += all[std::size_t(i)].speaker == "small";
  EXPECT_NEAR(small / double(split.valid), 0.25, 0.02);
  options.seed = 2;
  EXPECT_NE(make_split(all, options).side_of, split.side_of);
}

std::vector<Utterance> ten() {
  std::vector<Utterance> all(10);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].id = "u" + std::to_string(i), all[i].text = "text " + std::to_string(i / 2);
  return all;
}

TEST(Split, ListedIdsAreHeldOutAndTheirTextWithThem) {
  SplitOptions options;
  options.test_ids = {"u0", "u4"};
  options.valid = 0;
  Split split = make_split(ten(), options);
  EXPECT_EQ(split.indices(Side::test), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(split.indices(Side::unused), (std::vector<std::int64_t>{1, 5}));
  EXPECT_EQ(split.train, 6);
  EXPECT_EQ(split.notes.size(), 1u);
  // Drawing a validation side does not touch them.
  options.valid = 2;
  split = make_split(ten(), options);
  EXPECT_EQ(split.indices(Side::test), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(split.valid, 2);
  options.valid_ids = {"u0"};
  EXPECT_THROW(make_split(ten(), options), UsageError);
  options.valid_ids = {"u1"};  // the text of u0
  EXPECT_THROW(make_split(ten(), options), UsageError);
  options.valid_ids = {"nobody"};
  EXPECT_THROW(make_split(ten(), options), UsageError);
}

TEST(Split, MarksOfTheSourceAreKeptButDoNotLeak) {
  std::vector<Utterance> all = ten();
  all[0].split = "test";
  all[1].split = "train";  // the same text
  all[2].split = "valid";
  all[3].split = "valid";
  Split split = make_split(all, {});
  EXPECT_EQ(split.indices(Side::test), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(split.indices(Side::valid), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(split.notes.size(), 1u);
  SplitOptions anew;
  anew.use_source = false;
  EXPECT_EQ(make_split(all, anew).test, 0);
}

TEST(Split, TooFewTextsIsAnErrorNotAnEmptySide) {
  std::vector<Utterance> all = ten();
  for (Utterance& u : all) u.text = "all the same";
  EXPECT_THROW(make_split(all, {}), DataError);
  SplitOptions none;
  none.valid = 0;
  EXPECT_EQ(make_split(all, none).train, 10);
  all[0].text = "another";
  EXPECT_EQ(make_split(all, {}).valid + make_split(all, {}).train, 10);
  std::vector<Utterance> tests = ten();
  for (Utterance& u : tests) u.split = "test";
  none.valid = 0;
  EXPECT_THROW(make_split(tests, none), DataError);
}

TEST(Split, KeysIgnoreCaseAndPunctuation) {
  EXPECT_EQ(text_key("Don't — stop, ÉTÉ!"), text_key("dont stop été"));
  EXPECT_EQ(text_key("你好，世界"), "你好 世界");
  EXPECT_EQ(text_key("?!"), "");
  EXPECT_NE(text_key("press 1"), text_key("press 2"));
}

}  // namespace
}  // namespace timbre::corpus
