#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "weights/load.h"

/// From one weights format to another.
namespace timbre::weights {

struct ConvertOptions {
  bool flat = false;  ///< drop everything but tensors, under flat names
  std::string dtype;  ///< "" = keep; "f32", "f16", "bf16", "f64": every real tensor becomes this
  bool write = true;  ///< false: say what would happen
};

struct Converted {
  Format from = Format::unknown;
  std::int64_t tensors = 0, bytes = 0;
  std::vector<std::string> replaced;  ///< objects of unknown classes and what stands for them now
  std::vector<std::string> dropped;   ///< values the destination's format cannot hold
};

/// Reads `source` (file or folder) and writes `destination` by its extension. Throws DataError, UsageError,
/// SystemError.
Converted convert_weights(const std::filesystem::path& source, const std::filesystem::path& destination,
                          const ConvertOptions& options);

/// The tensor with its real numbers rounded to `dtype`; integers, booleans and complex numbers stay as they are.
Tensor reals_as(const Tensor& tensor, DType dtype);

}  // namespace timbre::weights
