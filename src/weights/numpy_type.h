#pragma once
#include <optional>
#include <string_view>

#include "weights/checkpoint_value.h"
#include "weights/strided.h"

/// NumPy's element types as files spell them: "<f4", "|u1", ">i8", "<U5", "|O".
namespace timbre::weights {

struct NumpyType {
  std::optional<DType> dtype;  ///< none for text, bytes, objects, dates, records
  char kind = 0;               ///< 'f' 'i' 'u' 'b' 'c' 'U' 'S' 'O' 'V' 'M' 'm'
  std::uint64_t bytes = 0;     ///< of one element
  ByteOrder order = ByteOrder::little;
};

/// Nothing when it is not spelled like a type.
std::optional<NumpyType> parse_numpy_type(std::string_view spelled);

/// "<f4" for f32; nothing for bf16.
std::optional<std::string_view> numpy_spelling(DType dtype);

/// Elements of kind 'U' (UTF-32) or 'S' (bytes up to the first NULs at the end) as text.
Value::List numpy_texts(const NumpyType& type, Bytes bytes);

}  // namespace timbre::weights
