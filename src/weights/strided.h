#pragma once
#include <cstdint>
#include <vector>

#include "weights/bytes.h"
#include "weights/tensor.h"

/// From a storage with strides to a contiguous tensor.
namespace timbre::weights {

enum class ByteOrder { little, big };

/// How a file describes a tensor over a storage. Offset and strides count elements.
struct StridedView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;
};

/// Strides of a row-major array of this shape.
std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape);

/// Elements of a shape. Throws DataError (starting with `where`) for a negative extent or more than 2^63 bytes.
std::int64_t checked_numel(const std::vector<std::int64_t>& shape, DType dtype, const std::string& where);

/// The tensor `view` sees in `storage`: pointing into it when it is row-major, aligned and little-endian, else a
/// gathered copy that is taken off `copy_budget` bytes. Throws DataError (starting with `where`) for a view that
/// leaves the storage, for negative strides and when the budget is used up.
Tensor view_tensor(const StridedView& view, Bytes storage, const std::shared_ptr<const void>& owner, ByteOrder order,
                   std::uint64_t& copy_budget, const std::string& where);

}  // namespace timbre::weights
