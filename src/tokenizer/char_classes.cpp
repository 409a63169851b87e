#include "tokenizer/char_classes.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

#include "text/data_table.h"

namespace timbre::tokenizer {
namespace {

struct Stretch {
  std::uint32_t first, last;
  CharClass kind;
};

void add_ranges(std::vector<Stretch>& stretches, std::string_view name, CharClass kind) {
  const std::string_view bytes = text::unicode_class_table().find(name).value();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    Stretch stretch{0, 0, kind};
    std::memcpy(&stretch.first, bytes.data() + at, 4);
    std::memcpy(&stretch.last, bytes.data() + at + 4, 4);
    stretches.push_back(stretch);
  }
}

}  // namespace

const CharClasses& CharClasses::unicode() {
  static const CharClasses classes;
  return classes;
}

CharClasses::CharClasses() {
  std::vector<Stretch> stretches = {
      {'\n', '\n', CharClass::newline},   {'\r', '\r', CharClass::newline},   {'\t', '\t', CharClass::blank},
      {'\v', '\f', CharClass::blank},     {' ', ' ', CharClass::blank},       {0x85, 0x85, CharClass::blank},
      {0xA0, 0xA0, CharClass::blank},     {0x1680, 0x1680, CharClass::blank}, {0x2000, 0x200A, CharClass::blank},
      {0x2028, 0x2029, CharClass::blank}, {0x202F, 0x202F, CharClass::blank}, {0x205F, 0x205F, CharClass::blank},
      {0x3000, 0x3000, CharClass::blank}};
  add_ranges(stretches, "letter", CharClass::letter);
  add_ranges(stretches, "number", CharClass::number);
  std::sort(stretches.begin(), stretches.end(), [](const Stretch& a, const Stretch& b) { return a.first < b.first; });
  std::map<std::array<CharClass, 128>, std::uint16_t> known;
  auto stretch = stretches.begin();
  for (std::uint32_t block = 0; block < block_of_.size(); ++block) {
    const std::uint32_t begin = block * 128, end = begin + 128;
    std::array<CharClass, 128> classes{};
    while (stretch != stretches.end() && stretch->last < begin) ++stretch;
    for (auto it = stretch; it != stretches.end() && it->first < end; ++it)
      std::fill(classes.begin() + (std::max(it->first, begin) - begin),
                classes.begin() + (std::min(it->last + 1, end) - begin), it->kind);
    const auto [place, is_new] = known.try_emplace(classes, static_cast<std::uint16_t>(known.size()));
    if (is_new) blocks_.insert(blocks_.end(), classes.begin(), classes.end());
    block_of_[block] = place->second;
  }
}

}  // namespace timbre::tokenizer
