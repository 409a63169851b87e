#include "plot/histogram.h"

#include <gmock/gmock.h>

#include <limits>

namespace timbre::plot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Histogram, CountsEveryFiniteValueOnce) {
  const std::vector<double> values = {0, 0.5, 1, 1, 2, 3.9, 4, std::numeric_limits<double>::quiet_NaN()};
  const Bins bins = bins_of(values, 4);
  EXPECT_THAT(bins.counts, ElementsAre(2, 2, 1, 2));
  EXPECT_EQ(bins.low, 0);
  EXPECT_EQ(bins.high, 4);
  EXPECT_EQ(bins.tallest(), 2);
  EXPECT_GT(bins_of(std::vector<double>(5, 7.0)).high, 7);
  EXPECT_EQ(bins_of({}).counts.size(), 5u);
}

TEST(Histogram, SvgHasABarForEachCountAndItsText) {
  const std::vector<double> values = {1, 1, 1, 2, 4};
  const std::string svg = histogram_svg({.values = values, .bars = 3, .title = "a < b & c", .x_label = "seconds"});
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; c"));
  EXPECT_THAT(svg, HasSubstr("1 to 2: 3"));
  EXPECT_THAT(svg, HasSubstr("2 to 3: 1"));
  EXPECT_THAT(svg, HasSubstr("3 to 4: 1"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

}  // namespace
}  // namespace timbre::plot
