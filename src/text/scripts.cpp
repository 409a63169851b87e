#include "text/scripts.h"

#include <string>
#include <string_view>

namespace timbre::text {

std::set<Script> scripts_of_language(std::string_view language) {
  struct Row {
    std::string_view codes;  // each between blanks
    std::initializer_list<Script> scripts;
  };
  static const Row kRows[] = {
      {" ru uk be bg mk kk ky tt ba cv cu ab os mn tg ", {Script::cyrillic}},
      {" sr bs ", {Script::cyrillic}},
      {" el grc ", {Script::greek}},
      {" hy hyw ", {Script::armenian}},
      {" he yi ", {Script::hebrew}},
      {" ar fa ur sd ug ps ", {Script::arabic}},
      {" hi mr ne kok sa ", {Script::devanagari}},
      {" bn as bpy ", {Script::bengali}},
      {" pa ", {Script::gurmukhi}},
      {" gu ", {Script::gujarati}},
      {" or ", {Script::oriya}},
      {" ta ", {Script::tamil}},
      {" te ", {Script::telugu}},
      {" kn ", {Script::kannada}},
      {" ml ", {Script::malayalam}},
      {" si ", {Script::sinhala}},
      {" th ", {Script::thai}},
      {" lo ", {Script::lao}},
      {" my shn ", {Script::myanmar}},
      {" ka ", {Script::georgian}},
      {" am ti ", {Script::ethiopic}},
      {" chr ", {Script::cherokee}},
      {" km ", {Script::khmer}},
      {" bo ", {Script::tibetan}},
      {" ja ", {Script::kana, Script::han}},
      {" ko ", {Script::hangul, Script::han}},
      {" zh ", {Script::han}},
  };
  std::set<Script> scripts = {Script::latin};
  for (const Row& row : kRows)
    if (row.codes.find(' ' + std::string(language) + ' ') != row.codes.npos) scripts.insert(row.scripts);
  return scripts;
}

}  // namespace timbre::text
