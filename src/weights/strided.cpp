#include "weights/strided.h"

#include <algorithm>

namespace timbre::weights {
namespace {

/// True when elements follow each other row by row; extents of 1 may have any stride.
bool is_row_major(const StridedView& view) {
  std::int64_t expected = 1;
  for (std::size_t d = view.shape.size(); d-- > 0;) {
    if (view.shape[d] == 1) continue;
    if (view.strides[d] != expected) return false;
    expected *= view.shape[d];
  }
  return true;
}

/// One past the last element a view touches, in elements. Throws when it cannot be counted.
std::int64_t view_end(const StridedView& view, const std::string& where) {
  std::int64_t last = view.offset;
  for (std::size_t d = 0; d < view.shape.size(); ++d) {
    std::int64_t reach = 0;
    if (view.strides[d] < 0) throw DataError(fmt::format("{}: negative stride {}", where, view.strides[d]));
    if (__builtin_mul_overflow(view.shape[d] - 1, view.strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      throw DataError(fmt::format("{}: the strides {} overflow", where, shape_text(view.strides)));
    }
  }
  if (__builtin_add_overflow(last, 1, &last))
    throw DataError(fmt::format("{}: the offset {} overflows", where, view.offset));
  return last;
}

/// Bytes that are swapped as one: a complex number is two.
std::size_t swapped_size(DType dtype) {
  return dtype == DType::c64 || dtype == DType::c128 ? size_of(dtype) / 2 : size_of(dtype);
}

void gather(const StridedView& view, const std::byte* from, std::byte* to, std::int64_t numel) {
  const std::size_t size = size_of(view.dtype);
  const std::size_t dims = view.shape.size();
  std::vector<std::int64_t> index(dims, 0);
  std::int64_t at = view.offset;
  for (std::int64_t i = 0; i < numel; ++i) {
    std::memcpy(to + static_cast<std::size_t>(i) * size, from + static_cast<std::size_t>(at) * size, size);
    for (std::size_t d = dims; d-- > 0;) {
      at += view.strides[d];
      if (++index[d] < view.shape[d]) break;
      at -= view.strides[d] * view.shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) {
    // Saturates: a shape that overflows is refused by checked_numel().
    if (__builtin_mul_overflow(strides[d], std::max<std::int64_t>(shape[d], 1), &strides[d - 1]))
      strides[d - 1] = INT64_MAX;
  }
  return strides;
}

std::int64_t checked_numel(const std::vector<std::int64_t>& shape, DType dtype, const std::string& where) {
  std::int64_t bytes = static_cast<std::int64_t>(size_of(dtype));
  bool is_empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw DataError(fmt::format("{}: the shape {} has a negative extent", where, shape_text(shape)));
    is_empty = is_empty || extent == 0;
    // Extents of 0 are left out so that the check does not depend on their place.
    if (extent != 0 && __builtin_mul_overflow(bytes, extent, &bytes)) {
      throw DataError(fmt::format("{}: the shape {} is larger than any memory", where, shape_text(shape)));
    }
  }
  return is_empty ? 0 : bytes / static_cast<std::int64_t>(size_of(dtype));
}

Tensor view_tensor(const StridedView& view, Bytes storage, const std::shared_ptr<const void>& owner, ByteOrder order,
                   std::uint64_t& copy_budget, const std::string& where) {
  const std::int64_t numel = checked_numel(view.shape, view.dtype, where);
  if (view.strides.size() != view.shape.size()) {
    throw DataError(fmt::format("{}: {} strides for {} dimensions", where, view.strides.size(), view.shape.size()));
  }
  if (view.offset < 0) throw DataError(fmt::format("{}: negative offset {}", where, view.offset));
  if (numel == 0) return {view.dtype, view.shape, nullptr, nullptr};
  const std::size_t size = size_of(view.dtype);
  const auto held = static_cast<std::int64_t>(storage.size() / size);
  const std::int64_t end = view_end(view, where);
  if (end > held) {
    throw DataError(fmt::format("{}: {} at offset {} reaches element {}, the storage has {}", where,
                                shape_text(view.shape), view.offset, end, held));
  }
  const std::byte* start = storage.data() + static_cast<std::size_t>(view.offset) * size;
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(start) % swapped_size(view.dtype) == 0;
  const bool is_native = order == ByteOrder::little || swapped_size(view.dtype) == 1;
  if (is_row_major(view) && is_aligned && is_native) return {view.dtype, view.shape, owner, start};

  const auto bytes = static_cast<std::uint64_t>(numel) * size;
  if (bytes > copy_budget) {
    throw DataError(fmt::format("{}: {} with strides {} needs a copy of {} bytes, far more than the file holds", where,
                                shape_text(view.shape), shape_text(view.strides), bytes));
  }
  copy_budget -= bytes;
  std::shared_ptr<std::byte[]> copy(new std::byte[bytes]);
  gather(view, storage.data(), copy.get(), numel);
  if (!is_native) {
    const std::size_t unit = swapped_size(view.dtype);
    for (std::size_t at = 0; at < bytes; at += unit) std::reverse(copy.get() + at, copy.get() + at + unit);
  }
  return {view.dtype, view.shape, copy, copy.get()};
}

}  // namespace timbre::weights
