#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_reader.h"

/// Amounts, and what they count: money, units, percent, ranges, fractions, ordinals.
namespace timbre::text {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

std::uint64_t worth(std::string_view digits) { return static_cast<std::uint64_t>(parse_int(digits).value_or(0)); }

struct Vulgar {
  std::string_view sign;
  std::uint64_t above, below;
};
constexpr std::array<Vulgar, 12> kVulgar = {{{"½", 1, 2},
                                             {"⅓", 1, 3},
                                             {"⅔", 2, 3},
                                             {"¼", 1, 4},
                                             {"¾", 3, 4},
                                             {"⅕", 1, 5},
                                             {"⅖", 2, 5},
                                             {"⅙", 1, 6},
                                             {"⅛", 1, 8},
                                             {"⅜", 3, 8},
                                             {"⅝", 5, 8},
                                             {"⅞", 7, 8}}};

const Vulgar* vulgar_at(std::string_view text) {
  const auto it = std::find_if(kVulgar.begin(), kVulgar.end(), [&](auto& v) { return text.starts_with(v.sign); });
  return it == kVulgar.end() ? nullptr : &*it;
}

}  // namespace

std::optional<SpokenReader::Found> SpokenReader::amount_at(std::size_t at) const {
  Found found;
  constexpr std::size_t kLongest = 400, kGroup = 3;
  if (at < text_.size() && text_[at] == '-' &&
      (at == 0 || text_[at - 1] == ' ' || text_[at - 1] == '(' ||
       (!language_.tables().spaced && !joins_before_sign(at)))) {
    found.amount.negative = true;
    ++at;
  }
  const bool bare_point = at + 1 < text_.size() && text_[at] == language_.tables().decimal_mark &&
                          digit(text_[at + 1]) && (at == 0 || text_[at - 1] == ' ');  // ".5 mg"
  const auto end = bare_point ? std::optional(at) : digits(at, 1, kLongest);
  if (!end) return std::nullopt;
  found.amount.whole = bare_point ? "0" : text_.substr(at, *end - at);
  found.end = *end;
  const std::string_view marks = language_.tables().group_marks;
  if (*end - at <= kGroup && text_[at] != '0' && found.end < text_.size() &&
      marks.find(text_[found.end]) != std::string_view::npos) {
    const char mark = text_[found.end];
    while (found.end < text_.size() && text_[found.end] == mark) {
      const auto next = digits(found.end + 1, kGroup, kGroup);
      if (!next) break;
      found.amount.whole += text_.substr(found.end + 1, kGroup);
      found.end = *next;
      found.grouped = true;
    }
  }
  const char point = language_.tables().decimal_mark;
  if (found.end < text_.size() && text_[found.end] == point) {
    const auto next = digits(found.end + 1, 1, kLongest);
    if (const std::string_view rest = from(found.end + 1);
        rest.starts_with("- ") || rest.starts_with("– ") || rest == "-")
      found.end = rest.size() == 1 ? text_.size() : text_.find(' ', found.end);  // "15,- Euro"
    const bool listed_on = next && *next + 1 < text_.size() && text_[*next] == point && digit(text_[*next + 1]);
    if (next && !listed_on) {
      found.amount.fraction = text_.substr(found.end + 1, *next - found.end - 1);
      found.end = *next;
    }
  }
  if (bare_point && found.amount.fraction.empty()) return std::nullopt;  // ".5.5"
  return found;
}

const Currency* SpokenReader::currency_at(std::size_t at, std::size_t& end) const {
  const Currency* best = nullptr;
  std::size_t longest = 0;
  for (const Currency& currency : language_.currencies())
    for (const std::string& sign : currency.signs)
      if (sign.size() > longest && from(at).starts_with(sign) &&
          (sign.back() == '.' || starts(at, sign) ||
           (at + sign.size() < text_.size() && digit(text_[at + sign.size()]))))
        best = &currency, longest = sign.size();
  end = at + longest;
  return best;
}

std::optional<SpokenReader::Counted> SpokenReader::counted_at(std::size_t end) const {
  const std::size_t at = past_blank(end);
  Counted found;
  if (from(at).starts_with('%') && !language_.word("percent").empty()) {
    found.kind = Counted::Kind::percent;
    found.noun = Language::noun_of(language_.word("percent"));
    found.end = at + 1;
    return found;
  }
  std::size_t longest = 0, first = end;
  while (first > 0 && digit(text_[first - 1])) --first;
  const bool broken = first > 1 && text_[first - 1] == language_.tables().decimal_mark && digit(text_[first - 2]);
  const auto search = [&](const std::vector<Scale>& list, Counted::Kind kind) {
    for (const Scale& one : list)
      for (const std::string& sign : one.signs) {
        if (sign.size() <= longest || !starts(at, sign)) continue;
        if (kind == Counted::Kind::scale && sign.size() == 1 && at == end && !broken && sign[0] > 0)
          continue;  // "204B" is a room, "3.5M" are millions
        longest = sign.size();
        found.kind = kind;
        found.noun = one.noun;
        found.scale = &one;
        found.end = at + sign.size();
      }
  };
  search(language_.units(), Counted::Kind::unit);
  search(language_.scales(), Counted::Kind::scale);
  std::size_t currency_end = 0;
  const Currency* currency = currency_at(at, currency_end);
  if (currency && currency_end - at > longest) {
    found.kind = Counted::Kind::currency;
    found.currency = currency;
    found.noun = currency->major;
    found.end = currency_end;
    return found;
  }
  if (longest == 0) return std::nullopt;
  if (found.kind == Counted::Kind::scale) found.currency = currency_at(past_blank(found.end), currency_end);
  if (found.currency) found.end = currency_end;
  // "6 ft. of": a full stop that belongs to the unit.
  if (from(found.end).starts_with('.') && text_[found.end - 1] != '.') {
    std::size_t next = found.end + 1;
    if (next + 1 < text_.size() && text_[next] == ' ' && is_lower(next_code_point(text_, ++next))) ++found.end;
  }
  return found;
}

std::optional<std::size_t> SpokenReader::dash_at(std::size_t at) const {
  for (const std::string_view dash : {" – ", " - ", "–", "-", "—", "~"}) {
    const std::size_t end = at + dash.size();
    if (from(at).starts_with(dash) && end < text_.size() && digit(text_[end])) return end;
  }
  return std::nullopt;
}

// €/month
void SpokenReader::say_per() {
  if (look() == '/' && !open_at(at_ + 1) && !digit(look(1)) && !language_.word("per").empty()) {
    const std::size_t thing = at_ + 1;
    const auto counted = counted_at(thing);
    const bool unit = counted && counted->kind == Counted::Kind::unit && text_[thing] != ' ';
    say(language_.word("per"), thing);
    if (unit) say(counted->noun.forms.front(), counted->end);
  }
}

bool SpokenReader::say_counted(const Found& found, const Counted& counted) {
  const Place here = place(at_, counted.end);
  switch (counted.kind) {
    case Counted::Kind::percent:
      say(language_.counted(found.amount, counted.noun, here), counted.end);
      break;
    case Counted::Kind::currency:
      say(language_.money(found.amount, *counted.currency, nullptr), counted.end);
      break;
    case Counted::Kind::scale:
      say(counted.currency ? language_.money(found.amount, *counted.currency, counted.scale)
                           : language_.count(found.amount, counted.noun),
          counted.end);
      break;
    case Counted::Kind::unit:
      say(language_.counted(found.amount, counted.noun, here), counted.end);
      break;
  }
  say_per();
  return true;
}

// $3.50, US$ 5 million, $5–10
bool SpokenReader::money() {
  if (digit(look()) || look() == ' ' || (look() == '-' && !word_begins())) return false;
  std::size_t sign_at = at_;
  const bool minus = look() == '-';
  if (minus) ++sign_at;
  if (joins_before_sign(sign_at)) return false;
  std::size_t end = 0;
  const Currency* currency = currency_at(sign_at, end);
  if (!currency) return false;
  auto found = amount_at(past_blank(end));
  if (!found) return false;
  found->amount.negative = minus;
  if (const auto dash = dash_at(found->end)) {
    std::size_t skip = *dash;
    if (auto to = amount_at(skip); to && to->amount.fraction.size() != 2 && found->amount.fraction.size() != 2) {
      say(language_.range(found->amount, to->amount, &currency->major, place(at_, to->end)), to->end);
      return true;
    }
  }
  const Scale* scale = nullptr;
  std::size_t behind = found->end;
  for (const Scale& one : language_.scales())
    for (const std::string& name : one.signs) {
      const std::size_t at = past_blank(found->end), stop = at + name.size();
      if (stop > behind && starts(at, name)) scale = &one, behind = stop;
    }
  say(language_.money(found->amount, *currency, scale), behind);
  say_per();
  return true;
}

bool SpokenReader::joins_before_sign(std::size_t at) const {
  if (at == 0) return false;
  const char last = text_[at - 1];
  return digit(last) || (last >= 'a' && last <= 'z') || (last >= 'A' && last <= 'Z');
}

// 5–7 km, 10-20 %, 1990–1995
bool SpokenReader::range(const Found& found) {
  const auto first = counted_at(found.end);
  const auto dash = dash_at(first ? first->end : found.end);
  if (!dash || (at_ > 1 && text_[at_ - 1] == '-' && digit(text_[at_ - 2]))) return false;
  const auto to = amount_at(*dash);
  if (!to) return false;
  if (!open_at(to->end) && !counted_at(to->end)) return false;
  if (const char next = from(to->end).empty() ? ' ' : text_[to->end]; next == '-' || next == '/') return false;
  if (from(past_blank(to->end)).starts_with('=')) {  // "5 - 3 = 2"
    say(language_.joined({language_.number(found.amount), language_.word("minus"), language_.number(to->amount)}),
        to->end);
    return true;
  }
  const auto second = counted_at(to->end);
  if (first && (!second || second->noun.forms != first->noun.forms)) return false;
  if (second && second->kind == Counted::Kind::currency &&
      (found.amount.fraction.size() == 2 || to->amount.fraction.size() == 2))
    return false;
  const bool years = !second && found.amount.whole.size() == 4 && !found.grouped && found.amount.fraction.empty() &&
                     (to->amount.whole.size() == 4 || to->amount.whole.size() == 2) && to->amount.fraction.empty();
  if (years) {
    const Place here = place(at_, to->end);
    say(language_.joined({language_.bare(found.amount, here), language_.word("to"), language_.bare(to->amount, here)}),
        to->end);
    return true;
  }
  std::string words = language_.range(found.amount, to->amount, second ? &second->noun : nullptr, place(at_, to->end));
  if (second && second->kind == Counted::Kind::scale && second->currency)
    words = language_.joined(
        {words, language_.after_million(second->currency->major.forms.back()) + second->currency->major.forms.back()});
  say(words, second ? second->end : to->end);
  return true;
}

bool SpokenReader::broken_number(const Found& found) {
  if (!found.amount.fraction.empty() || found.grouped || found.amount.negative) return false;
  constexpr std::size_t kDigits = 3;
  const auto slashed = [&](std::size_t at) -> std::optional<std::size_t> {
    const auto above = digits(at, 1, kDigits);
    if (!above || !from(*above).starts_with('/')) return std::nullopt;
    const auto below = digits(*above + 1, 1, kDigits);
    if (!below || !open_at(*below) || from(*below).starts_with('/') || value(*above + 1, *below) < 2)
      return std::nullopt;
    return below;
  };
  const auto parts = [&](std::size_t at, std::size_t end) {
    const std::size_t slash = text_.find('/', at);
    return std::pair(worth(text_.substr(at, slash - at)), worth(text_.substr(slash + 1, end - slash - 1)));
  };
  const std::uint64_t head = worth(found.amount.whole);
  if (const auto end = slashed(at_)) {
    const auto [above, below] = parts(at_, *end);
    say(language_.fraction(0, above, below), *end);
    return true;
  }
  const std::size_t next = past_blank(found.end);
  if (const Vulgar* sign = vulgar_at(from(next))) {
    say(language_.fraction(head, sign->above, sign->below), next + sign->sign.size());
    return true;
  }
  if (next == found.end) return false;
  if (const auto end = slashed(next)) {
    const auto [above, below] = parts(next, *end);
    if (above >= below) return false;
    say(language_.fraction(head, above, below), *end);
    return true;
  }
  return false;
}

bool SpokenReader::vulgar_fraction() {
  const Vulgar* sign = vulgar_at(from(at_));
  if (!sign) return false;
  say(language_.fraction(0, sign->above, sign->below), at_ + sign->sign.size());
  return true;
}

// 3.14.2, and 3.14 where the comma is the decimal mark
bool SpokenReader::dotted_number(const Found& found) {
  if (found.amount.negative) return false;
  std::size_t end = at_;
  std::string words;
  int parts = 0;
  while (true) {
    constexpr std::size_t kLongest = 6;
    const auto next = digits(end, 1, kLongest);
    if (!next) return false;
    words =
        language_.joined({words, parts ? language_.word("dot") : "", language_.whole(text_.substr(end, *next - end))});
    ++parts;
    end = *next;
    if (end + 1 >= text_.size() || text_[end] != '.' || !digit(text_[end + 1])) break;
    ++end;
  }
  if (parts < 2 || end <= found.end) return false;
  if (parts == 2 && counted_at(end)) {  // "3.5 kg" where a comma is the rule
    Found same = found;
    const auto dot = text_.find('.', at_);
    same.amount = {std::string(text_.substr(at_, dot - at_)), std::string(text_.substr(dot + 1, end - dot - 1)), false};
    return say_counted(same, *counted_at(end));
  }
  say(words, end);
  return true;
}

bool SpokenReader::ordinal(const Found& found) {
  constexpr std::size_t kLongest = 6;
  if (!found.amount.fraction.empty() || found.amount.negative || found.amount.whole.size() > kLongest) return false;
  for (const std::string& mark : language_.ordinal_marks()) {
    if (!from(found.end).starts_with(mark)) continue;
    const std::size_t end = found.end + mark.size();
    if (mark != "." && !open_at(end)) continue;
    const std::string form = language_.ordinal_form(mark, place(at_, end));
    if (form.empty()) continue;
    say(language_.ordinal(worth(found.amount.whole), form), end);
    return true;
  }
  return false;
}

// 1999 г.
bool SpokenReader::year_mark(const Found& found) {
  const std::size_t length = found.amount.whole.size();
  if (length < 3 || length > 4 || found.grouped || !found.amount.fraction.empty() || found.amount.negative)
    return false;
  for (const std::string& mark : split(language_.word("year_marks"), ';')) {
    const std::size_t at = past_blank(found.end);
    if (mark.empty() || !starts(at, mark)) continue;
    const std::size_t end = at + mark.size();
    const bool stop = mark.ends_with('.') && past_blank(end) >= text_.size();
    say(language_.year_mark(found.amount.whole, place(at_, end)) + (stop ? "." : ""), end);
    return true;
  }
  return false;
}

bool SpokenReader::number() {
  const bool sign_first = look() == '-' || look() == language_.tables().decimal_mark;
  if (!digit(look()) && !(sign_first && digit(look(1)))) return false;
  const auto found = amount_at(at_);
  if (!found) return false;
  const bool whole_word = word_begins();
  if (whole_word) {
    if (written_date(*found) || range(*found) || broken_number(*found) || dotted_number(*found)) return true;
    if (year_mark(*found)) return true;
    const bool numbered = at_ > 1 && text_[at_ - 1] == '-' && joins_before_sign(at_ - 1);  // B-52s
    if (const auto counted = counted_at(found->end); counted && !numbered) return say_counted(*found, *counted);
    if (ordinal(*found)) return true;
  }
  // 6'2"
  if (const std::string_view foot = language_.word("foot");
      whole_word && !foot.empty() && from(found->end).starts_with('\'')) {
    if (auto end = digits(found->end + 1, 1, 2)) {
      const std::string inches = language_.whole(text_.substr(found->end + 1, *end - found->end - 1));
      if (from(*end).starts_with('"')) ++*end;
      say(language_.joined({language_.number(found->amount), foot, inches}), *end);
      return true;
    }
  }
  // 3:2, a score
  if (whole_word && found->amount.fraction.empty() && from(found->end).starts_with(':') &&
      digits(found->end + 1, 1, 3)) {
    const auto end = digits(found->end + 1, 1, 3);
    if (open_at(*end) && !from(*end).starts_with(':')) {
      const Amount second{std::string(text_.substr(found->end + 1, *end - found->end - 1)), "", false};
      say(language_.joined({language_.number(found->amount), language_.word("against"), language_.number(second)}),
          *end);
      return true;
    }
  }
  const Place here = place(at_, found->end);
  const bool year = whole_word && found->amount.whole.size() == 4 && !found->grouped && !found->amount.negative &&
                    found->amount.fraction.empty() && open_at(found->end);
  say(year                                                    ? language_.bare(found->amount, here)
      : found->grouped || !whole_word || !open_at(found->end) ? language_.number(found->amount)
                                                              : language_.bare(found->amount, here),
      found->end);
  return true;
}

}  // namespace timbre::text
