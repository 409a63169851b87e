#pragma once
#include <cstdint>

#include "kernels/conv.h"

/// Functions of single numbers and of rows, in vectors. "within n ulp" is the largest error the tests have seen over
/// the stated range, in units of the last place of the exact result; NaN comes through as NaN everywhere.
namespace timbre::kernels {

/// y = eˣ within 2 ulp; 0 below −87.3, infinity above 88.7. y may be x.
void exp(const float* x, float* y, std::int64_t n);
/// Both at once, absolute error ≤ 1.2e-7 for |x| ≤ 1e6 (radians; the argument is reduced in double precision).
void sin_cos(const float* x, float* sin, float* cos, std::int64_t n);
/// Absolute error ≤ 3e-7. y may be x.
void tanh(const float* x, float* y, std::int64_t n);
void sigmoid(const float* x, float* y, std::int64_t n);
/// y = activation(x): gelu with the exact normal distribution (absolute error ≤ 5e-7 · max(1, |x|)), gelu_tanh with its
/// tanh form, elu with α = 1. y may be x.
void activate(Activation activation, float slope, const float* x, float* y, std::int64_t n);
/// The same for `rows` rows of n numbers that begin `stride` floats apart in both arrays.
void activate_rows(Activation activation, float slope, const float* x, float* y, std::int64_t rows, std::int64_t n,
                   std::int64_t stride);

/// to += from.
void add(const float* from, float* to, std::int64_t n);
/// to = to · factor + offset.
void scale(float* to, float factor, float offset, std::int64_t n);

/// Each row to mean 0, variance 1 (torch.nn.LayerNorm), then · gain_C + shift_C where given (both or none). y may be x.
void layer_norm(const float* x_TC, std::int64_t rows, std::int64_t channels, const float* gain_C, const float* shift_C,
                float eps, float* y_TC);
/// Each row divided by √(mean square + eps), · gain_C (torch.nn.RMSNorm). y may be x.
void rms_norm(const float* x_TC, std::int64_t rows, std::int64_t channels, const float* gain_C, float eps, float* y_TC);
/// y = gate · sigmoid(gate) · up (Shazeer 2020, SwiGLU), absolute error ≤ 1e-6 · max(1, |gate · up|). y may be either.
void silu_times(const float* gate, const float* up, float* y, std::int64_t n);
/// Each row x → e^(x − max) / Σ, in place; rows begin `stride` floats apart.
void softmax(float* x_TC, std::int64_t rows, std::int64_t channels, std::int64_t stride);

}  // namespace timbre::kernels
