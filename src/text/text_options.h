#pragma once
#include <string>
#include <string_view>

#include "config/fields.h"
#include "text/phonemes.h"

namespace timbre::text {

config::Fields fields(TextOptions& options);

/// True of front ends that read figures as their reference does, whatever text.normalize says: ming024:, phonemizer:,
/// pypinyin: and vallex:.
bool reads_figures_itself(std::string_view front_end);

/// The version of the rules that a front end would write figures out with, without making it: "de-1", "de-1, fr-1" for
/// one of several languages, "" for none.
std::string rules_of(const std::string& front_end, const TextOptions& options);

}  // namespace timbre::text
