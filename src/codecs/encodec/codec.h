#pragma once
#include <memory>

#include "codecs/encodec/passage.h"
#include "codecs/encodec/quantizer.h"
#include "roles/codec.h"
#include "roles/registry.h"

namespace timbre::encodec {

/// The weights of an EnCodec, ready to run.
struct Network {
  /// `tensors` under the original's names. Throws DataError naming `where` and a tensor.
  Network(const Config& config, const weights::TensorMap& tensors, const std::string& where);
  Config config;
  std::vector<Layer> encoder, decoder;
  Quantizer quantizer;
};

/// One piece of recording on its way to codes, as rows of samples × channels.
struct Scaled {
  Rows x_NC;
  float scale = 1;
};

/// EnCodec as a codec: roles/codec.h says what it promises. Streams exist for causal networks that neither cut nor
/// normalise (24 kHz).
class Codec final : public roles::Codec {
 public:
  explicit Codec(std::shared_ptr<const Network> network);

  std::string name() const override { return "encodec"; }
  std::int64_t rate_hz() const override { return config().rate_hz; }
  std::int64_t channels() const override { return config().channels; }
  std::int64_t hop_samples() const override { return config().hop_samples(); }
  std::int64_t codebooks() const override { return config().codebooks; }
  std::int64_t codebook_size() const override { return config().codebook_size; }
  std::int64_t codebooks_of(double bandwidth_kbps) const override { return config().codebooks_of(bandwidth_kbps); }

  roles::Codes encode(std::span<const float> wave_CN, std::int64_t codebooks = 0) override;
  std::vector<roles::Codes> encode_all(std::span<const std::vector<float>> waves, std::int64_t codebooks = 0) override;
  std::vector<float> decode(const roles::Codes& codes) override;
  std::unique_ptr<roles::DecodeStream> decode_stream(std::int64_t codebooks) override;
  std::unique_ptr<roles::EncodeStream> encode_stream(std::int64_t codebooks) override;

  const Config& config() const { return network_->config; }
  /// What the encoder makes of samples × channels, frames × dimension; nothing is cut or scaled.
  Rows embed(const Rows& x_NC, const Probe& probe = {});
  /// What the decoder makes of frames × dimension.
  Rows render(const Rows& x_FD, const Probe& probe = {});
  const Quantizer& quantizer() const { return network_->quantizer; }
  /// Samples [at, at + count) of a recording, divided by their loudness where the network wants that.
  Scaled piece(std::span<const float> wave_CN, std::int64_t at, std::int64_t count) const;
  /// What decode() makes before it is cut to the number of samples.
  std::vector<float> decode_uncut(const roles::Codes& codes);

 private:
  std::int64_t rows_wanted(std::int64_t codebooks) const;
  std::int64_t check(std::span<const float> wave_CN) const;
  void embed_together(std::span<const Rows> x, std::span<Rows> out);

  std::shared_ptr<const Network> network_;
  Passage encoder_, decoder_;
};

/// Opens a codec's folder. Throws DataError naming file and field.
std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder);

}  // namespace timbre::encodec
