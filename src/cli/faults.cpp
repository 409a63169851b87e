#include "cli/faults.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>

// Inside a signal handler only system calls are safe: no allocation, no stdio, no locks.

namespace timbre::cli {
namespace {

void put(const char* text, std::size_t length) {
  while (length > 0) {
    const ssize_t written = ::write(STDERR_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= static_cast<std::size_t>(written);
  }
}

void put(const char* text) { put(text, std::strlen(text)); }

/// One line of /proc/self/maps, "from-to rwxp offset device inode   /path": its path when `address` lies within, else
/// null.
const char* path_if_within(const char* line, std::uintptr_t address) {
  const auto number = [&line] {
    std::uintptr_t value = 0;
    for (; *line != '\0'; ++line) {
      const char c = *line;
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<std::uintptr_t>(digit);
    }
    return value;
  };
  const std::uintptr_t from = number();
  if (*line++ != '-') return nullptr;
  const std::uintptr_t to = number();
  return address >= from && address < to ? std::strchr(line, '/') : nullptr;
}

/// Writes the path of the file that is mapped at `address`, or "a mapped file".
void put_mapped_path(std::uintptr_t address) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  static char line[4352];
  std::size_t length = 0;
  char byte = 0;
  while (maps >= 0 && ::read(maps, &byte, 1) == 1) {
    if (byte != '\n') {
      if (length + 1 < sizeof line) line[length++] = byte;
      continue;
    }
    line[length] = '\0';
    length = 0;
    if (const char* path = path_if_within(line, address)) return put(path);
  }
  put("a mapped file");
}

void on_bus_error(int, siginfo_t* info, void*) {
  put("error: ");
  put_mapped_path(reinterpret_cast<std::uintptr_t>(info->si_addr));
  put(" became shorter while it was being read, or its disk failed\n"
      "next: restore the file and start again; finished checkpoints and columns are whole\n");
  ::_exit(3);
}

}  // namespace

void report_mapping_faults() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace timbre::cli
