#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace timbre::text {

/// A sorted map of bytes to bytes, embedded in the program or mapped from a file (tools/text_data/make_tables.py);
/// nothing is copied or parsed.
class DataTable {
 public:
  explicit DataTable(const unsigned char* data);
  std::uint32_t size() const { return count_; }
  std::optional<std::string_view> find(std::string_view key) const;
  /// True when some key begins with these bytes.
  bool has_prefix(std::string_view bytes) const;
  /// Index of the first key that is not below these bytes; size() when there is none.
  std::uint32_t lower_bound(std::string_view wanted) const;
  /// The entries in the order of their keys; index < size().
  std::string_view key(std::uint32_t index) const;
  std::string_view value(std::uint32_t index) const;

 private:
  const unsigned char* data_;
  std::uint32_t count_;
  const char *keys_, *values_;
};

/// The tables by name: a character or word (UTF-8) → …
const DataTable& decompose_table();  ///< canonical decomposition, one step
const DataTable& compose_table();    ///< two characters → the one they compose to
const DataTable& combining_table();  ///< combining class of a mark, one byte
const DataTable& lower_table();      ///< full lower case of a character outside ASCII
const DataTable&
unidecode_table();  ///< ASCII transliteration of a character; a file (GPL data), SystemError when missing
const DataTable& cmudict_table();               ///< word → first pronunciation, phones joined by blanks
const DataTable& cmudict_others_table();        ///< word → its other pronunciations, joined by |
const DataTable& pinyin_character_table();      ///< character → syllable with tone number
const DataTable& pinyin_phrase_table();         ///< phrase → syllables joined by blanks
const DataTable& unicode_class_table();         ///< class → ranges of code points (letters.h)
const DataTable& pinyin_048_character_table();  ///< what pypinyin 0.48.0 reads otherwise; "" = it has no such character
const DataTable& pinyin_048_phrase_table();     ///< the same for phrases
const DataTable& cmudict_eng_to_ipa_table();    ///< what eng_to_ipa's dictionary has otherwise, all joined by |
const DataTable& homograph_table();             ///< word → "PRON 1|PRON 2|part of speech of the first"
const DataTable& g2p_network_table();           ///< parameter → float32 values

}  // namespace timbre::text
