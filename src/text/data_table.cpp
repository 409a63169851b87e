#include "text/data_table.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/files.h"

// Laid down by cmake/packages/text.cmake.
extern "C" {
extern const unsigned char timbre_text_decompose[], timbre_text_compose[], timbre_text_combining[], timbre_text_lower[],
    timbre_text_cmudict[], timbre_text_cmudict_others[], timbre_text_pinyin_characters[], timbre_text_pinyin_phrases[],
    timbre_text_homographs[], timbre_text_g2p_network[], timbre_text_unicode_classes[],
    timbre_text_pinyin_048_characters[], timbre_text_pinyin_048_phrases[], timbre_text_cmudict_eng_to_ipa[];
extern const char timbre_text_share[];  // the build's own share folder
}

namespace timbre::text {
namespace {

std::uint32_t read_u32(const unsigned char* at) {
  std::uint32_t v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

fs::path share_file(const char* name) {
  const char* chosen = std::getenv("TIMBRE_SHARE");
  std::vector<fs::path> folders = {program_folder() / "share", timbre_text_share};
  if (chosen && *chosen) folders = {chosen};
  for (const fs::path& folder : folders)
    if (fs::exists(folder / name)) return folder / name;
  throw SystemError(fmt::format("the transliteration table {} is missing in {}", name, folders[0].string()),
                    "make build, or set TIMBRE_SHARE to the folder that holds it");
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

std::uint32_t DataTable::lower_bound(std::string_view wanted) const {
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    std::uint32_t middle = low + (high - low) / 2;
    if (key(middle) < wanted)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::optional<std::string_view> DataTable::find(std::string_view wanted) const {
  std::uint32_t at = lower_bound(wanted);
  if (at == count_ || key(at) != wanted) return std::nullopt;
  return value(at);
}

bool DataTable::has_prefix(std::string_view bytes) const {
  std::uint32_t at = lower_bound(bytes);
  return at < count_ && key(at).starts_with(bytes);
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
TIMBRE_TEXT_TABLE(cmudict_table, timbre_text_cmudict)
TIMBRE_TEXT_TABLE(cmudict_others_table, timbre_text_cmudict_others)
TIMBRE_TEXT_TABLE(pinyin_character_table, timbre_text_pinyin_characters)
TIMBRE_TEXT_TABLE(pinyin_phrase_table, timbre_text_pinyin_phrases)
TIMBRE_TEXT_TABLE(unicode_class_table, timbre_text_unicode_classes)
TIMBRE_TEXT_TABLE(pinyin_048_character_table, timbre_text_pinyin_048_characters)
TIMBRE_TEXT_TABLE(pinyin_048_phrase_table, timbre_text_pinyin_048_phrases)
TIMBRE_TEXT_TABLE(cmudict_eng_to_ipa_table, timbre_text_cmudict_eng_to_ipa)
TIMBRE_TEXT_TABLE(homograph_table, timbre_text_homographs)
TIMBRE_TEXT_TABLE(g2p_network_table, timbre_text_g2p_network)
#undef TIMBRE_TEXT_TABLE

const DataTable& unidecode_table() {
  static const MappedFile file(share_file("unidecode.bin"));
  static const DataTable table(reinterpret_cast<const unsigned char*>(file.bytes().data()));
  return table;
}

}  // namespace timbre::text
