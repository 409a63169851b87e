#include "base/scratch.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace timbre {
namespace {

TEST(Scratch, PiecesAreAlignedAndApart) {
  Scratch scratch;
  float* one = scratch.take(17);
  float* two = scratch.take(5);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two) % 64, 0u);
  EXPECT_GE(two - one, 17);
}

TEST(Scratch, ThePiecesOfAScopeAreUsedAgain) {
  Scratch scratch;
  scratch.take(100);
  std::set<float*> seen;
  for (int i = 0; i < 3; ++i) {
    const Scratch::Scope scope(scratch);
    seen.insert(scratch.take(1000));
    scratch.take(std::size_t{1} << 20);  // beyond the first block
  }
  EXPECT_EQ(seen.size(), 1u);
  scratch.clear();
  float* whole = scratch.take(std::size_t{1} << 20);  // what were two blocks are now one
  scratch.clear();
  EXPECT_EQ(scratch.take(std::size_t{1} << 20), whole);
}

}  // namespace
}  // namespace timbre
