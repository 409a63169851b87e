#include "models/g2p/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "roles/registry.h"
#include "text/lexicon.h"

namespace timbre::models {
void register_g2p(roles::Registry& registry);
}

namespace timbre::g2p {
namespace {

TEST(G2pConfig, PresetsHaveNoProblemsAndNeedNoColumn) {
  roles::Registry registry;
  models::register_g2p(registry);
  const auto& spec = registry.model("g2p");
  ASSERT_EQ(spec.presets.front().name, "small");
  for (const auto& preset : spec.presets) {
    const auto config = spec.config_of(preset.name);
    EXPECT_EQ(config->problems(), std::vector<std::string>{}) << preset.name;
    EXPECT_TRUE(spec.columns(*config).empty());
  }
}

TEST(G2pConfig, NamesTheContradiction) {
  Config config;
  config.encoder_width = 20;
  config.heads = 3;
  ASSERT_EQ(config.problems().size(), 1u);
  EXPECT_THAT(config.problems()[0], testing::HasSubstr("heads 3"));
}

TEST(G2pWords, CmudictIsWholeAndSpeltBackAsItWas) {
  const Dictionary all = read_cmudict(Config());
  EXPECT_GT(all.entries.size(), 120000u);
  EXPECT_EQ(all.symbols.size(), 72u);  // 69 phones with stress, 3 marks
  const auto found = std::lower_bound(all.entries.begin(), all.entries.end(), "rhythm",
                                      [](const Entry& entry, const char* word) { return entry.word < word; });
  ASSERT_NE(found, all.entries.end());
  ASSERT_EQ(found->word, "rhythm");
  EXPECT_EQ(phone_names(found->phones, all.symbols), text::cmudict_lookup("rhythm"));
  for (const Entry& entry : all.entries) {
    ASSERT_LE(entry.word.size(), 24u);
    ASSERT_FALSE(entry.phones.empty()) << entry.word;
    ASSERT_GT(*std::min_element(entry.phones.begin(), entry.phones.end()), kEnd) << entry.word;
  }
  Config brief;
  brief.max_letters = 5;
  const Dictionary some = read_cmudict(brief);
  EXPECT_EQ(some.left_out + static_cast<std::int64_t>(some.entries.size()),
            all.left_out + static_cast<std::int64_t>(all.entries.size()));
  EXPECT_GT(some.left_out, all.left_out);
}

TEST(G2pWords, SidesAreSeededAndHaveTheirShares) {
  const Dictionary all = read_cmudict(Config());
  const SplitOptions options{.seed = 7, .valid_share = 0.05, .test_share = 0.1};
  SplitOptions other = options;
  other.seed = 8;
  double valid = 0, test = 0, moved = 0;
  for (const Entry& entry : all.entries) {
    const Side side = side_of(entry.word, options);
    valid += side == Side::valid;
    test += side == Side::test;
    moved += side_of(entry.word, other) != side;
  }
  const auto words = static_cast<double>(all.entries.size());
  // Five standard deviations of a share of 120,000 draws are below 0.005.
  EXPECT_NEAR(valid / words, 0.05, 0.005);
  EXPECT_NEAR(test / words, 0.1, 0.005);
  EXPECT_GT(moved / words, 0.1);
}

TEST(G2pWords, LettersAreRows) {
  EXPECT_THAT(letter_rows("'az"), testing::ElementsAre(1, 2, 27));
  EXPECT_THROW(letter_rows("naïve"), UsageError);
  EXPECT_THROW(letter_rows("_"), UsageError);
  EXPECT_THROW(letter_rows(""), UsageError);
}

TEST(G2pWords, ErrorsLookAtPhonesNotAtStress) {
  const auto errors = [](const char* said, const char* wanted) {
    return phone_errors(split_whitespace(said), split_whitespace(wanted));
  };
  EXPECT_EQ(errors("T AH0 M EY1 T OW2", "T AH0 M EY1 T OW0"), 0);
  EXPECT_EQ(errors("T AH0 M AA1 T OW0", "T AH0 M EY1 T OW0"), 1);
  EXPECT_EQ(errors("K AE1 T S", "K AE1 T"), 1);
  EXPECT_EQ(errors("AE1 T", "K AE1 T"), 1);
  EXPECT_EQ(errors("", "K AE1 T"), 3);
  EXPECT_EQ(errors("K AE1 T", ""), 3);
  EXPECT_EQ(errors("T AE1 K", "K AE1 T"), 2);
}

}  // namespace
}  // namespace timbre::g2p
