#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/scratch.h"
#include "base/team.h"
#include "kernels/kv_cache.h"
#include "models/llasa/config.h"
#include "models/llasa/engine_layers.h"
#include "models/llasa/hf_folder.h"

/// Llasa without LibTorch, for one sequence. Every token reads all weights once, so memory bandwidth is what limits it:
/// weights and cache lie in the order of reading, and only the tokens that may be said are scored.
namespace timbre::llasa {

/// How numbers are kept; sums are always made in single precision.
enum class Precision : std::uint8_t {
  stored,  ///< bf16 where the embedding is stored so, else fp32
  fp32,
  bf16,  ///< half the bytes; weights stored in more are rounded to the nearest
};

struct EngineOptions {
  Precision weights = Precision::stored;
  Precision cache = Precision::fp32;  ///< of keys and values; `stored` as the weights
  /// Tokens that are scored: number i of the scores belongs to scored[i]. Empty = the whole vocabulary, in order.
  std::vector<std::int64_t> scored;
};

/// Why the engine cannot compute such a network: "" when it can.
std::string engine_lacks(const Config& config);

/// The weights, packed. Sessions share one; nothing changes it.
class Engine {
 public:
  /// Throws DataError naming `where` when the sources are not the tensors of layout(config), UsageError for tokens to
  /// be scored that there are none of. One tensor is in memory at a time beside what is packed, except the embedding,
  /// which is kept as it is stored.
  Engine(const Config& config, const std::vector<Source>& sources, const std::string& where,
         const EngineOptions& options = {});
  Engine(const Config& config, const weights::TensorMap& weights, const std::string& where,
         const EngineOptions& options = {});
  /// Of a Hugging Face folder, with peft's adapter merged where one is named. Throws DataError, SystemError.
  static Engine open(const std::filesystem::path& folder, const EngineOptions& options = {},
                     const std::filesystem::path& adapter = {});

  const Config& config() const { return config_; }
  /// The token that each score is of.
  std::span<const std::int64_t> scored() const { return scored_; }
  bool weights_are_bf16() const { return numbers_ == kernels::Numbers::bf16; }
  /// Bytes that one step reads with so many tokens behind it: weights, keys and values.
  double step_bytes(std::int64_t tokens) const;

 private:
  friend class EngineSession;
  Config config_;
  kernels::Numbers numbers_ = kernels::Numbers::f32, cache_numbers_ = kernels::Numbers::f32;
  std::vector<std::int64_t> scored_;
  EngineEmbedding embedding_;
  std::vector<EngineLayer> layers_;
  EngineNorm norm_;
  std::unique_ptr<kernels::PanelMatrix> head_;
};

/// 0 for every token that is `hidden`, 1 for the others: what transformers makes up when it is given a pad token that
/// is no end.
std::vector<std::uint8_t> seen_but(std::span<const std::int64_t> ids_T, std::int64_t hidden);

/// One sequence as it grows. Not thread-safe; shares its work out over thread_count() threads. The engine must outlive
/// it.
class EngineSession {
 public:
  explicit EngineSession(const Engine& engine);

  /// Hears tokens, after those that were heard already, and scores what comes after the last of them. seen_T: 0 =
  /// nobody sees this token; empty = all are seen; the last one must be. positions_T: empty = seen tokens are counted,
  /// as generate() of transformers counts them when it has a mask; training leaves them at 0 … T − 1. Throws UsageError
  /// for no tokens and for more than the network has positions, DataError for ids past the vocabulary. The scores are
  /// valid until the next call.
  std::span<const float> prefill(std::span<const std::int64_t> ids_T, std::span<const std::uint8_t> seen_T = {},
                                 std::span<const std::int64_t> positions_T = {});
  /// One more token, at the position after the last. Throws as prefill().
  std::span<const float> step(std::int64_t id);

  /// Tokens that are seen by what comes next: those heard, without the hidden ones.
  std::int64_t length() const { return static_cast<std::int64_t>(positions_.size()); }
  /// Tokens there are positions for, after the last one.
  std::int64_t room() const;
  /// Forgets everything.
  void clear() { shorten(0); }
  /// Forgets all but the first so many tokens.
  void shorten(std::int64_t tokens);
  /// Goes back to the end of the last prefill() and gives its scores again, so that the same prompt can be answered
  /// anew. Throws UsageError where there is none to go back to.
  std::span<const float> rewind();
  /// Makes room for so many tokens at once; without it caches grow by doubling.
  void reserve(std::int64_t tokens);

 private:
  void check(std::int64_t id, std::int64_t position, std::int64_t place) const;
  void prefill_block(std::span<const std::int64_t> ids_T, std::span<const std::int64_t> positions_T, bool is_last);
  void start_team();

  const Engine* engine_;
  std::vector<std::int64_t> positions_;  ///< of the tokens in the caches
  std::vector<kernels::KvCache> caches_;
  std::optional<Team> team_;
  Scratch scratch_;
  Aligned<float> scores_;
  std::vector<float> prompt_scores_;
  std::int64_t prompt_length_ = 0;
};

}  // namespace timbre::llasa
