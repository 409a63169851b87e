#pragma once
#include <cstdint>
#include <string>

#include "doctor/check.h"

namespace timbre::report {

struct DoctorPageOptions {
  std::int64_t players = 3;  ///< worst clips of a rule that can be heard
  double excerpt_s = 12;     ///< longer clips are cut
};

/// The doctor's findings as one page: what was found, the worst clips to hear (OGG where libsndfile is there, else
/// WAV, inside the page), histograms of lengths, rates and levels.
std::string doctor_page(const corpus::Corpus& corpus, const doctor::Examination& seen,
                        const DoctorPageOptions& options = {});

}  // namespace timbre::report
