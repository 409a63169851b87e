#include "base/team.h"

#include <gtest/gtest.h>

#include <numeric>

namespace timbre {
namespace {

TEST(Team, EverybodySeesWhatAllDidBeforeTheyMet) {
  for (const int members : {1, 2, 5}) {
    Team team(members);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(members)), parts(sums.size());
    for (int call = 0; call < 10; ++call) {
      team.run([&](int member) {
        for (int step = 0; step < 20; ++step) {
          parts[static_cast<std::size_t>(member)] = step * (member + 1);
          team.meet();
          const auto sum = std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
          sums[static_cast<std::size_t>(member)] += sum;
          team.meet();  // nobody writes the next part while others still add up
        }
      });
    }
    // 50 · Σ step · Σ (member + 1)
    const std::int64_t expected = std::int64_t{10} * 190 * members * (members + 1) / 2;
    for (const std::int64_t sum : sums) EXPECT_EQ(sum, expected) << members << " members";
  }
}

TEST(Team, SharesLeaveNothingOutAndOverlapNowhere) {
  for (const int members : {1, 2, 3, 7})
    for (const std::int64_t count : {0, 1, 2, 5, 33}) {
      std::int64_t next = 0;
      for (int member = 0; member < members; ++member) {
        const Share share = share_of(count, member, members);
        EXPECT_EQ(share.first, next);
        next = share.last;
      }
      EXPECT_EQ(next, count);
    }
}

}  // namespace
}  // namespace timbre
