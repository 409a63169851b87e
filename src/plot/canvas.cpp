#include "plot/canvas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "plot/font.h"

namespace timbre::plot {

Colour line_colour(std::size_t n) {
  static constexpr Colour kColours[] = {{31, 88, 160},  {222, 118, 20}, {30, 130, 90},  {176, 40, 70},
                                        {120, 90, 180}, {90, 90, 96},   {60, 170, 200}, {150, 120, 20}};
  return kColours[n % std::size(kColours)];
}

Canvas::Canvas(std::int64_t width, std::int64_t height, Colour background) : width_(width), height_(height) {
  if (width < 1 || height < 1 || width > 20000 || height > 20000)
    throw UsageError(fmt::format("a picture of {} × {} pixels", width, height), "1 … 20000 each");
  rgb_.resize(static_cast<std::size_t>(width * height * 3));
  for (std::size_t i = 0; i < rgb_.size(); i += 3)
    rgb_[i] = background.r, rgb_[i + 1] = background.g, rgb_[i + 2] = background.b;
}

void Canvas::set(std::int64_t x, std::int64_t y, Colour c, double opacity) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_) return;
  unsigned char* p = rgb_.data() + (y * width_ + x) * 3;
  const auto mix = [&](unsigned char under, unsigned char over) {
    return static_cast<unsigned char>(std::lround(under + (over - under) * opacity));
  };
  p[0] = mix(p[0], c.r), p[1] = mix(p[1], c.g), p[2] = mix(p[2], c.b);
}

void Canvas::fill(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, Colour c, double opacity) {
  for (std::int64_t row = std::max<std::int64_t>(y, 0); row < std::min(y + height, height_); ++row) {
    for (std::int64_t column = std::max<std::int64_t>(x, 0); column < std::min(x + width, width_); ++column)
      set(column, row, c, opacity);
  }
}

void Canvas::line(double x0, double y0, double x1, double y1, Colour c, double thickness) {
  if (!std::isfinite(x0 + y0 + x1 + y1)) return;
  const double half = thickness / 2, dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
  // Only what can be seen: a line of a chart may lead far outside.
  const double low_x = std::max(-2.0, std::min(x0, x1) - half - 1),
               high_x = std::min(static_cast<double>(width_) + 2, std::max(x0, x1) + half + 1);
  const double low_y = std::max(-2.0, std::min(y0, y1) - half - 1),
               high_y = std::min(static_cast<double>(height_) + 2, std::max(y0, y1) + half + 1);
  for (auto y = static_cast<std::int64_t>(std::floor(low_y)); static_cast<double>(y) <= high_y; ++y) {
    for (auto x = static_cast<std::int64_t>(std::floor(low_x)); static_cast<double>(x) <= high_x; ++x) {
      const double px = static_cast<double>(x) + 0.5 - x0, py = static_cast<double>(y) + 0.5 - y0;
      const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
      const double away = std::hypot(px - along * dx, py - along * dy);
      const double cover = std::clamp(half + 0.5 - away, 0.0, 1.0);
      if (cover > 0) set(x, y, c, cover);
    }
  }
}

std::int64_t Canvas::text_width(std::string_view utf8, int scale) {
  std::int64_t letters = 0;
  for (char32_t c : to_code_points(utf8)) letters += !is_combining(c);
  return letters * kAdvance * scale;
}

std::int64_t Canvas::text(std::int64_t x, std::int64_t y, std::string_view utf8, Colour c, int scale) {
  std::int64_t at = x;
  for (char32_t code : to_code_points(utf8)) {
    if (is_combining(code)) at -= kAdvance * scale;
    const Glyph& dots = glyph(code);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (dots[static_cast<std::size_t>(row)] >> (kGlyphWidth - 1 - column) & 1)
          fill(at + column * scale, y + row * scale, scale, scale, c);
      }
    }
    at += kAdvance * scale;
  }
  return at - x;
}

void Canvas::text_upward(std::int64_t x, std::int64_t y, std::string_view utf8, Colour c, int scale) {
  std::int64_t at = y;
  for (char32_t code : to_code_points(utf8)) {
    if (is_combining(code)) at += kAdvance * scale;
    const Glyph& dots = glyph(code);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (dots[static_cast<std::size_t>(row)] >> (kGlyphWidth - 1 - column) & 1)
          fill(x + row * scale, at - (column + 1) * scale, scale, scale, c);
      }
    }
    at -= kAdvance * scale;
  }
}

namespace {

/// As short as tells neighbouring ticks apart.
std::string number(double v, double step) {
  if (std::abs(v) < step * 1e-9) return "0";
  if (std::abs(v) >= 1e6 || (std::abs(v) < 1e-4 && step < 1e-4)) return fmt::format("{:.3g}", v);
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return fmt::format("{:.{}f}", v, decimals);
}

}  // namespace

Ticks ticks(double low, double high, int wanted) {
  Ticks out;
  if (!(high > low) || wanted < 1) return out;
  const double rough = (high - low) / wanted, scale = std::pow(10.0, std::floor(std::log10(rough)));
  const double part = rough / scale;
  const double step = scale * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
    out.at.push_back(i * step);
    out.labels.push_back(number(i * step, step));
  }
  return out;
}

Ticks log_ticks(double low, double high) {
  Ticks out;
  const bool few = high / low < 300;
  for (double power = std::floor(std::log10(low)); power <= std::log10(high) + 1; power += 1) {
    for (double digit : {1.0, 2.0, 5.0}) {
      const double v = digit * std::pow(10.0, power);
      if ((digit > 1 && !few) || v < low * 0.999999 || v > high * 1.000001) continue;
      out.at.push_back(v);
      out.labels.push_back(fmt::format("{:g}", v));
    }
  }
  return out;
}

double Axes::x(double value) const {
  return static_cast<double>(left) + (value - x_low) / (x_high - x_low) * static_cast<double>(width);
}

double Axes::y(double value) const {
  const double part = log_y ? (std::log(value) - std::log(y_low)) / (std::log(y_high) - std::log(y_low))
                            : (value - y_low) / (y_high - y_low);
  return static_cast<double>(top + height) - part * static_cast<double>(height);
}

void draw_axes(Canvas& canvas, const Axes& a, const AxesText& text) {
  const Ticks xs = ticks(a.x_low, a.x_high, static_cast<int>(std::max<std::int64_t>(2, a.width / 80)));
  const Ticks ys = a.log_y ? log_ticks(a.y_low, a.y_high)
                           : ticks(a.y_low, a.y_high, static_cast<int>(std::max<std::int64_t>(3, a.height / 40)));
  std::int64_t widest = 0;
  for (std::size_t i = 0; i < ys.at.size(); ++i) {
    const auto y = static_cast<std::int64_t>(std::lround(a.y(ys.at[i])));
    if (text.grid) canvas.fill(a.left, y, a.width, 1, kFaint);
    canvas.fill(a.left - 4, y, 4, 1, kBlack);
    const auto w = Canvas::text_width(ys.labels[i]);
    widest = std::max(widest, w);
    canvas.text(a.left - 6 - w, y - 3, ys.labels[i]);
  }
  for (std::size_t i = 0; i < xs.at.size(); ++i) {
    const auto x = static_cast<std::int64_t>(std::lround(a.x(xs.at[i])));
    if (text.grid) canvas.fill(x, a.top, 1, a.height, kFaint);
    canvas.fill(x, a.top + a.height, 1, 4, kBlack);
    canvas.text(x - Canvas::text_width(xs.labels[i]) / 2, a.top + a.height + 6, xs.labels[i]);
  }
  canvas.fill(a.left - 1, a.top - 1, a.width + 2, 1, kBlack);
  canvas.fill(a.left - 1, a.top + a.height, a.width + 2, 1, kBlack);
  canvas.fill(a.left - 1, a.top - 1, 1, a.height + 2, kBlack);
  canvas.fill(a.left + a.width, a.top - 1, 1, a.height + 2, kBlack);
  canvas.text(a.left + (a.width - Canvas::text_width(text.x_label)) / 2, a.top + a.height + 20, text.x_label);
  canvas.text_upward(std::max<std::int64_t>(2, a.left - 6 - widest - 16),
                     a.top + (a.height + Canvas::text_width(text.y_label)) / 2, text.y_label);
  canvas.text(a.left, a.top - 16, text.title);
}

}  // namespace timbre::plot
