#include "nn/spectra.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log10.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/reflection_pad1d.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/view_as_real.h>

#include "base/error.h"
#include "base/strings.h"
#include "nn/frames.h"
#include "nn/module.h"

namespace timbre::nn {
namespace {

/// Below this the direction of a bin is noise; the gradient of a root would grow without bound.
constexpr double kSmallestPower = 1e-14;

const audio::MelOptions& checked(const audio::MelOptions& options) {
  const auto problems = audio::validate(options);
  if (!problems.empty()) throw UsageError("mel settings cannot be used: " + join(problems, "; "));
  return options;
}

Stft::Options stft_options(const audio::MelOptions& o) {
  return {.fft_samples = o.fft_samples,
          .window_samples = o.window_samples,
          .hop_samples = o.hop_samples,
          .pad = o.padding == "same" ? (o.fft_samples - o.hop_samples) / 2 : o.fft_samples / 2,
          .reflect = o.padding != "center_zero"};
}

void move_to(Tensor& table, const Tensor& like) {
  if (table.device() != like.device()) table = table.to(like.device());
}

}  // namespace

Tensor reflect_ends(const Tensor& wave_BN, std::int64_t pad) {
  return pad == 0 ? wave_BN : at::reflection_pad1d(wave_BN, {pad, pad});
}

Stft::Stft(const Options& options)
    : options_(options), window_S_(hann_window(options.window_samples, options.fft_samples)) {}

Tensor Stft::forward(const Tensor& wave_BN) const {
  move_to(window_S_, wave_BN);
  const Tensor padded = options_.reflect ? reflect_ends(wave_BN, options_.pad)
                                         : at::constant_pad_nd(wave_BN, {options_.pad, options_.pad});
  return real_fft(windows_of(padded, options_.fft_samples, options_.hop_samples) * window_S_);
}

Tensor Stft::magnitude(const Tensor& wave_BN, double under_root) const {
  const Tensor parts = at::view_as_real(forward(wave_BN));
  const Tensor power_BFK = (parts * parts).sum(-1);
  return at::sqrt(under_root > 0 ? power_BFK + under_root : at::clamp_min(power_BFK, kSmallestPower));
}

MelSpectrogram::MelSpectrogram(const audio::MelOptions& options)
    : options_(checked(options)), stft_(stft_options(options)) {
  const bool htk = options.convention == "vocos";
  filters_KM_ = to_torch(weights::Tensor::of<float>(
                             {options.mels, options.fft_samples / 2 + 1},
                             audio::mel_filters(options.rate_hz, options.fft_samples, options.mels, options.f_min_hz,
                                                options.f_max_hz, htk ? audio::MelScale::htk : audio::MelScale::slaney,
                                                htk ? audio::MelNorm::none : audio::MelNorm::slaney_area)))
                    .t()
                    .contiguous();
}

Tensor MelSpectrogram::forward(const Tensor& wave_BN) const {
  move_to(filters_KM_, wave_BN);
  const audio::MelOptions& o = options_;
  Tensor wave = wave_BN;
  if (o.preemphasis != 0)
    wave = at::cat({wave.narrow(1, 0, 1),
                    wave.narrow(1, 1, wave.size(1) - 1) - o.preemphasis * wave.narrow(1, 0, wave.size(1) - 1)},
                   1);
  if (o.convention == "tacotron") wave = at::clamp(wave, -1.0, 1.0);
  const Tensor magnitude_BFK = stft_.magnitude(wave, o.convention == "hifigan" ? 1e-9 : 0.0);
  Tensor mel_BFM = at::clamp_min(at::matmul(magnitude_BFK, filters_KM_.to(magnitude_BFK.scalar_type())), o.floor);
  if (o.log == "none") return mel_BFM;
  mel_BFM = o.log == "ln" ? at::log(mel_BFM) : at::log10(mel_BFM);
  if (o.gain != 1) mel_BFM = mel_BFM * o.gain;
  if (!o.range.enabled) return mel_BFM;
  // As audio::to_range.
  const audio::MelRange& r = o.range;
  const Tensor share = (mel_BFM - r.ref_level_db - r.min_level_db) / -r.min_level_db;
  const Tensor moved = r.symmetric ? share * (2 * r.max_norm) - r.max_norm : share * r.max_norm;
  return r.clip ? at::clamp(moved, r.symmetric ? -r.max_norm : 0.0, r.max_norm) : moved;
}

MultiResolutionStft::MultiResolutionStft(const std::vector<std::int64_t>& sizes) {
  for (const std::int64_t size : sizes)
    resolutions_.emplace_back(
        Stft::Options{.fft_samples = size, .window_samples = size, .hop_samples = size / 4, .pad = size / 2});
}

MultiResolutionStft::Distance MultiResolutionStft::forward(const Tensor& made_BN, const Tensor& real_BN) const {
  Distance sum;
  for (const Stft& stft : resolutions_) {
    Tensor real_BFK;
    {
      const at::NoGradGuard no_grad;
      real_BFK = at::clamp_min(stft.magnitude(real_BN), 1e-5);
    }
    const Tensor made_BFK = at::clamp_min(stft.magnitude(made_BN), 1e-5);
    const Tensor convergence = at::norm(made_BFK - real_BFK) / at::norm(real_BFK);
    const Tensor distance = at::abs(at::log(made_BFK) - at::log(real_BFK)).mean();
    sum.convergence = sum.convergence.defined() ? sum.convergence + convergence : convergence;
    sum.log_magnitude = sum.log_magnitude.defined() ? sum.log_magnitude + distance : distance;
  }
  const double share = 1.0 / static_cast<double>(resolutions_.size());
  return {sum.convergence * share, sum.log_magnitude * share};
}

}  // namespace timbre::nn
