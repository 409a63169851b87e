#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "train/distributed.h"

namespace timbre::train {
namespace {

volatile std::sig_atomic_t wanted_signal = 0;
void remember(int signal) { wanted_signal = signal; }

/// A port nobody listens on at this moment.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int port = 29500;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    port = ntohs(address.sin_port);
  if (fd >= 0) ::close(fd);
  return port;
}

[[noreturn]] void become_rank(int rank, int count, int port, const std::vector<std::string>& words) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a launcher that is killed outright takes its ranks along
  const auto set = [](const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); };
  set("RANK", std::to_string(rank));
  set("LOCAL_RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(count));
  set("LOCAL_WORLD_SIZE", std::to_string(count));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", std::to_string(port));
  if (!std::getenv("TIMBRE_THREADS")) set("TIMBRE_THREADS", std::to_string(std::max(1, thread_count() / count)));
  std::string program = "/proc/self/exe";
  std::vector<char*> argv{program.data()};
  std::vector<std::string> copy = words;
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

/// How a rank ended, where it should not have.
std::string end_of(int rank, int status) {
  if (WIFSIGNALED(status))
    return fmt::format(
        "rank {} was killed by signal {} ({}); the other ranks were ended, the last checkpoint is whole. "
        "Go on with: timbre train --continue RUN",
        rank, WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("rank {} ended with exit code {}: the other ranks were ended", rank, WEXITSTATUS(status));
}

}  // namespace

int launch_ranks(int count, const std::vector<std::string>& words) {
  const int port = free_port();
  struct sigaction action {
  }, old_term{}, old_int{};
  action.sa_handler = remember;
  ::sigaction(SIGTERM, &action, &old_term);
  ::sigaction(SIGINT, &action, &old_int);
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < count; ++rank) {
    const pid_t pid = ::fork();
    if (pid < 0) {
      const int error = errno;
      for (const pid_t started : ranks) ::kill(started, SIGTERM);
      throw SystemError(fmt::format("cannot start rank {}: {}", rank, std::strerror(error)));
    }
    if (pid == 0) become_rank(rank, count, port, words);
    ranks.push_back(pid);
  }
  int code = 0;
  std::vector<bool> running(ranks.size(), true);
  int left = count, passed_on = 0;
  bool failed = false;
  const auto pass_on = [&](int signal) {
    for (std::size_t i = 0; i < ranks.size(); ++i)
      if (running[i]) ::kill(ranks[i], signal);
  };
  while (left > 0) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (wanted_signal != 0 && wanted_signal != passed_on) pass_on(passed_on = wanted_signal);
    if (pid == 0) {
      ::usleep(20000);  // short naps rather than a blocking wait, which a signal just before it would leave waiting
      continue;
    }
    if (pid < 0 && errno != EINTR) break;
    const auto found = std::find(ranks.begin(), ranks.end(), pid);
    if (found == ranks.end()) continue;
    running[static_cast<std::size_t>(found - ranks.begin())] = false;
    --left;
    const int ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended == 0 || failed) continue;
    code = ended;
    const bool told = passed_on != 0 && ended == 128 + passed_on;
    if (told || ended == 1) continue;  // stopped as it was told to; a verdict that all ranks come to
    ::usleep(300000);                  // the others may be about to say what they know
    log::warn(end_of(static_cast<int>(found - ranks.begin()), status));
    failed = true;
    // They wait for a rank that is gone; their checkpoints are rank 0's business and whole or absent.
    pass_on(SIGKILL);
  }
  ::sigaction(SIGTERM, &old_term, nullptr);
  ::sigaction(SIGINT, &old_int, nullptr);
  return failed && code > 128 ? 4 : code;
}

}  // namespace timbre::train
