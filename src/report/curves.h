#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "plot/png.h"

namespace timbre::report {

/// A picture's worth of lines over steps.
struct Curve {
  std::string title;
  bool log_y = false;
  std::vector<plot::Line> lines;
};

/// The losses, the learning rate and the speed of a run, from its events.jsonl; empty when there are none. A line cut
/// short by a crash is passed over. Throws SystemError when the file cannot be read.
std::vector<Curve> read_curves(const std::filesystem::path& events);

}  // namespace timbre::report
