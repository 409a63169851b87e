#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

// GoogleTest's main, with --file=src/x/y_test.cpp: only the tests that stand in that file. ctest asks file by file: one
// process a file is quick (LibTorch takes 0.35 s to start), and no list of tests can go stale.
namespace {

constexpr int kSkipped = 77;  // what tests/CMakeLists.txt calls SKIP_RETURN_CODE

std::string filter_of_file(std::string_view file) {
  std::string filter;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const testing::TestInfo& test = *suite.GetTestInfo(t);
      if (std::string_view(test.file()).ends_with(file))
        filter += std::string(filter.empty() ? "" : ":") + suite.name() + "." + test.name();
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--file=")) continue;
    const std::string filter = filter_of_file(word.substr(7));
    if (filter.empty()) {
      std::fprintf(stderr, "error: no test stands in %s\n", argv[i] + 7);
      return 1;
    }
    // A death test starts the program anew and says by a filter of its own which test it wants: that one wins.
    if (GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, filter);
  }
  const int result = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  if (result == 0 && all.successful_test_count() == 0 && all.skipped_test_count() > 0) return kSkipped;
  return result;
}
