#include "batch/collate.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <stdexcept>

namespace timbre::batch {
namespace {

template <class T>
Tensor pad_rows(const std::vector<std::vector<T>>& rows, T pad, at::ScalarType type) {
  std::size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  Tensor out = at::full({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(longest)}, pad,
                        at::TensorOptions(type));
  T* to = out.template mutable_data_ptr<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) std::copy(rows[i].begin(), rows[i].end(), to + i * longest);
  return out;
}

}  // namespace

Tensor pad_ids(const std::vector<std::vector<std::int64_t>>& rows, std::int64_t pad) {
  return pad_rows(rows, pad, at::kLong);
}
Tensor pad_floats(const std::vector<std::vector<float>>& rows, float pad) { return pad_rows(rows, pad, at::kFloat); }

Tensor pad_frames(const std::vector<std::span<const float>>& rows_FM, std::int64_t columns, float pad) {
  std::size_t longest = 0;
  for (const auto& row : rows_FM) {
    if (row.size() % static_cast<std::size_t>(columns) != 0)
      throw std::logic_error("pad_frames: a row is not whole frames");
    longest = std::max(longest, row.size());
  }
  Tensor out =
      at::full({static_cast<std::int64_t>(rows_FM.size()), static_cast<std::int64_t>(longest) / columns, columns}, pad,
               at::TensorOptions(at::kFloat));
  float* to = out.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < rows_FM.size(); ++i) std::copy(rows_FM[i].begin(), rows_FM[i].end(), to + i * longest);
  return out;
}

Tensor to_lengths(const std::vector<std::int64_t>& lengths) {
  Tensor out = at::full({static_cast<std::int64_t>(lengths.size())}, 0, at::TensorOptions(at::kLong));
  std::copy(lengths.begin(), lengths.end(), out.mutable_data_ptr<std::int64_t>());
  return out;
}

}  // namespace timbre::batch
