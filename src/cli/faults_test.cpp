#include "cli/faults.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/files.h"

namespace timbre::cli {
namespace {

TEST(FaultsDeathTest, AMappedFileThatShrinksIsNamed) {
  const fs::path path = fs::temp_directory_path() / ("timbre_shrinks_" + std::to_string(::getpid()));
  write_file_atomic(path, std::string(1 << 16, 'x'));
  EXPECT_EXIT(
      {
        report_mapping_faults();
        const MappedFile map(path);
        fs::resize_file(path, 0);
        volatile auto byte = map.bytes()[40000];
        static_cast<void>(byte);
      },
      testing::ExitedWithCode(3), "error: .*timbre_shrinks_[0-9]+ became shorter while it was being read");
  fs::remove(path);
}

}  // namespace
}  // namespace timbre::cli
