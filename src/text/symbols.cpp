#include "text/symbols.h"

#include <unordered_map>

#include "base/strings.h"
#include "text/cleaners.h"

namespace timbre::text {
namespace {

std::vector<std::string> make_symbols() {
  constexpr std::string_view kArpabet =
      "AA* AE* AH* AO* AW* AY* B CH D DH EH* ER* EY* F G HH IH* IY* JH K L M N NG OW* OY* P R S SH T TH UH* UW* V W Y "
      "Z ZH";
  constexpr std::string_view kInitials = "b c ch d f g h j k l m n p q r s sh t w x y z zh";
  constexpr std::string_view kFinals =
      "a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou u ua uai uan uang uei uen uo "
      "v van ve vn";
  std::vector<std::string> symbols = {"_", "-"};
  for (char c : std::string_view("!'(),.:;? ")) symbols.emplace_back(1, c);
  for (char c = 'A'; c <= 'Z'; ++c) symbols.emplace_back(1, c);
  for (char c = 'a'; c <= 'z'; ++c) symbols.emplace_back(1, c);
  for (std::string& phone : split(kArpabet, ' ')) {
    bool vowel = phone.back() == '*';  // alone, then with each stress
    if (vowel) phone.pop_back();
    symbols.push_back("@" + phone);
    for (char stress = '0'; vowel && stress <= '2'; ++stress) symbols.push_back("@" + phone + stress);
  }
  for (const std::string& initial : split(kInitials, ' ')) symbols.push_back("@" + initial);
  for (const std::string& final : split(kFinals, ' '))
    for (char tone = '1'; tone <= '5'; ++tone) symbols.push_back("@" + final + tone);
  for (const char* last : {"@rr", "@sp", "@spn", "@sil"}) symbols.emplace_back(last);
  return symbols;
}

void append_known(std::vector<std::int64_t>& ids, std::string_view symbol) {
  std::int64_t id = ming024_symbol_id(symbol);
  if (id > 0) ids.push_back(id);  // 0 is the padding, never text
}

void append_letters(std::vector<std::int64_t>& ids, std::string_view text, const std::vector<std::string>& cleaners) {
  for (char c : clean_text(text, cleaners)) append_known(ids, std::string_view(&c, 1));
}

}  // namespace

const std::vector<std::string>& ming024_symbols() {
  static const std::vector<std::string> symbols = make_symbols();
  return symbols;
}

std::int64_t ming024_symbol_id(std::string_view symbol) {
  static const auto ids = [] {
    std::unordered_map<std::string_view, std::int64_t> map;
    for (const std::string& s : ming024_symbols()) map.emplace(s, static_cast<std::int64_t>(map.size()));
    return map;
  }();
  auto it = ids.find(symbol);
  return it == ids.end() ? -1 : it->second;
}

std::vector<std::int64_t> text_to_sequence(std::string_view text, const std::vector<std::string>& cleaners) {
  std::vector<std::int64_t> ids;
  while (!text.empty()) {
    // A group {…} of at least one character on the first line; what follows that line is lost then, as in the
    // reference, whose pattern stops at line ends.
    std::string_view line = text.substr(0, text.find('\n'));
    auto open = line.find('{');
    auto close = open == line.npos ? line.npos : line.find('}', open + 2);
    if (close == line.npos) {
      append_letters(ids, text, cleaners);
      break;
    }
    append_letters(ids, line.substr(0, open), cleaners);
    for (const std::string& phone : split_whitespace(line.substr(open + 1, close - open - 1)))
      append_known(ids, "@" + phone);
    text = line.substr(close + 1);
  }
  return ids;
}

std::string sequence_to_text(std::span<const std::int64_t> ids) {
  std::string out;
  for (std::int64_t id : ids) {
    if (id < 0 || id >= static_cast<std::int64_t>(ming024_symbols().size())) continue;
    const std::string& symbol = ming024_symbols()[id];
    bool phone = symbol.size() > 1 && symbol[0] == '@';
    if (phone && out.ends_with('}')) {
      out.pop_back();
      out += ' ' + symbol.substr(1) + '}';
    } else {
      out += phone ? '{' + symbol.substr(1) + '}' : symbol;
    }
  }
  return out;
}

}  // namespace timbre::text
