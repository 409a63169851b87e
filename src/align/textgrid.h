#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Praat TextGrids: what aligners and phoneticians exchange.
namespace timbre::align {

/// A stretch of time with a label; "" is how MFA 2 and later write silence.
struct Interval {
  double start_s = 0, end_s = 0;
  std::string label;
  bool operator==(const Interval&) const = default;
};

/// A moment with a label (tiers of class TextTier).
struct Point {
  double time_s = 0;
  std::string label;
  bool operator==(const Point&) const = default;
};

/// One row of a TextGrid: either intervals or points, in order of time.
struct Tier {
  std::string name;
  double start_s = 0, end_s = 0;
  bool of_points = false;
  std::vector<Interval> intervals;
  std::vector<Point> points;
};

struct TextGrid {
  double start_s = 0, end_s = 0;
  std::vector<Tier> tiers;
  /// The tier of that name, also under a speaker's ("S1 - phones"); null when absent.
  const Tier* find(std::string_view name) const;
};

/// Reads the long or the short text form, UTF-8 or UTF-16 with or without byte-order mark. Goes by the sequence of
/// quoted strings and numbers, never by indentation or line ends. `where` names the source in errors.
/// Throws DataError (with the line) for truncated, disordered or over-long content.
TextGrid parse_textgrid(std::string_view bytes, const std::string& where);
TextGrid read_textgrid(const std::filesystem::path& path);

/// The long form as MFA writes it (times to 6 decimals, gaps filled with "").
std::string format_textgrid(const TextGrid& grid);
/// Atomic. Throws SystemError.
void write_textgrid(const std::filesystem::path& path, const TextGrid& grid);

/// Fills every gap of more than a microsecond, the ends included, with intervals labelled `label`.
void fill_gaps(Tier& tier, const std::string& label);

}  // namespace timbre::align
