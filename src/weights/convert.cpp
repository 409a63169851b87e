#include "weights/convert.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::weights {
namespace {

bool is_real(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

Value with_reals_as(const Value& value, DType dtype) {
  if (value.is_tensor()) return reals_as(value.as_tensor(), dtype);
  if (value.is_sequence()) {
    Value::List items;
    for (const Value& item : value.as_list()) items.push_back(with_reals_as(item, dtype));
    if (value.kind() == Value::Kind::tuple) return Value::tuple(std::move(items));
    return value.kind() == Value::Kind::set ? Value::set(std::move(items)) : Value::list(std::move(items));
  }
  if (!value.is_dict()) return value;
  Value::Dict entries;
  for (const auto& [key, child] : value.as_dict()) entries.emplace_back(key, with_reals_as(child, dtype));
  Value out = Value::dict(std::move(entries), value.is_ordered_dict());
  if (value.attributes()) out.set_attributes(*value.attributes());
  return out;
}

/// NumPy's formats hold arrays and nothing else.
std::vector<std::string> values_lost(const Value& root, const std::filesystem::path& destination, bool flat) {
  const std::string extension = ascii_lower(destination.extension().string());
  std::vector<std::string> lost;
  if (!flat && extension != ".npz" && extension != ".npy") return lost;
  visit_leaves(root, [&](const std::string& path, const Value& leaf) {
    if (!leaf.is_tensor()) lost.push_back(path);
  });
  return lost;
}

}  // namespace

Tensor reals_as(const Tensor& tensor, DType dtype) {
  if (!is_real(tensor.dtype) || tensor.dtype == dtype) return tensor;
  if (dtype == DType::f64) return Tensor::of(tensor.shape, tensor.to_f64());
  std::vector<float> values = tensor.to_f32();
  if (dtype == DType::f32) return Tensor::of(tensor.shape, std::move(values));
  if (dtype == DType::f16) {
    std::vector<F16> out(values.size());
    std::transform(values.begin(), values.end(), out.begin(), to_f16);
    return Tensor::of(tensor.shape, std::move(out));
  }
  if (dtype != DType::bf16) throw UsageError(fmt::format("{} is no real number type", name_of(dtype)));
  std::vector<BF16> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), to_bf16);
  return Tensor::of(tensor.shape, std::move(out));
}

Converted convert_weights(const std::filesystem::path& source, const std::filesystem::path& destination,
                          const ConvertOptions& options) {
  Converted out;
  const Loaded loaded = load(source);
  out.from = loaded.format;
  Value root = plain_data(loaded.root, out.replaced);
  if (!options.dtype.empty()) {
    const auto dtype = dtype_of_name(options.dtype);
    if (!dtype || !is_real(*dtype))
      throw UsageError(fmt::format("'{}' is no real number type, expected f64, f32, f16 or bf16", options.dtype));
    root = with_reals_as(root, *dtype);
  }
  out.dropped = values_lost(root, destination, options.flat);
  const TensorMap tensors = flatten_tensors(root);
  out.tensors = static_cast<std::int64_t>(tensors.size());
  out.bytes = tensors.bytes();
  if (options.flat) root = Value::state_dict(tensors);
  if (options.write) save(destination, root, loaded.metadata);
  return out;
}

}  // namespace timbre::weights
