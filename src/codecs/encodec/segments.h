#pragma once
#include <cstdint>
#include <vector>

#include "codecs/encodec/config.h"
#include "codecs/encodec/rows.h"

/// How the 48 kHz network cuts recordings and joins them again.
namespace timbre::encodec {

/// Samples of each segment of a recording; one when nothing is cut. `samples` ≥ 1.
std::vector<std::int64_t> segment_lengths(const Config& config, std::int64_t samples);

/// Adds segments that begin `stride` samples apart under triangles, and divides by the triangles' sum. Planar channels
/// × samples. Throws DataError when a segment does not reach the next one, or is longer than the first.
std::vector<float> overlap_add(const std::vector<Rows>& parts_NC, std::int64_t stride);

}  // namespace timbre::encodec
