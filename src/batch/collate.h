#pragma once
#include <span>

#include "nn/shapes.h"

/// Helpers to make padded tensors out of plain arrays.
namespace timbre::batch {

using nn::Tensor;

/// Vectors of ids of different length → int64 [B, longest], filled up with `pad`.
Tensor pad_ids(const std::vector<std::vector<std::int64_t>>& rows, std::int64_t pad = 0);
/// Vectors of numbers → float [B, longest], filled up with `pad`.
Tensor pad_floats(const std::vector<std::vector<float>>& rows, float pad = 0);
/// Row-major [F, columns] arrays of different F → float [B, longest F, columns]. Spans must be multiples of `columns`.
Tensor pad_frames(const std::vector<std::span<const float>>& rows_FM, std::int64_t columns, float pad = 0);
/// Lengths → int64 [B].
Tensor to_lengths(const std::vector<std::int64_t>& lengths);

}  // namespace timbre::batch
