#include "weights/folded_reader.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::weights {
namespace {

/// g · v / ‖v‖ in double, as the norm of a long row is a sum of many squares.
std::vector<float> folded(const std::vector<float>& g, const std::vector<float>& v) {
  std::vector<float> out(v.size());
  const std::size_t row = v.size() / g.size();
  for (std::size_t r = 0; r < g.size(); ++r) {
    double squares = 0;
    for (std::size_t i = 0; i < row; ++i) squares += static_cast<double>(v[r * row + i]) * v[r * row + i];
    const double factor = squares > 0 ? static_cast<double>(g[r]) / std::sqrt(squares) : 0.0;
    for (std::size_t i = 0; i < row; ++i) out[r * row + i] = static_cast<float>(factor * v[r * row + i]);
  }
  return out;
}

}  // namespace

FoldedReader::FoldedReader(const TensorMap& tensors, std::string prefix, std::string where)
    : tensors_(tensors), prefix_(std::move(prefix)), where_(std::move(where)) {}

std::vector<float> FoldedReader::tensor(const std::string& name, const Shape& shape) {
  const std::string full = prefix_ + name;
  const Tensor* found = tensors_.find(full);
  if (!found)
    throw DataError(fmt::format("{}: has no tensor '{}'", where_, full),
                    "the sizes in voice.json must be those of the weights");
  if (found->shape != shape)
    throw DataError(
        fmt::format("{}: '{}' is {}, expected {}", where_, full, shape_text(found->shape), shape_text(shape)),
        "the sizes in voice.json must be those of the weights");
  taken_.insert(full);
  return found->to_f32();
}

std::vector<float> FoldedReader::weight(const std::string& layer, const Shape& shape) {
  Shape gains(shape.size(), 1);
  gains.front() = shape.front();
  if (has(layer + ".weight_v")) return folded(tensor(layer + ".weight_g", gains), tensor(layer + ".weight_v", shape));
  const std::string new_form = layer + ".parametrizations.weight.original";
  if (has(new_form + "1")) return folded(tensor(new_form + "0", gains), tensor(new_form + "1", shape));
  return tensor(layer + ".weight", shape);
}

void FoldedReader::finish() const {
  std::vector<std::string> left;
  for (const auto& entry : tensors_) {
    const std::string& name = entry.first;
    const auto begins = [&](const std::string& beginning) { return name.starts_with(beginning); };
    if (begins(prefix_) && !taken_.contains(name) && std::none_of(ignored_.begin(), ignored_.end(), begins))
      left.push_back(name);
  }
  if (left.empty()) return;
  const std::size_t count = left.size();
  if (count > 5) left.resize(5);
  throw DataError(fmt::format("{}: {} tensors that the network has no place for: {}{}", where_, count, join(left, ", "),
                              count > 5 ? " …" : ""),
                  "the sizes in voice.json must be those of the weights");
}

}  // namespace timbre::weights
