#include "codecs/encodec/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/capped_product.h"
#include "base/error.h"

namespace timbre::encodec {
namespace {

/// Samples of a frame that no codec has.
constexpr std::int64_t kMostHop = 1 << 20;

/// Rows that `kbps` buys: the reference's rounding, at least one.
std::int64_t rows_of(const Config& config, double kbps) {
  const double row = static_cast<double>(config.bits() * config.frame_rate());
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(kbps * 1000 / row)));
}

}  // namespace

std::int64_t Config::hop_samples() const { return capped_product(ratios, kMostHop); }

std::int64_t Config::frame_rate() const { return (rate_hz + hop_samples() - 1) / hop_samples(); }

std::int64_t Config::bits() const { return std::bit_width(static_cast<std::uint64_t>(codebook_size)) - 1; }

std::int64_t Config::segment_samples() const {
  return static_cast<std::int64_t>(segment_s * static_cast<double>(rate_hz));
}

std::int64_t Config::stride_samples() const {
  const auto stride = static_cast<std::int64_t>((1 - overlap) * static_cast<double>(segment_samples()));
  return segment_samples() == 0 ? 0 : std::max<std::int64_t>(1, stride);
}

std::int64_t Config::codebooks_of(double bandwidth_kbps) const {
  for (const double known : bandwidths)
    if (std::abs(known - bandwidth_kbps) < 1e-9) return rows_of(*this, bandwidth_kbps);
  throw UsageError(fmt::format("{} has no bandwidth of {} kbit/s", name, bandwidth_kbps),
                   fmt::format("bandwidths: {}", fmt::join(bandwidths, ", ")));
}

config::Fields Config::fields() {
  config::Fields f;
  f.add("name", name, "what .ecdc files call the model");
  f.add("rate_hz", rate_hz, "sampling rate").range(1, 1000000);
  f.add("channels", channels, "1 mono, 2 stereo").range(1, 2);
  f.add("filters", filters, "channels of the first stage, doubled by every other one").range(1, 4096);
  f.add("dimension", dimension, "of the codebooks' vectors").range(1, 65536);
  f.add("ratios", ratios, "upsampling of the decoder's stages, first to last");
  f.add("kernel", kernel, "taps of the first convolution").range(1, 255);
  f.add("last_kernel", last_kernel, "taps of the last convolution").range(1, 255);
  f.add("residual_kernel", residual_kernel, "taps inside a residual block").range(1, 255);
  f.add("residual_layers", residual_layers, "residual blocks of a stage").range(0, 16);
  f.add("dilation_base", dilation_base, "dilation of a stage's j-th residual block: this to the power j").range(1, 16);
  f.add("compress", compress, "a residual block has channels / compress inside").range(1, 64);
  f.add("lstm_layers", lstm_layers, "LSTMs between convolutions and codes").range(0, 16);
  f.add("codebooks", codebooks, "residual quantisers").range(1, 1024);
  f.add("codebook_size", codebook_size, "vectors of a codebook: a power of two").range(2, 1 << 20);
  f.add("causal", causal, "causal convolutions; else centred, with GroupNorm behind each");
  f.add("normalize", normalize, "divide each segment by its loudness");
  f.add("segment_s", segment_s, "seconds coded in one go; 0 = the whole recording").range(0, 3600);
  f.add("overlap", overlap, "share of a segment that the next one repeats").range(0, 0.99);
  f.add("bandwidths", bandwidths, "kbit/s one may ask for");
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  if (ratios.empty() || ratios.size() > 12 ||
      std::any_of(ratios.begin(), ratios.end(), [](std::int64_t r) { return r < 1 || r > 1024; }))
    out.push_back("ratios: expected 1 to 12 numbers from 1 to 1024");
  else if (hop_samples() > kMostHop)
    out.push_back(fmt::format("ratios: a frame of more than {} samples", kMostHop));
  if (!std::has_single_bit(static_cast<std::uint64_t>(std::max<std::int64_t>(codebook_size, 0))))
    out.push_back(fmt::format("codebook_size {}: expected a power of two", codebook_size));
  if (!out.empty()) return out;
  if (filters < compress) out.push_back(fmt::format("compress {}: more than filters {}", compress, filters));
  for (const double kbps : bandwidths)
    if (!(kbps > 0) || rows_of(*this, kbps) > codebooks)
      out.push_back(
          fmt::format("bandwidths: {} kbit/s needs {} codebooks, there are {}", kbps, rows_of(*this, kbps), codebooks));
  if (segment_s > 0 && segment_samples() < 1) out.push_back(fmt::format("segment_s {}: less than a sample", segment_s));
  return out;
}

void apply_24khz(Config& config) { config = Config(); }

void apply_48khz(Config& config) {
  config = Config();
  config.name = "encodec_48khz";
  config.rate_hz = 48000;
  config.channels = 2;
  config.codebooks = 16;
  config.causal = false;
  config.normalize = true;
  config.segment_s = 1;
  config.bandwidths = {3, 6, 12, 24};
}

}  // namespace timbre::encodec
