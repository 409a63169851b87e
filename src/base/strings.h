#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Text as UTF-8 bytes and code points; nothing here depends on the locale.
namespace timbre {

std::vector<std::string> split(std::string_view text, char separator);
std::vector<std::string> split_whitespace(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool starts_with_icase(std::string_view text, std::string_view prefix);
/// ASCII letters only.
std::string ascii_lower(std::string_view text);

/// Code points of valid UTF-8; an invalid byte becomes U+FFFD.
std::u32string to_code_points(std::string_view utf8);
std::string to_utf8(std::u32string_view code_points);
void append_utf8(std::string& out, char32_t code_point);
bool is_valid_utf8(std::string_view bytes);

/// Whole-string parse; nothing where a character is left over.
std::optional<double> parse_double(std::string_view text);
std::optional<std::int64_t> parse_int(std::string_view text);

/// "1.5 GB", "3 min 20 s": for people.
std::string human_bytes(double bytes);
std::string human_seconds(double seconds);

}  // namespace timbre
