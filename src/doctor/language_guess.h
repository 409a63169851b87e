#pragma once
#include <string>
#include <string_view>

/// Which language a text is written in, by CLD2 (a module loaded on first use).
namespace timbre::doctor {

struct LanguageGuess {
  std::string language;  ///< BCP 47 first subtag ("en"); "" = no idea
  double share = 0;      ///< of the text that is in it, 0 … 1
  bool sure = false;     ///< long enough, nearly all of it, and CLD2 calls it reliable
};

/// `expected` ("en", may be empty) is favoured: only a text that clearly is something else is said to be.
/// Throws SystemError where CLD2 is not there; see why_no_guess().
LanguageGuess guess_language(std::string_view text, const std::string& expected);

/// Why guess_language() would throw, or "".
std::string why_no_guess();

/// "no" and "nb", "he" and "iw", or languages CLD2 cannot tell apart in a sentence ("hr", "bs", "sr").
bool same_language(const std::string& a, const std::string& b);

}  // namespace timbre::doctor
