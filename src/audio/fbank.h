#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/fields.h"

namespace timbre::audio {

/// Kaldi's log mel filter bank, as lhotse's Fbank computes it on samples in [-1, 1]: a frame is prepared in single
/// precision, step by step as there, and transformed in double.
struct FbankOptions {
  std::int64_t rate_hz = 16000;
  double frame_s = 0.025;
  double shift_s = 0.01;
  std::int64_t filters = 80;
  double low_hz = 20;
  double high_hz = -400;      ///< 0 or below: this much under half the rate
  double preemphasis = 0.97;  ///< within a frame; the first sample against itself
  bool remove_dc = true;      ///< subtract each frame's mean
  bool snip_edges = false;    ///< only frames that lie wholly inside, else mirrored ends
  bool energy = false;        ///< the frame's log energy as first column
  bool raw_energy = true;     ///< that energy before pre-emphasis and window
  double energy_floor = 1e-10;
  std::string window = "povey";  ///< povey: symmetric Hann to the power 0.85; hanning, hamming, rectangular
};
config::Fields fields(FbankOptions& options);

/// Frames × columns.
struct Fbank {
  std::int64_t frames = 0, columns = 0;
  std::vector<float> values_FC;  ///< natural logarithms, filters floored at float's epsilon
};

/// Throws UsageError for settings that contradict each other, DataError for a recording that is too short for its
/// mirrored ends.
Fbank fbank(std::span<const float> wave_N, const FbankOptions& options = {});

/// The same with tables made once, for many recordings. Safe to use from several threads.
class FbankMaker {
 public:
  explicit FbankMaker(const FbankOptions& options);
  ~FbankMaker();
  Fbank operator()(std::span<const float> wave_N) const;

 private:
  struct Tables;
  std::unique_ptr<const Tables> tables_;
};

/// The FFT's size for these options: the next power of two.
std::int64_t fbank_fft_samples(const FbankOptions& options);
/// filters × (fft/2 + 1): triangles on the mel scale 1127 ln(1 + f/700), no norm; the last bin is 0.
std::vector<float> fbank_filters(const FbankOptions& options);
std::vector<float> fbank_window(const FbankOptions& options);

}  // namespace timbre::audio
