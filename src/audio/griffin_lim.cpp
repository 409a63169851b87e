#include "audio/griffin_lim.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "audio/lanes.h"
#include "audio/mel_inverse.h"
#include "audio/stft.h"
#include "base/cpu_levels.h"
#include "base/error.h"
#include "base/rng.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kL = Stft<float>::kLanes;

/// One accelerated step on a block: from the spectrum c of the present signal and the one before, the wanted magnitudes
/// with the phases of t = c + momentum · (c − before); `before` becomes c. Returns Σ (|c| − S)² by lane in `miss_L`.
TIMBRE_INLINE void step_body(float* re_BL, float* im_BL, float* before_re, float* before_im, const float* wanted_BL,
                             std::int64_t bins, float momentum, float* miss_L) {
  V8 miss;
  load<float>(miss, miss_L);
  for (std::int64_t at = 0; at < bins * kL; at += kL) {
    V8 re, im, old_re, old_im, wanted;
    load<float>(re, re_BL + at);
    load<float>(im, im_BL + at);
    load<float>(old_re, before_re + at);
    load<float>(old_im, before_im + at);
    load<float>(wanted, wanted_BL + at);
    V8 size = re * re + im * im;
    square_root(size);
    miss += (size - wanted) * (size - wanted);
    const V8 t_re = re + (re - old_re) * momentum, t_im = im + (im - old_im) * momentum;
    V8 length = t_re * t_re + t_im * t_im + 1e-16f;
    square_root(length);
    const V8 gain = wanted / length;
    store<float>(before_re + at, re);
    store<float>(before_im + at, im);
    store<float>(re_BL + at, t_re * gain);
    store<float>(im_BL + at, t_im * gain);
  }
  store<float>(miss_L, miss);
}

TIMBRE_FOR_EACH_CPU(void, step,
                    (float* re_BL, float* im_BL, float* before_re, float* before_im, const float* wanted_BL,
                     std::int64_t bins, float momentum, float* miss_L),
                    (re_BL, im_BL, before_re, before_im, wanted_BL, bins, momentum, miss_L))

void check(const GriffinLimOptions& o) {
  if (o.iterations < 1)
    throw UsageError(fmt::format("Griffin-Lim with {} iterations", o.iterations), "give at least 1");
  if (!(o.momentum >= 0 && o.momentum < 2))
    throw UsageError(fmt::format("Griffin-Lim with a momentum of {}", o.momentum), "0 … 1 (0.99 is good)");
}

/// Buffers of one run; whole blocks of eight frames.
struct Work {
  std::int64_t frames, blocks, stride;  ///< stride: floats of one block
  Aligned<float> wanted, before_re, before_im;
  std::vector<float> signal, next, weights;
  Stft<float>::Scratch scratch;
  Aligned<float> re, im;

  Work(const Stft<float>& stft, std::int64_t n)
      : frames(n), blocks((n + kL - 1) / kL), stride(stft.bins() * kL), scratch(stft.scratch()) {
    const auto all = static_cast<std::size_t>(blocks * stride);
    wanted.resize(all);
    before_re.resize(all);
    before_im.resize(all);
    signal.resize(static_cast<std::size_t>(stft.padded_samples(frames)));
    next.resize(signal.size());
    weights = stft.overlap_weights(frames);
    re.resize(static_cast<std::size_t>(stride));
    im.resize(re.size());
  }
};

/// Divides the overlap-added sum by its weights and mirrors the ends, as the analysis of a real signal has them.
void finish_signal(const Stft<float>& stft, Work& w) {
  for (std::size_t i = 0; i < w.next.size(); ++i) w.next[i] *= w.weights[i];
  const auto pad = static_cast<std::size_t>(stft.pad()), n = w.next.size();
  if (n > 3 * pad) {
    for (std::size_t i = 1; i <= pad; ++i) {
      w.next[pad - i] = w.next[pad + i];
      w.next[n - pad - 1 + i] = w.next[n - pad - 1 - i];
    }
  }
  std::swap(w.signal, w.next);
}

/// The first signal: the wanted magnitudes with random phases.
void start_with_noise(const Stft<float>& stft, Work& w, std::uint64_t seed) {
  Philox random(seed, 0x6C696Dull);
  std::fill(w.next.begin(), w.next.end(), 0.0f);
  for (std::int64_t b = 0; b < w.blocks; ++b) {
    const float* wanted = w.wanted.data() + b * w.stride;
    for (std::int64_t i = 0; i < w.stride; ++i) {
      const float angle =
          static_cast<float>(2 * std::numbers::pi / 4294967296.0) * static_cast<float>(random.next_u32());
      w.re[static_cast<std::size_t>(i)] = wanted[i] * std::cos(angle);
      w.im[static_cast<std::size_t>(i)] = wanted[i] * std::sin(angle);
    }
    stft.add_block(w.re.data(), w.im.data(), b * kL, std::min(kL, w.frames - b * kL), w.next, w.scratch);
  }
  finish_signal(stft, w);
}

/// One iteration; returns ‖|STFT(signal)| − S‖² of the signal it started from. The last call only measures.
double iterate(const Stft<float>& stft, Work& w, float momentum, bool measure_only) {
  Aligned<float> miss(static_cast<std::size_t>(kL));
  double total = 0;
  std::fill(w.next.begin(), w.next.end(), 0.0f);
  for (std::int64_t b = 0; b < w.blocks; ++b) {
    const std::int64_t count = std::min(kL, w.frames - b * kL);
    stft.block(w.signal, b * kL, w.re.data(), w.im.data(), w.scratch);
    std::fill(miss.begin(), miss.end(), 0.0f);
    step(w.re.data(), w.im.data(), w.before_re.data() + b * w.stride, w.before_im.data() + b * w.stride,
         w.wanted.data() + b * w.stride, stft.bins(), momentum, miss.data());
    for (std::int64_t l = 0; l < count; ++l) total += miss[static_cast<std::size_t>(l)];
    if (!measure_only) stft.add_block(w.re.data(), w.im.data(), b * kL, count, w.next, w.scratch);
  }
  if (!measure_only) finish_signal(stft, w);
  return total;
}

}  // namespace

config::Fields fields(GriffinLimOptions& o) {
  config::Fields f;
  f.add("iterations", o.iterations, "iterations of Griffin-Lim").range(1, 10000);
  f.add("momentum", o.momentum, "acceleration; 0 = plain Griffin-Lim").range(0, 1.9);
  return f;
}

struct GriffinLim::Tables {
  MelOptions mel;
  GriffinLimOptions options;
  Stft<float> stft;
  MelInverse inverse;
  Tables(const MelOptions& m, const GriffinLimOptions& o)
      : mel(m),
        options(o),
        stft(m.fft_samples, m.window_samples, m.hop_samples, padding_named(m.padding)),
        inverse(m) {}
};

GriffinLim::GriffinLim(const MelOptions& mel, const GriffinLimOptions& options) {
  check(options);
  const auto problems = validate(mel);
  if (!problems.empty()) throw UsageError("mel settings cannot be used: " + problems.front());
  tables_ = std::make_unique<Tables>(mel, options);
}
GriffinLim::~GriffinLim() = default;
GriffinLim::GriffinLim(GriffinLim&&) noexcept = default;

GriffinLim::Result GriffinLim::run(std::span<const float> mel_FM, std::int64_t frames) const {
  return run(mel_FM, frames, tables_->options.seed);
}

GriffinLim::Result GriffinLim::run(std::span<const float> mel_FM, std::int64_t frames, std::uint64_t seed) const {
  const Tables& t = *tables_;
  if (frames < 0 || static_cast<std::int64_t>(mel_FM.size()) != frames * t.mel.mels) {
    throw DataError(fmt::format("a mel of {} values is not {} frames × {} bins", mel_FM.size(), frames, t.mel.mels));
  }
  for (std::size_t i = 0; i < mel_FM.size(); ++i) {
    if (!std::isfinite(mel_FM[i]))
      throw DataError(fmt::format("the mel is not finite at frame {}", i / static_cast<std::size_t>(t.mel.mels)));
  }
  if (frames == 0 || t.stft.samples(frames) <= 0) return {};
  Work w(t.stft, frames);
  double wanted = 0;
  for (std::int64_t b = 0; b < w.blocks; ++b) {
    float* block = w.wanted.data() + b * w.stride;
    const std::int64_t count = std::min(kL, frames - b * kL);
    t.inverse.block(mel_FM.data() + b * kL * t.mel.mels, count, block);
    for (std::int64_t i = 0; i < w.stride; ++i) wanted += i % kL < count ? static_cast<double>(block[i]) * block[i] : 0;
  }
  start_with_noise(t.stft, w, seed);
  // The first step has nothing before it.
  iterate(t.stft, w, 0, false);
  for (std::int64_t i = 1; i < t.options.iterations; ++i)
    iterate(t.stft, w, static_cast<float>(t.options.momentum), false);
  const double miss = iterate(t.stft, w, 0, true);
  Result result;
  result.convergence_db = wanted > 0 ? 10 * std::log10(std::max(miss, 1e-30) / wanted) : -300;
  const auto first = w.signal.begin() + t.stft.pad();
  result.wave_N.assign(first, first + t.stft.samples(frames));
  if (t.mel.preemphasis != 0) de_emphasise(result.wave_N, t.mel.preemphasis);
  return result;
}

std::vector<float> griffin_lim(std::span<const float> mel_FM, std::int64_t frames, const MelOptions& mel,
                               const GriffinLimOptions& options) {
  return GriffinLim(mel, options).run(mel_FM, frames).wave_N;
}

}  // namespace timbre::audio
