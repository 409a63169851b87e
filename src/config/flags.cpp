#include <fmt/format.h>

#include <functional>

#include "base/error.h"
#include "base/strings.h"
#include "config/fields.h"
#include "config/scalar.h"

// Our own reader of flags rather than CLI11: every flag, its help and its errors come from the Fields list already,
// so a second library would hold a second list, and its header alone costs 5 s of compile time a file.
// Non-goals: abbreviated flags, bundled letters (-abc).

namespace timbre::config {
namespace {

/// "-5", "-.5e3": a word that begins like a flag and is a number.
bool is_negative_number(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && parse_double(word).has_value();
}

bool looks_like_flag(std::string_view word) { return word.size() > 1 && word[0] == '-' && !is_negative_number(word); }

/// One word taken apart, before it is known what it names.
struct Flag {
  std::string name;  ///< without dashes
  std::string shown;
  std::optional<std::string> value;  ///< after "="
};

/// The words that the references' option parsers take for true and false.
std::optional<bool> truth_of(const std::string& word) {
  const std::string lower = ascii_lower(word);
  for (const char* yes : {"yes", "true", "t", "y", "1"})
    if (lower == yes) return true;
  for (const char* no : {"no", "false", "f", "n", "0"})
    if (lower == no) return false;
  return std::nullopt;
}

Flag take_apart(const std::string& word) {
  Flag flag;
  const std::size_t dashes = word.starts_with("--") ? 2 : 1;
  const std::size_t equals = word.find('=');
  flag.shown = word.substr(0, equals);
  flag.name = flag.shown.substr(dashes);
  if (equals != std::string::npos) flag.value = word.substr(equals + 1);
  return flag;
}

Field* find_flag(Fields& fields, const Flag& flag, bool* negated) {
  *negated = false;
  if (flag.shown.size() == 2) {
    for (Field& field : fields.list())
      if (field.letter() == flag.shown[1]) return &field;
    return nullptr;
  }
  if (!flag.shown.starts_with("--")) return nullptr;
  if (Field* field = fields.find(flag.name)) return field;
  if (flag.name.starts_with("no-") || flag.name.starts_with("no_")) {
    Field* field = fields.find(flag.name.substr(3));
    if (field && field->is_bool()) {
      *negated = true;
      return field;
    }
  }
  return nullptr;
}

/// Reads words one by one; what to do with each value is the caller's (assign, or only look).
class Reader {
 public:
  using Give = std::function<void(Field&, const std::string& text, const std::string& where)>;
  enum class Unknown { refuse, skip };

  Reader(Fields& fields, Unknown unknown, Give give) : fields_(fields), unknown_(unknown), give_(std::move(give)) {
    for (Field& field : fields_.list())
      if (field.is_positional()) places_.push_back(&field);
  }

  void read(const std::vector<std::string>& words) {
    bool only_places = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!only_places && words[i] == "--") {
        only_places = true;
      } else if (!only_places && looks_like_flag(words[i])) {
        read_flag(words, i);
      } else {
        read_place(words[i]);
      }
    }
  }

 private:
  void read_flag(const std::vector<std::string>& words, std::size_t& i) {
    const Flag flag = take_apart(words[i]);
    bool negated = false;
    Field* field = find_flag(fields_, flag, &negated);
    if (!field && flag.shown == "--set") {
      const std::string assignment = flag.value ? *flag.value : next_word(words, i, flag, "NAME=VALUE");
      if (unknown_ == Unknown::refuse) fields_.set_assignment(assignment);
    } else if (!field) {
      refuse_unknown(flag);
    } else if (field->is_bool()) {
      read_bool(*field, flag, negated, words, i);
    } else {
      give_(*field, flag.value ? *flag.value : next_word(words, i, flag, "a value"), flag.shown);
    }
  }

  /// Options of components may also be written as the references write them: "--add-prenet false". Those of a verb
  /// (without section) may not, since a text may follow: say --json yes.
  void read_bool(Field& field, const Flag& flag, bool negated, const std::vector<std::string>& words, std::size_t& i) {
    if (negated && flag.value) throw UsageError(fmt::format("{} takes no value", flag.shown));
    std::optional<bool> next;
    if (!negated && !flag.value && !field.section().empty() && i + 1 < words.size()) next = truth_of(words[i + 1]);
    if (next) ++i;
    give_(field, negated || (next && !*next) ? "false" : flag.value.value_or("true"), flag.shown);
  }

  const std::string& next_word(const std::vector<std::string>& words, std::size_t& i, const Flag& flag,
                               const char* wanted) {
    static const std::string kNone;
    if (i + 1 < words.size() && !looks_like_flag(words[i + 1])) return words[++i];
    if (unknown_ == Unknown::skip) return kNone;
    throw UsageError(
        fmt::format("{} needs {}", flag.shown, wanted),
        i + 1 < words.size() ? fmt::format("if the value is '{0}', write {1}={0}", words[i + 1], flag.shown) : "");
  }

  void refuse_unknown(const Flag& flag) {
    if (unknown_ == Unknown::skip) return;
    std::vector<std::string> known;
    for (const std::string& name : fields_.names()) known.push_back(flag_of(name));
    throw UsageError(fmt::format("unknown option '{}'", flag.shown), did_you_mean(flag_of(flag.name), known));
  }

  void read_place(const std::string& word) {
    if (next_place_ < places_.size()) {
      Field& field = *places_[next_place_];
      if (!field.is_list()) ++next_place_;
      give_(field, word, field.name());
    } else if (unknown_ == Unknown::refuse) {
      throw UsageError(fmt::format("'{}' is one word too many", word),
                       places_.empty() ? "" : "quote a text of several words");
    }
  }

  Fields& fields_;
  Unknown unknown_;
  Give give_;
  std::vector<Field*> places_;
  std::size_t next_place_ = 0;
};

}  // namespace

void parse_flags(Fields& fields, const std::vector<std::string>& words) {
  std::vector<std::pair<Field*, std::vector<std::string>>> lists;  // repeated flags gather into one value
  Reader reader(fields, Reader::Unknown::refuse, [&](Field& field, const std::string& text, const std::string& where) {
    if (!field.is_list()) return field.assign(text, where);
    auto known = lists.begin();
    while (known != lists.end() && known->first != &field) ++known;
    if (known == lists.end()) known = lists.insert(lists.end(), {&field, {}});
    std::vector<std::string> items{text};
    if (!field.is_positional()) items = split_list(text);  // a place takes a word as it is
    known->second.insert(known->second.end(), items.begin(), items.end());
    field.assign_items(known->second, where);
  });
  reader.read(words);
  for (const Field& field : fields.list())
    if (field.is_required() && !field.given())
      throw UsageError(fmt::format("{} is missing: {}", shown_name(field), field.help()));
}

std::optional<std::string> peek_flag(const Fields& fields, const std::vector<std::string>& words,
                                     std::string_view name) {
  Fields copy = fields;  // the values stay untouched: nothing is assigned
  const Field* wanted = copy.find(name);
  std::optional<std::string> found;
  Reader reader(copy, Reader::Unknown::skip, [&](Field& field, const std::string& text, const std::string&) {
    if (&field == wanted) found = text;
  });
  reader.read(words);
  return found;
}

}  // namespace timbre::config
