#pragma once
#include <string>
#include <vector>

#include "score/preference.h"

namespace timbre::report {

/// The two sounds of a trial in the order they are heard, as data URIs (report/sound.h).
struct TrialSounds {
  std::string first, second;
};

struct ComparePageOptions {
  bool reveal = true;  ///< at the end the page says which was which; else it does not know
  bool show_text = true;
};

/// A blind listening test as one page: a pair at a time, both to be heard before one can be preferred, answers kept by
/// the browser until they are saved as a file for score::count_answers.
std::string make_compare_page(const score::Comparison& comparison, const std::vector<TrialSounds>& sounds,
                              const ComparePageOptions& options);

}  // namespace timbre::report
