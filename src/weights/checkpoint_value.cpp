#include "weights/checkpoint_value.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "weights/checkpoint_node.h"

namespace timbre::weights {
namespace {

constexpr std::string_view kKindNames[] = {"none",  "boolean", "integer", "integer", "real", "complex", "text",
                                           "bytes", "list",    "tuple",   "set",     "dict", "tensor",  "object"};

[[noreturn]] void wrong_kind(const Value& value, std::string_view wanted) {
  throw DataError(fmt::format("a checkpoint value is {} {}, expected {}",
                              value.kind() == Value::Kind::integer ? "an" : "a", value.kind_name(), wanted));
}

bool equal_real(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool same_list(const Value::List& a, const Value::List& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}

bool same_dict(const Value::Dict& a, const Value::Dict& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i].first, b[i].first) || !same(a[i].second, b[i].second)) return false;
  }
  return true;
}

bool same_pointee(const std::shared_ptr<Value>& a, const std::shared_ptr<Value>& b) {
  return a && b ? same(*a, *b) : !a && !b;
}

bool same_opaque(const Value::Opaque& a, const Value::Opaque& b) {
  return a.class_name == b.class_name && a.is_class == b.is_class && same_pointee(a.arguments, b.arguments) &&
         same_pointee(a.state, b.state) && same_list(a.items, b.items) && same_dict(a.entries, b.entries);
}

}  // namespace

Value::Value(std::shared_ptr<Node> node) : held_(std::move(node)) {}
Value::Value(std::string text) : Value(std::make_shared<Node>(Node{Kind::text, std::move(text)})) {}
Value::Value(Tensor tensor) : Value(std::make_shared<Node>(Node{Kind::tensor, std::move(tensor)})) {}
Value Value::bytes_of(std::string bytes) { return Value(std::make_shared<Node>(Node{Kind::bytes, std::move(bytes)})); }
Value Value::big_integer(std::string digits) {
  return Value(std::make_shared<Node>(Node{Kind::big_integer, std::move(digits)}));
}
Value Value::complex(double real, double imaginary) {
  return Value(std::make_shared<Node>(Node{Kind::complex, std::pair(real, imaginary)}));
}
Value Value::list(List items) { return Value(std::make_shared<Node>(Node{Kind::list, std::move(items)})); }
Value Value::tuple(List items) { return Value(std::make_shared<Node>(Node{Kind::tuple, std::move(items)})); }
Value Value::set(List items) { return Value(std::make_shared<Node>(Node{Kind::set, std::move(items)})); }
Value Value::dict(Dict entries, bool ordered) {
  return Value(std::make_shared<Node>(Node{Kind::dict, Node::Mapping{std::move(entries), {}, ordered}}));
}
Value Value::opaque(Opaque object) {
  return Value(std::make_shared<Node>(Node{Kind::opaque, std::make_unique<Opaque>(std::move(object))}));
}

Value Value::state_dict(const TensorMap& tensors) {
  Dict entries;
  entries.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) entries.emplace_back(Value(name), Value(tensor));
  return dict(std::move(entries), true);
}

const Value::Node* Value::node() const {
  const auto* held = std::get_if<std::shared_ptr<Node>>(&held_);
  return held ? held->get() : nullptr;
}

Value::Kind Value::kind() const {
  constexpr Kind kScalars[] = {Kind::none, Kind::boolean, Kind::integer, Kind::real};
  const Node* held = node();
  return held ? held->kind : kScalars[held_.index()];
}

std::string_view Value::kind_name() const { return kKindNames[static_cast<std::size_t>(kind())]; }
bool Value::is_sequence() const { return kind() == Kind::list || kind() == Kind::tuple || kind() == Kind::set; }
bool Value::is_ordered_dict() const { return is_dict() && std::get<Node::Mapping>(node()->body).ordered; }

Value::Node& Value::expect(Kind wanted, Kind other) const {
  if (kind() != wanted && kind() != other) wrong_kind(*this, kKindNames[static_cast<std::size_t>(wanted)]);
  return *std::get<std::shared_ptr<Node>>(held_);
}

bool Value::as_bool() const {
  if (const bool* value = std::get_if<bool>(&held_)) return *value;
  wrong_kind(*this, "boolean");
}

std::int64_t Value::as_int() const {
  if (const bool* value = std::get_if<bool>(&held_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&held_)) return *value;
  wrong_kind(*this, "integer");
}

double Value::as_real() const {
  if (const double* value = std::get_if<double>(&held_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&held_)) return static_cast<double>(*value);
  wrong_kind(*this, "real");
}

const std::string& Value::as_text() const { return std::get<std::string>(expect(Kind::text, Kind::text).body); }
const std::string& Value::as_bytes() const { return std::get<std::string>(expect(Kind::bytes, Kind::bytes).body); }
const std::string& Value::as_digits() const {
  return std::get<std::string>(expect(Kind::big_integer, Kind::big_integer).body);
}
std::pair<double, double> Value::as_complex() const {
  return std::get<std::pair<double, double>>(expect(Kind::complex, Kind::complex).body);
}
const Value::List& Value::as_list() const {
  if (!is_sequence()) wrong_kind(*this, "list");
  return std::get<List>(node()->body);
}
const Value::Dict& Value::as_dict() const {
  return std::get<Node::Mapping>(expect(Kind::dict, Kind::dict).body).entries;
}
const Tensor& Value::as_tensor() const { return std::get<Tensor>(expect(Kind::tensor, Kind::tensor).body); }
const Value::Opaque& Value::as_opaque() const {
  return *std::get<std::unique_ptr<Opaque>>(expect(Kind::opaque, Kind::opaque).body);
}

const Value* Value::find(std::string_view key) const {
  if (!is_dict()) return nullptr;
  for (const auto& [name, value] : as_dict()) {
    if (name.is_text() && name.as_text() == key) return &value;
  }
  return nullptr;
}

const Value* Value::find(std::int64_t key) const {
  if (!is_dict()) return nullptr;
  for (const auto& [name, value] : as_dict()) {
    if (name.kind() == Kind::integer && name.as_int() == key) return &value;
  }
  return nullptr;
}

const Value* Value::find_path(std::string_view path) const {
  // The longest key that fits wins: a state dict's own keys hold dots.
  if (is_dict()) {
    if (const Value* whole = find(path)) return whole;
  }
  for (std::size_t cut = path.size() + 1; cut-- > 0;) {
    if (cut != path.size() && path[cut] != '.') continue;
    const std::string_view head = path.substr(0, cut);
    std::int64_t number = -1;
    const auto parsed = std::from_chars(head.data(), head.data() + head.size(), number);
    const bool is_number = parsed.ec == std::errc() && parsed.ptr == head.data() + head.size();
    const Value* child = find(head);
    if (!child && is_number) child = find(number);
    if (!child && is_number && is_sequence() && number >= 0 && number < static_cast<std::int64_t>(as_list().size())) {
      child = &as_list()[static_cast<std::size_t>(number)];
    }
    if (!child) continue;
    if (cut == path.size()) return child;
    if (const Value* found = child->find_path(path.substr(cut + 1))) return found;
  }
  return nullptr;
}

const Value& Value::at(std::string_view key) const {
  if (!is_dict()) wrong_kind(*this, fmt::format("a dict with the key '{}'", key));
  if (const Value* value = find(key)) return *value;
  std::vector<std::string> keys;
  for (const auto& [name, value] : as_dict()) {
    if (name.is_text()) keys.push_back(name.as_text());
  }
  const std::size_t shown = std::min<std::size_t>(keys.size(), 8);
  throw DataError(fmt::format("there is no key '{}'; the keys are: {}{}", key,
                              fmt::join(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                              keys.size() > shown ? ", …" : ""),
                  did_you_mean(key, keys));
}

void Value::put(std::string_view key, Value value) {
  if (!is_dict()) throw UsageError(fmt::format("cannot put '{}' into a {}", key, kind_name()));
  if (const Value* old = find(key)) {
    *const_cast<Value*>(old) = std::move(value);
    return;
  }
  auto& mapping = std::get<Node::Mapping>(expect(Kind::dict, Kind::dict).body);
  mapping.entries.emplace_back(Value(std::string(key)), std::move(value));
}

void Value::push(Value value) {
  if (kind() != Kind::list) throw UsageError(fmt::format("cannot append to a {}", kind_name()));
  std::get<List>(expect(Kind::list, Kind::list).body).push_back(std::move(value));
}

const Value* Value::attributes() const {
  if (!is_dict()) return nullptr;
  const auto& mapping = std::get<Node::Mapping>(node()->body);
  return mapping.attributes.is_none() ? nullptr : &mapping.attributes;
}

void Value::set_attributes(Value attributes) {
  std::get<Node::Mapping>(expect(Kind::dict, Kind::dict).body).attributes = std::move(attributes);
}

const void* Value::identity() const { return node(); }

bool same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.identity() && a.identity() == b.identity()) return true;
  switch (a.kind()) {
    case Value::Kind::none:
      return true;
    case Value::Kind::boolean:
      return a.as_bool() == b.as_bool();
    case Value::Kind::integer:
      return a.as_int() == b.as_int();
    case Value::Kind::big_integer:
      return a.as_digits() == b.as_digits();
    case Value::Kind::real:
      return equal_real(a.as_real(), b.as_real());
    case Value::Kind::complex:
      return equal_real(a.as_complex().first, b.as_complex().first) &&
             equal_real(a.as_complex().second, b.as_complex().second);
    case Value::Kind::text:
      return a.as_text() == b.as_text();
    case Value::Kind::bytes:
      return a.as_bytes() == b.as_bytes();
    case Value::Kind::list:
    case Value::Kind::tuple:
    case Value::Kind::set:
      return same_list(a.as_list(), b.as_list());
    case Value::Kind::dict: {
      const Value* a_attributes = a.attributes();
      const Value* b_attributes = b.attributes();
      return same_dict(a.as_dict(), b.as_dict()) &&
             (a_attributes && b_attributes ? same(*a_attributes, *b_attributes) : !a_attributes && !b_attributes);
    }
    case Value::Kind::tensor:
      return same(a.as_tensor(), b.as_tensor());
    case Value::Kind::opaque:
      return same_opaque(a.as_opaque(), b.as_opaque());
  }
  return false;
}

}  // namespace timbre::weights
