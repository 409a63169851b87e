#pragma once
#include <string>
#include <string_view>

/// The text lists and credits of telephone prompt packages.
namespace timbre::corpus {

/// One prompt's text as a list writes it.
struct Prompt {
  std::string text;      ///< what is said; "" when nothing is
  std::string fault;     ///< why it should not be used, "" = good
  bool changed = false;  ///< text is not what the list says (a gloss was left out)
};

/// Reads `text`. A text wholly in […], (…) or <…> describes a sound: "not speech". "at [@]" is the word with a sign as
/// a gloss: the gloss goes. Words in brackets inside a sentence may or may not be said: a fault. So is a '?' where a
/// letter was lost to a wrong character set ("pu? essere").
Prompt read_prompt(std::string_view text);

/// What a Debian copyright file says about one language's recordings.
struct Credits {
  std::string licence;      ///< "CC-BY-SA-3.0"
  std::string recorded_by;  ///< "Allison Smith"
  std::string attribution;  ///< one line that names people, years and source
  std::string source;
};

/// Takes the paragraph "Files: <language>-*" where there is one, else "Files: *" (machine-readable format 1.0).
Credits read_credits(std::string_view copyright, std::string_view language);

}  // namespace timbre::corpus
