#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"

/// The text fingerprint of a voice: what its front end makes of 200 probe sentences. Another espeak-ng with the same
/// output is fine; another output is an error that names the sentences.
namespace timbre::text {

struct Fingerprint {
  std::string front_end;               ///< its name: of one reader (FrontEnd::readers)
  std::vector<std::string> sentences;  ///< 32 hex digits for each probe sentence
  std::string rules, guesser;          ///< FrontEnd::rules(), FrontEnd::guesser(), for people
};

/// 200 sentences for a language ("en", "es", "fr", "it", "ru", "de", "zh"; another Latin-script language takes a mixed
/// set).
const std::vector<std::string>& probe_sentences(std::string_view language);

/// Of one reader. Throws std::logic_error for a front end of several: each has a fingerprint of its own.
Fingerprint fingerprint(FrontEnd& reader);

/// The probe sentences whose phones differ, as text; empty = same.
std::vector<std::string> differing_sentences(const Fingerprint& stored, const Fingerprint& now,
                                             std::string_view language);

}  // namespace timbre::text
