#include "nn/istft.h"

#include <ATen/ops/complex.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/sin.h>
#include <fmt/format.h>

#include <stdexcept>

#include "nn/frames.h"

namespace timbre::nn {

Istft::Istft(const IstftOptions& options, Tensor window_S)
    : options_(options),
      window_S_(window_S.defined() ? std::move(window_S) : hann_window(options.fft_samples, options.fft_samples)) {
  // A periodic Hann window is 0 at its first sample, so windows side by side would leave holes.
  if (options.hop_samples < 1 || options.hop_samples >= options.fft_samples || options.fft_samples % 2 != 0)
    throw std::logic_error(
        fmt::format("inverse STFT with fft {} and hop {}", options.fft_samples, options.hop_samples));
  expect_shape(window_S_, {options.fft_samples}, "Istft");
}

std::int64_t Istft::samples(std::int64_t frames) const {
  return (options_.center ? frames - 1 : frames) * options_.hop_samples;
}

Tensor Istft::overlapped(const Tensor& real_BFK, const Tensor& imag_BFK, std::int64_t first,
                         std::int64_t samples) const {
  const std::int64_t F = real_BFK.size(1), S = options_.fft_samples;
  expect_shape(real_BFK, {kAny, kAny, S / 2 + 1}, "Istft");
  const Tensor window_S = window_S_.to(real_BFK.device());
  const Tensor windows_BFS = at::fft_irfft(at::complex(real_BFK, imag_BFK), S, -1) * window_S;
  const Tensor weight_1FS = (window_S * window_S).expand({1, F, S});
  const Tensor weight_1N = overlap_add(weight_1FS, options_.hop_samples).narrow(1, first, samples);
  return overlap_add(windows_BFS, options_.hop_samples).narrow(1, first, samples) / weight_1N;
}

Tensor Istft::forward(const Tensor& real_BFK, const Tensor& imag_BFK) const {
  const std::int64_t F = real_BFK.size(1), S = options_.fft_samples;
  if (options_.center && F < 2) throw std::logic_error("Istft: a single frame has no samples with padding center");
  return overlapped(real_BFK, imag_BFK, options_.center ? S / 2 : (S - options_.hop_samples) / 2, samples(F));
}

Tensor Istft::forward_whole(const Tensor& real_BFK, const Tensor& imag_BFK) const {
  if (!options_.center) return forward(real_BFK, imag_BFK);
  return overlapped(real_BFK, imag_BFK, options_.fft_samples / 2, real_BFK.size(1) * options_.hop_samples);
}

Tensor Istft::forward_polar(const Tensor& magnitude_BFK, const Tensor& phase_BFK) const {
  return forward(magnitude_BFK * at::cos(phase_BFK), magnitude_BFK * at::sin(phase_BFK));
}

}  // namespace timbre::nn
