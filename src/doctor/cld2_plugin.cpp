// CLD2: which language a text is written in.
#include <cstdio>
// After <cstdio>, which it needs and does not include.
#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include "doctor/language_plugin_abi.h"

extern "C" int timbre_cld2_guess(const char* text, int bytes, const char* expected, char* code, int code_bytes,
                                 int* percent) {
  CLD2::CLDHints hints{expected && *expected ? expected : nullptr, nullptr, CLD2::UNKNOWN_ENCODING,
                       CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language top[3];
  int percents[3];
  double scores[3];
  int text_bytes = 0;
  bool reliable = false;
  CLD2::ExtDetectLanguageSummary(text, bytes, true, &hints, 0, top, percents, scores, nullptr, &text_bytes, &reliable);
  std::snprintf(code, static_cast<size_t>(code_bytes), "%s", CLD2::LanguageCode(top[0]));
  *percent = percents[0];
  return reliable ? 1 : 0;
}

static_assert(sizeof(TimbreGuessLanguage*) == sizeof(&timbre_cld2_guess));
