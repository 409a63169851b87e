#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "roles/code_synthesizer.h"

namespace timbre::roles {

/// Draws one code after the other, and notices when they go round in circles.
class CodeSampler {
 public:
  /// Logits beyond the codes (the end token) are drawn like any other.
  explicit CodeSampler(const CodeSampling& options) : options_(options), random_(options.seed) {}

  /// An index into the logits: temperature, top-k, top-p, softmax, one draw; repetition-aware where asked. Throws
  /// DataError when the logits are not numbers.
  std::int64_t draw(std::span<const float> logits);
  /// Σ log-probability of all draws so far, among what top-k and top-p left; 0 each where nothing is drawn.
  double log_probability() const { return log_probability_; }
  /// Takes the code as said (what was drawn, unless it ended the utterance).
  void keep(std::int32_t code) { said_.push_back(code); }
  const std::vector<std::int32_t>& said() const { return said_; }

  /// How many of the kept codes there were when the cycle they are in now had come round once; nothing said after it
  /// is new. said().size() while they are in none that is CodeSampling::loop_frames long.
  std::size_t loop_begin() const;
  bool loops() const { return loop_begin() < said_.size(); }

  static constexpr std::size_t kLongestCycle = 16;

 private:
  /// One draw; `log_probability` of it.
  std::int64_t pick(const std::vector<float>& weights, double& log_probability);
  bool is_worn(std::int64_t code) const;

  CodeSampling options_;
  Philox random_;
  double log_probability_ = 0;
  std::vector<std::int32_t> said_;
  std::vector<float> weights_, sorted_;
  std::vector<std::size_t> order_;
};

}  // namespace timbre::roles
