#pragma once
#include "codecs/vocos/config.h"
#include "nn/istft.h"
#include "nn/layers.h"

/// The network of Vocos. Names of parameters and buffers are the reference's (gemelo-ai/vocos), so its files load as
/// they are. Letters: F frames, C channels of an input frame, D width, K bins, N samples.
namespace timbre::vocos {

using nn::Tensor;

/// Layer norm whose scale and shift are rows of tables, one row a bandwidth; or a plain one.
class FrameNorm final : public nn::Module {
 public:
  /// rows = 0: plain.
  FrameNorm(std::int64_t width, std::int64_t rows);
  /// `row`: of the tables; unused by a plain norm. Throws std::logic_error for one that is not there.
  Tensor forward(const Tensor& x_BFD, std::int64_t row) const;

 private:
  std::int64_t rows_;
  Tensor weight_, bias_;                          ///< plain
  std::unique_ptr<nn::Embedding> scale_, shift_;  ///< adaptive
};

/// Depthwise convolution over 7 frames, norm, linear, GELU, linear, a factor a channel; added to its input.
class Block final : public nn::Module {
 public:
  explicit Block(const BackboneOptions& options);
  Tensor forward(const Tensor& x_BFD, std::int64_t row) const;

 private:
  nn::Conv1d dwconv_;
  FrameNorm norm_;
  nn::Linear pwconv1_, pwconv2_;
  Tensor gamma_D_;
};

class Backbone final : public nn::Module {
 public:
  Backbone(std::int64_t inputs, const BackboneOptions& options);
  /// [B, F, C] → [B, F, D]. `each`, where given, is told the output of every layer by its name.
  using Look = std::function<void(const std::string& name, const Tensor& x_BFD)>;
  Tensor forward(const Tensor& x_BFC, std::int64_t row, const Look& each = {}) const;

 private:
  nn::Conv1d embed_;
  FrameNorm norm_;
  std::vector<std::unique_ptr<Block>> convnext_;
  nn::LayerNorm final_layer_norm_;
};

/// Linear to log magnitude and phase of every bin, then the inverse STFT.
class Head final : public nn::Module {
 public:
  Head(std::int64_t width, const HeadOptions& options);
  struct Spectrum {
    Tensor real_BFK, imag_BFK;
  };
  Spectrum spectrum(const Tensor& x_BFD) const;
  /// What the linear layer says, [B, F, 2K].
  Tensor project(const Tensor& x_BFD) const { return out_.forward(x_BFD); }
  Spectrum spectrum_of(const Tensor& projected_BF2K) const;
  nn::Istft istft() const;

 private:
  nn::Linear out_;
  HeadOptions options_;
  Tensor window_S_;
};

/// The tensors the reference keeps of its feature extractor; nothing here computes with the mel's.
class FeatureExtractor final : public nn::Module {
 public:
  explicit FeatureExtractor(const Config& config);
  /// Sum of the codebooks' rows: codes [B, F, Q] → [B, F, C].
  Tensor of_codes(const Tensor& codes_BFQ) const;

 private:
  std::int64_t codebook_size_;
  Tensor codebooks_;  ///< [Q·size, C]
};

class Network : public nn::Module {
 public:
  explicit Network(const Config& config);
  /// Frames → samples: (F - 1)·hop with padding center, F·hop with same.
  Tensor forward(const Tensor& x_BFC, std::int64_t bandwidth_row = 0) const;
  /// F·hop samples with either padding (Istft::forward_whole).
  Tensor forward_whole(const Tensor& x_BFC, std::int64_t bandwidth_row = 0) const;
  const Config& config() const { return config_; }
  const FeatureExtractor& features() const { return feature_extractor_; }
  const Backbone& backbone() const { return backbone_; }
  const Head& head() const { return head_; }

 private:
  Config config_;
  FeatureExtractor feature_extractor_;
  Backbone backbone_;
  Head head_;
};

/// Copies a file's tensors in. A codec's own tensors, which some files carry, are left aside. Throws DataError.
void load_network(Network& network, const weights::TensorMap& map, const std::string& where);

}  // namespace timbre::vocos
