#include "weights/tensor.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace timbre::weights {
namespace {

struct DTypeFacts {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
constexpr std::array<DTypeFacts, kDTypes> kFacts{{{DType::f64, "f64", 8},
                                                  {DType::f32, "f32", 4},
                                                  {DType::f16, "f16", 2},
                                                  {DType::bf16, "bf16", 2},
                                                  {DType::i64, "i64", 8},
                                                  {DType::i32, "i32", 4},
                                                  {DType::i16, "i16", 2},
                                                  {DType::i8, "i8", 1},
                                                  {DType::u8, "u8", 1},
                                                  {DType::boolean, "bool", 1},
                                                  {DType::c64, "c64", 8},
                                                  {DType::c128, "c128", 16},
                                                  {DType::u16, "u16", 2},
                                                  {DType::u32, "u32", 4},
                                                  {DType::u64, "u64", 8}}};

const DTypeFacts& facts(DType dtype) { return kFacts[static_cast<std::size_t>(dtype)]; }

/// Calls `use` with a typed pointer to the elements of a real-valued tensor.
template <class Use>
void with_real_elements(const Tensor& tensor, Use use) {
  const void* at = tensor.data;
  switch (tensor.dtype) {
    case DType::f64:
      return use(static_cast<const double*>(at));
    case DType::f32:
      return use(static_cast<const float*>(at));
    case DType::f16:
      return use(static_cast<const F16*>(at));
    case DType::bf16:
      return use(static_cast<const BF16*>(at));
    case DType::i64:
      return use(static_cast<const std::int64_t*>(at));
    case DType::i32:
      return use(static_cast<const std::int32_t*>(at));
    case DType::i16:
      return use(static_cast<const std::int16_t*>(at));
    case DType::i8:
      return use(static_cast<const std::int8_t*>(at));
    case DType::u8:
    case DType::boolean:
      return use(static_cast<const std::uint8_t*>(at));
    case DType::u16:
      return use(static_cast<const std::uint16_t*>(at));
    case DType::u32:
      return use(static_cast<const std::uint32_t*>(at));
    case DType::u64:
      return use(static_cast<const std::uint64_t*>(at));
    case DType::c64:
    case DType::c128:
      break;
  }
  throw DataError(fmt::format("a {} tensor cannot be read as real numbers", tensor.describe()));
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, F16> || std::is_same_v<From, BF16>) {
    return static_cast<To>(to_float(value));
  } else {
    return static_cast<To>(value);
  }
}

template <class To>
std::vector<To> converted(const Tensor& tensor) {
  std::vector<To> out(static_cast<std::size_t>(tensor.numel()));
  with_real_elements(tensor, [&](const auto* from) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = convert<To>(from[i]);
  });
  return out;
}

}  // namespace

std::size_t size_of(DType dtype) { return facts(dtype).size; }
std::string_view name_of(DType dtype) { return facts(dtype).name; }

std::optional<DType> dtype_of_name(std::string_view name) {
  for (const auto& fact : kFacts) {
    if (fact.name == name) return fact.dtype;
  }
  return std::nullopt;
}

float to_float(F16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1f;
  const std::uint32_t fraction = value.bits & 0x3ff;
  if (exponent == 0) {  // zero and subnormals: fraction × 2^-24
    const float size = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -size : size;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

float to_float(BF16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }

F16 to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};   // NaN
  if (size >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // ≥ 65520 rounds to infinity
  if (size < 0x38800000u) {                                                      // below 2^-14: subnormal
    // Adding 0.5 leaves the wanted multiple of 2^-24 in the low bits, rounded to even by the addition itself.
    const float shifted = std::bit_cast<float>(size) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u))};
  }
  const std::uint32_t odd = (size >> 13) & 1;
  return {static_cast<std::uint16_t>(sign | ((size - 0x38000000u + 0xfffu + odd) >> 13))};
}

BF16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void Tensor::check_numel(std::span<const std::int64_t> shape, std::size_t elements) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(product, extent, &product)) {
      throw UsageError(fmt::format("{} is no shape", shape_text(shape)));
    }
  }
  if (static_cast<std::size_t>(product) != elements) {
    throw UsageError(
        fmt::format("the shape {} holds {} elements, {} were given", shape_text(shape), product, elements));
  }
}

void Tensor::expect_dtype(DType wanted) const {
  if (dtype != wanted) {
    throw DataError(fmt::format("a tensor is {}, expected {}", describe(), weights::name_of(wanted)));
  }
}

Tensor Tensor::of_booleans(std::vector<std::int64_t> shape, std::vector<std::uint8_t> elements) {
  Tensor tensor = of(std::move(shape), std::move(elements));
  tensor.dtype = DType::boolean;
  return tensor;
}

Tensor Tensor::of_text(std::string_view text) {
  return of<std::uint8_t>({static_cast<std::int64_t>(text.size())}, {text.begin(), text.end()});
}

Tensor Tensor::of_bytes(DType dtype, std::vector<std::int64_t> shape, std::span<const std::byte> bytes) {
  const std::size_t size = size_of(dtype);
  if (bytes.size() % size != 0) {
    throw UsageError(fmt::format("{} bytes are no whole number of {} elements", bytes.size(), weights::name_of(dtype)));
  }
  check_numel(shape, bytes.size() / size);
  if (bytes.empty()) return {dtype, std::move(shape), nullptr, nullptr};
  // operator new aligns for every fundamental type.
  std::shared_ptr<std::byte[]> kept(new std::byte[bytes.size()]);
  std::memcpy(kept.get(), bytes.data(), bytes.size());
  return {dtype, std::move(shape), kept, kept.get()};
}

std::int64_t Tensor::numel() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

std::int64_t Tensor::bytes() const { return numel() * static_cast<std::int64_t>(size_of(dtype)); }

std::vector<float> Tensor::to_f32() const { return converted<float>(*this); }
std::vector<double> Tensor::to_f64() const { return converted<double>(*this); }

std::vector<std::int64_t> Tensor::to_i64() const {
  std::vector<std::int64_t> out(static_cast<std::size_t>(numel()));
  with_real_elements(*this, [&](const auto* from) {
    using From = std::remove_cvref_t<decltype(*from)>;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if constexpr (std::is_integral_v<From>) {
        out[i] = static_cast<std::int64_t>(from[i]);
      } else {
        const double value = convert<double>(from[i]);
        if (value != std::floor(value) || std::abs(value) > 0x1p53) {
          throw DataError(
              fmt::format("element {} of a {} tensor is {}, expected a whole number", i, describe(), value));
        }
        out[i] = static_cast<std::int64_t>(value);
      }
    }
  });
  return out;
}

std::string Tensor::to_text() const {
  const auto characters = as<std::uint8_t>();
  return {characters.begin(), characters.end()};
}

Tensor Tensor::reshaped(std::vector<std::int64_t> new_shape) const {
  check_numel(new_shape, static_cast<std::size_t>(numel()));
  return {dtype, std::move(new_shape), owner, data};
}

std::string Tensor::describe() const { return fmt::format("{} {}", weights::name_of(dtype), shape_text(shape)); }

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         (a.bytes() == 0 || std::memcmp(a.data, b.data, a.raw().size()) == 0);
}

void TensorMap::insert(std::string name, Tensor tensor) {
  const auto [at, added] = place_.emplace(name, entries_.size());
  if (!added) throw DataError(fmt::format("two tensors have the name '{}'", name));
  entries_.emplace_back(std::move(name), std::move(tensor));
}

void TensorMap::set(const std::string& name, Tensor tensor) {
  const auto found = place_.find(name);
  if (found == place_.end()) return insert(name, std::move(tensor));
  entries_[found->second].second = std::move(tensor);
}

const Tensor* TensorMap::find(std::string_view name) const {
  const auto found = place_.find(std::string(name));
  return found == place_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& TensorMap::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  throw DataError(fmt::format("there is no tensor '{}' among {}", name, size()), did_you_mean(name, names()));
}

void TensorMap::erase(std::string_view name) {
  const auto found = place_.find(std::string(name));
  if (found == place_.end()) return;
  const std::size_t place = found->second;
  place_.erase(found);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  for (auto& [other, index] : place_) index -= index > place ? 1 : 0;
}

std::int64_t TensorMap::bytes() const {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : entries_) total += tensor.bytes();
  return total;
}

std::vector<std::string> TensorMap::names() const {
  std::vector<std::string> out;
  out.reserve(entries_.size());
  for (const auto& [name, tensor] : entries_) out.push_back(name);
  return out;
}

}  // namespace timbre::weights
