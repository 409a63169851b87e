#include "prepare/alignment_grid.h"

namespace timbre::prepare {

align::TextGrid alignment_grid(std::span<const align::Interval> phones, std::span<const std::int64_t> word_of_phone,
                               const std::vector<std::string>& words) {
  if (phones.empty()) return {};
  align::TextGrid grid{.start_s = phones.front().start_s, .end_s = phones.back().end_s};
  align::Tier said{.name = "words", .start_s = grid.start_s, .end_s = grid.end_s};
  std::int64_t last = -2;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    const std::int64_t word = word_of_phone[i];
    if (word != last) {
      const bool named = word >= 0 && word < static_cast<std::int64_t>(words.size());
      said.intervals.push_back({phones[i].start_s, 0, named ? words[static_cast<std::size_t>(word)] : std::string()});
    }
    said.intervals.back().end_s = phones[i].end_s;
    last = word;
  }
  grid.tiers.push_back(std::move(said));
  grid.tiers.push_back(
      {.name = "phones", .start_s = grid.start_s, .end_s = grid.end_s, .intervals = {phones.begin(), phones.end()}});
  return grid;
}

}  // namespace timbre::prepare
