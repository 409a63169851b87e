#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace timbre::tokenizer {

/// How vocabularies of byte-level models spell bytes: every byte is one printable character (GPT-2's list: ! to ~, ¡ to
/// ¬ and ® to ÿ are themselves, the other 68 bytes are U+0100 upwards in their order; a blank is Ġ).
std::string spelling_of(std::string_view bytes);

/// The bytes of a spelling; nothing where a character is not one of the 256, or the text is no UTF-8.
std::optional<std::string> bytes_of(std::string_view spelling);
/// The same, appended; false (and `out` as it was) where it is none.
bool append_bytes_of(std::string_view spelling, std::string& out);

}  // namespace timbre::tokenizer
