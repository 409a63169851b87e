#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plot/png.h"

namespace timbre::plot {

constexpr Colour kWhite{255, 255, 255}, kBlack{20, 20, 24}, kGrey{150, 150, 156}, kFaint{226, 226, 230};

/// The n-th line colour: told apart on white also without colour vision (different lightness).
Colour line_colour(std::size_t n);

/// A picture of 24-bit pixels with the few things charts are made of. Everything outside is cut off.
class Canvas {
 public:
  Canvas(std::int64_t width, std::int64_t height, Colour background = kWhite);
  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  void set(std::int64_t x, std::int64_t y, Colour c, double opacity = 1);
  void fill(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, Colour c, double opacity = 1);
  /// Anti-aliased, `thickness` pixels wide.
  void line(double x0, double y0, double x1, double y1, Colour c, double thickness = 1);
  /// Upper left corner at (x, y); scale 1 = 9 pixels high. Returns the width drawn.
  std::int64_t text(std::int64_t x, std::int64_t y, std::string_view utf8, Colour c = kBlack, int scale = 1);
  /// Read from below, lower left corner at (x, y).
  void text_upward(std::int64_t x, std::int64_t y, std::string_view utf8, Colour c = kBlack, int scale = 1);
  static std::int64_t text_width(std::string_view utf8, int scale = 1);
  Png png() const { return encode_png(rgb_, width_, height_); }

 private:
  std::int64_t width_, height_;
  std::vector<unsigned char> rgb_;
};

/// Numbers that make good ticks: steps of 1, 2 or 5 · 10^n, about `wanted` of them within [low, high].
struct Ticks {
  std::vector<double> at;
  std::vector<std::string> labels;
};
Ticks ticks(double low, double high, int wanted);
/// Powers of ten, and 2 and 5 between them when there are few.
Ticks log_ticks(double low, double high);

/// The inner rectangle of a chart and the values at its edges.
struct Axes {
  std::int64_t left = 0, top = 0, width = 0, height = 0;  ///< pixels
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool log_y = false;
  double x(double value) const;
  double y(double value) const;
};

/// Border, ticks, labels and title of a chart.
struct AxesText {
  std::string title, x_label, y_label;
  bool grid = false;
};
void draw_axes(Canvas& canvas, const Axes& axes, const AxesText& text);

}  // namespace timbre::plot
