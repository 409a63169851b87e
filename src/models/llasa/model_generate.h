#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "models/llasa/model.h"
#include "roles/logits_rules.h"

/// Speaking as transformers' generate() does it, every step computed anew from all tokens: what the engine is held
/// against. Also what a GPU speaks with while there is no engine for it.
namespace timbre::llasa {

/// How tokens are chosen and when to stop.
struct GenerateOptions {
  roles::LogitsRules rules;
  bool greedy = true;
  std::uint64_t seed = 0;             ///< of the draws; a row's are its own
  std::int64_t max_new_tokens = 0;    ///< 0 = up to max_length
  std::int64_t max_length = 0;        ///< of prompt and answer together; 0 = the network's positions
  std::int64_t min_new_tokens = 0;    ///< before so many no end is said
  std::vector<std::int64_t> ends;     ///< tokens that end a row; they are part of it
  std::int64_t pad = -1;              ///< fills rows that have ended while others go on; −1 = the first end
  std::vector<std::int64_t> allowed;  ///< what may be said; empty = everything
};

/// Hears the raw logits [B, V] of each step, from 0.
using StepListener = std::function<void(std::int64_t, const Tensor&)>;

/// New tokens of every row. ids_BT: prompts, padded on the left; mask_BT: 0 where a token is not seen, undefined = all
/// are seen. With a mask, positions count seen tokens alone, as transformers counts them. Throws UsageError for a
/// prompt that leaves no room, DataError for ids past the vocabulary.
std::vector<std::vector<std::int64_t>> generate(const Model& model, const Tensor& ids_BT, const Tensor& mask_BT,
                                                const GenerateOptions& options, const StepListener& listen = nullptr);

/// The mask that transformers makes up when it is given a pad token that is no end: 0 at every such token, in the
/// middle of a prompt too. Undefined where it makes none.
Tensor mask_of_pads(const Tensor& ids_BT, std::int64_t pad, const std::vector<std::int64_t>& ends);

}  // namespace timbre::llasa
