#include "score/preference.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"

namespace timbre::score {
namespace {

using testing::HasSubstr;

TEST(SignTest, IsTheExactTwoSidedBinomial) {
  EXPECT_DOUBLE_EQ(sign_test(0, 0), 1);
  EXPECT_DOUBLE_EQ(sign_test(3, 3), 1);
  EXPECT_NEAR(sign_test(5, 0), 2.0 / 32, 1e-12);
  EXPECT_NEAR(sign_test(8, 2), 2.0 * (1 + 10 + 45) / 1024, 1e-12);
  EXPECT_DOUBLE_EQ(sign_test(2, 8), sign_test(8, 2));
  EXPECT_NEAR(sign_test(600, 500), 0.00283, 5e-5);  // scipy.stats.binomtest(600, 1100).pvalue
}

Comparison comparison(std::int64_t trials, std::int64_t seed) {
  Comparison c{.id = {}, .a = "old", .b = "new", .question = "Which?", .trials = {}};
  for (std::int64_t i = 0; i < trials; ++i) c.trials.push_back({fmt::format("p{}", i), "Hello."});
  make_blind(c, seed);
  return c;
}

TEST(Comparison, IsBalancedAndDependsOnTheSeedAlone) {
  for (std::int64_t n : {1, 2, 7, 20}) {
    const Comparison c = comparison(n, 3);
    EXPECT_EQ(std::count_if(c.trials.begin(), c.trials.end(), [](auto& t) { return t.a_first; }), (n + 1) / 2);
  }
  EXPECT_EQ(to_json(comparison(20, 3)), to_json(comparison(20, 3)));
  EXPECT_NE(to_json(comparison(20, 3))["trials"], to_json(comparison(20, 4))["trials"]);
}

TEST(Comparison, KeysComeBackAndChangedOnesAreRefused) {
  const Comparison c = comparison(5, 1);
  EXPECT_EQ(to_json(parse_comparison(to_json(c), "key")), to_json(c));
  nlohmann::json turned = to_json(c);
  turned["trials"][2]["first"] = turned["trials"][2]["first"] == "a" ? "b" : "a";
  EXPECT_THROW(parse_comparison(turned, "key"), DataError);
  EXPECT_THROW(parse_comparison(nlohmann::json::array(), "key"), DataError);
  nlohmann::json without = to_json(c);
  without.erase("trials");
  EXPECT_THROW(parse_comparison(without, "key"), DataError);
}

class Answers : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }
  Verdict count(const nlohmann::json& answers) {
    write_file_atomic(
        path_, nlohmann::json{{"format", "timbre preference 1"}, {"comparison", c_.id}, {"answers", answers}}.dump());
    const std::vector<fs::path> files = {path_};
    return count_answers(c_, files);
  }
  std::string refused(const nlohmann::json& answers) {
    try {
      count(answers);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }
  Comparison c_ = comparison(4, 7);
  fs::path path_ = fs::temp_directory_path() / fmt::format("timbre-answers-{}.json", ::getpid());
};

TEST_F(Answers, ArePutBackToTheirSides) {
  nlohmann::json answers = nlohmann::json::array();
  for (int i = 0; i < 3; ++i)  // A is always preferred, wherever it was heard
    answers.push_back({{"trial", i}, {"choice", c_.trials[static_cast<std::size_t>(i)].a_first ? "first" : "second"}});
  answers.push_back({{"trial", 3}, {"choice", "same"}});
  const Verdict v = count(answers);
  EXPECT_EQ(v.all.a, 3);
  EXPECT_EQ(v.all.b, 0);
  EXPECT_EQ(v.all.same, 1);
  EXPECT_EQ(v.trials[3].same, 1);
  EXPECT_THAT(to_text(c_, v), HasSubstr("Of 3 who decided, 100 % preferred old"));
  EXPECT_EQ(to_json(c_, v)["a"]["preferred"], 3);
}

TEST_F(Answers, OfAnotherKindAreRefused) {
  EXPECT_THAT(refused({{{"trial", 4}, {"choice", "same"}}}), HasSubstr("trial 4; the comparison has 4"));
  EXPECT_THAT(refused({{{"trial", 1}, {"choice", "left"}}}), HasSubstr("choice 'left'"));
  EXPECT_THAT(refused({{{"trial", 1}, {"choice", "same"}}, {{"trial", 1}, {"choice", "first"}}}),
              HasSubstr("answered twice"));
  EXPECT_THAT(refused({{{"trial", "x"}, {"choice", "same"}}}), HasSubstr("field 'trial'"));
  c_.id = "other";
  write_file_atomic(path_, R"({"format": "timbre preference 1", "comparison": "this", "answers": []})");
  const std::vector<fs::path> files = {path_};
  EXPECT_THROW(count_answers(c_, files), DataError);
}

}  // namespace
}  // namespace timbre::score
