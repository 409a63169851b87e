#pragma once
#include <initializer_list>
#include <string_view>

#include "nn/aten.h"

/// Names of tensors end in their shape, one letter an axis:
///   B batch · P text positions · F frames · T any sequence · N samples · D width · H heads · K width of one head ·
///   M mel bins · Q codebooks · V vocabulary · C channels · E speaker vector
/// A file that needs another letter says so at its top.
namespace timbre::nn {

using at::Tensor;

/// Any size is allowed on this axis.
inline constexpr std::int64_t kAny = -1;

/// Throws std::logic_error "where: x_BTD is [2, 3], expected [2, *, 80]" when the shape is another one (our bug, not
/// the user's).
void expect_shape(const Tensor& tensor, std::initializer_list<std::int64_t> expected, std::string_view where);

/// "[2, 3, 80]".
std::string shape_text(at::IntArrayRef sizes);

}  // namespace timbre::nn
