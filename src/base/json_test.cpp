#include "base/json.h"

#include <gmock/gmock.h>

namespace timbre {
namespace {

std::string fault(std::string_view text) {
  try {
    parse_json(text, "x.json", "make it again");
  } catch (const DataError& error) {
    return std::string(error.what()) + " | " + error.next();
  }
  return "none";
}

TEST(Json, FaultsNameThePlace) {
  EXPECT_EQ(fault("{\"a\": [1, 2]}"), "none");
  EXPECT_EQ(fault("{\n  \"a\": x}"), "x.json, line 2, column 8: not valid JSON | make it again");
  EXPECT_THAT(fault(""), testing::HasSubstr("x.json, line 1, column 1: not valid JSON"));
  EXPECT_THAT(fault("{\"a\": 1e999}"), testing::HasSubstr("x.json: not usable as JSON"));
}

TEST(Json, DepthCountsBracketsOutsideStrings) {
  EXPECT_EQ(json_depth(R"({"a": "[[[\"[[", "b": [{}]})"), 3);
  EXPECT_EQ(fault(std::string(kDeepestJson, '[') + std::string(kDeepestJson, ']')), "none");
  // Would overflow the stack of whatever copies or writes it.
  EXPECT_THAT(fault(std::string(300'000, '[') + std::string(300'000, ']')), testing::HasSubstr("levels deep"));
}

}  // namespace
}  // namespace timbre
