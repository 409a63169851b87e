#include "align/textgrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::align {
namespace {

// Two intervals that overlap by less than this are rounding of the writer, not a broken file.
constexpr double kOverlapSlack_s = 0.002;

std::string from_utf16(std::string_view bytes, bool big_endian, const std::string& where) {
  if (bytes.size() % 2)
    throw DataError(fmt::format("{}: UTF-16 text with an odd number of bytes", where), "is the file cut short?");
  const auto unit = [&](std::size_t i) {
    const auto a = static_cast<unsigned char>(bytes[i]), b = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<char32_t>(big_endian ? a << 8 | b : b << 8 | a);
  };
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t c = unit(i);
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < bytes.size()) {
      const char32_t low = unit(i + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        i += 2;
      }
    }
    if (c >= 0xD800 && c < 0xE000) c = 0xFFFD;
    append_utf8(out, c);
  }
  return out;
}

std::string decode_text(std::string_view bytes, const std::string& where) {
  constexpr unsigned kNone = 0x100;  // beyond the end: equal to no byte
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : kNone; };
  if (byte(0) == 0xFF && byte(1) == 0xFE) return from_utf16(bytes.substr(2), false, where);
  if (byte(0) == 0xFE && byte(1) == 0xFF) return from_utf16(bytes.substr(2), true, where);
  if (byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF)
    bytes.remove_prefix(3);
  else if (byte(0) != 0 && byte(1) == 0)
    return from_utf16(bytes, false, where);
  else if (byte(0) == 0 && byte(1) != 0)
    return from_utf16(bytes, true, where);
  if (!is_valid_utf8(bytes))
    throw DataError(fmt::format("{}: neither UTF-8 nor UTF-16 text", where),
                    "save it from Praat with text writing set to UTF-8");
  return std::string(bytes);
}

// The free-standing values of a Praat text file: "strings" with doubled quotes, numbers, <flags>. All else is
// decoration.
class Values {
 public:
  Values(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::string string(const char* what) {
    next(what);
    if (kind_ != Kind::string) fail(fmt::format("expected {} in quotes, found {}", what, token_));
    return token_;
  }
  double number(const char* what) {
    next(what);
    if (kind_ != Kind::number) fail(fmt::format("expected {} (a number), found \"{}\"", what, token_));
    return number_;
  }
  std::string flag(const char* what) {
    next(what);
    if (kind_ != Kind::flag) fail(fmt::format("expected {}, found \"{}\"", what, token_));
    return token_;
  }
  /// A count that the rest of the file can hold at `least` bytes an item.
  std::size_t count(const char* what, std::size_t least) {
    const double value = number(what);
    const std::size_t most = (text_.size() - at_) / least + 1;
    if (value < 0 || value != std::floor(value) || value > static_cast<double>(most))
      fail(fmt::format("{} is {:g}, more than the file holds or not a count", what, value));
    return static_cast<std::size_t>(value);
  }
  [[noreturn]] void fail(const std::string& what) const {
    const auto line =
        1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n');
    throw DataError(fmt::format("{}: line {}: {}", where_, line, what),
                    "a TextGrid in Praat's long or short text form is expected");
  }

 private:
  enum class Kind { string, number, flag };

  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

  void next(const char* what) {
    while (true) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ >= text_.size()) fail(fmt::format("the file ends where {} should follow", what));
      if (text_[at_] == '"') return quoted();
      if (text_[at_] == '!') {  // comment to the end of the line
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      const std::size_t start = at_;
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '"') ++at_;
      token_ = std::string(text_.substr(start, at_ - start));
      if (token_.size() > 2 && token_.front() == '<' && token_.back() == '>') {
        kind_ = Kind::flag;
        return;
      }
      if (const auto value = parse_double(token_); value && std::isfinite(*value)) {
        kind_ = Kind::number;
        number_ = *value;
        return;
      }
    }
  }

  void quoted() {
    token_.clear();
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') {
        token_ += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        token_ += '"';
        ++at_;
      } else {
        ++at_;
        kind_ = Kind::string;
        return;
      }
    }
    fail("a quoted text has no end");
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
  Kind kind_ = Kind::flag;
  std::string token_;
  double number_ = 0;
};

void read_intervals(Values& values, Tier& tier) {
  const std::size_t count = values.count("the number of intervals", 6);
  double last = tier.start_s - kOverlapSlack_s;
  for (std::size_t i = 0; i < count; ++i) {
    Interval x;
    x.start_s = values.number("an interval's start");
    x.end_s = values.number("an interval's end");
    x.label = values.string("an interval's label");
    if (x.end_s < x.start_s || x.start_s < last - kOverlapSlack_s)
      values.fail(fmt::format("interval {} of tier \"{}\" runs from {} to {} after one that ends at {}", i + 1,
                              tier.name, x.start_s, x.end_s, last));
    if (i > 0) x.start_s = std::max(x.start_s, last);
    x.end_s = std::max(x.end_s, x.start_s);
    last = x.end_s;
    tier.intervals.push_back(std::move(x));
  }
}

void read_points(Values& values, Tier& tier) {
  tier.of_points = true;
  const std::size_t count = values.count("the number of points", 4);
  for (std::size_t i = 0; i < count; ++i) {
    Point x;
    x.time_s = values.number("a point's time");
    x.label = values.string("a point's mark");
    if (i > 0 && x.time_s < tier.points.back().time_s)
      values.fail(fmt::format("point {} of tier \"{}\" lies before the one before it", i + 1, tier.name));
    tier.points.push_back(std::move(x));
  }
}

// Python's way: rounded to microseconds, no trailing zeros.
std::string format_time(double seconds) {
  std::string text = fmt::format("{:.6f}", seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string quote(const std::string& label) {
  std::string out = "\"";
  for (const char c : label) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

}  // namespace

const Tier* TextGrid::find(std::string_view name) const {
  for (const auto& tier : tiers)
    if (tier.name == name) return &tier;
  for (const auto& tier : tiers) {
    const std::string_view full = tier.name;
    if (full.size() > name.size() + 3 && full.ends_with(name) &&
        full.substr(0, full.size() - name.size()).ends_with(" - "))
      return &tier;
  }
  return nullptr;
}

TextGrid parse_textgrid(std::string_view bytes, const std::string& where) {
  const std::string text = decode_text(bytes, where);
  Values values(text, where);
  if (const auto type = values.string("the file type \"ooTextFile\""); type != "ooTextFile")
    values.fail(fmt::format("file type \"{}\" is not \"ooTextFile\"", type));
  if (const auto type = values.string("the class \"TextGrid\""); type != "TextGrid")
    values.fail(fmt::format("object class \"{}\" is not \"TextGrid\"", type));
  TextGrid grid;
  grid.start_s = values.number("the start time");
  grid.end_s = values.number("the end time");
  if (grid.end_s < grid.start_s)
    values.fail(fmt::format("the end {} lies before the start {}", grid.end_s, grid.start_s));
  if (values.flag("<exists>") != "<exists>") return grid;
  const std::size_t tiers = values.count("the number of tiers", 8);
  for (std::size_t i = 0; i < tiers; ++i) {
    Tier tier;
    const std::string kind = values.string("a tier's class");
    tier.name = values.string("a tier's name");
    tier.start_s = values.number("a tier's start");
    tier.end_s = values.number("a tier's end");
    if (kind == "IntervalTier")
      read_intervals(values, tier);
    else if (kind == "TextTier")
      read_points(values, tier);
    else
      values.fail(fmt::format("tier class \"{}\" is neither \"IntervalTier\" nor \"TextTier\"", kind));
    grid.tiers.push_back(std::move(tier));
  }
  return grid;
}

TextGrid read_textgrid(const std::filesystem::path& path) { return parse_textgrid(read_file(path), path.string()); }

void fill_gaps(Tier& tier, const std::string& label) {
  constexpr double kGap_s = 1e-6;
  std::vector<Interval> filled;
  double at = tier.start_s;
  for (auto& x : tier.intervals) {
    if (x.start_s - at > kGap_s)
      filled.push_back({at, x.start_s, label});
    else
      x.start_s = at;
    at = x.end_s;
    filled.push_back(std::move(x));
  }
  if (tier.end_s - at > kGap_s) filled.push_back({at, tier.end_s, label});
  tier.intervals = std::move(filled);
}

std::string format_textgrid(const TextGrid& grid) {
  std::string out = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n";
  const auto line = [&](int indent, const std::string& text) { out += fmt::format("{:{}}{} \n", "", indent, text); };
  const auto bare = [&](int indent, const std::string& text) { out += fmt::format("{:{}}{}\n", "", indent, text); };
  const auto time = [&](int indent, const char* key, double seconds) {
    line(indent, fmt::format("{} = {}", key, format_time(seconds)));
  };
  time(0, "xmin", grid.start_s);
  time(0, "xmax", grid.end_s);
  line(0, "tiers? <exists>");
  line(0, fmt::format("size = {}", grid.tiers.size()));
  line(0, "item []:");
  for (std::size_t k = 0; k < grid.tiers.size(); ++k) {
    Tier tier = grid.tiers[k];
    bare(4, fmt::format("item [{}]:", k + 1));
    line(8, fmt::format("class = \"{}\"", tier.of_points ? "TextTier" : "IntervalTier"));
    line(8, fmt::format("name = {}", quote(tier.name)));
    time(8, "xmin", tier.start_s);
    time(8, "xmax", tier.end_s);
    if (tier.of_points) {
      line(8, fmt::format("points: size = {}", tier.points.size()));
      for (std::size_t i = 0; i < tier.points.size(); ++i) {
        bare(8, fmt::format("points [{}]:", i + 1));
        time(12, "number", tier.points[i].time_s);
        line(12, "mark = " + quote(tier.points[i].label));
      }
      continue;
    }
    fill_gaps(tier, "");
    line(8, fmt::format("intervals: size = {}", tier.intervals.size()));
    for (std::size_t i = 0; i < tier.intervals.size(); ++i) {
      bare(8, fmt::format("intervals [{}]:", i + 1));
      time(12, "xmin", tier.intervals[i].start_s);
      time(12, "xmax", tier.intervals[i].end_s);
      line(12, "text = " + quote(tier.intervals[i].label));
    }
  }
  return out;
}

void write_textgrid(const std::filesystem::path& path, const TextGrid& grid) {
  write_file_atomic(path, format_textgrid(grid));
}

}  // namespace timbre::align
