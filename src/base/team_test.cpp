#include "base/team.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>

#include "base/error.h"

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

/// A process with room for a few stacks only: what was started is sent home, and the error says so.
TEST(Team, SaysWhenThreadsCannotBeStarted) {
  const auto attempt = [] {
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    const rlim_t room = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{96} << 20);
    const rlimit limit{room, room};
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      const Team team(500);
    } catch (const SystemError& error) {
      std::_Exit(std::string(error.what()).find("of 500 threads") == std::string::npos ? 4 : 3);
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(3), "");
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
