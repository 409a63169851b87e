#pragma once
#include <gtest/gtest.h>

#include <filesystem>

/// Skips a test of what lies behind a media library where this build has none of them (TIMBRE_MEDIA=OFF).
#define TIMBRE_NEED_PLUGIN(name)                                                        \
  if (const auto program = std::filesystem::read_symlink("/proc/self/exe");             \
      !std::filesystem::exists(program.parent_path() / "lib" / "timbre_" name ".so")) { \
    GTEST_SKIP() << "built without " name;                                              \
  }
