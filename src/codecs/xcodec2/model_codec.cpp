#include "codecs/xcodec2/model_codec.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "codecs/xcodec2/features.h"
#include "codecs/xcodec2/names.h"
#include "nn/init.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::xcodec2 {
namespace {

/// For a single recording, as the published code takes them.
class FolderCodec final : public roles::Codec {
 public:
  explicit FolderCodec(const roles::VoiceFiles& folder) {
    const Config config = config_of_folder(folder.about, (folder.dir / "voice.json").string());
    const auto path = roles::weights_file(folder.dir, folder.about);
    model_ = build_model(config, weights::read_safetensors(path), path.string());
  }

  std::string name() const override { return "xcodec2"; }
  std::int64_t rate_hz() const override { return kRateHz; }
  std::int64_t channels() const override { return 1; }
  std::int64_t hop_samples() const override { return model_->config.hop_samples(); }
  std::int64_t codebooks() const override { return 1; }
  std::int64_t codebook_size() const override { return model_->decoder.quantizer().codebook().size(); }
  std::int64_t codebooks_of(double bandwidth_kbps) const override {
    const double bits = std::log2(static_cast<double>(codebook_size()));
    const double only = bits * static_cast<double>(kRateHz) / static_cast<double>(hop_samples()) / 1000;
    if (std::abs(bandwidth_kbps - only) > 1e-6)
      throw UsageError(fmt::format("a bandwidth of {} kbps: X-Codec 2 has {} kbps alone", bandwidth_kbps, only));
    return 1;
  }

  roles::Codes encode(std::span<const float> wave_N, std::int64_t codebooks) override {
    if (codebooks < 0 || codebooks > 1) throw UsageError(fmt::format("{} codebooks: X-Codec 2 has one", codebooks));
    if (wave_N.empty()) throw DataError("a recording of 0 samples has no codes");
    for (std::size_t i = 0; i < wave_N.size(); ++i)
      if (!std::isfinite(wave_N[i]))
        throw DataError(fmt::format("sample {} of the recording is {}: all must be finite", i, wave_N[i]));
    const at::NoGradGuard no_grad;
    const auto samples = static_cast<std::int64_t>(wave_N.size());
    std::vector<float> padded(wave_N.begin(), wave_N.end());
    padded.resize(padded.size() + static_cast<std::size_t>(pad_samples(samples, hop_samples())));
    const Features features = features_of(padded);
    const Tensor features_1TC =
        nn::to_torch(weights::Tensor::of<float>({1, features.frames, kFeatureWidth}, features.values_FC));
    const auto whole = static_cast<std::int64_t>(padded.size());
    const Tensor codes_1T =
        model_->encode(nn::to_torch(weights::Tensor::of<float>({1, whole}, std::move(padded))), features_1TC);
    roles::Codes out;
    out.codebooks = 1;
    out.samples = samples;
    roles::CodeSegment segment;
    for (const std::int64_t code : nn::from_torch(codes_1T.contiguous()).to_i64())
      segment.codes_FQ.push_back(static_cast<std::int32_t>(code));
    segment.frames = static_cast<std::int64_t>(segment.codes_FQ.size());
    out.segments.push_back(std::move(segment));
    return out;
  }

  std::vector<float> decode(const roles::Codes& codes) override {
    if (codes.codebooks != 1) throw DataError(fmt::format("codes of {} codebooks: X-Codec 2 has one", codes.codebooks));
    if (codes.segments.size() != 1)
      throw DataError(fmt::format("codes in {} segments: X-Codec 2 codes a recording in one", codes.segments.size()));
    const std::vector<std::int32_t>& given = codes.segments.front().codes_FQ;
    if (given.empty()) throw DataError("no codes to decode");
    if (codes.segments.front().frames != static_cast<std::int64_t>(given.size()))
      throw DataError(fmt::format("{} codes for {} frames", given.size(), codes.segments.front().frames));
    std::vector<std::int64_t> wide;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (given[i] < 0 || given[i] >= codebook_size())
        throw DataError(fmt::format("frame {}, codebook 0: code {} is out of range, 0 to {} expected", i, given[i],
                                    codebook_size() - 1));
      wide.push_back(given[i]);
    }
    const at::NoGradGuard no_grad;
    const auto frames = static_cast<std::int64_t>(wide.size());
    const Tensor wave_1N =
        model_->decode_in_chunks(nn::to_torch(weights::Tensor::of<std::int64_t>({1, frames}, std::move(wide))));
    std::vector<float> wave = nn::from_torch(wave_1N.contiguous()).to_f32();
    if (codes.samples > static_cast<std::int64_t>(wave.size()))
      throw DataError(fmt::format("the codes say {} samples, {} frames hold {}", codes.samples, frames, wave.size()));
    if (codes.samples > 0) wave.resize(static_cast<std::size_t>(codes.samples));
    return wave;
  }

 private:
  std::unique_ptr<Model> model_;
};

}  // namespace

std::unique_ptr<Model> build_model(const Config& config, const weights::TensorMap& tensors, const std::string& where) {
  const nn::InitNothing at_once;
  auto model = std::make_unique<Model>(config);
  model->load_exactly(folded(tensors, config), where);
  model->eval();
  return model;
}

std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder) {
  return std::make_unique<FolderCodec>(folder);
}

}  // namespace timbre::xcodec2
