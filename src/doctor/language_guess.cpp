#include "doctor/language_guess.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/plugin.h"
#include "base/strings.h"
#include "doctor/language_plugin_abi.h"
#include "text/letters.h"

namespace timbre::doctor {

namespace {

constexpr std::int64_t kEnoughLetters = 20;  // a sentence; single words belong to several languages
constexpr double kEnoughShare = 0.8;

TimbreGuessLanguage* detector() {
  static const Plugin plugin("cld2", "CLD2 (which language a text is in)", "libcld2-dev");
  static auto* const guess = plugin.find<TimbreGuessLanguage>("timbre_cld2_guess");
  return guess;
}

std::int64_t count_letters(std::string_view text) {
  const auto points = to_code_points(text);
  // Scripts without an alphabet say more with each sign.
  std::int64_t count = 0;
  for (char32_t c : points)
    if (text::is_letter(c) || c > 0x2E80) count += c > 0x2E80 ? 4 : 1;
  return count;
}

}  // namespace

LanguageGuess guess_language(std::string_view text, const std::string& expected) {
  auto* const guess = detector();
  LanguageGuess out;
  if (count_letters(text) < kEnoughLetters) return out;
  std::array<char, 16> code{};
  int percent = 0;
  const int reliable = guess(text.data(), static_cast<int>(text.size()), expected.c_str(), code.data(),
                             static_cast<int>(code.size()), &percent);
  out.language = code.data();
  out.language = out.language.substr(0, out.language.find('-'));
  if (out.language == "un") out.language.clear();
  out.share = percent / 100.0;
  out.sure = reliable != 0 && !out.language.empty() && out.share >= kEnoughShare;
  return out;
}

std::string why_no_guess() {
  static const std::string why = [] {
    try {
      detector();
      return std::string();
    } catch (const SystemError& e) {
      return fmt::format("{} ({})", e.what(), e.next());
    }
  }();
  return why;
}

bool same_language(const std::string& a, const std::string& b) {
  static const std::vector<std::vector<std::string>> kGroups = {
      {"no", "nb", "nn", "da"},
      {"he", "iw"},
      {"id", "ms", "in"},
      {"hr", "bs", "sr", "sh"},
      {"tl", "fil"},
      {"jv", "jw"},
      {"gl", "pt"},
      {"cs", "sk"},
      {"yi", "ji"},
      {"zh", "yue", "cmn"},
      {"ar", "fa", "ur"},
      {"hi", "mr", "ne"},
  };
  if (a == b) return true;
  return std::any_of(kGroups.begin(), kGroups.end(), [&](const auto& group) {
    const auto has = [&](const std::string& x) { return std::find(group.begin(), group.end(), x) != group.end(); };
    return has(a) && has(b);
  });
}

}  // namespace timbre::doctor
