#include "codecs/small_codec/model_codec.h"

#include <ATen/ops/complex.h>
#include <ATen/ops/fft_irfft.h>

#include "codecs/small_codec/codec_role.h"
#include "codecs/small_codec/model.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::small_codec {
namespace {

Tensor row_of(std::span<const float> samples_N, const at::Device& device) {
  return nn::to_torch(weights::Tensor::of<float>({1, static_cast<std::int64_t>(samples_N.size())},
                                                 {samples_N.begin(), samples_N.end()}))
      .to(device);
}

class Encode final : public EncodePass {
 public:
  Encode(const SmallCodec& network, std::int64_t codebooks) : network_(network), codebooks_(codebooks) {}

  std::vector<std::int32_t> run(std::span<const float> samples_N, std::int64_t skip, std::int64_t inner) override {
    const at::NoGradGuard no_grad;
    const Tensor mel_1TM = network_.mel(row_of(samples_N, network_.device())).narrow(1, skip, inner);
    const Tensor codes_1FQ =
        network_.quantiser.forward(network_.encoder.forward(mel_1TM, &stream_), codebooks_).codes_BFQ;
    const std::vector<std::int64_t> codes = nn::from_torch(codes_1FQ.contiguous()).to_i64();
    return {codes.begin(), codes.end()};
  }

 private:
  const SmallCodec& network_;
  std::int64_t codebooks_;
  Stream stream_;
};

class Decode final : public DecodePass {
 public:
  explicit Decode(const SmallCodec& network) : network_(network) {}

  void run(std::span<const std::int32_t> codes_FQ, std::int64_t frames, std::vector<float>& windows_TS) override {
    const at::NoGradGuard no_grad;
    const std::int64_t books = static_cast<std::int64_t>(codes_FQ.size()) / frames;
    const Tensor codes_1FQ =
        nn::to_torch(weights::Tensor::of<std::int64_t>({1, frames, books}, {codes_FQ.begin(), codes_FQ.end()}))
            .to(network_.device());
    const auto spectra = network_.decoder.forward(network_.quantiser.decode(codes_1FQ), &stream_);
    const Tensor window_S = network_.istft().window().to(spectra.real_BTK.device());
    const Tensor windows_1TS =
        at::fft_irfft(at::complex(spectra.real_BTK, spectra.imag_BTK), network_.config().fft_samples, -1) * window_S;
    windows_TS = nn::from_torch(windows_1TS.contiguous()).to_f32();
  }

 private:
  const SmallCodec& network_;
  Stream stream_;
};

class Role final : public CodecRole {
 public:
  explicit Role(const SmallCodec& network) : CodecRole(network.config()), network_(network) {}
  explicit Role(std::unique_ptr<SmallCodec> network)
      : CodecRole(network->config()), owned_(std::move(network)), network_(*owned_) {}

 protected:
  std::unique_ptr<EncodePass> encode_pass(std::int64_t codebooks) override {
    return std::make_unique<Encode>(network_, codebooks);
  }
  std::unique_ptr<DecodePass> decode_pass(std::int64_t) override { return std::make_unique<Decode>(network_); }

 private:
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
