#include "nn/shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace timbre::nn {

std::string shape_text(at::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

void expect_shape(const Tensor& tensor, std::initializer_list<std::int64_t> expected, std::string_view where) {
  if (!tensor.defined()) throw std::logic_error(fmt::format("{}: the tensor is not there", where));
  bool same = tensor.dim() == static_cast<std::int64_t>(expected.size());
  std::string wanted;
  std::int64_t axis = 0;
  for (const std::int64_t size : expected) {
    if (same && size != kAny && tensor.size(axis) != size) same = false;
    wanted += (wanted.empty() ? "" : ", ") + (size == kAny ? std::string("*") : std::to_string(size));
    ++axis;
  }
  if (!same) throw std::logic_error(fmt::format("{} is {}, expected [{}]", where, shape_text(tensor.sizes()), wanted));
}

}  // namespace timbre::nn
