#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"

/// One voice over several languages: "espeak:en-us,fr-fr,it,ru" reads each text by the espeak-ng voice of its language.
namespace timbre::text {

/// The front end's name that takes its voices from the languages of a corpus (front_end_for_languages).
inline constexpr std::string_view kAutoFrontEnd = "espeak:auto";

/// Its readers share IPA, so that a sound two languages have is one symbol. Without a language (phonemize) it reads as
/// its first reader does.
class MultilingualFrontEnd final : public FrontEnd {
 public:
  /// Two or more voices of espeak-ng. Throws UsageError for one that comes twice.
  MultilingualFrontEnd(const std::vector<std::string>& voices, const FrontEndOptions& options);
  std::string name() const override;
  std::string language() const override { return own_.front()->language(); }
  /// "en-1, fr-2": of each reader that has some.
  std::string rules() const override;
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override {
    return own_.front()->phonemize(text, spoken);
  }
  std::string plainer(std::string_view phone) const override { return own_.front()->plainer(phone); }
  std::vector<FrontEnd*> readers() override;

 private:
  std::vector<std::unique_ptr<FrontEnd>> own_;
};

/// The reader that a text of `language` ("fr", "fr-CA") belongs to: of that very tag, else the first of the language;
/// null when there is none.
FrontEnd* find_reader(FrontEnd& front_end, std::string_view language);

/// The reader of a text of a corpus: the first where the text has no language; a front end of one language takes every
/// text as its own. Throws UsageError, naming the languages there are, where a front end of several has none for it.
FrontEnd& reader_of(FrontEnd& front_end, std::string_view language);

/// The voices or languages that a front end's name lists: {"en-us", "fr-fr"} of "espeak:en-us,fr-fr", {"en"} of
/// "ming024:english". Makes no front end and needs no espeak-ng; empty for an unknown name.
std::vector<std::string> languages_of_name(std::string_view front_end);

/// What "espeak:auto" stands for: the voices of these languages (tags and how many utterances each has; "" counts as
/// none), the most frequent first. English without a region is read as en-us, as by default. Languages that espeak-ng
/// does not have are left out. Throws UsageError when none is left, SystemError as make_front_end.
std::string front_end_for_languages(const std::map<std::string, std::int64_t>& utterances_of);

}  // namespace timbre::text
