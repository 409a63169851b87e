#include "plot/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plot/canvas.h"

namespace timbre::plot {
namespace {

std::int64_t choose_bars(const std::vector<double>& sorted, double low, double high) {
  const auto n = static_cast<double>(sorted.size());
  const auto quartile = [&](double q) { return sorted[static_cast<std::size_t>(q * (n - 1))]; };
  const double width = 2 * (quartile(0.75) - quartile(0.25)) / std::cbrt(n);
  const double bars = width > 0 ? (high - low) / width : std::log2(n) + 1;
  return static_cast<std::int64_t>(std::clamp(std::ceil(bars), 5.0, 60.0));
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

}  // namespace

double Bins::tallest() const {
  return counts.empty() ? 1.0 : std::max(1.0, *std::max_element(counts.begin(), counts.end()));
}

Bins bins_of(std::span<const double> values, std::int64_t bars) {
  std::vector<double> sorted;
  for (double v : values)
    if (std::isfinite(v)) sorted.push_back(v);
  std::sort(sorted.begin(), sorted.end());
  Bins bins;
  if (!sorted.empty()) bins.low = sorted.front(), bins.high = sorted.back();
  if (bins.high <= bins.low) {  // never of no width
    const double around = bins.low == 0 ? 1 : std::abs(bins.low) * 0.1;
    bins.low -= around, bins.high += around;
  }
  if (bars <= 0) bars = sorted.empty() ? 5 : choose_bars(sorted, bins.low, bins.high);
  bins.counts.assign(static_cast<std::size_t>(bars), 0.0);
  for (double v : sorted) {
    const auto bar = static_cast<std::int64_t>((v - bins.low) / (bins.high - bins.low) * static_cast<double>(bars));
    ++bins.counts[static_cast<std::size_t>(std::clamp<std::int64_t>(bar, 0, bars - 1))];
  }
  return bins;
}

std::string histogram_svg(const HistogramPicture& p) {
  constexpr double kLeft = 64, kRight = 16, kTop = 34, kBottom = 46;
  const double width = p.size.width > 0 ? static_cast<double>(p.size.width) : 720,
               height = p.size.height > 0 ? static_cast<double>(p.size.height) : 300;
  const double inner_w = width - kLeft - kRight, inner_h = height - kTop - kBottom;
  const Bins bins = bins_of(p.values, p.bars);
  const double highest = bins.tallest() * 1.05;
  const auto x_of = [&](double v) { return kLeft + (v - bins.low) / (bins.high - bins.low) * inner_w; };
  const auto y_of = [&](double v) { return kTop + inner_h * (1 - v / highest); };
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{2}</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      "<text x=\"{3:.1f}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{2}</text>\n",
      width, height, escaped(p.title), kLeft);
  const Ticks ys = ticks(0, highest, 5), xs = ticks(bins.low, bins.high, 9);
  for (std::size_t i = 0; i < ys.at.size(); ++i)
    svg += fmt::format(
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/><text x=\"{:.1f}\" "
        "y=\"{:.1f}\" "
        "text-anchor=\"end\">{}</text>\n",
        kLeft, kLeft + inner_w, y_of(ys.at[i]), y_of(ys.at[i]), kLeft - 6, y_of(ys.at[i]) + 4, ys.labels[i]);
  for (std::size_t i = 0; i < xs.at.size(); ++i)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x_of(xs.at[i]),
                       kTop + inner_h + 16, xs.labels[i]);
  const double step = (bins.high - bins.low) / static_cast<double>(bins.counts.size());
  for (std::size_t i = 0; i < bins.counts.size(); ++i) {
    if (bins.counts[i] == 0) continue;
    const double from = bins.low + step * static_cast<double>(i);
    svg += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"#2f6f9f\"><title>{:.4g} to {:.4g}: "
        "{:.0f}</title></rect>\n",
        x_of(from), y_of(bins.counts[i]), std::max(0.5, inner_w / static_cast<double>(bins.counts.size()) - 1),
        inner_h * bins.counts[i] / highest, from, from + step, bins.counts[i]);
  }
  svg += fmt::format(
      "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#333\"/>"
      "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"middle\">{5}</text>\n</svg>\n",
      kLeft, kLeft + inner_w, kTop + inner_h, kLeft + inner_w / 2, height - 8, escaped(p.x_label));
  return svg;
}

}  // namespace timbre::plot
