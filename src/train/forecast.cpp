#include "train/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::train {
namespace {

/// A number of kilobytes after "KEY:" in a file of /proc; 0 when it is not there.
double proc_bytes(const char* file, std::string_view key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line))
    if (std::string_view(line).starts_with(key)) {
      std::istringstream words(line.substr(key.size()));
      double kilobytes = 0;
      words >> kilobytes;
      return kilobytes * 1024.0;
    }
  return 0;
}

double number_in(const char* file) {
  std::ifstream in(file);
  double value = 0;
  return in >> value ? value : 0;  // "max" reads as nothing
}

}  // namespace

std::string Forecast::text() const {
  const std::string disk =
      fmt::format("{} of disk ({} a checkpoint)", human_bytes(disk_bytes), human_bytes(checkpoint_bytes));
  if (step_s <= 0)  // no trial: what a batch needs in between is unknown
    return fmt::format("{} steps (not tried: time unknown), {} of memory and what a batch needs, {}", steps,
                       human_bytes(memory_bytes), disk);
  const std::string room = fmt::format("{} of memory, {}", human_bytes(memory_bytes), disk);
  return fmt::format("about {} for {} steps ({:.2f} s each, {:.1f} s a validation), {}", human_seconds(total_s), steps,
                     step_s, valid_s, room);
}

void require_room(const Forecast& forecast, double memory_available_bytes, double disk_free_bytes,
                  const std::filesystem::path& folder) {
  if (forecast.memory_bytes > memory_available_bytes)
    throw SystemError(fmt::format("training needs about {} of memory, {} are free", human_bytes(forecast.memory_bytes),
                                  human_bytes(memory_available_bytes)),
                      "make batches smaller (--batch.items, --batch.units), leave long utterances out "
                      "(--batch.max-units), or take a smaller preset");
  if (forecast.disk_bytes > disk_free_bytes)
    throw SystemError(fmt::format("the run needs about {} of disk in {}, {} are free", human_bytes(forecast.disk_bytes),
                                  folder.string(), human_bytes(disk_free_bytes)),
                      "free some space, keep fewer checkpoints (--keep), or choose another folder with --out");
}

double available_memory_bytes() {
  double available = proc_bytes("/proc/meminfo", "MemAvailable:");
  const double limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > 0) {
    // What the kernel can drop (file pages) counts as used there.
    const double file_pages = [] {
      std::ifstream in("/sys/fs/cgroup/memory.stat");
      std::string key;
      double value = 0;
      while (in >> key >> value)
        if (key == "inactive_file") return value;
      return 0.0;
    }();
    available = std::min(available, limit - used + file_pages);
  }
  return std::max(available, 0.0);
}

double resident_bytes() { return proc_bytes("/proc/self/status", "VmRSS:"); }
double peak_resident_bytes() { return proc_bytes("/proc/self/status", "VmHWM:"); }
void reset_peak_resident() {
  std::ofstream out("/proc/self/clear_refs");
  out << "5";
}

CostLine fit_cost(const std::vector<std::pair<double, double>>& points) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const auto& [x, y] : points) {
    n += 1;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  if (n == 0) return {};
  const double spread = n * sxx - sx * sx;
  if (spread <= 1e-9 * sxx * n) return {0, sx > 0 ? sy / sx : 0};
  CostLine line{0, (n * sxy - sx * sy) / spread};
  line.fixed_s = (sy - line.per_unit_s * sx) / n;
  if (line.fixed_s < 0 || line.per_unit_s < 0) line = {0, sx > 0 ? sy / sx : 0};
  return line;
}

}  // namespace timbre::train
