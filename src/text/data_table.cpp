#include "text/data_table.h"

#include <cstring>

// Laid down by cmake/packages/text.cmake.
extern "C" {
extern const unsigned char timbre_text_decompose[], timbre_text_compose[], timbre_text_combining[], timbre_text_lower[],
    timbre_text_unidecode[], timbre_text_cmudict[], timbre_text_pinyin_characters[], timbre_text_pinyin_phrases[],
    timbre_text_pinyin_prefixes[];
}

namespace timbre::text {
namespace {

std::uint32_t read_u32(const unsigned char* at) {
  std::uint32_t v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

}  // namespace

DataTable::DataTable(const unsigned char* data) : data_(data), count_(read_u32(data)) {
  keys_ = reinterpret_cast<const char*>(data + 4 + 8ull * count_);
  values_ = keys_ + (count_ ? read_u32(data + 4ull * count_) : 0);
}

std::string_view DataTable::key(std::uint32_t index) const {
  std::uint32_t begin = index ? read_u32(data_ + 4ull * index) : 0, end = read_u32(data_ + 4ull * (index + 1));
  return {keys_ + begin, end - begin};
}

std::string_view DataTable::value(std::uint32_t index) const {
  const unsigned char* ends = data_ + 4 + 4ull * count_;
  std::uint32_t begin = index ? read_u32(ends + 4ull * (index - 1)) : 0, end = read_u32(ends + 4ull * index);
  return {values_ + begin, end - begin};
}

std::optional<std::string_view> DataTable::find(std::string_view wanted) const {
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    std::uint32_t middle = low + (high - low) / 2;
    int order = key(middle).compare(wanted);
    if (order == 0) return value(middle);
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return std::nullopt;
}

#define TIMBRE_TEXT_TABLE(function, symbol) \
  const DataTable& function() {             \
    static const DataTable table(symbol);   \
    return table;                           \
  }
TIMBRE_TEXT_TABLE(decompose_table, timbre_text_decompose)
TIMBRE_TEXT_TABLE(compose_table, timbre_text_compose)
TIMBRE_TEXT_TABLE(combining_table, timbre_text_combining)
TIMBRE_TEXT_TABLE(lower_table, timbre_text_lower)
TIMBRE_TEXT_TABLE(unidecode_table, timbre_text_unidecode)
TIMBRE_TEXT_TABLE(cmudict_table, timbre_text_cmudict)
TIMBRE_TEXT_TABLE(pinyin_character_table, timbre_text_pinyin_characters)
TIMBRE_TEXT_TABLE(pinyin_phrase_table, timbre_text_pinyin_phrases)
TIMBRE_TEXT_TABLE(pinyin_prefix_table, timbre_text_pinyin_prefixes)
#undef TIMBRE_TEXT_TABLE

}  // namespace timbre::text
