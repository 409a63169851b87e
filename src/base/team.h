#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace timbre {

/// Threads that stay between calls, for steps of a few microseconds: starting threads (parallel_for) costs more than
/// such a step. They wait awake for some microseconds, then asleep.
class Team {
 public:
  /// thread_count() of that moment where `members` is 0; the calling thread is one of them. Throws SystemError when the
  /// system gives no such number of threads.
  explicit Team(int members = 0);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

  int members() const { return members_; }
  /// body(member) for 0 ≤ member < members() at the same time, member 0 on the caller's thread; returns when all are
  /// done. body may not throw. Not from within body.
  void run(const std::function<void(int)>& body);
  /// From within body, by all members: nobody goes on before everybody is here, and sees what all did before.
  void meet();

 private:
  struct alignas(64) Counter {
    std::atomic<std::uint32_t> value{0};
  };
  static void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old);
  void work(int member);
  void dismiss();

  int members_;
  const std::function<void(int)>* body_ = nullptr;
  std::atomic<bool> stop_{false};
  Counter round_, arrived_, met_;  ///< calls of run(), members at the meeting, meetings that are over
  std::vector<std::thread> threads_;
};

/// The part of `count` things that is member's: [first, last).
struct Share {
  std::int64_t first, last;
};
inline Share share_of(std::int64_t count, int member, int members) {
  return {count * member / members, count * (member + 1) / members};
}

}  // namespace timbre
