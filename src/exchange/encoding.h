#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

/// Texts of foreign data sets as lines of UTF-8.
namespace timbre::exchange {

/// `bytes` as UTF-8 without its byte-order mark. `encoding` "auto": UTF-8, or UTF-16 and UTF-32 by their marks, or
/// UTF-16 without one, known by its zero bytes; other bytes stay as they are, so that lines which are no UTF-8 can be
/// told by line number. Any other word is a name iconv knows ("gbk", "latin1", "shift_jis"); a byte that cannot be read
/// as that becomes one which is no UTF-8. Throws UsageError for an unknown name.
std::string to_utf8_text(std::string bytes, const std::string& encoding);

/// Throws UsageError when `encoding` is neither "auto" nor a name iconv knows.
void check_encoding(const std::string& encoding);

/// A list as UTF-8, gzip-packed or not. Throws DataError when it is damaged or longer than `limit` bytes.
std::string read_list(const std::filesystem::path& path, const std::string& encoding,
                      std::int64_t limit = std::int64_t(1) << 32);

/// One line without its end.
struct Line {
  std::int64_t number = 0;  ///< from 1
  std::string_view text;
};

/// Every line that is not blank. LF, CRLF and CR end lines.
void each_line(std::string_view text, const std::function<void(const Line&)>& each);

/// Words joined by single blanks: a text file of several lines as one.
std::string as_one_line(std::string_view text);

/// The blanks between two Han characters (or marks of their width) taken out: "而 对 楼市 OK 啦" → "而对楼市 OK 啦".
std::string close_han(std::string_view text);

/// True when a character of `text` is Han, kana or hangul.
bool has_han(std::string_view text);

}  // namespace timbre::exchange
