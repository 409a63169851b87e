#pragma once
#include <string>
#include <string_view>
#include <vector>

/// Languages as people and corpora write them: BCP 47 tags ("en", "pt-BR", "zh_CN"), of which mostly the first part
/// matters.
namespace timbre::text {

/// The short code of a tag's language in lower case: "en" of "en-US", "zh" of "cmn-Hans" and "yue"; "" of "".
std::string language_of_tag(std::string_view tag);

/// The same tag, however it is written: "pt-BR" and "pt_br".
bool same_tag(std::string_view a, std::string_view b);

/// Whether clips marked `have` belong to who asks for `wanted`: the same language, and the same region where both name
/// one ("en" and "en-US" fit each other, "en-GB" and "en-US" do not).
bool tag_fits(std::string_view have, std::string_view wanted);

}  // namespace timbre::text
