#include "score/prompts.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "score/recognizer.h"

namespace timbre::score {
namespace {

TEST(PromptWords, TakesWordsAndRefusesWhatLettersDoNotFix) {
  EXPECT_EQ(prompt_words("You're being held -- please, wait!"),
            (std::vector<std::string>{"you're", "being", "held", "please", "wait"}));
  EXPECT_TRUE(prompt_words("Press 1 now").empty());
  EXPECT_TRUE(prompt_words("[beep]").empty());
  EXPECT_TRUE(prompt_words("caf\xC3\xA9").empty());
}

TEST(ChooseHeldout, IsSeededDistinctAndInOrder) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 100; ++i) prompts.push_back({"p" + std::to_string(100 + i), "words"});
  const auto a = choose_heldout(prompts, 40, 17), b = choose_heldout(prompts, 40, 17),
             c = choose_heldout(prompts, 40, 18);
  ASSERT_EQ(a.size(), 40u);
  int same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id);
    same += a[i].id == c[i].id;
    if (i) EXPECT_LT(a[i - 1].id, a[i].id);
  }
  EXPECT_LT(same, 30);
  EXPECT_THROW(choose_heldout(prompts, 101, 1), DataError);
}

}  // namespace
}  // namespace timbre::score
