#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "prepare/speed_classes.h"
#include "tokenizer/speech_tokens.h"

/// Which clips stand together in a row of the speed memmap: every medium clip with a slow or fast clip of its speaker,
/// drawn by chance. get_memmap_speedV2.py of JiachuanDENG/llasa-with-speed-control.
namespace timbre::prepare {

struct PairRules {
  std::uint32_t seed = 0;
  double val_share = 0.01;  ///< of the medium clips, the last of the shuffled ones
  /// Rows that each medium clip to train on stands in, with partners drawn anew: few clips, told apart by no partner of
  /// their own, teach what is meant by a mark rather than which clip follows which. The reference has one.
  std::int64_t passes = 1;
  /// So many of the partners to train on are medium ones, under <|MEDIUM|>. The reference has none.
  double medium_share = 0;
  /// Rows that each clip to train on, of whatever speed, stands alone in, for voices that speak without a recording
  /// before them: a slow or fast one under its mark. The reference has none.
  std::int64_t alone = 0;
  /// The reference's own draws: numpy.random.seed(seed) shuffles, random.seed(seed) draws (with one worker), no clip is
  /// held out where there are fewer than 1 / val_share, and slow and fast clips are shared by train and val.
  bool as_reference = false;
};

struct SpeedPair {
  std::string speaker, medium, partner;  ///< one of the two is empty where a clip stands alone
  tokenizer::Speed tag = tokenizer::Speed::slow;
  bool val = false;
};

struct PairPlan {
  std::vector<SpeedPair> pairs;    ///< in the order of the rows: train, then val
  std::vector<Skipped> left_out;   ///< medium clips that have no partner
  std::vector<std::string> notes;  ///< for people
};

/// `lists` in the order of the speakers. `copy_of` names what a clip was stretched from (names → names): a clip is
/// never paired with its own copy. Not as_reference, at least one medium clip is held out, and slow and fast clips that
/// stand in val rows stand in no train row. Throws DataError where the reference would leave no row to train on.
PairPlan plan_pairs(const std::vector<SpeedLists>& lists, const PairRules& rules,
                    const std::map<std::string, std::string>& copy_of = {});

}  // namespace timbre::prepare
