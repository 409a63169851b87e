#include "exchange/encoding.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/archive.h"
#include "exchange/table_text.h"

namespace timbre::exchange {

namespace {

struct CloseIconv {
  void operator()(void* handle) const { iconv_close(handle); }
};

std::unique_ptr<void, CloseIconv> open_iconv(const std::string& encoding) {
  iconv_t handle = iconv_open("UTF-8", encoding.c_str());
  if (handle == iconv_t(-1))
    throw UsageError(fmt::format("--encoding {}: no encoding of that name", encoding),
                     "for example gbk, gb18030, big5, shift_jis, euc-kr, latin1, cp1252, utf-16le");
  return std::unique_ptr<void, CloseIconv>(handle);
}

std::string convert(std::string bytes, const std::string& encoding) {
  auto handle = open_iconv(encoding);
  std::string out;
  char buffer[4096];
  char* in = bytes.data();
  std::size_t left = bytes.size();
  while (left > 0) {
    char* to = buffer;
    std::size_t room = sizeof buffer;
    bool failed = iconv(handle.get(), &in, &left, &to, &room) == std::size_t(-1);
    int why = errno;
    out.append(buffer, sizeof buffer - room);
    if (failed && why != E2BIG) {  // EILSEQ inside, EINVAL at the end: mark the byte, so that its line is rejected
      out += '\xFF';
      ++in, --left;
    }
  }
  if (out.starts_with("\xEF\xBB\xBF")) out.erase(0, 3);
  return out;
}

/// UTF-16 without a mark: nearly every other byte of what lists hold is zero, always on the same side.
const char* unmarked_utf16(std::string_view bytes) {
  std::string_view head = bytes.substr(0, 512);
  if (head.size() < 8 || bytes.size() % 2) return nullptr;
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < head.size(); ++i) (i % 2 ? odd : even) += head[i] == '\0';
  if (odd * 4 >= head.size() && even == 0) return "UTF-16LE";
  if (even * 4 >= head.size() && odd == 0) return "UTF-16BE";
  return nullptr;
}

bool is_wide(char32_t c) {
  return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7AF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0xFF00 && c <= 0xFFEF) || (c >= 0x20000 && c <= 0x3FFFF);
}

}  // namespace

void check_encoding(const std::string& encoding) {
  if (encoding != "auto") open_iconv(encoding);
}

std::string to_utf8_text(std::string bytes, const std::string& encoding) {
  if (encoding != "auto") return convert(std::move(bytes), encoding);
  if (bytes.starts_with("\xEF\xBB\xBF")) return bytes.substr(3);
  if (bytes.starts_with(std::string_view("\xFF\xFE\0\0", 4))) return convert(bytes.substr(4), "UTF-32LE");
  if (bytes.starts_with(std::string_view("\0\0\xFE\xFF", 4))) return convert(bytes.substr(4), "UTF-32BE");
  if (const char* utf16 = unmarked_utf16(bytes)) return convert(std::move(bytes), utf16);
  return from_utf16(std::move(bytes));
}

std::string read_list(const std::filesystem::path& path, const std::string& encoding, std::int64_t limit) {
  return to_utf8_text(read_text(path, limit), encoding);
}

void each_line(std::string_view text, const std::function<void(const Line&)>& each) {
  Line line;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    ++line.number;
    line.text = text.substr(at, end - at);
    if (!trim(line.text).empty()) each(line);
    at = end + (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n' ? 2 : 1);
  }
}

std::string as_one_line(std::string_view text) { return join(split_whitespace(text), " "); }

std::string close_han(std::string_view text) {
  std::string out;
  bool wide_before = false;
  for (const std::string& word : split_whitespace(text)) {
    std::u32string points = to_code_points(word);
    if (!out.empty() && !(wide_before && is_wide(points.front()))) out += ' ';
    out += word;
    wide_before = is_wide(points.back());
  }
  return out;
}

bool has_han(std::string_view text) {
  std::u32string points = to_code_points(text);
  return std::any_of(points.begin(), points.end(), is_wide);
}

}  // namespace timbre::exchange
