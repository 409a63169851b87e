#include "codecs/vocos/code_vocoder.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "codecs/vocos/config.h"
#include "codecs/vocos/engine_vocoder.h"
#include "roles/network_folder.h"
#include "roles/vocoder.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

class EngineCodeVocoder final : public roles::CodeVocoder {
 public:
  EngineCodeVocoder(const Config& config, const std::filesystem::path& weights)
      : EngineCodeVocoder(config, weights::read_safetensors(weights), weights.string()) {}
  std::string name() const override { return "vocos"; }
  void expect(const roles::Codec& codec) const override;
  std::vector<float> decode(const roles::Codes& codes, const roles::Codec& codec) override;

 private:
  EngineCodeVocoder(const Config& config, const weights::TensorMap& tensors, const std::string& where)
      : config_(config), engine_(sizes_of(config), tensors, where) {
    const weights::Tensor* books = tensors.find("feature_extractor.codebook_weights");
    const std::vector<std::int64_t> want = {config.codes.codebooks * config.codes.codebook_size,
                                            config.input_channels()};
    if (!books || books->shape != want)
      throw DataError(fmt::format("{}: feature_extractor.codebook_weights is {}, expected {}", where,
                                  books ? books->describe() : "missing", weights::shape_text(want)));
    books_RC_ = books->to_f32();
  }
  /// Codebooks that each bandwidth buys, by row of the norms; 0 where the codec has no such bandwidth.
  std::vector<std::int64_t> codebooks_by_row(const roles::Codec& codec) const;
  std::int64_t row_of(std::int64_t codebooks, const roles::Codec& codec) const;
  std::vector<float> features(const roles::CodeSegment& codes, std::int64_t codebooks) const;

  Config config_;
  Engine engine_;
  std::vector<float> books_RC_;  ///< rows of all codebooks one after the other
};

void EngineCodeVocoder::expect(const roles::Codec& codec) const {
  const std::string next = "give the codec that it was trained with, or leave --vocoder out";
  const auto refuse = [&](const char* what, std::int64_t want, std::int64_t have) {
    throw UsageError(fmt::format("this vocos takes the codes of {}: {} {}; {} has {}", config_.codes.codec, what, want,
                                 codec.name(), have),
                     next);
  };
  if (codec.name() != "encodec")
    throw UsageError(
        fmt::format("this vocos takes the codes of {}, not those of {}", config_.codes.codec, codec.name()), next);
  if (codec.rate_hz() != config_.rate_hz()) refuse("rate_hz", config_.rate_hz(), codec.rate_hz());
  if (codec.channels() != 1) refuse("channels", 1, codec.channels());
  if (codec.hop_samples() != config_.head.hop_samples)
    refuse("hop_samples", config_.head.hop_samples, codec.hop_samples());
  if (codec.codebook_size() != config_.codes.codebook_size)
    refuse("codebook_size", config_.codes.codebook_size, codec.codebook_size());
}

std::vector<std::int64_t> EngineCodeVocoder::codebooks_by_row(const roles::Codec& codec) const {
  std::vector<std::int64_t> list;
  for (const double kbps : config_.codes.bandwidths_kbps) {
    std::int64_t codebooks = 0;
    try {
      codebooks = codec.codebooks_of(kbps);
    } catch (const UsageError&) {  // this codec was made without that bandwidth: it has no such codes
      codebooks = 0;
    }
    list.push_back(codebooks <= config_.codes.codebooks ? codebooks : 0);
  }
  return list;
}

std::int64_t EngineCodeVocoder::row_of(std::int64_t codebooks, const roles::Codec& codec) const {
  const auto list = codebooks_by_row(codec);
  const auto found = codebooks < 1 ? list.end() : std::find(list.begin(), list.end(), codebooks);
  const std::int64_t row = found - list.begin(), rows = config_.backbone.bandwidths;
  if (found != list.end() && (rows == 0 || row < rows)) return rows == 0 ? 0 : row;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i] > 0) known.push_back(fmt::format("{} ({} kbit/s)", list[i], config_.codes.bandwidths_kbps[i]));
  throw DataError(fmt::format("{} codebooks are no bandwidth that this vocos was trained with", codebooks),
                  fmt::format("codebooks it takes: {}", join(known, ", ")));
}

/// Sum of the codebooks' rows, frames × channels.
std::vector<float> EngineCodeVocoder::features(const roles::CodeSegment& codes, std::int64_t codebooks) const {
  const std::int64_t C = config_.input_channels(), size = config_.codes.codebook_size;
  std::vector<float> x_FC(static_cast<std::size_t>(codes.frames * C));
  for (std::int64_t f = 0; f < codes.frames; ++f) {
    float* to = x_FC.data() + f * C;
    for (std::int64_t q = 0; q < codebooks; ++q) {
      const std::int64_t code = codes.codes_FQ.at(static_cast<std::size_t>(f * codebooks + q));
      if (code < 0 || code >= size)
        throw DataError(fmt::format("frame {}, codebook {}: code {} is out of range; the codebooks have 0 to {}", f, q,
                                    code, size - 1));
      const float* row = books_RC_.data() + (q * size + code) * C;
      for (std::int64_t c = 0; c < C; ++c) to[c] += row[c];
    }
  }
  return x_FC;
}

std::vector<float> EngineCodeVocoder::decode(const roles::Codes& codes, const roles::Codec& codec) {
  expect(codec);
  if (codes.segments.size() != 1 || codes.segments.front().scale != 1.0f)
    throw DataError("these codes are of pieces of their own loudness; this vocoder takes a recording in one piece");
  const std::int64_t row = row_of(codes.codebooks, codec);
  const roles::CodeSegment& all = codes.segments.front();
  audio::MelOptions frames;  // what synthesize_in_pieces asks of a mel: numbers of a frame, samples of one
  frames.mels = config_.input_channels();
  frames.hop_samples = config_.head.hop_samples;
  auto wave_N = roles::synthesize_in_pieces(
      features(all, codes.codebooks), all.frames, frames, kPieceFrames, config_.context_frames(),
      [&](const float* part_FC, std::int64_t part, float* wave) { engine_.run(part_FC, part, wave, row); });
  for (float& x : wave_N) x = std::clamp(x, -1.0f, 1.0f);
  wave_N.resize(static_cast<std::size_t>(codes.samples));
  return wave_N;
}

}  // namespace

std::unique_ptr<roles::CodeVocoder> open_code_vocoder(const roles::VoiceFiles& folder) {
  const Config config = config_of(folder.about, (folder.dir / "voice.json").string());
  if (!config.takes_codes())
    throw UsageError(fmt::format("{} takes mel spectrograms, not codes", folder.dir.string()),
                     "timbre convert reads Vocos' EnCodec kind; timbre vocode uses vocoders for mels");
  return std::make_unique<EngineCodeVocoder>(config, roles::weights_file(folder.dir, folder.about));
}

}  // namespace timbre::vocos
