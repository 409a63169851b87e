#include "prepare/captions.h"

#include <gmock/gmock.h>

namespace timbre::prepare {
namespace {

using testing::HasSubstr;

TEST(Captions, TakesTheFirstTwoFields) {
  const Captions captions = Captions::parse(
      "\xEF\xBB\xBFKim_1|Hello there|third\r\n\n   \nno bar\nKim_2| in, out. \rKim_3|\"quoted\" "
      "今天\nO'Hara_1|it's|a|b",
      "m");
  ASSERT_EQ(captions.all().size(), 4u);
  EXPECT_EQ(captions.find("Kim_1")->text, "Hello there");
  EXPECT_EQ(captions.find("Kim_2")->text, " in, out.");  // of the line's blanks only those around it go
  EXPECT_EQ(captions.find("Kim_3")->text, "\"quoted\" 今天");
  EXPECT_EQ(captions.find("Kim_3")->line, 6);
  EXPECT_EQ(captions.find("O'Hara_1")->text, "it's");
  EXPECT_EQ(captions.find("Kim"), nullptr);
  EXPECT_EQ(captions.without_bar(), 1);
  EXPECT_TRUE(captions.contradictions().empty());
}

TEST(Captions, NamesThatComeTwice) {
  const Captions captions = Captions::parse("a|one\nb|same\na|two\nb|same\n", "m");
  EXPECT_EQ(captions.find("a")->text, "two");
  const auto found = captions.contradictions();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "a");
  EXPECT_EQ(found[0].reason, "two captions, in lines 1 and 3");
}

std::string fault(const std::string& csv) {
  try {
    Captions::parse(csv, "metadata.csv");
    return "none";
  } catch (const DataError& error) {
    return error.what();
  }
}

TEST(Captions, SaysWhatIsWrong) {
  EXPECT_THAT(fault("a|b\nc|\xff\n"), HasSubstr("metadata.csv, line 2: no UTF-8"));
  EXPECT_THAT(fault("name,caption\n"), HasSubstr("no line of the kind name|caption"));
  EXPECT_THAT(fault(""), HasSubstr("no line of the kind name|caption"));
}

}  // namespace
}  // namespace timbre::prepare
