#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// A voice's own words: lines of `word<TAB>/ipa/` or `word<TAB>phone phone …`; `#` starts a comment line.
/// Words are compared without regard to case (ASCII, Latin, Greek and Cyrillic letters).
class UserLexicon {
 public:
  /// Throws DataError with file and line for a line without a tab, an empty word or empty phones, or a word given
  /// twice.
  static UserLexicon read(const std::filesystem::path& file);
  /// The same for a text; `where` names it in errors.
  static UserLexicon parse(std::string_view text, const std::string& where);
  void add(std::string_view word, std::string phones);
  /// The phones as written (without slashes); null when absent.
  const std::string* find(std::string_view word) const;
  bool empty() const { return phones_.empty(); }
  const std::map<std::string, std::string, std::less<>>& all() const { return phones_; }

 private:
  std::map<std::string, std::string, std::less<>> phones_;
};

}  // namespace timbre::text
