#include "nn/module.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <unordered_set>

#include "base/error.h"

namespace timbre::nn {
namespace {

at::ScalarType to_scalar_type(weights::DType dtype) {
  using weights::DType;
  switch (dtype) {
    case DType::f64:
      return at::kDouble;
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::i64:
      return at::kLong;
    case DType::i32:
      return at::kInt;
    case DType::i16:
      return at::kShort;
    case DType::i8:
      return at::kChar;
    case DType::u8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
    case DType::c64:
      return at::kComplexFloat;
    case DType::c128:
      return at::kComplexDouble;
    default:
      throw DataError(fmt::format("tensors of {} cannot be computed with", weights::name_of(dtype)));
  }
}

weights::DType to_dtype(at::ScalarType type) {
  using weights::DType;
  switch (type) {
    case at::kDouble:
      return DType::f64;
    case at::kFloat:
      return DType::f32;
    case at::kHalf:
      return DType::f16;
    case at::kBFloat16:
      return DType::bf16;
    case at::kLong:
      return DType::i64;
    case at::kInt:
      return DType::i32;
    case at::kShort:
      return DType::i16;
    case at::kChar:
      return DType::i8;
    case at::kByte:
      return DType::u8;
    case at::kBool:
      return DType::boolean;
    case at::kComplexFloat:
      return DType::c64;
    case at::kComplexDouble:
      return DType::c128;
    default:
      throw std::logic_error(fmt::format("no file type for {}", c10::toString(type)));
  }
}

std::string joined(const std::string& prefix, const std::string& name) {
  if (prefix.empty()) return name;
  return name.empty() ? prefix : prefix + "." + name;
}

}  // namespace

Tensor Module::parameter(std::string name, Tensor value) {
  value.set_requires_grad(true);
  slots_.push_back({std::move(name), value, true});
  return value;
}

Tensor Module::buffer(std::string name, Tensor value) {
  slots_.push_back({std::move(name), value, false});
  return value;
}

void Module::child(std::string name, Module& module) { children_.emplace_back(std::move(name), &module); }

void Module::visit(const std::string& prefix, const std::function<void(const std::string&, const Slot&)>& call) const {
  // torch lists a module's parameters, then its buffers, then goes down.
  for (const bool learned : {true, false})
    for (const Slot& slot : slots_)
      if (slot.learned == learned) call(joined(prefix, slot.name), slot);
  for (const auto& [name, module] : children_) module->visit(joined(prefix, name), call);
}

std::vector<Named> Module::named_parameters() const {
  std::vector<Named> list;
  visit("", [&](const std::string& name, const Slot& slot) {
    if (slot.learned) list.push_back({name, slot.tensor});
  });
  return list;
}

std::vector<Named> Module::named_buffers() const {
  std::vector<Named> list;
  visit("", [&](const std::string& name, const Slot& slot) {
    if (!slot.learned) list.push_back({name, slot.tensor});
  });
  return list;
}

std::vector<Named> Module::named_state() const {
  std::vector<Named> list;
  visit("", [&](const std::string& name, const Slot& slot) { list.push_back({name, slot.tensor}); });
  return list;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const Named& named : named_parameters()) count += named.tensor.numel();
  return count;
}

weights::TensorMap Module::state_dict() const {
  weights::TensorMap map;
  for (const Named& named : named_state()) map.insert(named.name, from_torch(named.tensor));
  return map;
}

LoadReport Module::load_state_dict(const weights::TensorMap& map) {
  const at::NoGradGuard no_grad;
  LoadReport report;
  std::unordered_set<std::string> known;
  for (const Named& named : named_state()) {
    known.insert(named.name);
    const weights::Tensor* found = map.find(named.name);
    if (!found) {
      report.missing.push_back(named.name);
    } else if (at::IntArrayRef(found->shape) != named.tensor.sizes()) {
      report.mismatched.push_back(fmt::format("{}: file {}, model {}", named.name, weights::shape_text(found->shape),
                                              shape_text(named.tensor.sizes())));
    } else {
      named.tensor.copy_(to_torch(*found));
      report.loaded.push_back(named.name);
    }
  }
  for (const auto& [name, tensor] : map)
    if (!known.contains(name)) report.unexpected.push_back(name);
  return report;
}

void Module::load_exactly(const weights::TensorMap& map, const std::string& where) {
  const LoadReport report = load_state_dict(map);
  if (report.exact()) return;
  std::string text;
  const auto tell = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += fmt::format("; {} {}:", names.size(), what);
    for (std::size_t i = 0; i < names.size() && i < 5; ++i) text += " " + names[i];
    if (names.size() > 5) text += " …";
  };
  tell("missing", report.missing);
  tell("of another shape", report.mismatched);
  tell("unknown", report.unexpected);
  throw DataError(fmt::format("{}: the weights do not fit the model{}", where, text));
}

void Module::train(bool on) {
  training_ = on;
  for (const auto& [name, module] : children_) module->train(on);
}

void Module::to(const at::Device& device) {
  const at::NoGradGuard no_grad;
  visit("", [&](const std::string&, const Slot& slot) {
    if (slot.tensor.device() != device) slot.tensor.set_data(slot.tensor.detach().to(device));
  });
}

at::Device Module::device() const {
  const auto state = named_state();
  return state.empty() ? at::Device(at::kCPU) : state.front().tensor.device();
}

std::vector<std::string> Module::freeze(const std::vector<std::string>& patterns) {
  std::vector<std::string> frozen;
  for (const Named& named : named_parameters())
    for (const std::string& pattern : patterns)
      if (matches(pattern, named.name)) {
        named.tensor.set_requires_grad(false);
        frozen.push_back(named.name);
        break;
      }
  return frozen;
}

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.find_first_of("*?") == std::string_view::npos)
    return name == pattern ||
           (name.size() > pattern.size() && name.starts_with(pattern) && name[pattern.size()] == '.');
  // Greedy with one place to go back to: the last star.
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Tensor to_torch(const weights::Tensor& tensor) {
  Tensor out = at::empty(tensor.shape, at::TensorOptions(to_scalar_type(tensor.dtype)));
  if (tensor.bytes() > 0) std::memcpy(out.mutable_data_ptr(), tensor.data, static_cast<std::size_t>(tensor.bytes()));
  return out;
}

weights::Tensor from_torch(const Tensor& tensor) {
  const Tensor here = tensor.detach().to(at::kCPU).contiguous();
  const auto* bytes = static_cast<const std::byte*>(here.const_data_ptr());
  return weights::Tensor::of_bytes(to_dtype(here.scalar_type()), here.sizes().vec(),
                                   {bytes, static_cast<std::size_t>(here.nbytes())});
}

}  // namespace timbre::nn
