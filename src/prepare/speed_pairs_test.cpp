#include "prepare/speed_pairs.h"

#include <gmock/gmock.h>

#include <set>

#include "base/json.h"
#include "support/golden.h"

namespace timbre::prepare {
namespace {

using testing::HasSubstr;

std::vector<std::string> names(const std::string& stem, int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(fmt::format("{}{}", stem, i));
  return all;
}

std::vector<SpeedLists> two_speakers() {
  return {{"A", names("A_s", 4), names("A_m", 150), names("A_f", 3)},
          {"B", names("B_s", 5), names("B_m", 60), names("B_f", 7)}};
}

std::string shown(const SpeedPair& pair) {
  const char* tag = pair.tag == tokenizer::Speed::fast     ? "fast"
                    : pair.tag == tokenizer::Speed::medium ? "medium"
                                                           : "slow";
  return fmt::format("{} {} {} {}", pair.medium, tag, pair.partner, pair.val ? "val" : "train");
}

TEST(SpeedPairs, DrawsWhatTheReferenceDraws) {
  // numpy.random.seed(7), random.seed(7), the script's statements in one process.
  const auto plan = plan_pairs(two_speakers(), {.seed = 7, .as_reference = true});
  ASSERT_EQ(plan.pairs.size(), 210u);
  EXPECT_EQ(shown(plan.pairs[0]), "A_m78 slow A_s1 train");
  EXPECT_EQ(shown(plan.pairs[1]), "A_m65 slow A_s0 train");
  EXPECT_EQ(shown(plan.pairs[2]), "A_m94 fast A_f2 train");
  EXPECT_EQ(shown(plan.pairs[207]), "A_m25 fast A_f0 train");
  EXPECT_EQ(shown(plan.pairs[208]), "B_m46 fast B_f0 val");
  EXPECT_EQ(shown(plan.pairs[209]), "B_m25 fast B_f2 val");
}

TEST(SpeedPairs, DrawTheGoldenPlanAgain) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_data");
  const auto golden = read_json(folder / "cases.json").at("speed_memmap").at("plan");
  const auto plan = plan_pairs(read_speed_lists(folder / "text_corpus" / "speaker_withDifferent_speed"),
                               {.seed = 21, .as_reference = true});
  std::size_t train = 0, val = static_cast<std::size_t>(
                             std::find_if(plan.pairs.begin(), plan.pairs.end(), [](const auto&p) { return p.val; }) -
                             plan.pairs.begin());
  for (const auto& entry : golden) {  // a cut copy has the first ones of each side
    const bool held = entry.at("split") == "val";
    const std::string want =
        fmt::format("{} {} {} {}", entry.at("medium").get<std::string>(), entry.at("tag").get<std::string>(),
                    entry.at("partner").get<std::string>(), entry.at("split").get<std::string>());
    EXPECT_EQ(shown(plan.pairs.at(held ? val++ : train++)), want);
  }
}

TEST(SpeedPairs, PassesDrawOtherPartnersAndMediumOnes) {
  const auto once = plan_pairs(two_speakers(), {.seed = 3});
  const auto plan = plan_pairs(two_speakers(), {.seed = 3, .passes = 8, .medium_share = 0.25});
  std::set<std::string> held;
  std::size_t train = 0, medium = 0;
  std::map<std::string, std::set<std::string>> partners;
  for (const SpeedPair& pair : plan.pairs)
    if (pair.val) held.insert(pair.medium);
  for (const SpeedPair& pair : plan.pairs) {
    if (pair.val) continue;
    ++train;
    partners[pair.medium].insert(pair.partner);
    EXPECT_EQ(pair.medium[0], pair.partner[0]) << "of one speaker";
    EXPECT_NE(pair.medium, pair.partner);
    if (pair.tag != tokenizer::Speed::medium) continue;
    ++medium;
    EXPECT_EQ(pair.partner[2], 'm');
    EXPECT_FALSE(held.contains(pair.partner)) << pair.partner << " is held out";
  }
  EXPECT_EQ(train, 8 * (once.pairs.size() - held.size()));
  EXPECT_NEAR(static_cast<double>(medium) / static_cast<double>(train), 0.25, 0.05);
  for (const auto& [clip, others] : partners) EXPECT_GT(others.size(), 2u) << clip;
}

TEST(SpeedPairs, ClipsToTrainOnStandAloneWhereAsked) {
  const auto pairs = plan_pairs(two_speakers(), {.seed = 3}),
             plan = plan_pairs(two_speakers(), {.seed = 3, .alone = 2});
  std::set<std::string> held;
  std::map<std::string, int> times;
  for (const SpeedPair& pair : plan.pairs) {
    if (pair.val) held.insert({pair.medium, pair.partner});
    if (!pair.val && (pair.medium.empty() || pair.partner.empty())) {
      const std::string& name = pair.medium.empty() ? pair.partner : pair.medium;
      EXPECT_EQ(name[2], pair.tag == tokenizer::Speed::medium ? 'm' : pair.tag == tokenizer::Speed::slow ? 's' : 'f');
      ++times[name];
    }
  }
  // A speaker's val side holds out one slow and one fast clip beside its medium ones.
  EXPECT_GE(times.size(), 229u - 2 - 2 * 2);
  EXPECT_LT(times.size(), 229u);
  for (const auto& [name, count] : times) {
    EXPECT_EQ(count, 2) << name;
    EXPECT_FALSE(held.contains(name)) << name << " is held out";
  }
  EXPECT_EQ(plan.pairs.size(), pairs.pairs.size() + 2 * times.size());
}

TEST(SpeedPairs, TrainAndValShareNoClip) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const auto plan = plan_pairs(two_speakers(), {.seed = seed, .val_share = 0.1});
    EXPECT_TRUE(plan.notes.empty());
    std::set<std::string> train, val;
    for (const SpeedPair& pair : plan.pairs)
      for (const std::string& name : {pair.medium, pair.partner}) (pair.val ? val : train).insert(name);
    EXPECT_EQ(val.size() > 21, true);
    for (const std::string& name : val) EXPECT_FALSE(train.contains(name)) << name << ", seed " << seed;
  }
}

TEST(SpeedPairs, SmallSetsKeepRowsToTrainOn) {
  const std::vector<SpeedLists> small = {{"A", names("A_s", 3), names("A_m", 5), names("A_f", 3)}};
  const auto plan = plan_pairs(small, {});
  EXPECT_EQ(std::count_if(plan.pairs.begin(), plan.pairs.end(), [](const auto& p) { return p.val; }), 1);
  EXPECT_EQ(plan.pairs.size(), 5u);
  try {
    plan_pairs(small, {.as_reference = true});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no row to train on"));
  }
  EXPECT_THROW(plan_pairs({{"A", {"s"}, {"m"}, {"f"}}}, {}), DataError);
}

TEST(SpeedPairs, TheSameSeedGivesTheSameRows) {
  const auto all = [](std::uint32_t seed) {
    std::string text;
    const auto plan = plan_pairs(two_speakers(), {.seed = seed});
    for (const SpeedPair& pair : plan.pairs) text += shown(pair) + "\n";
    return text;
  };
  EXPECT_EQ(all(3), all(3));
  EXPECT_NE(all(3), all(4));
}

TEST(SpeedPairs, AClipNeverStandsBesideItsOwnCopy) {
  const std::vector<SpeedLists> lists = {{"A", {"A_1-slow", "A_2-slow"}, {"A_1", "A_2", "A_3"}, {"A_f"}}};
  const std::map<std::string, std::string> copy_of = {{"A_1-slow", "A_1"}, {"A_2-slow", "A_2"}};
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    const auto plan = plan_pairs(lists, {.seed = seed}, copy_of);
    for (const SpeedPair& pair : plan.pairs) EXPECT_NE(pair.partner, pair.medium + "-slow");
    EXPECT_FALSE(plan.notes.empty());  // one fast clip for both sides
  }
}

TEST(SpeedPairs, AClipWithoutAnyPartnerIsLeftOut) {
  const auto plan = plan_pairs({{"A", {}, {"A_1", "A_2"}, {}}, {"B", {"s1", "s2"}, {"B_1", "B_2", "B_3"}, {}}}, {});
  EXPECT_EQ(plan.left_out.size(), 2u);
  for (const SpeedPair& pair : plan.pairs) EXPECT_EQ(pair.tag, tokenizer::Speed::slow);
}

}  // namespace
}  // namespace timbre::prepare
