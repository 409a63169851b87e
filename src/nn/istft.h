#pragma once
#include "nn/shapes.h"

/// The inverse short-time Fourier transform as the last layer of a network (Siuzdak 2023, arXiv 2306.00814 §3): frames
/// become samples at once, without transposed convolutions. Differentiable.
/// Letters: K bins (fft/2 + 1), N samples.
namespace timbre::nn {

struct IstftOptions {
  std::int64_t fft_samples = 1024;  ///< also the length of the Hann window
  std::int64_t hop_samples = 256;
  /// center: frame f is centred on sample f·hop, F frames give (F - 1)·hop samples; same: F·hop samples.
  bool center = true;
};

/// Throws std::logic_error for a hop that leaves samples without a window.
class Istft {
 public:
  /// `window_S`: periodic Hann when not given.
  explicit Istft(const IstftOptions& options, Tensor window_S = {});

  /// Real and imaginary parts, [B, F, K] each → [B, N]. The imaginary parts of the first and the last bin count for
  /// nothing. Throws std::logic_error for "center" with a single frame, which has no samples.
  Tensor forward(const Tensor& real_BFK, const Tensor& imag_BFK) const;
  /// From magnitudes and phases in radians.
  Tensor forward_polar(const Tensor& magnitude_BFK, const Tensor& phase_BFK) const;

  /// With padding center one frame's hop more at the end than forward(): F·hop samples, of which the last hop is made
  /// of what reaches beyond the last frame's middle. For speech whose times are counted in frames.
  Tensor forward_whole(const Tensor& real_BFK, const Tensor& imag_BFK) const;

  std::int64_t samples(std::int64_t frames) const;
  const IstftOptions& options() const { return options_; }
  const Tensor& window() const { return window_S_; }
  void to(const at::Device& device) { window_S_ = window_S_.to(device); }

 private:
  Tensor overlapped(const Tensor& real_BFK, const Tensor& imag_BFK, std::int64_t first, std::int64_t samples) const;
  IstftOptions options_;
  Tensor window_S_;
};

}  // namespace timbre::nn
