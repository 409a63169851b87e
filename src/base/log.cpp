#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>

namespace timbre::log {
namespace {

std::atomic<Level> current{Level::normal};
std::atomic<Sink> destination{nullptr};
std::mutex writing;

void write(Level at, std::string_view text) {
  const std::scoped_lock lock(writing);
  if (Sink sink = destination.load()) {
    sink(at, text);
    return;
  }
  std::string line(text);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call a line, so that ranks do not mix within one
}

}  // namespace

void set_level(Level level) { current = level; }
Level level() { return current; }
void set_sink(Sink sink) { destination = sink; }

void note(std::string_view text) {
  if (current.load() >= Level::normal) write(Level::normal, text);
}
void warn(std::string_view text) { write(Level::quiet, "warning: " + std::string(text)); }
void detail(std::string_view text) {
  if (current.load() >= Level::verbose) write(Level::verbose, text);
}

}  // namespace timbre::log
