#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::audio {

/// The likeliest path through `bins` voiced and `bins` unvoiced states of a pitch grid, frame by frame (Viterbi). Moves
/// are a triangle of pitch bins, `widest_bins` wide and normalised at the ends of the grid, times a switch of voicing;
/// any other move has the smallest probability there is.
class PitchPath {
 public:
  PitchPath(std::int64_t bins, double switch_probability, std::int64_t widest_bins);

  /// The next frame: probability of each voiced state, and the one that every unvoiced state has. Before the first
  /// frame all was unvoiced.
  void push(std::span<const double> voiced_S, double unvoiced);
  /// The states of all frames; those below `bins` are voiced.
  std::vector<std::int32_t> states() const;

 private:
  void move(bool to_voiced, std::span<const double> log_observed_S, double log_jump, std::int32_t jump_from,
            std::vector<std::int32_t>& pointers);

  std::int64_t bins_, half_;
  double stay_, change_;
  std::vector<double> log_triangle_, log_norm_, from_, best_, offset_, value_, next_;
  std::vector<std::vector<std::int32_t>> pointers_;
};

}  // namespace timbre::audio
