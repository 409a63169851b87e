#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "align/textgrid.h"

namespace timbre::prepare {

/// An alignment as a TextGrid with the tiers words and phones, as MFA has them: silences are sil at the ends and sp
/// inside among phones, "" among words. Neighbouring intervals of one word number are one word; -1 is silence.
/// `word_of_phone` is as long as `phones`; a word without a name is "".
align::TextGrid alignment_grid(std::span<const align::Interval> phones, std::span<const std::int64_t> word_of_phone,
                               const std::vector<std::string>& words);

}  // namespace timbre::prepare
