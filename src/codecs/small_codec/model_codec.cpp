#include "codecs/small_codec/model_codec.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "codecs/small_codec/model.h"
#include "nn/frames.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::small_codec {
namespace {

Tensor row_of(std::span<const float> samples_N, const at::Device& device) {
  return nn::to_torch(weights::Tensor::of<float>({1, static_cast<std::int64_t>(samples_N.size())},
                                                 {samples_N.begin(), samples_N.end()}))
      .to(device);
}

void check_samples(std::span<const float> wave_N, std::int64_t before) {
  for (std::size_t n = 0; n < wave_N.size(); ++n)
    if (!std::isfinite(wave_N[n]))
      throw DataError(fmt::format("sample {} is {}; expected numbers from -1 to 1",
                                  before + static_cast<std::int64_t>(n), wave_N[n]));
}

/// Samples wait until whole frames of codes can be made of them.
class Encoding final : public roles::EncodeStream {
 public:
  Encoding(const SmallCodec& network, std::int64_t codebooks)
      : network_(network),
        codebooks_(codebooks),
        waiting_N_(static_cast<std::size_t>(network.margin()), 0.0f),
        skip_(network.config().lookahead) {}

  std::vector<std::int32_t> push(std::span<const float> wave_CN) override {
    check_samples(wave_CN, samples_);
    samples_ += static_cast<std::int64_t>(wave_CN.size());
    waiting_N_.insert(waiting_N_.end(), wave_CN.begin(), wave_CN.end());
    return run();
  }

  std::vector<std::int32_t> finish() override {
    if (samples_ == 0) throw DataError("there are no samples to encode");
    const Config& c = network_.config();
    const std::int64_t frames = (samples_ + c.frame_samples() - 1) / c.frame_samples();
    const std::int64_t end = frames * c.frame_samples() + network_.margin() + c.lookahead * c.hop_samples;
    waiting_N_.resize(waiting_N_.size() + static_cast<std::size_t>(end - samples_), 0.0f);
    return run();
  }

 private:
  std::vector<std::int32_t> run() {
    const at::NoGradGuard no_grad;
    const Config& c = network_.config();
    const auto have = static_cast<std::int64_t>(waiting_N_.size());
    std::int64_t windows = have < c.fft_samples ? 0 : 1 + (have - c.fft_samples) / c.hop_samples;
    if (windows <= skip_) return {};
    const std::int64_t inner = (windows - skip_) / 2 * 2;  // frames of codes are made of pairs
    if (inner == 0) return {};
    windows = skip_ + inner;
    const Tensor wave_1N =
        row_of(std::span(waiting_N_).first(static_cast<std::size_t>((windows - 1) * c.hop_samples + c.fft_samples)),
               network_.device());
    const Tensor mel_1TM = network_.mel(wave_1N).narrow(1, skip_, inner);
    waiting_N_.erase(waiting_N_.begin(), waiting_N_.begin() + static_cast<std::ptrdiff_t>(windows * c.hop_samples));
    skip_ = 0;
    const Tensor codes_1FQ =
        network_.quantiser.forward(network_.encoder.forward(mel_1TM, &stream_), codebooks_).codes_BFQ;
    const std::vector<std::int64_t> codes = nn::from_torch(codes_1FQ.contiguous()).to_i64();
    return {codes.begin(), codes.end()};
  }

  const SmallCodec& network_;
  std::int64_t codebooks_;
  std::vector<float> waiting_N_;
  std::int64_t skip_;  ///< windows that only later frames look ahead to
  std::int64_t samples_ = 0;
  Stream stream_;
};

/// Windows overlap: the last ones are added up when the next have come.
class Decoding final : public roles::DecodeStream {
 public:
  Decoding(const SmallCodec& network, std::int64_t codebooks)
      : network_(network), codebooks_(codebooks), skip_(network.margin()) {
    const Config& c = network.config();
    left_1N_ = left_weight_1N_ =
        at::zeros({1, c.fft_samples - c.hop_samples}, network.istft().window().options().device(network.device()));
  }

  std::vector<float> push(std::span<const std::int32_t> codes_FQ) override {
    const at::NoGradGuard no_grad;
    if (codes_FQ.empty()) return {};
    const auto frames = static_cast<std::int64_t>(codes_FQ.size()) / codebooks_;
    if (frames * codebooks_ != static_cast<std::int64_t>(codes_FQ.size()))
      throw DataError(fmt::format("{} codes are no whole frames of {} codebooks", codes_FQ.size(), codebooks_));
    const Config& c = network_.config();
    for (std::size_t i = 0; i < codes_FQ.size(); ++i)
      if (codes_FQ[i] < 0 || codes_FQ[i] >= c.codebook_size())
        throw DataError(fmt::format("frame {}, codebook {}: code {} is out of range; there are 0 to {}",
                                    frames_ + static_cast<std::int64_t>(i) / codebooks_,
                                    static_cast<std::int64_t>(i) % codebooks_, codes_FQ[i], c.codebook_size() - 1));
    frames_ += frames;
    const Tensor codes_1FQ =
        nn::to_torch(weights::Tensor::of<std::int64_t>({1, frames, codebooks_}, {codes_FQ.begin(), codes_FQ.end()}))
            .to(network_.device());
    const auto spectra = network_.decoder.forward(network_.quantiser.decode(codes_1FQ), &stream_);
    const Tensor window_S = network_.istft().window().to(spectra.real_BTK.device());
    const Tensor windows_1TS =
        at::fft_irfft(at::complex(spectra.real_BTK, spectra.imag_BTK), c.fft_samples, -1) * window_S;
    const std::int64_t inner = windows_1TS.size(1), samples = inner * c.hop_samples;
    const Tensor all_1N = joined(nn::overlap_add(windows_1TS, c.hop_samples), left_1N_, samples);
    const Tensor weight_1N =
        joined(nn::overlap_add((window_S * window_S).expand({1, inner, c.fft_samples}), c.hop_samples), left_weight_1N_,
               samples);
    return given(all_1N, weight_1N);
  }

  std::vector<float> finish() override {
    const at::NoGradGuard no_grad;
    if (frames_ == 0) return {};
    return given(left_1N_.narrow(1, 0, network_.margin()), left_weight_1N_.narrow(1, 0, network_.margin()));
  }

 private:
  /// Adds what was left of earlier windows; keeps what is not final.
  static Tensor joined(Tensor all_1N, Tensor& left_1N, std::int64_t samples) {
    all_1N.narrow(1, 0, left_1N.size(1)).add_(left_1N);
    left_1N = all_1N.narrow(1, samples, all_1N.size(1) - samples).clone();
    return all_1N.narrow(1, 0, samples);
  }

  std::vector<float> given(const Tensor& all_1N, const Tensor& weight_1N) {
    const std::int64_t from = std::min(skip_, all_1N.size(1));
    skip_ -= from;
    const Tensor out = all_1N.narrow(1, from, all_1N.size(1) - from) / weight_1N.narrow(1, from, all_1N.size(1) - from);
    return nn::from_torch(out.contiguous()).to_f32();
  }

  const SmallCodec& network_;
  std::int64_t codebooks_, skip_, frames_ = 0;
  Tensor left_1N_, left_weight_1N_;
  Stream stream_;
};

class Role final : public roles::Codec {
 public:
  explicit Role(const SmallCodec& network) : network_(network) {}
  explicit Role(std::unique_ptr<SmallCodec> network) : owned_(std::move(network)), network_(*owned_) {}

  std::string name() const override { return "small_codec"; }
  std::int64_t rate_hz() const override { return config().rate_hz; }
  std::int64_t channels() const override { return 1; }
  std::int64_t hop_samples() const override { return config().frame_samples(); }
  std::int64_t codebooks() const override { return config().quantiser.codebooks; }
  std::int64_t codebook_size() const override { return config().codebook_size(); }

  std::int64_t codebooks_of(double bandwidth_kbps) const override {
    std::string known;
    for (std::int64_t q = 1; q <= codebooks(); ++q) {
      const double kbps = static_cast<double>(q) * kbps_of_one();
      if (std::abs(bandwidth_kbps - kbps) < 0.005 * kbps) return q;
      known += fmt::format("{}{:.3g}", q == 1 ? "" : ", ", kbps);
    }
    throw UsageError(fmt::format("there is no bandwidth of {} kbit/s", bandwidth_kbps),
                     fmt::format("this codec has {} kbit/s", known));
  }

  roles::Codes encode(std::span<const float> wave_CN, std::int64_t wanted) override {
    if (wave_CN.empty()) throw DataError("there are no samples to encode");
    const std::int64_t used = checked(wanted);
    Encoding stream(network_, used);
    roles::Codes codes{.codebooks = used, .samples = static_cast<std::int64_t>(wave_CN.size()), .segments = {}};
    roles::CodeSegment& all = codes.segments.emplace_back();
    const std::size_t piece = static_cast<std::size_t>(kPiece_s * rate_hz());
    for (std::size_t from = 0; from < wave_CN.size(); from += piece)
      append(all.codes_FQ, stream.push(wave_CN.subspan(from, std::min(piece, wave_CN.size() - from))));
    append(all.codes_FQ, stream.finish());
    all.frames = static_cast<std::int64_t>(all.codes_FQ.size()) / used;
    return codes;
  }

  std::vector<float> decode(const roles::Codes& codes) override {
    Decoding stream(network_, checked(codes.codebooks));
    std::vector<float> wave_N;
    for (const roles::CodeSegment& segment : codes.segments) {
      const std::span<const std::int32_t> all = segment.codes_FQ;
      const std::size_t piece = static_cast<std::size_t>(kPiece_s * rate_hz() / hop_samples() * codes.codebooks);
      for (std::size_t from = 0; from < all.size(); from += piece)
        append(wave_N, stream.push(all.subspan(from, std::min(piece, all.size() - from))));
    }
    append(wave_N, stream.finish());
    if (codes.samples > static_cast<std::int64_t>(wave_N.size()))
      throw DataError(fmt::format("the codes say {} samples, their frames hold {}", codes.samples, wave_N.size()));
    wave_N.resize(static_cast<std::size_t>(codes.samples));
    return wave_N;
  }

  std::unique_ptr<roles::DecodeStream> decode_stream(std::int64_t wanted) override {
    return std::make_unique<Decoding>(network_, checked(wanted));
  }
  std::unique_ptr<roles::EncodeStream> encode_stream(std::int64_t wanted) override {
    return std::make_unique<Encoding>(network_, checked(wanted));
  }

 private:
  static constexpr std::int64_t kPiece_s = 30;  ///< what is computed at once: recordings of hours need no more memory

  const Config& config() const { return network_.config(); }
  double kbps_of_one() const {
    const double bits = std::ceil(std::log2(static_cast<double>(codebook_size())));
    return bits * static_cast<double>(rate_hz()) / static_cast<double>(hop_samples()) / 1000;
  }
  std::int64_t checked(std::int64_t wanted) const {
    if (wanted < 0 || wanted > codebooks())
      throw UsageError(fmt::format("{} codebooks; this codec has {}", wanted, codebooks()));
    return wanted == 0 ? codebooks() : wanted;
  }
  template <class T>
  static void append(std::vector<T>& to, const std::vector<T>& more) {
    to.insert(to.end(), more.begin(), more.end());
  }

  std::unique_ptr<SmallCodec> owned_;
  const SmallCodec& network_;
};

}  // namespace

std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder) {
  const Config config = config_of(folder.about, (folder.dir / "voice.json").string());
  auto network = std::make_unique<SmallCodec>(config);
  const auto path = roles::weights_file(folder.dir, folder.about);
  network->load_exactly(weights::read_safetensors(path), path.string());
  network->eval();
  return std::make_unique<Role>(std::move(network));
}

std::unique_ptr<roles::Codec> codec_over(const SmallCodec& network) { return std::make_unique<Role>(network); }

}  // namespace timbre::small_codec
