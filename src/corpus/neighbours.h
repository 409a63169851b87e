#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/python_random.h"

/// Utterances said by the same voice next to each other: where a prompt of another utterance comes from (VALL-E's
/// prefix mode 4). Facts: lifeiteng/vall-e @9c69096, `valle/data/input_strategies.py`.
namespace timbre::corpus {

/// Whose recordings stand next to whose.
enum class NeighbourRule {
  libritts,  ///< of one speaker, sorted by id: the one before and the one after; the first has the second twice
  ljspeech,  ///< in the order of the list: after and before, where the first five characters of the ids agree; what
             ///< would have none takes the one before
  speaker    ///< ours, for every other corpus: of one speaker, in the order of the list, as libritts
};
/// "libritts", "ljspeech" (any case) and "speaker". Throws UsageError for other names, as the reference refuses them.
NeighbourRule neighbour_rule(const std::string& dataset);

/// Of each utterance the places of its neighbours, in the reference's order; a lone utterance is its own. ids and
/// speakers are of equal length (std::logic_error).
std::vector<std::vector<std::size_t>> neighbours(NeighbourRule rule, std::span<const std::string> ids,
                                                 std::span<const std::string> speakers);

/// A piece of another utterance.
struct PromptPiece {
  std::size_t utterance = 0;
  std::int64_t first_frame = 0, frames = 0;
};

/// One prompt for each utterance of a batch: a neighbour drawn uniformly, and of it a piece from a random frame on. All
/// pieces are as long as the shortest neighbour drawn, and at most `most_frames` (3 s in the reference).
std::vector<PromptPiece> draw_prompts(std::span<const std::size_t> batch,
                                      const std::vector<std::vector<std::size_t>>& neighbours,
                                      std::span<const std::int64_t> frames, std::int64_t most_frames,
                                      PythonRandom& random);

}  // namespace timbre::corpus
