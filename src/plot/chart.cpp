// Curves, histograms and waveforms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "plot/canvas.h"
#include "plot/histogram.h"

namespace timbre::plot {
namespace {

constexpr std::int64_t kLeft = 72, kRight = 16, kTop = 28, kBottom = 38;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void take(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return !(low <= high); }
  /// Never of no width.
  void open() {
    if (empty()) low = 0, high = 1;
    if (high > low) return;
    const double around = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= around, high += around;
  }
};

Axes chart_axes(const Size& size, std::int64_t width, std::int64_t height) {
  Axes a{.left = kLeft, .top = kTop};
  a.width = std::max<std::int64_t>(32, (size.width > 0 ? size.width : width) - kLeft - kRight);
  a.height = std::max<std::int64_t>(32, (size.height > 0 ? size.height : height) - kTop - kBottom);
  return a;
}

Canvas canvas_for(const Axes& a) { return Canvas(a.left + a.width + kRight, a.top + a.height + kBottom); }

bool drawable(const std::pair<double, double>& point, bool log_y) {
  return std::isfinite(point.first) && std::isfinite(point.second) && (!log_y || point.second > 0);
}

void draw_legend(Canvas& canvas, const Axes& a, const std::vector<Line>& lines) {
  std::int64_t widest = 0, count = 0;
  for (const Line& line : lines) {
    if (line.name.empty()) continue;
    widest = std::max(widest, Canvas::text_width(line.name));
    ++count;
  }
  if (count == 0) return;
  const std::int64_t left = a.left + a.width - widest - 34;
  canvas.fill(left - 4, a.top + 4, widest + 34, count * 13 + 4, kWhite, 0.85);
  std::int64_t y = a.top + 8;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].name.empty()) continue;
    canvas.fill(left, y + 3, 18, 2, line_colour(i));
    canvas.text(left + 24, y, lines[i].name);
    y += 13;
  }
}

}  // namespace

Png draw_curves(const CurvePicture& p) {
  Range xs, ys;
  for (const Line& line : p.lines) {
    for (const auto& point : line.points) {
      if (!drawable(point, p.log_y)) continue;
      xs.take(point.first);
      ys.take(point.second);
    }
  }
  xs.open();
  if (p.log_y) {
    if (ys.empty()) ys.low = 0.1, ys.high = 1;
    if (ys.high <= ys.low) ys.low /= 2, ys.high *= 2;
  } else {
    ys.open();
    const double margin = (ys.high - ys.low) * 0.05;
    ys.low -= margin, ys.high += margin;
  }
  Axes a = chart_axes(p.size, 760, 360);
  a.x_low = xs.low, a.x_high = xs.high, a.y_low = ys.low, a.y_high = ys.high, a.log_y = p.log_y;
  Canvas canvas = canvas_for(a);
  draw_axes(canvas, a, {p.title, p.x_label, p.y_label, true});
  for (std::size_t i = 0; i < p.lines.size(); ++i) {
    const auto& points = p.lines[i].points;
    for (std::size_t k = 0; k < points.size(); ++k) {
      if (!drawable(points[k], p.log_y)) continue;
      const bool joined = k > 0 && drawable(points[k - 1], p.log_y);
      const auto& from = joined ? points[k - 1] : points[k];
      const double dot =
          joined || (k + 1 < points.size() && drawable(points[k + 1], p.log_y)) ? 1.6 : 4.0;  // a lone point is a dot
      canvas.line(a.x(from.first), a.y(from.second), a.x(points[k].first), a.y(points[k].second), line_colour(i), dot);
    }
  }
  draw_legend(canvas, a, p.lines);
  return canvas.png();
}

Png draw_histogram(const HistogramPicture& p) {
  const Bins bins = bins_of(p.values, p.bars);
  const auto bars = static_cast<std::int64_t>(bins.counts.size());
  Axes a = chart_axes(p.size, 560, 300);
  a.x_low = bins.low, a.x_high = bins.high, a.y_low = 0, a.y_high = bins.tallest() * 1.05;
  Canvas canvas = canvas_for(a);
  draw_axes(canvas, a, {p.title, p.x_label, "count", true});
  for (std::int64_t i = 0; i < bars; ++i) {
    const std::int64_t from = a.left + i * a.width / bars, to = a.left + (i + 1) * a.width / bars;
    const auto top = static_cast<std::int64_t>(std::lround(a.y(bins.counts[static_cast<std::size_t>(i)])));
    canvas.fill(from, top, std::max<std::int64_t>(1, to - from - 1), a.top + a.height - top, line_colour(0));
  }
  return canvas.png();
}

Png draw_wave(const WavePicture& p) {
  Axes a = chart_axes(p.size, 760, 180);
  const auto n = static_cast<std::int64_t>(p.wave_N.size());
  const double rate = p.rate_hz > 0 ? static_cast<double>(p.rate_hz) : 1;
  double peak = 0;
  for (float x : p.wave_N) peak = std::max(peak, std::isfinite(x) ? std::abs(static_cast<double>(x)) : 0.0);
  a.x_low = 0, a.x_high = std::max(1.0, static_cast<double>(n)) / rate, a.y_high = peak > 0 ? peak * 1.05 : 1,
  a.y_low = -a.y_high;
  Canvas canvas = canvas_for(a);
  draw_axes(canvas, a, {p.title, p.rate_hz > 0 ? "time (s)" : "sample", "", false});
  for (std::int64_t x = 0; x < a.width && n > 0; ++x) {
    const auto from = p.wave_N.begin() + x * n / a.width,
               to = p.wave_N.begin() + std::max(x * n / a.width + 1, (x + 1) * n / a.width);
    const auto [low, high] = std::minmax_element(from, std::min(to, p.wave_N.end()));
    const auto top = static_cast<std::int64_t>(std::lround(a.y(*high))),
               bottom = static_cast<std::int64_t>(std::lround(a.y(*low)));
    canvas.fill(a.left + x, top, 1, std::max<std::int64_t>(1, bottom - top), line_colour(0));
  }
  return canvas.png();
}

}  // namespace timbre::plot
