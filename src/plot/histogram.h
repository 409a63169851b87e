#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plot/png.h"

namespace timbre::plot {

/// Counts of values in bars of equal width from `low` to `high`.
struct Bins {
  double low = 0, high = 1;
  std::vector<double> counts;
  double tallest() const;  ///< at least 1
};

/// `bars` 0 = chosen (Freedman & Diaconis; Sturges where values are few or in one place; 5 … 60). Values that are not
/// finite are left out.
Bins bins_of(std::span<const double> values, std::int64_t bars = 0);

/// The same picture as draw_histogram, as an SVG document: scales without blur, and each bar says its range and count
/// when pointed at.
std::string histogram_svg(const HistogramPicture& picture);

}  // namespace timbre::plot
