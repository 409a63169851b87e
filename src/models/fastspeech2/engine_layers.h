#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/scratch.h"
#include "kernels/conv.h"
#include "models/fastspeech2/config.h"
#include "weights/shaped_reader.h"

/// The layers of FastSpeech 2 for one utterance at inference, without LibTorch: model.h says what each computes. Rows
/// are positions in time, channels last; without a batch there is no padding and so no mask.
namespace timbre::fastspeech2 {

/// torch.nn.LayerNorm.
struct EngineNorm {
  std::vector<float> gain, shift;
  void read(weights::ShapedReader& reader, const std::string& name, std::int64_t channels);
  /// to may be from.
  void run(const float* from_TC, std::int64_t rows, float* to_TC) const;
};

/// torch.nn.Conv1d that keeps the length, or with one tap torch.nn.Linear.
struct EngineConv {
  kernels::Packed packed;
  void read(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs, std::int64_t outputs,
            std::int64_t taps);
  void read_linear(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs, std::int64_t outputs);
  void run(const float* from_TI, std::int64_t rows, float* to_TO, const kernels::Finish& finish = {}) const;
};

/// A block of either kind; `x` is changed in place.
class EngineBlock {
 public:
  EngineBlock(weights::ShapedReader& reader, const std::string& name, const StackOptions& options, bool separable);
  void run(float* x_TD, std::int64_t rows, Scratch& scratch) const;

 private:
  void attend(const float* from_TD, std::int64_t rows, float* onto_TD, Scratch& scratch) const;
  void run_separable(float* x_TD, std::int64_t rows, Scratch& scratch) const;
  void run_conv(float* x_TD, std::int64_t rows, Scratch& scratch) const;

  StackOptions options_;
  bool separable_;
  EngineConv qkv_, attn_out_;
  EngineNorm attn_norm_, ffn_norm_;
  kernels::PackedDepthwise depthwise_;
  EngineConv expand_, contract_;  ///< of conv blocks: w_1, w_2
};

/// Positions and blocks.
class EngineStack {
 public:
  EngineStack(weights::ShapedReader& reader, const std::string& name, const StackOptions& options,
              const Config& config);
  void run(float* x_TD, std::int64_t rows, Scratch& scratch);

 private:
  const float* positions(std::int64_t rows);

  std::int64_t width_;
  std::vector<double> frequencies_;  ///< of each pair of columns
  std::vector<float> stored_TD_;     ///< the file's table (conv blocks), for what it is long enough for
  std::vector<float> made_TD_;       ///< as many rows as were needed so far
  std::vector<EngineBlock> blocks_;
  bool separable_;
  EngineNorm final_norm_;
};

/// One number a position (§2.3, figure 1c).
class EnginePredictor {
 public:
  EnginePredictor(weights::ShapedReader& reader, const std::string& name, const Config& config);
  void run(const float* x_TD, std::int64_t rows, float* out_T, Scratch& scratch) const;

 private:
  std::int64_t filter_;
  EngineConv conv_1_, conv_2_, linear_;
  EngineNorm norm_1_, norm_2_;
};

/// Convolutions with batch normalisation folded in and tanh between (ming024).
class EnginePostNet {
 public:
  EnginePostNet(weights::ShapedReader& reader, const Config& config);
  /// mel += correction(mel).
  void run(float* mel_FM, std::int64_t frames, Scratch& scratch) const;

 private:
  std::int64_t filter_;
  std::vector<EngineConv> convolutions_;
};

}  // namespace timbre::fastspeech2
