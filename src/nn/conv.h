#pragma once
#include "nn/shapes.h"

/// Convolutions over time on [B, T, C] (channels last). A window of rows then lies in one piece of memory, so a dense
/// convolution is a copy of windows and one matrix product (backward: two), and a depthwise one a streaming loop. Both
/// beat LibTorch's backward.
namespace timbre::nn {

/// weight_OCK [out, in / groups, kernel]; bias_O may be undefined. Returns
/// [B, (T + 2·padding - (kernel-1)·dilation - 1) / stride + 1, out].
Tensor conv1d_btc(const Tensor& x_BTC, const Tensor& weight_OCK, const Tensor& bias_O, std::int64_t padding,
                  std::int64_t dilation = 1, std::int64_t stride = 1, std::int64_t groups = 1);

/// The same with the weight laid out as the windows are, [out, kernel, in / groups]: where one weight serves several
/// calls, its copy is made once.
Tensor conv1d_windows_btc(const Tensor& x_BTC, const Tensor& weight_OKC, const Tensor& bias_O, std::int64_t padding,
                          std::int64_t dilation = 1, std::int64_t stride = 1, std::int64_t groups = 1);
/// [out, in / groups, kernel] → [out, kernel, in / groups].
Tensor window_layout(const Tensor& weight_OCK);

/// The transposed convolution: weight_COK [in, out, kernel]; bias_O may be undefined. output_padding < stride more rows
/// at the end. Returns [B, (T - 1)·stride - 2·padding + kernel + output_padding, out].
Tensor conv_transpose1d_btc(const Tensor& x_BTC, const Tensor& weight_COK, const Tensor& bias_O, std::int64_t stride,
                            std::int64_t padding = 0, std::int64_t output_padding = 0);

/// One filter a channel: weight_C1K [C, 1, kernel].
Tensor depthwise_conv1d_btc(const Tensor& x_BTC, const Tensor& weight_C1K, const Tensor& bias_C, std::int64_t padding,
                            std::int64_t dilation = 1);

}  // namespace timbre::nn
