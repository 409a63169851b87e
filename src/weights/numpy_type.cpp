#include "weights/numpy_type.h"

#include <array>

#include "base/strings.h"

namespace timbre::weights {
namespace {

struct Spelling {
  std::string_view text;
  DType dtype;
};
constexpr std::array<Spelling, 14> kSpellings{{{"<f8", DType::f64},
                                               {"<f4", DType::f32},
                                               {"<f2", DType::f16},
                                               {"<i8", DType::i64},
                                               {"<i4", DType::i32},
                                               {"<i2", DType::i16},
                                               {"|i1", DType::i8},
                                               {"|u1", DType::u8},
                                               {"|b1", DType::boolean},
                                               {"<c8", DType::c64},
                                               {"<c16", DType::c128},
                                               {"<u2", DType::u16},
                                               {"<u4", DType::u32},
                                               {"<u8", DType::u64}}};

}  // namespace

std::optional<std::string_view> numpy_spelling(DType dtype) {
  for (const auto& known : kSpellings) {
    if (known.dtype == dtype) return known.text;
  }
  return std::nullopt;
}

std::optional<NumpyType> parse_numpy_type(std::string_view spelled) {
  NumpyType type;
  if (spelled.empty()) return std::nullopt;
  if (spelled[0] == '>') type.order = ByteOrder::big;
  if (std::string_view("<>|=").find(spelled[0]) != std::string_view::npos) spelled.remove_prefix(1);
  if (spelled.empty() || std::string_view("fiubcUSOVMm").find(spelled[0]) == std::string_view::npos)
    return std::nullopt;
  type.kind = spelled[0];
  spelled.remove_prefix(1);
  // Dates carry a unit after the size: "M8[ns]".
  const std::string_view digits = spelled.substr(0, spelled.find('['));
  if (digits.size() > 9) return std::nullopt;
  const auto size = digits.empty() ? std::optional<std::int64_t>(0) : parse_int(digits);
  if (!size || *size < 0) return std::nullopt;
  type.bytes = static_cast<std::uint64_t>(*size) * (type.kind == 'U' ? 4 : 1);
  for (const auto& known : kSpellings) {
    if (known.text.substr(1, 1)[0] == type.kind && known.text.substr(2) == digits) type.dtype = known.dtype;
  }
  return type;
}

Value::List numpy_texts(const NumpyType& type, Bytes bytes) {
  Value::List out;
  if (type.bytes == 0) return out;
  for (std::size_t at = 0; at + type.bytes <= bytes.size(); at += type.bytes) {
    const Bytes element = bytes.subspan(at, static_cast<std::size_t>(type.bytes));
    std::string text;
    if (type.kind == 'S') {
      text = text_of(element);
      text.erase(text.find_last_not_of('\0') + 1);
    } else {
      std::u32string points;
      for (std::size_t i = 0; i < element.size(); i += 4) {
        auto point = little<std::uint32_t>(element, i);
        if (type.order == ByteOrder::big) point = __builtin_bswap32(point);
        points += static_cast<char32_t>(point);
      }
      points.erase(points.find_last_not_of(U'\0') + 1);
      for (const char32_t point : points) {
        const bool is_valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        append_utf8(text, is_valid ? point : U'\ufffd');
      }
    }
    out.emplace_back(std::move(text));
  }
  return out;
}

}  // namespace timbre::weights
