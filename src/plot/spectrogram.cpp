// Pictures of matrices: mel spectrograms with phones and pitch over them, alignments.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plot/canvas.h"

namespace timbre::plot {
namespace {

constexpr std::int64_t kLeft = 56, kRight = 16, kTop = 24, kBottom = 36;

/// Values below the 2nd and above the 99.8th percentile take the end colours, so that one odd value does not wash out
/// the rest.
std::pair<double, double> colour_range(std::span<const float> values) {
  std::vector<float> sorted;
  for (float v : values) {
    if (std::isfinite(v)) sorted.push_back(v);
  }
  if (sorted.empty()) return {0, 1};
  const auto at = [&](double q) {
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), place, sorted.end());
    return static_cast<double>(*place);
  };
  const double low = at(0.02), high = at(0.998);
  return high > low ? std::pair{low, high} : std::pair{low - 0.5, low + 0.5};
}

/// Pixels of the inner rectangle: as asked for, else whole pixels a column, within reason.
std::int64_t inner_size(std::int64_t asked, std::int64_t margins, std::int64_t cells, std::int64_t aim,
                        std::int64_t most) {
  if (asked > 0) return std::max<std::int64_t>(16, asked - margins);
  const std::int64_t scale = std::max<std::int64_t>(1, (aim + cells - 1) / std::max<std::int64_t>(cells, 1));
  return std::min(std::max<std::int64_t>(cells * scale, 64), most);
}

template <class Value>
void paint(Canvas& canvas, const Axes& a, std::int64_t columns, std::int64_t rows, double low, double high,
           Value value) {
  for (std::int64_t y = 0; y < a.height; ++y) {
    const std::int64_t row = rows - 1 - y * rows / a.height;
    for (std::int64_t x = 0; x < a.width; ++x)
      canvas.set(a.left + x, a.top + y, heat((value(x * columns / a.width, row) - low) / (high - low)));
  }
}

/// Boundaries over the picture; labels below it in as many lines as keep them apart.
void draw_segments(Canvas& canvas, const Axes& a, const MelPicture& p, std::int64_t lines_top, std::int64_t lines) {
  const auto x_of = [&](std::int64_t frame) {
    return static_cast<double>(a.left) + static_cast<double>(frame * a.width) / static_cast<double>(p.frames);
  };
  std::vector<double> free_from(static_cast<std::size_t>(lines), -1e9);
  for (const Segment& s : p.segments) {
    const double from = x_of(s.first_frame), to = x_of(s.first_frame + s.frames);
    for (double x : {from, to})
      canvas.fill(static_cast<std::int64_t>(std::lround(x)), a.top, 1, a.height, kWhite, 0.55);
    const auto width = static_cast<double>(Canvas::text_width(s.label));
    const double start = (from + to - width) / 2;
    std::size_t line = 0;
    while (line + 1 < free_from.size() && free_from[line] > start) ++line;
    if (free_from[line] > start) continue;  // no room: the boundary stays, its label would only smear
    free_from[line] = start + width + 3;
    canvas.text(static_cast<std::int64_t>(std::lround(start)), lines_top + static_cast<std::int64_t>(line) * 11,
                s.label);
  }
}

void draw_pitch(Canvas& canvas, const Axes& a, const MelPicture& p) {
  const auto place = [&](std::size_t i) {
    return std::pair{
        static_cast<double>(a.left) +
            (static_cast<double>(i) + 0.5) * static_cast<double>(a.width) / static_cast<double>(p.frames),
        static_cast<double>(a.top + a.height) - p.pitch_F[i] / p.pitch_max_hz * static_cast<double>(a.height)};
  };
  for (const auto& [colour, thickness] : {std::pair{kBlack, 4.0}, {Colour{255, 255, 255}, 2.0}}) {
    for (std::size_t i = 0; i < p.pitch_F.size(); ++i) {
      if (!(p.pitch_F[i] > 0)) continue;
      const auto [x, y] = place(i);
      const bool joined = i + 1 < p.pitch_F.size() && p.pitch_F[i + 1] > 0;
      const auto [nx, ny] = joined ? place(i + 1) : std::pair{x, y};
      canvas.line(x, y, nx, ny, colour, thickness);
    }
  }
  const Ticks t = ticks(0, p.pitch_max_hz, 5);
  for (std::size_t i = 0; i < t.at.size(); ++i) {
    const auto y = static_cast<std::int64_t>(
        std::lround(static_cast<double>(a.top + a.height) - t.at[i] / p.pitch_max_hz * static_cast<double>(a.height)));
    canvas.fill(a.left + a.width + 1, y, 4, 1, kBlack);
    canvas.text(a.left + a.width + 8, y - 3, t.labels[i]);
  }
  canvas.text_upward(a.left + a.width + 34, a.top + (a.height + Canvas::text_width("pitch (Hz)")) / 2, "pitch (Hz)");
}

}  // namespace

Png draw_mel(const MelPicture& p) {
  if (p.frames < 1 || p.bins < 1 || static_cast<std::int64_t>(p.mel_FM.size()) != p.frames * p.bins) {
    throw UsageError(fmt::format("a mel of {} values is not {} frames × {} bins", p.mel_FM.size(), p.frames, p.bins));
  }
  if (static_cast<std::int64_t>(p.pitch_F.size()) > p.frames)
    throw UsageError(fmt::format("{} pitch values over {} frames", p.pitch_F.size(), p.frames));
  const std::int64_t lines = p.segments.empty() ? 0 : 3, right = p.pitch_F.empty() ? kRight : 52;
  const std::int64_t bottom = kBottom + lines * 11;
  Axes a{.left = kLeft, .top = kTop};
  a.width = inner_size(p.size.width, kLeft + right, p.frames, 700, 2400);
  a.height = inner_size(p.size.height, kTop + bottom, p.bins, 200, 800);
  const double frame = p.frame_s > 0 ? p.frame_s : 1;
  a.x_low = 0, a.x_high = static_cast<double>(p.frames) * frame, a.y_low = 0, a.y_high = static_cast<double>(p.bins);
  Canvas canvas(a.left + a.width + right, a.top + a.height + bottom);
  const auto [low, high] = colour_range(p.mel_FM);
  paint(canvas, a, p.frames, p.bins, low, high,
        [&](std::int64_t f, std::int64_t m) { return p.mel_FM[static_cast<std::size_t>(f * p.bins + m)]; });
  draw_axes(canvas, a, {p.title, p.frame_s > 0 ? "time (s)" : "frame", "mel bin", false});
  if (!p.segments.empty()) draw_segments(canvas, a, p, a.top + a.height + 34, lines);
  if (!p.pitch_F.empty()) draw_pitch(canvas, a, p);
  return canvas.png();
}

Png draw_matrix(const MatrixPicture& p) {
  if (p.rows < 1 || p.columns < 1 || static_cast<std::int64_t>(p.values_RC.size()) != p.rows * p.columns) {
    throw UsageError(fmt::format("{} values are no matrix of {} × {}", p.values_RC.size(), p.rows, p.columns));
  }
  Axes a{.left = kLeft, .top = kTop};
  a.width = inner_size(p.size.width, kLeft + kRight, p.columns, 600, 2400);
  a.height = inner_size(p.size.height, kTop + kBottom, p.rows, p.row_labels.empty() ? 240 : p.rows * 10, 1600);
  a.x_low = 0, a.x_high = static_cast<double>(p.columns), a.y_low = 0, a.y_high = static_cast<double>(p.rows);
  Canvas canvas(a.left + a.width + kRight, a.top + a.height + kBottom);
  const auto [smallest, largest] = std::minmax_element(p.values_RC.begin(), p.values_RC.end());
  const double low = *smallest, high = *largest > *smallest ? *largest : *smallest + 1.0;
  paint(canvas, a, p.columns, p.rows, low, high,
        [&](std::int64_t c, std::int64_t r) { return p.values_RC[static_cast<std::size_t>(r * p.columns + c)]; });
  draw_axes(canvas, a, {p.title, p.x_label, p.y_label, false});
  if (p.row_labels.empty()) return canvas.png();
  canvas.fill(0, a.top - 4, a.left - 1, a.height + 12, kWhite);  // names instead of the numbers
  canvas.text_upward(2, a.top + (a.height + Canvas::text_width(p.y_label)) / 2, p.y_label);
  double free_above = 1e9;
  for (std::size_t r = 0; r < p.row_labels.size() && static_cast<std::int64_t>(r) < p.rows; ++r) {
    const double y = a.y(static_cast<double>(r) + 0.5) - 3;
    if (y > free_above) continue;
    free_above = y - 9;
    canvas.text(a.left - 5 - Canvas::text_width(p.row_labels[r]), static_cast<std::int64_t>(std::lround(y)),
                p.row_labels[r]);
  }
  return canvas.png();
}

}  // namespace timbre::plot
