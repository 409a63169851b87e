#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "weights/tensor.h"

namespace timbre::corpus {

/// Codes of several clips as one array, as SpeechSynthesisDataset of lifeiteng's trainer makes it.
struct CodeBatch {
  weights::Tensor codes_BFQ;  ///< f32, the shorter ones followed by `padding`
  weights::Tensor lens_B;     ///< i64, frames of each
};

/// What lhotse pads features with, whatever they are: log(1e-10), its smallest logarithm of an energy
/// (lhotse.utils.LOG_EPSILON). The model casts codes to whole numbers and masks the padding.
inline constexpr float kLhotsePadding = -23.025850929940457f;

/// `codes_FQ`: each frames × codebooks of any whole number type, at least one. Throws DataError when the numbers of
/// codebooks differ.
CodeBatch pad_codes(std::span<const weights::Tensor> codes_FQ, float padding = kLhotsePadding);

}  // namespace timbre::corpus
