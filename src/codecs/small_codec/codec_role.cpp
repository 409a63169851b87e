#include "codecs/small_codec/codec_role.h"

#include <algorithm>
#include <cmath>

#include "audio/mel.h"
#include "base/error.h"

namespace timbre::small_codec {
namespace {

constexpr std::int64_t kPiece_s = 30;  // what is computed at once: recordings of hours need no more memory

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Samples wait until whole frames of codes can be made of them.
class Encoding final : public roles::EncodeStream {
 public:
  Encoding(const Config& config, std::unique_ptr<EncodePass> pass)
      : config_(config),
        pass_(std::move(pass)),
        waiting_N_(static_cast<std::size_t>(config.margin()), 0.0f),
        skip_(config.lookahead) {}

  std::vector<std::int32_t> push(std::span<const float> wave_CN) override {
    for (std::size_t n = 0; n < wave_CN.size(); ++n)
      if (!std::isfinite(wave_CN[n]))
        throw DataError(fmt::format("sample {} is {}; expected numbers from -1 to 1",
                                    samples_ + static_cast<std::int64_t>(n), wave_CN[n]));
    samples_ += static_cast<std::int64_t>(wave_CN.size());
    waiting_N_.insert(waiting_N_.end(), wave_CN.begin(), wave_CN.end());
    return run();
  }

  std::vector<std::int32_t> finish() override {
    if (samples_ == 0) throw DataError("there are no samples to encode");
    const std::int64_t frames = (samples_ + config_.frame_samples() - 1) / config_.frame_samples();
    const std::int64_t end =
        frames * config_.frame_samples() + config_.margin() + config_.lookahead * config_.hop_samples;
    waiting_N_.resize(waiting_N_.size() + static_cast<std::size_t>(end - samples_), 0.0f);
    return run();
  }

 private:
  std::vector<std::int32_t> run() {
    const std::int64_t fft = config_.fft_samples, hop = config_.hop_samples;
    const auto have = static_cast<std::int64_t>(waiting_N_.size());
    std::int64_t windows = have < fft ? 0 : 1 + (have - fft) / hop;
    if (windows <= skip_) return {};
    const std::int64_t inner = (windows - skip_) / 2 * 2;  // frames of codes are made of pairs
    if (inner == 0) return {};
    windows = skip_ + inner;
    auto codes =
        pass_->run(std::span(waiting_N_).first(static_cast<std::size_t>((windows - 1) * hop + fft)), skip_, inner);
    waiting_N_.erase(waiting_N_.begin(), waiting_N_.begin() + static_cast<std::ptrdiff_t>(windows * hop));
    skip_ = 0;
    return codes;
  }

  const Config& config_;
  std::unique_ptr<EncodePass> pass_;
  std::vector<float> waiting_N_;
  std::int64_t skip_;  ///< windows that only later frames look ahead to
  std::int64_t samples_ = 0;
};

/// Windows overlap: the last ones are added up when the next have come.
class Decoding final : public roles::DecodeStream {
 public:
  Decoding(const Config& config, std::int64_t codebooks, std::unique_ptr<DecodePass> pass)
      : config_(config), codebook_size_(config.codebook_size()), codebooks_(codebooks), pass_(std::move(pass)) {
    for (const double w : audio::hann_window(config.fft_samples, config.fft_samples)) {
      const auto weight = static_cast<float>(w);
      weights_S_.push_back(weight * weight);
    }
    skip_ = config.margin();
    sum_N_.assign(overlap(), 0.0f);
    weight_N_.assign(overlap(), 0.0f);
  }

  std::vector<float> push(std::span<const std::int32_t> codes_FQ) override {
    if (codes_FQ.empty()) return {};
    const auto frames = static_cast<std::int64_t>(codes_FQ.size()) / codebooks_;
    if (frames * codebooks_ != static_cast<std::int64_t>(codes_FQ.size()))
      throw DataError(fmt::format("{} codes are no whole frames of {} codebooks", codes_FQ.size(), codebooks_));
    for (std::size_t i = 0; i < codes_FQ.size(); ++i)
      if (codes_FQ[i] < 0 || codes_FQ[i] >= codebook_size_)
        throw DataError(fmt::format("frame {}, codebook {}: code {} is out of range; there are 0 to {}",
                                    frames_ + static_cast<std::int64_t>(i) / codebooks_,
                                    static_cast<std::int64_t>(i) % codebooks_, codes_FQ[i], codebook_size_ - 1));
    frames_ += frames;
    pass_->run(codes_FQ, frames, windows_TS_);
    const std::size_t hop = static_cast<std::size_t>(config_.hop_samples), inner = 2 * static_cast<std::size_t>(frames);
    sum_N_.resize(inner * hop + overlap(), 0.0f);
    weight_N_.resize(sum_N_.size(), 0.0f);
    for (std::size_t t = 0; t < inner; ++t)
      for (std::size_t s = 0; s < weights_S_.size(); ++s) {
        sum_N_[t * hop + s] += windows_TS_[t * weights_S_.size() + s];
        weight_N_[t * hop + s] += weights_S_[s];
      }
    return given(inner * hop);
  }

  std::vector<float> finish() override {
    if (frames_ == 0) return {};
    return given(static_cast<std::size_t>(config_.margin()));
  }

 private:
  std::size_t overlap() const { return static_cast<std::size_t>(config_.fft_samples - config_.hop_samples); }

  /// The first `samples` of what was added up, which are final; the rest waits.
  std::vector<float> given(std::size_t samples) {
    std::vector<float> out;
    const std::size_t from = std::min(static_cast<std::size_t>(skip_), samples);
    skip_ -= static_cast<std::int64_t>(from);
    out.reserve(samples - from);
    for (std::size_t n = from; n < samples; ++n) out.push_back(sum_N_[n] / weight_N_[n]);
    for (auto* list : {&sum_N_, &weight_N_})
      list->erase(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(samples));
    return out;
  }

  const Config& config_;
  std::int64_t codebook_size_, codebooks_, skip_ = 0, frames_ = 0;
  std::unique_ptr<DecodePass> pass_;
  std::vector<float> weights_S_, sum_N_, weight_N_, windows_TS_;
};

}  // namespace

std::int64_t CodecRole::checked(std::int64_t wanted) const {
  if (wanted < 0 || wanted > codebooks())
    throw UsageError(fmt::format("{} codebooks; this codec has {}", wanted, codebooks()));
  return wanted == 0 ? codebooks() : wanted;
}

std::int64_t CodecRole::codebooks_of(double bandwidth_kbps) const {
  const double bits = std::ceil(std::log2(static_cast<double>(codebook_size())));
  const double kbps_of_one = bits * static_cast<double>(rate_hz()) / static_cast<double>(hop_samples()) / 1000;
  std::string known;
  for (std::int64_t q = 1; q <= codebooks(); ++q) {
    const double kbps = static_cast<double>(q) * kbps_of_one;
    if (std::abs(bandwidth_kbps - kbps) < 0.005 * kbps) return q;
    known += fmt::format("{}{:.3g}", q == 1 ? "" : ", ", kbps);
  }
  throw UsageError(fmt::format("there is no bandwidth of {} kbit/s", bandwidth_kbps),
                   fmt::format("this codec has {} kbit/s", known));
}

roles::Codes CodecRole::encode(std::span<const float> wave_CN, std::int64_t wanted) {
  if (wave_CN.empty()) throw DataError("there are no samples to encode");
  const std::int64_t used = checked(wanted);
  Encoding stream(config_, encode_pass(used));
  roles::Codes codes{.codebooks = used, .samples = static_cast<std::int64_t>(wave_CN.size()), .segments = {}};
  roles::CodeSegment& all = codes.segments.emplace_back();
  const std::size_t piece = static_cast<std::size_t>(kPiece_s * rate_hz());
  for (std::size_t from = 0; from < wave_CN.size(); from += piece)
    append(all.codes_FQ, stream.push(wave_CN.subspan(from, std::min(piece, wave_CN.size() - from))));
  append(all.codes_FQ, stream.finish());
  all.frames = static_cast<std::int64_t>(all.codes_FQ.size()) / used;
  return codes;
}

std::vector<float> CodecRole::decode(const roles::Codes& codes) {
  const std::int64_t used = checked(codes.codebooks);
  Decoding stream(config_, used, decode_pass(used));
  std::vector<float> wave_N;
  for (const roles::CodeSegment& segment : codes.segments) {
    const std::span<const std::int32_t> all = segment.codes_FQ;
    const auto piece = static_cast<std::size_t>(std::max<std::int64_t>(1, kPiece_s * rate_hz() / hop_samples()) * used);
    for (std::size_t from = 0; from < all.size(); from += piece)
      append(wave_N, stream.push(all.subspan(from, std::min(piece, all.size() - from))));
  }
  append(wave_N, stream.finish());
  if (codes.samples > static_cast<std::int64_t>(wave_N.size()))
    throw DataError(fmt::format("the codes say {} samples, their frames hold {}", codes.samples, wave_N.size()));
  wave_N.resize(static_cast<std::size_t>(codes.samples));
  return wave_N;
}

std::unique_ptr<roles::DecodeStream> CodecRole::decode_stream(std::int64_t wanted) {
  const std::int64_t used = checked(wanted);
  return std::make_unique<Decoding>(config_, used, decode_pass(used));
}

std::unique_ptr<roles::EncodeStream> CodecRole::encode_stream(std::int64_t wanted) {
  return std::make_unique<Encoding>(config_, encode_pass(checked(wanted)));
}

}  // namespace timbre::small_codec
