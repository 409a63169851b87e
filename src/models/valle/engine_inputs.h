#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/scratch.h"
#include "models/valle/engine_layers.h"

/// What stands before the decoders of VALL-E: tables, prenets, positions.
namespace timbre::valle {

/// torch.nn.Embedding.
class EngineTable {
 public:
  EngineTable() = default;
  EngineTable(weights::ShapedReader& reader, const std::string& name, std::int64_t rows, std::int64_t width);
  const float* row(std::int64_t i) const { return values_.data() + i * width_; }
  std::int64_t rows() const { return width_ ? static_cast<std::int64_t>(values_.size()) / width_ : 0; }
  const std::vector<float>& values() const { return values_; }
  /// x_D += row i.
  void add_to(float* x_D, std::int64_t i) const;

 private:
  std::int64_t width_ = 0;
  std::vector<float> values_;
};

/// Sines in even columns, cosines in odd ones, times alpha (§3.5 of Vaswani et al. 2017, computed in single precision
/// as the reference does).
class EnginePositions {
 public:
  EnginePositions(weights::ShapedReader& reader, const std::string& name, std::int64_t width);
  /// x += alpha · the positions first … first + rows − 1.
  void add_to(float* x_TD, std::int64_t first, std::int64_t rows);

 private:
  std::int64_t width_;
  float alpha_;
  std::vector<float> frequencies_, made_TD_;
};

/// Three convolutions with batch normalisation folded in, then a linear layer (add_prenet, of texts).
class EngineTextPrenet {
 public:
  EngineTextPrenet(weights::ShapedReader& reader, const std::string& name, std::int64_t width);
  void run(float* x_SD, std::int64_t rows, Scratch& scratch) const;

 private:
  std::int64_t width_;
  std::vector<kernels::Packed> convolutions_;
  EngineLinear linear_;
};

/// Three linear layers (add_prenet, of codes).
class EngineCodePrenet {
 public:
  EngineCodePrenet(weights::ShapedReader& reader, const std::string& name, std::int64_t width);
  void run(float* x_TD, std::int64_t rows, Scratch& scratch) const;

 private:
  EngineLinear narrow_, middle_, wide_;
};

/// Text of one decoder: table, language table, prenet, positions. `side` is "ar" or "nar".
class EngineText {
 public:
  EngineText(weights::ShapedReader& reader, const std::string& side, std::int64_t rows, std::int64_t languages,
             std::int64_t width, bool prenet);
  /// x_SD from tokens; languages_S as in roles::CodeRequest.
  void run(std::span<const std::int64_t> tokens_S, std::span<const std::int64_t> languages_S, float* x_SD,
           Scratch& scratch);
  std::int64_t rows() const { return table_.rows(); }

 private:
  std::int64_t width_;
  EngineTable table_, languages_;
  std::optional<EngineTextPrenet> prenet_;
  EnginePositions positions_;
};

/// Prenet and positions of codes, whose embeddings are in x already.
class EngineCodes {
 public:
  EngineCodes(weights::ShapedReader& reader, const std::string& side, std::int64_t width, bool prenet);
  void run(float* x_TD, std::int64_t first, std::int64_t rows, Scratch& scratch);

 private:
  std::optional<EngineCodePrenet> prenet_;
  EnginePositions positions_;
};

}  // namespace timbre::valle
