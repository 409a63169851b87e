#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

/// Where the reference systems' data lie: $TIMBRE_GOLDEN, by default ../shared/golden beside the repository, else the
/// few sets in tests/golden/. Tests run with the repository as their working directory.
namespace timbre::testing_support {

/// The folder of a set, or an empty path when it is in neither place.
inline std::filesystem::path golden(const std::string& set) {
  const char* given = std::getenv("TIMBRE_GOLDEN");
  for (const std::filesystem::path& root :
       {std::filesystem::path(given ? given : "../shared/golden"), std::filesystem::path("tests/golden")})
    if (std::filesystem::exists(root / set / "set.json")) return root / set;
  return {};
}

inline bool in_ci() {
  const char* ci = std::getenv("CI");
  return ci && std::string(ci) == "true";
}

}  // namespace timbre::testing_support

/// Declares `folder` as the folder of golden set `set`; missing, the test is skipped by name, and with CI=true it
/// fails.
#define TIMBRE_GOLDEN_OR_SKIP(folder, set)                                                   \
  const std::filesystem::path folder = timbre::testing_support::golden(set);                 \
  if (folder.empty()) {                                                                      \
    if (timbre::testing_support::in_ci()) FAIL() << "golden set " << (set) << " is missing"; \
    GTEST_SKIP() << "golden set " << (set) << " is missing";                                 \
  }
