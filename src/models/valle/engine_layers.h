#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/scratch.h"
#include "base/team.h"
#include "kernels/conv.h"
#include "kernels/kv_cache.h"
#include "weights/shaped_reader.h"

/// The decoders of VALL-E for one utterance at inference, without LibTorch: model.h says what each layer computes.
/// Rows are positions, numbers of a position close together; without a batch there is no padding.
namespace timbre::valle {

/// LayerNorm, or lifeiteng's adaptive one, whose gain and shift depend on the stage and are made when it is opened.
class EngineNorm {
 public:
  /// stages_SD: one vector a stage; empty = a plain norm.
  EngineNorm(weights::ShapedReader& reader, const std::string& name, std::int64_t width,
             const std::vector<float>& stages_SD);
  /// to may be from.
  void run(const float* from_TD, std::int64_t rows, std::int64_t stage, float* to_TD) const;

 private:
  std::int64_t width_;
  std::vector<float> gain_SD_, shift_SD_;
};

/// torch.nn.Linear, for rows or for one position by a team.
struct EngineLinear {
  kernels::Packed packed;
  void read(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs, std::int64_t outputs,
            bool bias = true);
  void run(const float* from_TI, std::int64_t rows, float* to_TO, const kernels::Finish& finish = {}) const;
  /// A member's share of one row. to_O: outputs up to a multiple of 32, 64-byte aligned.
  void step(const float* from_I, float* to_O, int member, int members, bool accumulate = false,
            bool relu = false) const;
};

struct DecoderShape {
  std::int64_t width = 0, heads = 1, layers = 0;
  bool norm_first = true;
  bool hears_text = false;       ///< VALL-F: cross-attention to the text
  std::vector<float> stages_SD;  ///< of adaptive norms
};

/// Who sees whom: the first `whole` rows each other and nothing else, the rest those and what came before.
struct Sight {
  bool causal = false;  ///< false: everybody everybody
  std::int64_t whole = 0;
};

/// What attention needs of the positions that were.
struct DecoderCaches {
  std::vector<kernels::KvCache> own, text;  ///< of each layer
  std::int64_t length() const { return own.empty() ? 0 : own.front().length(); }
  /// Forgets positions behind the first so many.
  void shorten(std::int64_t positions) {
    for (auto& cache : own) cache.shorten(positions);
  }
};

/// Working memory of one position; kept between steps so that none of them allocates.
struct StepRoom {
  float *x_D = nullptr, *qkv_3D = nullptr, *heard_D = nullptr, *wide_F = nullptr;
  std::vector<float*> normed_D, work;  ///< of each member
};

class EngineLayer {
 public:
  EngineLayer(weights::ShapedReader& reader, const std::string& name, const DecoderShape& shape);
  /// x in place. memory_SD: rows of the text, for VALL-F. own, text: filled for steps to come, where given.
  struct Rows {
    float* x_TD = nullptr;
    std::int64_t rows = 0;
    Sight sight;
    std::int64_t stage = 0;
    const float* memory_SD = nullptr;
    std::int64_t memory_rows = 0;
    kernels::KvCache *own = nullptr, *text = nullptr;
  };
  void run(const Rows& rows, Scratch& scratch) const;
  /// One member's part of one position; room.x_D in place.
  void step(const StepRoom& room, kernels::KvCache& own, const kernels::KvCache& text, int member, Team& team) const;

 private:
  struct Cross {
    EngineLinear q, k, v, out;
    EngineNorm norm;
  };
  void attend(const Rows& r, const float* from_TD, Scratch& scratch) const;
  void hear(const Rows& r, const float* from_TD, Scratch& scratch) const;
  void step_own(const StepRoom& room, kernels::KvCache& own, int member, Team& team) const;
  void step_text(const StepRoom& room, const kernels::KvCache& text, int member, Team& team) const;
  /// What a product starts from: x normed into `normed`, or x itself where norms come after.
  const float* before(const EngineNorm& norm, const StepRoom& room, int member) const;
  void after(const EngineNorm& norm, const StepRoom& room, int member, Team& team) const;

  std::int64_t width_, heads_;
  bool norm_first_;
  float scale_;
  EngineLinear qkv_, out_, expand_, contract_;
  EngineNorm norm_1_;
  std::optional<Cross> cross_;
  EngineNorm norm_ffn_;
};

class EngineDecoder {
 public:
  EngineDecoder(weights::ShapedReader& reader, const std::string& name, const DecoderShape& shape);
  /// Bytes that one step reads with so many positions behind it: weights, keys and values.
  double step_bytes(std::int64_t positions) const;
  /// x in place; `caches`, where given, are filled anew. memory_SD as in EngineLayer::Rows.
  void run(float* x_TD, std::int64_t rows, const Sight& sight, std::int64_t stage, const float* memory_SD,
           std::int64_t memory_rows, DecoderCaches* caches, Scratch& scratch) const;
  /// One position: head's logits of it (64-byte aligned, up to a multiple of 32). The caches hold what was before.
  void step(const float* x_D, const EngineLinear& head, float* logits, DecoderCaches& caches, Team& team,
            StepRoom& room, Scratch& scratch) const;

 private:
  DecoderShape shape_;
  std::vector<EngineLayer> layers_;
  std::optional<EngineNorm> final_norm_;
};

}  // namespace timbre::valle
