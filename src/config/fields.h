#pragma once
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// One list of options for each component. The struct holds the value and its default; `Fields fields(Options&)`
/// beside it lists every member once. Flags, YAML, help, the resolved run file and the JSON schema all come from
/// that list, so no default and no name is ever written twice.
///
///   struct MelOptions { int64_t hop_samples = 256; std::string log = "ln"; };
///   Fields fields(MelOptions& o) {
///     Fields f;
///     f.add("hop_samples", o.hop_samples, "samples from one frame to the next").range(1, 1 << 16);
///     f.add("log", o.log, "logarithm of the mel").choices({"ln", "log10"});
///     return f;
///   }
///   …  f.group("mel", fields(o.mel), "mel spectrogram");    → mel.hop_samples, --mel.hop-samples
namespace timbre::config {

/// What a field may point at. optional<> = may be absent (YAML null, flag not given).
using Ref = std::variant<bool*, std::int64_t*, double*, std::string*, std::optional<std::int64_t>*,
                         std::optional<double>*, std::optional<std::string>*, std::vector<std::int64_t>*,
                         std::vector<double>*, std::vector<std::string>*>;

/// One option: where it lives, what it means, what it may be.
class Field {
 public:
  Field(std::string name, Ref ref, std::string help);
  /// Both ends allowed.
  Field& range(double low, double high) {
    low_ = low;
    high_ = high;
    return *this;
  }
  Field& choices(std::vector<std::string> allowed) {
    choices_ = std::move(allowed);
    return *this;
  }
  /// Written "-o" too.
  Field& letter(char short_flag) {
    letter_ = short_flag;
    return *this;
  }
  /// Another whole name, such as a reference's own spelling: "restore_path".
  Field& alias(std::string other_flag) {
    aliases_.push_back(std::move(other_flag));
    return *this;
  }
  /// Given by place, in the order of adding; a list takes the rest.
  Field& positional() {
    positional_ = true;
    return *this;
  }
  Field& required() {
    required_ = true;
    return *this;
  }
  /// What help shows for the value: FILE, SECONDS …
  Field& metavar(std::string shown) {
    metavar_ = std::move(shown);
    return *this;
  }

  const std::string& name() const { return name_; }  ///< dotted, snake_case
  const std::string& help() const { return help_; }
  const Ref& ref() const { return ref_; }
  double low() const { return low_; }
  double high() const { return high_; }
  const std::vector<std::string>& allowed() const { return choices_; }
  const std::vector<std::string>& aliases() const { return aliases_; }
  char letter() const { return letter_; }
  bool is_positional() const { return positional_; }
  bool is_required() const { return required_; }
  const std::string& metavar() const { return metavar_; }
  /// The default as YAML text, taken when the field was added.
  const std::string& default_text() const { return default_text_; }
  /// True once a flag, a file or set() gave a value.
  bool given() const { return given_; }
  /// The present value as JSON.
  nlohmann::json value() const;
  /// The group title it is listed under in help; empty for a verb's own options.
  const std::string& section() const { return section_; }
  /// Parses and checks `text`: a scalar, or for lists "a,b" or "[a, b]"; "null" empties an optional field.
  /// Throws UsageError naming the field, the value and what is allowed.
  void assign(std::string_view text, std::string_view where);
  /// The same for a list whose items were given apart (repeated flags, YAML sequences).
  void assign_items(const std::vector<std::string>& items, std::string_view where);
  /// Sets an optional field to absent. Throws UsageError for any other field.
  void clear(std::string_view where);
  bool is_list() const;
  bool is_bool() const { return std::holds_alternative<bool*>(ref_); }
  bool is_optional() const;

 private:
  friend class Fields;
  std::string name_, help_, metavar_, default_text_, section_;
  Ref ref_;
  double low_ = -std::numeric_limits<double>::infinity(), high_ = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices_, aliases_;
  char letter_ = 0;
  bool positional_ = false, required_ = false, given_ = false;
};

/// The list of a component, in the order of help.
class Fields {
 public:
  template <class T>
  Field& add(std::string name, T& value, std::string help) {
    Field field(std::move(name), Ref(&value), std::move(help));
    refuse_duplicate(field);
    return list_.emplace_back(std::move(field));
  }
  /// Takes over another component's fields under "prefix."; an empty prefix merges them.
  /// Aliases and letters are whole names and keep their spelling. A name met twice is a std::logic_error.
  void group(const std::string& prefix, Fields other, const std::string& title = {});

  std::vector<Field>& list() { return list_; }
  const std::vector<Field>& list() const { return list_; }
  /// By dotted name or alias; null when absent.
  Field* find(std::string_view name);
  /// "a.b=value" or ("a.b", "value"). Unknown names are UsageError with "did you mean".
  void set(std::string_view name, std::string_view value, std::string_view where = "--set");
  void set_assignment(std::string_view assignment, std::string_view where = "--set");
  /// True when some names begin with `prefix` + ".".
  bool has_group(std::string_view prefix) const;
  /// Every name and alias, for suggestions.
  std::vector<std::string> names() const;

 private:
  void refuse_duplicate(const Field& field) const;
  std::vector<Field> list_;
};

/// Command-line words → fields. "--a.b-c v", "--a.b-c=v", "--flag", "--no-flag", "-o v", positionals, "--set a.b=v",
/// "--" before words that only look like flags. "_" and "-" are the same. A list flag may be repeated.
/// Throws UsageError: unknown flag (did you mean), missing value, missing required field, left-over word.
void parse_flags(Fields& fields, const std::vector<std::string>& words);

/// The text that parse_flags would give to field `name` (the last one given), without assigning anything and
/// stepping over flags it does not know: for verbs whose further options depend on one word (`train MODEL`).
std::optional<std::string> peek_flag(const Fields& fields, const std::vector<std::string>& words,
                                     std::string_view name);

/// A run file: nested YAML mapping whose keys are the dotted names. Throws DataError with file, line, column and key
/// for syntax, unknown keys (did you mean) and wrong values.
void read_yaml(Fields& fields, const std::string& yaml, const std::string& file_name);

/// The scalar under one top-level key of a run file ("model"), or nothing; the file is checked for syntax only.
std::optional<std::string> peek_yaml(const std::string& yaml, std::string_view key, const std::string& file_name);

/// The fully resolved values as YAML, nested, each with its help as a comment when `commented`.
std::string to_yaml(const Fields& fields, bool commented = false);
nlohmann::json to_json(const Fields& fields);
void from_json(Fields& fields, const nlohmann::json& values, const std::string& where);
/// JSON Schema (draft 2020-12) of the run file, so that editors complete and check keys.
nlohmann::json json_schema(const Fields& fields, const std::string& title);
/// The way a field is written on the command line: "--mel.hop-samples", or its name in capitals for a place.
std::string shown_name(const Field& field);
/// The options part of --help, wrapped to 100 columns.
std::string help_text(const Fields& fields);

}  // namespace timbre::config
