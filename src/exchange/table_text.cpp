#include "exchange/table_text.h"

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace timbre::exchange {

namespace {

constexpr int kLongestCellLines = 20;
constexpr std::size_t kLook = 200;

bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/// Reads cells one after another.
class Cursor {
 public:
  Cursor(std::string_view text, char delimiter, Quotes quotes) : text_(text), delimiter_(delimiter), quotes_(quotes) {}
  bool at_end() const { return at_ >= text_.size(); }
  std::int64_t line() const { return line_; }

  Record record() {
    Record record{line_, {}};
    for (;;) {
      record.cells.push_back(cell());
      if (at_end() || text_[at_] != delimiter_) break;
      ++at_;
    }
    line_end();
    return record;
  }

 private:
  std::string cell() {
    std::string value;
    if (quotes_ == Quotes::doubled && !at_end() && text_[at_] == '"' && quoted(value)) return value;
    while (!at_end() && text_[at_] != delimiter_ && !is_line_end(text_[at_])) value += text_[at_++];
    return value;
  }

  /// True when a whole cell is in quotes; otherwise the position stays.
  bool quoted(std::string& value) {
    std::size_t i = at_ + 1;
    std::int64_t lines = 0;
    for (; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        if (i + 1 < text_.size() && text_[i + 1] == '"')
          value += text_[++i];
        else
          break;
      } else {
        if (text_[i] == '\n' && ++lines > kLongestCellLines) break;
        value += text_[i];
      }
    }
    bool closed = i < text_.size() && text_[i] == '"';
    bool whole = closed && (i + 1 == text_.size() || text_[i + 1] == delimiter_ || is_line_end(text_[i + 1]));
    if (!whole) {
      value.clear();
      return false;
    }
    at_ = i + 1;
    line_ += lines;
    return true;
  }

  void line_end() {
    if (at_end()) return;
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }

  std::string_view text_;
  char delimiter_;
  Quotes quotes_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

bool is_blank(const Record& record) { return record.cells.size() == 1 && trim(record.cells[0]).empty(); }

/// The first records of a text, without parsing the rest.
std::string_view head_of(std::string_view text) {
  std::size_t at = 0;
  for (std::size_t line = 0; line < kLook && at < text.size(); ++line) {
    at = text.find('\n', at);
    if (at == std::string_view::npos) return text;
    ++at;
  }
  return text.substr(0, at);
}

}  // namespace

std::vector<Record> parse_table(std::string_view text, char delimiter, Quotes quotes) {
  std::vector<Record> records;
  Cursor cursor(text, delimiter, quotes);
  while (!cursor.at_end()) {
    Record record = cursor.record();
    if (!is_blank(record)) records.push_back(std::move(record));
  }
  return records;
}

std::string format_record(const std::vector<std::string>& cells, char delimiter, Quotes quotes) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i) line += delimiter;
    bool quote =
        quotes == Quotes::doubled && cells[i].find_first_of(std::string("\"\r\n") + delimiter) != std::string::npos;
    if (!quote) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (char c : cells[i]) line += c == '"' ? "\"\"" : std::string(1, c);
    line += '"';
  }
  return line;
}

char detect_delimiter(std::string_view text) {
  std::string_view head = head_of(text);
  char best = 0;
  double best_share = 0;
  for (char delimiter : {'|', '\t', ';', ','}) {
    std::map<std::size_t, std::size_t> counts;  ///< cells → records
    std::vector<Record> records = parse_table(head, delimiter, delimiter == '|' ? Quotes::none : Quotes::doubled);
    for (const Record& record : records) ++counts[record.cells.size()];
    std::size_t most = 0;
    for (const auto& [cells, count] : counts)
      if (cells >= 2) most = std::max(most, count);
    double share = records.empty() ? 0 : static_cast<double>(most) / static_cast<double>(records.size());
    // Strictly better only: a text full of commas must not win over '|' that fits as well.
    if (share > best_share + 1e-9) best = delimiter, best_share = share;
  }
  return best_share >= 0.5 ? best : 0;
}

std::string from_utf16(std::string text) {
  bool little = text.starts_with("\xFF\xFE"), big = text.starts_with("\xFE\xFF");
  if (!little && !big) return text;
  std::string utf8;
  auto unit = [&](std::size_t i) {
    auto a = static_cast<unsigned char>(text[i]), b = static_cast<unsigned char>(text[i + 1]);
    return static_cast<char32_t>(little ? b << 8 | a : a << 8 | b);
  };
  for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
    char32_t c = unit(i);
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < text.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    } else if (c >= 0xD800 && c < 0xE000) {
      c = 0xFFFD;
    }
    append_utf8(utf8, c);
  }
  return utf8;
}

}  // namespace timbre::exchange
