#include "train/peer_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/strings.h"

namespace timbre::train {
namespace {

constexpr int kGrace_ms = 1000;

std::string link_text(const char* path) {
  std::error_code code;
  return std::filesystem::read_symlink(path, code).string();
}

}  // namespace

std::string PeerWatch::place() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return fmt::format("{} {} {}", boot, link_text("/proc/self/ns/pid"), ::getpid());
}

PeerWatch::PeerWatch(int rank, const std::vector<std::string>& places) : rank_(rank) {
  const auto machine = [](const std::string& place) { return place.substr(0, place.rfind(' ')); };
  const std::string here = machine(places.at(static_cast<std::size_t>(rank)));
  for (std::size_t other = 0; other < places.size(); ++other) {
    if (static_cast<int>(other) == rank || machine(places[other]) != here) continue;
    const auto pid = parse_int(places[other].substr(places[other].rfind(' ') + 1));
    const auto handle = pid ? static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*pid), 0)) : -1;
    if (handle >= 0) peers_.push_back({static_cast<int>(other), handle});
  }
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (!peers_.empty() && stop_ >= 0) thread_ = std::thread([this] { watch(); });
}

PeerWatch::~PeerWatch() {
  stop();
  for (const Peer& peer : peers_) ::close(peer.handle);
  if (stop_ >= 0) ::close(stop_);
}

void PeerWatch::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
  thread_.join();
}

/// Who has ended, within so many milliseconds (-1: however long it takes) or until `also` is readable.
std::vector<int> PeerWatch::wait(int milliseconds, int also) const {
  std::vector<pollfd> polled{{also, POLLIN, 0}};  // a negative handle is passed over
  for (const Peer& peer : peers_) polled.push_back({peer.handle, POLLIN, 0});
  while (::poll(polled.data(), polled.size(), milliseconds) < 0 && errno == EINTR) {
  }
  std::vector<int> ended;
  for (std::size_t i = 0; i < peers_.size(); ++i)
    if (polled[i + 1].revents & POLLIN) ended.push_back(peers_[i].rank);
  return ended;
}

std::vector<int> PeerWatch::gone() const { return wait(500, -1); }

void PeerWatch::watch() const {
  const std::vector<int> ended = wait(-1, stop_);
  if (ended.empty()) return;  // stopped
  pollfd stopped{stop_, POLLIN, 0};
  while (::poll(&stopped, 1, kGrace_ms) < 0 && errno == EINTR) {
  }
  if (stopped.revents & POLLIN) return;
  const std::string text = fmt::format("error: rank {} is gone: rank {} cannot go on without it\nnext: {}\n",
                                       ended.front(), rank_, kAfterLoss);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(4);
}

}  // namespace timbre::train
