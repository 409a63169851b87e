#include "weights/shaped_reader.h"

#include <algorithm>

#include "base/error.h"

namespace timbre::weights {

std::span<const float> ShapedReader::take(const std::string& name, std::initializer_list<std::int64_t> shape) {
  taken_.insert(name);
  const Tensor* tensor = tensors_.find(name);
  if (!tensor) {
    missing_.push_back(name);
  } else if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    mismatched_.push_back(fmt::format("{} {} (expected {})", name, shape_text(tensor->shape),
                                      shape_text(std::vector<std::int64_t>(shape))));
  } else if (tensor->dtype == DType::f32) {
    return tensor->as<float>();
  } else {
    return converted_.emplace_back(tensor->to_f32());
  }
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return converted_.emplace_back(static_cast<std::size_t>(count), 0.0f);
}

void ShapedReader::finish() const {
  std::vector<std::string> unknown;
  for (const auto& [name, tensor] : tensors_)
    if (!taken_.contains(name)) unknown.push_back(name);
  std::string text;
  const auto tell = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += fmt::format("; {} {}:", names.size(), what);
    for (std::size_t i = 0; i < names.size() && i < 5; ++i) text += " " + names[i];
    if (names.size() > 5) text += " …";
  };
  tell("missing", missing_);
  tell("of another shape", mismatched_);
  tell("unknown", unknown);
  if (!text.empty()) throw DataError(fmt::format("{}: the weights do not fit the model{}", where_, text));
}

}  // namespace timbre::weights
