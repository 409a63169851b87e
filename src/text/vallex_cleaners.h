#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The cleaners of Plachtaa/VALL-E-X (`cje_cleaners`), step by step: text of one language → IPA for its tokenizer, a
/// token a character.
namespace timbre::text {

/// English before it is read: transliterated to ASCII, lower case, abbreviations and figures in words. Throws DataError
/// for an amount like "$,5", on which the reference stops.
std::string vallex_english_words(std::string_view text);
/// `english_to_ipa2`: the words in IPA (text/eng_to_ipa.h), dark l as ɫ, `...` as `…`. Words in no dictionary stay in
/// their spelling with a "*" and join `unknown`.
std::string vallex_english(std::string_view text, std::vector<std::string>& unknown);

/// `number_to_chinese`: figures as Chinese characters. Throws DataError for a figure of more than sixteen digits, on
/// which the reference stops.
std::string vallex_number_to_chinese(std::string_view text);
/// `chinese_to_bopomofo` on the words of our own pinyin dictionary: jieba's word boundaries, and with them the
/// reference's blanks and some readings, may be others.
std::string vallex_bopomofo(std::string_view text);
/// From bopomofo to IPA with tone arrows, Latin letters spelt out on the way.
std::string vallex_chinese_ipa(std::string_view bopomofo);
/// `chinese_to_ipa`: all three.
std::string vallex_chinese(std::string_view text);

/// `japanese_to_ipa2` from romaji with accents ("ko↑Nniʧiwa.", text/open_jtalk.h).
std::string vallex_japanese_ipa(std::string_view romaji);

}  // namespace timbre::text
