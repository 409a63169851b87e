#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// The sentences of a long text as VALL-E X speaks them one by one, by language. Chinese ("zh") ends behind each of
/// 。！？, Japanese ("ja") also behind their narrow and ASCII forms; nothing is taken away there. Other languages by
/// split_sentences() (text/sentences.h), where the reference asks NLTK's punkt; white space between sentences is lost.
std::vector<std::string> vallex_sentences(std::string_view text, std::string_view language);

}  // namespace timbre::text
