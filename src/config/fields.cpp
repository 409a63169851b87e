#include "config/fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "base/error.h"
#include "base/strings.h"
#include "config/scalar.h"

namespace timbre::config {
namespace {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

nlohmann::json json_of(const Ref& ref) {
  return std::visit(
      [](auto* value) -> nlohmann::json {
        if constexpr (IsOptional<std::decay_t<decltype(*value)>>::value) {
          return *value ? nlohmann::json(**value) : nlohmann::json(nullptr);
        } else {
          return nlohmann::json(*value);
        }
      },
      ref);
}

std::string wanted_range(const Field& f) {
  const bool low = f.low() > -std::numeric_limits<double>::infinity();
  const bool high = f.high() < std::numeric_limits<double>::infinity();
  if (low && high) return fmt::format("a number from {} to {}", f.low(), f.high());
  if (low) return fmt::format("a number of at least {}", f.low());
  return fmt::format("a number of at most {}", f.high());
}

[[noreturn]] void refuse(const Field& f, std::string_view text, std::string_view where, const std::string& wanted,
                         const std::string& next = {}) {
  throw UsageError(fmt::format("{}: '{}' is not a value of '{}': expected {}", where, text, f.name(), wanted), next);
}

bool parse_bool(const Field& f, std::string_view text, std::string_view where) {
  const std::string t = ascii_lower(text);
  if (t == "true" || t == "yes" || t == "on" || t == "1") return true;
  if (t == "false" || t == "no" || t == "off" || t == "0") return false;
  refuse(f, text, where, "true or false");
}

template <class T>
T parse_one(const Field& f, std::string_view text, std::string_view where) {
  if constexpr (std::is_same_v<T, bool>) {
    return parse_bool(f, text, where);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!f.allowed().empty() && std::find(f.allowed().begin(), f.allowed().end(), text) == f.allowed().end())
      refuse(f, text, where, "one of " + join(f.allowed(), ", "), did_you_mean(text, f.allowed()));
    return std::string(text);
  } else {
    std::optional<T> value;
    if constexpr (std::is_same_v<T, double>) {
      value = parse_double(text);
    } else {
      value = parse_int(text);
    }
    if (!value) refuse(f, text, where, std::is_same_v<T, double> ? "a number" : "a whole number");
    if (!(static_cast<double>(*value) >= f.low() && static_cast<double>(*value) <= f.high()))
      refuse(f, text, where, wanted_range(f));
    return *value;
  }
}

}  // namespace

Field::Field(std::string name, Ref ref, std::string help) : name_(std::move(name)), help_(std::move(help)), ref_(ref) {
  default_text_ = scalar_text(json_of(ref_));
}

nlohmann::json Field::value() const { return json_of(ref_); }

bool Field::is_list() const {
  return std::visit([](auto* v) { return IsVector<std::decay_t<decltype(*v)>>::value; }, ref_);
}

bool Field::is_optional() const {
  return std::visit([](auto* v) { return IsOptional<std::decay_t<decltype(*v)>>::value; }, ref_);
}

void Field::clear(std::string_view where) {
  std::visit(
      [&](auto* v) {
        if constexpr (IsOptional<std::decay_t<decltype(*v)>>::value) {
          v->reset();
        } else {
          refuse(*this, "null", where, "a value (it cannot be absent)");
        }
      },
      ref_);
  given_ = true;
}

void Field::assign(std::string_view text, std::string_view where) {
  if (is_list()) return assign_items(split_list(text), where);
  if (is_optional() && text == "null") return clear(where);
  std::visit(
      [&](auto* v) {
        using T = std::decay_t<decltype(*v)>;
        if constexpr (IsOptional<T>::value) {
          *v = parse_one<typename T::value_type>(*this, text, where);
        } else if constexpr (!IsVector<T>::value) {
          *v = parse_one<T>(*this, text, where);
        }
      },
      ref_);
  given_ = true;
}

void Field::assign_items(const std::vector<std::string>& items, std::string_view where) {
  std::visit(
      [&](auto* v) {
        using T = std::decay_t<decltype(*v)>;
        if constexpr (IsVector<T>::value) {
          T parsed;
          for (const std::string& item : items) parsed.push_back(parse_one<typename T::value_type>(*this, item, where));
          *v = std::move(parsed);
        } else {
          refuse(*this, "[" + join(items, ", ") + "]", where, "one value, not a list");
        }
      },
      ref_);
  given_ = true;
}

void Fields::refuse_duplicate(const Field& field) const {
  for (const Field& known : list_) {
    if (known.name() == field.name() || (known.letter() != 0 && known.letter() == field.letter()))
      throw std::logic_error("option '" + field.name() + "' is listed twice");
  }
}

void Fields::group(const std::string& prefix, Fields other, const std::string& title) {
  for (Field& field : other.list_) {
    if (!prefix.empty()) field.name_ = prefix + "." + field.name_;
    if (field.section_.empty()) field.section_ = title;
    refuse_duplicate(field);
    list_.push_back(std::move(field));
  }
}

Field* Fields::find(std::string_view name) {
  const std::string key = flag_key(name);
  for (Field& field : list_)
    if (flag_key(field.name()) == key) return &field;
  for (Field& field : list_)
    for (const std::string& alias : field.aliases())
      if (flag_key(alias) == key) return &field;
  return nullptr;
}

bool Fields::has_group(std::string_view prefix) const {
  return std::any_of(list_.begin(), list_.end(), [&](const Field& field) {
    const std::string& name = field.name();
    return name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] == '.';
  });
}

std::vector<std::string> Fields::names() const {
  std::vector<std::string> all;
  for (const Field& field : list_) {
    all.push_back(field.name());
    all.insert(all.end(), field.aliases().begin(), field.aliases().end());
  }
  return all;
}

void Fields::set(std::string_view name, std::string_view value, std::string_view where) {
  Field* field = find(name);
  if (!field) throw UsageError(fmt::format("{}: there is no option '{}'", where, name), did_you_mean(name, names()));
  field->assign(value, where);
}

void Fields::set_assignment(std::string_view assignment, std::string_view where) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw UsageError(fmt::format("{}: '{}' is not NAME=VALUE", where, assignment), "write it as --set name=value");
  set(assignment.substr(0, equals), assignment.substr(equals + 1), where);
}

}  // namespace timbre::config
