#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace timbre::tokenizer {

/// Bytes of the character at `at`, at least 1; `whole` says whether it is one. Of what is none, the bytes that begin
/// one as far as they do: what a decoder replaces by a single U+FFFD (Unicode 16, section 3.9, "substitution of maximal
/// subparts").
std::size_t utf8_length(std::string_view bytes, std::size_t at, bool& whole);

/// The first byte that is no UTF-8; bytes.size() where all is.
std::size_t end_of_utf8(std::string_view bytes);

/// UTF-8 of any bytes, with U+FFFD for what is none.
std::string lossy_utf8(std::string_view bytes);

}  // namespace timbre::tokenizer
