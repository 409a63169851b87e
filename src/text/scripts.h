#pragma once
#include <set>
#include <string_view>

#include "text/letters.h"

namespace timbre::text {

/// The scripts a language (first subtag: "ru", "zh") is written in. Latin is always among them: espeak-ng reads foreign
/// Latin words by English rules.
std::set<Script> scripts_of_language(std::string_view language);

}  // namespace timbre::text
