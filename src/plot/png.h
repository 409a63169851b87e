#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Pictures of data as PNG bytes: spectrograms, alignments, curves, histograms. Own small bitmap font, no display
/// needed. Labels: printable ASCII is drawn; other code points (IPA) come out as far as the built-in font has them,
/// else as "?". All functions throw UsageError when sizes do not fit.
namespace timbre::plot {

using Png = std::vector<unsigned char>;

struct Size {
  std::int64_t width = 0, height = 0;  ///< pixels; 0 = chosen from the data
};

/// Marks a span of frames: a phone.
struct Segment {
  std::string label;
  std::int64_t first_frame = 0, frames = 0;
};

struct MelPicture {
  std::span<const float> mel_FM;
  std::int64_t frames = 0, bins = 0;
  double frame_s = 0;  ///< seconds from frame to frame: the axis; 0 = frame numbers
  std::string title;
  std::vector<Segment> segments;    ///< phone boundaries and labels
  std::span<const double> pitch_F;  ///< Hz, 0 = unvoiced; drawn over the mel with its own axis
  double pitch_max_hz = 500;
  Size size;
};
Png draw_mel(const MelPicture& picture);

/// rows × columns, row 0 at the bottom (text positions upward, frames to the right).
struct MatrixPicture {
  std::span<const float> values_RC;
  std::int64_t rows = 0, columns = 0;
  std::string title, x_label, y_label;
  std::vector<std::string> row_labels;  ///< empty = numbers
  Size size;
};
Png draw_matrix(const MatrixPicture& picture);

struct Line {
  std::string name;                               ///< shown in the legend
  std::vector<std::pair<double, double>> points;  ///< points that are not finite break the line
};
struct CurvePicture {
  std::vector<Line> lines;
  std::string title, x_label, y_label;
  bool log_y = false;
  Size size;
};
Png draw_curves(const CurvePicture& picture);

struct HistogramPicture {
  std::span<const double> values;
  std::int64_t bars = 0;  ///< 0 = chosen (Freedman-Diaconis, 5 … 60)
  std::string title, x_label;
  Size size;
};
Png draw_histogram(const HistogramPicture& picture);

/// The waveform as a peak envelope.
struct WavePicture {
  std::span<const float> wave_N;
  std::int64_t rate_hz = 0;
  std::string title;
  Size size;
};
Png draw_wave(const WavePicture& picture);

/// 24-bit pixels to a PNG file's bytes; rgb is height × width × 3. TensorBoard images, pages.
Png encode_png(std::span<const unsigned char> rgb, std::int64_t width, std::int64_t height);

/// Five-point colour ramp (dark blue → green → yellow, lightness rising evenly): 0 … 1 → r, g, b.
struct Colour {
  unsigned char r, g, b;
};
Colour heat(double value);

}  // namespace timbre::plot
