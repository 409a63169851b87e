#include "base/team.h"

#include <system_error>

#include "base/error.h"
#include "base/threads.h"

namespace timbre {

Team::Team(int members) : members_(members > 0 ? members : thread_count()) {
  threads_.reserve(static_cast<std::size_t>(members_ - 1));
  try {
    for (int member = 1; member < members_; ++member) threads_.emplace_back([this, member] { work(member); });
  } catch (const std::system_error& e) {
    const std::size_t started = threads_.size() + 1;
    dismiss();  // no destructor runs for what was never whole
    throw SystemError(fmt::format("only {} of {} threads could be started: {}", started, members_, e.what()),
                      "--threads, or TIMBRE_THREADS, with a smaller number");
  }
}

Team::~Team() { dismiss(); }

void Team::dismiss() {
  stop_ = true;
  round_.value.fetch_add(1, std::memory_order_release);
  round_.value.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Team::wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  constexpr int kAwake = 1500;  // some 20 µs
  for (int i = 0; i < kAwake; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

void Team::work(int member) {
  for (std::uint32_t seen = 0;;) {
    wait_for_change(round_.value, seen);
    ++seen;
    if (stop_) return;
    (*body_)(member);
    meet();
  }
}

void Team::run(const std::function<void(int)>& body) {
  if (members_ == 1) return body(0);
  body_ = &body;
  round_.value.fetch_add(1, std::memory_order_release);
  round_.value.notify_all();
  body(0);
  meet();
}

void Team::meet() {
  if (members_ == 1) return;
  const std::uint32_t now = met_.value.load(std::memory_order_acquire);
  if (arrived_.value.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(members_)) {
    arrived_.value.store(0, std::memory_order_relaxed);
    met_.value.store(now + 1, std::memory_order_release);
    met_.value.notify_all();
  } else {
    wait_for_change(met_.value, now);
  }
}

}  // namespace timbre
