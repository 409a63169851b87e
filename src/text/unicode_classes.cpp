#include "text/unicode_classes.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/data_table.h"

namespace timbre::text {
namespace {

struct Range {
  std::uint32_t first, last;
};

using Ranges = std::vector<Range>;

Ranges ranges_of(std::string_view name) {
  const std::string_view bytes = unicode_class_table().find(name).value();
  Ranges out(bytes.size() / sizeof(Range));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(Range));
  return out;
}

bool is_in(const Ranges& ranges, char32_t c) {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t v, const Range& r) { return v < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

}  // namespace

bool is_alnum(char32_t c) {
  static const Ranges ranges = ranges_of("alnum");
  return is_in(ranges, c);
}

bool is_word_character(char32_t c) { return c == U'_' || is_alnum(c); }

bool is_digit_sign(char32_t c) {
  static const Ranges ranges = ranges_of("digit");
  return is_in(ranges, c);
}

bool is_decimal(char32_t c) {
  static const Ranges ranges = ranges_of("decimal");
  return is_in(ranges, c);
}

}  // namespace timbre::text
