#include "prepare/plan.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "prepare/run.h"
#include "prepare/toy_stages.h"

namespace timbre::prepare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Calls;
using testing_support::ToyCorpus;

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> list;
  for (const auto& step : plan.steps) list.push_back(step.stage->name);
  return list;
}

template <class E, class F>
std::string error_of(const F& body) {
  try {
    body();
  } catch (const E& error) {
    return std::string(error.what()) + " | " + error.next();
  }
  return "no error";
}

TEST(Plan, OrdersWhatIsNeeded) {
  const ToyCorpus toy(3);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  const Plan plan = make_plan(toy.open(), {{"total"}}, stages);
  EXPECT_THAT(names(plan), ElementsAre("length", "twice", "total"));
  EXPECT_THAT(plan.missing(), ElementsAre("total"));
  EXPECT_EQ(plan.step("length").settings.at("times"), 1);
}

TEST(Plan, GivesSettingsToTheStageThatHasThem) {
  const ToyCorpus toy(3);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  const auto corpus = toy.open();
  const Plan plain = make_plan(corpus, {{"total"}}, stages),
             other = make_plan(corpus, {{"total", {{"times", 3}}}}, stages);
  EXPECT_EQ(other.step("length").settings.at("times"), 3);
  // What changes upstream changes the key of everything below.
  EXPECT_EQ(plain.step("total").settings_hash, other.step("total").settings_hash);
  EXPECT_NE(plain.step("total").inputs_hash, other.step("total").inputs_hash);
}

TEST(Plan, ErrorsSayWhatWasMeant) {
  const ToyCorpus toy(3);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  const auto corpus = toy.open();
  EXPECT_THAT(error_of<UsageError>([&] { make_plan(corpus, {{"lenght"}}, stages); }),
              HasSubstr("did you mean 'length'"));
  EXPECT_THAT(error_of<UsageError>([&] {
                make_plan(corpus, {{"twice", {{"tims", 3}}}}, stages);
              }),
              HasSubstr("did you mean 'times'"));
  EXPECT_THAT(error_of<UsageError>([&] {
                make_plan(corpus, {{"twice", {{"times", 3}}}, {"length", {{"times", 2}}}}, stages);
              }),
              HasSubstr("times"));
  EXPECT_THAT(error_of<UsageError>([&] {
                make_plan(corpus, {{"length", {{"times", 1000}}}}, stages);
              }),
              HasSubstr("times"));
}

TEST(Plan, MissingColumnsAreNamedWithTheCommand) {
  const ToyCorpus toy(3);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  const auto corpus = toy.open();
  const auto ask = [&](std::int64_t times) {
    require_columns(corpus, {{"length", {{"times", times}}}, {"twice"}}, "fastspeech2", stages);
  };
  const std::string none = error_of<DataError>([&] { ask(1); });
  EXPECT_THAT(none, HasSubstr("missing: length, twice"));
  EXPECT_THAT(none, HasSubstr("timbre prepare " + toy.dir().string() + " --for fastspeech2"));
  run_plan(corpus, {{"length"}, {"twice"}}, {}, no_events(), stages);
  EXPECT_NO_THROW(ask(1));
  // Made with other settings: never used.
  EXPECT_THAT(error_of<DataError>([&] { ask(2); }), HasSubstr("missing: length, twice"));
}

TEST(Plan, ALexiconCountsByWhatItHoldsNotByItsPath) {
  const ToyCorpus toy(3);
  const auto corpus = toy.open();
  const fs::path first = toy.dir() / "a.dict", second = toy.dir() / "b.dict";
  const auto wanted = [](const fs::path& lexicon) {
    return std::vector<ColumnRequest>{{"phonemes", {{"front_end", "arpabet:en"}, {"lexicon", lexicon.string()}}}};
  };
  write_file_atomic(first, "X  EH1 K S\n");
  run_plan(corpus, wanted(first), {}, no_events());
  EXPECT_TRUE(make_plan(corpus, wanted(first)).complete());
  fs::rename(first, second);
  EXPECT_TRUE(make_plan(corpus, wanted(second)).complete());
  write_file_atomic(second, "X  AA1\n");
  const Plan changed = make_plan(corpus, wanted(second));
  EXPECT_EQ(changed.steps.at(0).state, corpus::ColumnState::Kind::stale);
  EXPECT_THAT(changed.steps.at(0).why, HasSubstr("lexicon_hash"));
  EXPECT_THAT(error_of<SystemError>([&] { make_plan(corpus, wanted(first)); }), HasSubstr("a.dict"));
}

TEST(Plan, TheBuiltInStagesServeFastSpeech2) {
  const ToyCorpus toy(3);
  const std::vector<ColumnRequest> wanted = {{"aligned_phonemes", {{"front_end", "espeak:it"}}},
                                             {"durations"},
                                             {"mel", {{"hop_samples", 200}}},
                                             {"pitch", {{"level", "frame"}}},
                                             {"energy"},
                                             {"statistics", {{"normalise", false}}}};
  const Plan plan = make_plan(toy.open(), wanted);
  EXPECT_EQ(plan.steps.size(), 8u);
  EXPECT_EQ(plan.step("phonemes").settings.at("front_end"), "espeak:it");
  EXPECT_EQ(plan.step("mel").settings.at("hop_samples"), 200);
  EXPECT_EQ(plan.step("pitch").settings.at("level"), "frame");
  EXPECT_EQ(plan.missing().size(), 6u);
  // Trimmed spectrograms need to know where speech begins.
  EXPECT_THAT(make_plan(toy.open(), {{"mel", {{"edges", "trim"}}}}).steps.front().stage->name, "phonemes");
  EXPECT_EQ(make_plan(toy.open(), {{"mel"}}).steps.size(), 1u);
}

}  // namespace
}  // namespace timbre::prepare
