#include "text/language_tag.h"

#include <algorithm>

#include "base/strings.h"

namespace timbre::text {
namespace {

std::string plain(std::string_view tag) {
  std::string out = ascii_lower(trim(tag));
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

}  // namespace

std::string language_of_tag(std::string_view tag) {
  const std::string whole = plain(tag);
  std::string first = whole.substr(0, whole.find('-'));
  return first == "cmn" || first == "yue" || first == "hak" ? "zh" : first;
}

bool same_tag(std::string_view a, std::string_view b) { return plain(a) == plain(b); }

bool tag_fits(std::string_view have, std::string_view wanted) {
  const std::string a = plain(have), b = plain(wanted);
  if (a.find('-') != a.npos && b.find('-') != b.npos) return a == b;
  return language_of_tag(a) == language_of_tag(b);
}

}  // namespace timbre::text
