#include "nn/frames.h"

#include <ATen/ops/_fft_c2r.h>
#include <ATen/ops/_fft_r2c.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

#include "audio/mel.h"
#include "nn/module.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// How many hops a window spans; its last one may be cut.
std::int64_t hops_of(std::int64_t size, std::int64_t hop) { return (size + hop - 1) / hop; }

Tensor cut_windows(const Tensor& wave_BN, std::int64_t size, std::int64_t hop) {
  const std::int64_t B = wave_BN.size(0), F = 1 + (wave_BN.size(1) - size) / hop, R = hops_of(size, hop);
  const std::int64_t whole = (F - 1 + R) * hop, have = std::min(whole, wave_BN.size(1));
  const Tensor wave = at::constant_pad_nd(wave_BN.narrow(1, 0, have), {0, whole - have}).view({B, F - 1 + R, hop});
  Tensor out = at::empty({B, F, R, hop}, wave_BN.options());
  for (std::int64_t r = 0; r < R; ++r) out.select(2, r).copy_(wave.narrow(1, r, F));
  return out.view({B, F, R * hop}).narrow(2, 0, size);
}

Tensor add_windows(const Tensor& windows_BFS, std::int64_t hop) {
  const std::int64_t B = windows_BFS.size(0), F = windows_BFS.size(1), S = windows_BFS.size(2), R = hops_of(S, hop);
  const Tensor hops = at::constant_pad_nd(windows_BFS, {0, R * hop - S}).view({B, F, R, hop});
  Tensor out = at::zeros({B, F - 1 + R, hop}, windows_BFS.options());
  for (std::int64_t r = 0; r < R; ++r) out.narrow(1, r, F).add_(hops.select(2, r));
  return out.view({B, (F - 1 + R) * hop}).narrow(1, 0, (F - 1) * hop + S);
}

struct Cut : Function<Cut> {
  static Tensor forward(AutogradContext* context, const Tensor& wave_BN, std::int64_t size, std::int64_t hop) {
    context->saved_data["samples"] = wave_BN.size(1);
    context->saved_data["hop"] = hop;
    return cut_windows(wave_BN, size, hop);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor dx = add_windows(gradients[0], context->saved_data["hop"].toInt());
    return {at::constant_pad_nd(dx, {0, context->saved_data["samples"].toInt() - dx.size(1)}), {}, {}};
  }
};

struct Add : Function<Add> {
  static Tensor forward(AutogradContext* context, const Tensor& windows_BFS, std::int64_t hop) {
    context->saved_data["size"] = windows_BFS.size(2);
    context->saved_data["hop"] = hop;
    return add_windows(windows_BFS, hop);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {cut_windows(gradients[0], context->saved_data["size"].toInt(), context->saved_data["hop"].toInt()), {}};
  }
};

/// Σ over the half spectrum, as Re Σ_k g_k·e^{i2πkn/S}: the inverse real transform counts all bins but the first and
/// the last twice.
struct RealFft : Function<RealFft> {
  static Tensor forward(AutogradContext* context, const Tensor& x_S) {
    context->saved_data["size"] = x_S.size(-1);
    return at::_fft_r2c(x_S, {x_S.dim() - 1}, 0, true);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::int64_t size = context->saved_data["size"].toInt(), axis = gradients[0].dim() - 1;
    Tensor g = gradients[0].mul(0.5);
    g.select(-1, 0).mul_(2);
    if (size % 2 == 0) g.select(-1, g.size(-1) - 1).mul_(2);
    return {at::_fft_c2r(g, {axis}, 0, size)};
  }
};

}  // namespace

Tensor windows_of(const Tensor& wave_BN, std::int64_t size, std::int64_t hop) {
  if (wave_BN.size(1) < size)
    throw std::logic_error(fmt::format("{} samples hold no window of {}", wave_BN.size(1), size));
  return Cut::apply(wave_BN, size, hop);
}

Tensor overlap_add(const Tensor& windows_BFS, std::int64_t hop) { return Add::apply(windows_BFS, hop); }

Tensor real_fft(const Tensor& x_S) { return RealFft::apply(x_S); }

Tensor hann_window(std::int64_t window, std::int64_t size) {
  const std::vector<double> values = audio::hann_window(window, size);
  return to_torch(weights::Tensor::of<float>({size}, std::vector<float>(values.begin(), values.end())));
}

}  // namespace timbre::nn
