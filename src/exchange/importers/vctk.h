#pragma once
#include <string>
#include <string_view>

namespace timbre::exchange {

/// A line of VCTK's speaker-info.txt: "p225  23  F    English    Southern  England" (version 0.80 leaves the p out;
/// region and remarks may be missing). `id` is empty for the header and for what is no such line.
struct VctkSpeaker {
  std::string id, age, gender, accent, region;
};
VctkSpeaker parse_vctk_speaker(std::string_view line);

}  // namespace timbre::exchange
