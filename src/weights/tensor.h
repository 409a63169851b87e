#pragma once
#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

/// Arrays as files hold them: a number type, a shape and bytes that somebody owns (a memory map, a buffer).
/// No arithmetic and no LibTorch; nn/ turns these into at::Tensor without copying.
namespace timbre::weights {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, c64, c128, u16, u32, u64 };
inline constexpr int kDTypes = 15;

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// "f32", "bf16", "bool" …: how we print it.
std::string_view name_of(DType dtype);
std::optional<DType> dtype_of_name(std::string_view name);

/// IEEE half and bfloat16 as raw bits; convert with to_f32().
struct F16 {
  std::uint16_t bits;
};
struct BF16 {
  std::uint16_t bits;
};
float to_float(F16 value);
float to_float(BF16 value);
/// Round to nearest even.
F16 to_f16(float value);
BF16 to_bf16(float value);

/// The DType of a C++ element type (compile error for any other type).
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, F16>)
    return DType::f16;
  else if constexpr (std::is_same_v<T, BF16>)
    return DType::bf16;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::i64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::i16;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::i8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::u8;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    return DType::c64;
  else if constexpr (std::is_same_v<T, std::complex<double>>)
    return DType::c128;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return DType::u16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return DType::u32;
  else {
    static_assert(std::is_same_v<T, std::uint64_t>, "no DType for this element type");
    return DType::u64;
  }
}

/// "[2, 80]"; "[]" for a scalar.
std::string shape_text(std::span<const std::int64_t> shape);

/// A contiguous row-major array, immutable once made. Copying is cheap: the bytes are shared.
struct Tensor {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  /// Keeps `data` alive: a memory map of a whole file, or a buffer. Null only for a tensor without elements.
  std::shared_ptr<const void> owner;
  /// numel() elements, aligned for the element type.
  const std::byte* data = nullptr;

  /// Takes the elements over. Throws UsageError when the shape holds another number of them.
  template <class T>
  static Tensor of(std::vector<std::int64_t> shape, std::vector<T> elements) {
    check_numel(shape, elements.size());
    auto kept = std::make_shared<const std::vector<T>>(std::move(elements));
    return {dtype_of<T>(), std::move(shape), kept, reinterpret_cast<const std::byte*>(kept->data())};
  }
  /// std::vector<bool> packs its bits, so booleans come as bytes of 0 and 1.
  static Tensor of_booleans(std::vector<std::int64_t> shape, std::vector<std::uint8_t> elements);
  /// UTF-8 text as u8 [length].
  static Tensor of_text(std::string_view text);
  /// Copies `bytes`, which must hold exactly the elements of the shape (UsageError).
  static Tensor of_bytes(DType dtype, std::vector<std::int64_t> shape, std::span<const std::byte> bytes);

  /// The elements. Throws DataError when the number type is another.
  template <class T>
  std::span<const T> as() const {
    expect_dtype(dtype_of<T>());
    return {reinterpret_cast<const T*>(data), static_cast<std::size_t>(numel())};
  }
  /// Product of the shape; 1 for a scalar.
  std::int64_t numel() const;
  /// numel() × size_of(dtype).
  std::int64_t bytes() const;
  std::span<const std::byte> raw() const { return {data, static_cast<std::size_t>(bytes())}; }
  /// Every real number type converted; complex throws DataError.
  std::vector<float> to_f32() const;
  std::vector<double> to_f64() const;
  /// Integer types and booleans; floats only when every one is whole (DataError otherwise).
  std::vector<std::int64_t> to_i64() const;
  /// u8 as text (the inverse of of_text).
  std::string to_text() const;
  /// The same bytes under another shape of equal numel (UsageError otherwise).
  Tensor reshaped(std::vector<std::int64_t> new_shape) const;
  /// "f32 [2, 80]".
  std::string describe() const;

 private:
  static void check_numel(std::span<const std::int64_t> shape, std::size_t elements);
  void expect_dtype(DType wanted) const;
};

/// Same number type, shape and bytes.
bool same(const Tensor& a, const Tensor& b);

/// Named tensors in the order they were added.
class TensorMap {
 public:
  using Entry = std::pair<std::string, Tensor>;
  /// Throws DataError when the name is taken.
  void insert(std::string name, Tensor tensor);
  /// Adds or replaces (a replaced entry keeps its place).
  void set(const std::string& name, Tensor tensor);
  /// Null when absent.
  const Tensor* find(std::string_view name) const;
  /// Throws DataError naming the tensor, with "did you mean".
  const Tensor& at(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Removes it if it is there.
  void erase(std::string_view name);
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::vector<Entry>::const_iterator end() const { return entries_.end(); }
  std::int64_t bytes() const;
  std::vector<std::string> names() const;

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> place_;
};

}  // namespace timbre::weights
