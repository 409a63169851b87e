#pragma once
#include "nn/shapes.h"

/// Signals ↔ overlapping windows of them, and the real Fourier transform of windows; all with gradients.
/// Letters: N samples, F frames, S samples of a window, K bins (S/2 + 1).
namespace timbre::nn {

/// Windows of `size` samples, one every `hop`: [B, N] → [B, F, S] with F = 1 + (N - size) / hop; samples behind the
/// last whole window are left out. Throws std::logic_error when there is no whole window.
Tensor windows_of(const Tensor& wave_BN, std::int64_t size, std::int64_t hop);

/// The transpose of windows_of: windows laid down one hop after the other and added up,
/// [B, F, S] → [B, (F - 1)·hop + S].
Tensor overlap_add(const Tensor& windows_BFS, std::int64_t hop);

/// Real Fourier transform over the last axis, [.., S] → complex [.., K]. LibTorch's own gradient runs a complex
/// transform of full length; this one runs the real inverse.
Tensor real_fft(const Tensor& x_S);

/// Periodic Hann of `window` samples, zero-padded on both sides to `size`; float [S].
Tensor hann_window(std::int64_t window, std::int64_t size);

}  // namespace timbre::nn
