#include "weights/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/strings.h"
#include "weights/pickle_reader.h"

namespace timbre::weights {
namespace {

constexpr std::uint64_t kBudgetFactor = 64, kBudgetFloor = 1 << 20;
constexpr std::uint64_t kNodeBytes = 160;  // a node, its control block and its place in the arena
constexpr std::size_t kMaxIntegerBytes = 1024;
constexpr int kNewestProtocol = 5;

}  // namespace

PickleReader::PickleReader(const Source& source, std::size_t offset, const PickleOptions& options)
    : source_(source),
      options_(options),
      reader_(source.bytes, source.name, offset),
      budget_(kBudgetFloor + kBudgetFactor * (source.bytes.size() - offset)),
      state_(std::make_unique<Pickled::State>()) {
  state_->name = source.name;
}

Pickled PickleReader::run() {
  empty_tuple_ = remember({Kind::tuple, Value::List{}});
  while (step()) {
  }
  if (stack_.size() != 1 || !marks_.empty())
    fail("{} values and {} marks are left over at the end", stack_.size(), marks_.size());
  state_->root = pop();
  state_->consumed = reader_.position();
  finish();
  Pickled out;
  out.state_ = std::move(state_);
  return out;
}

void PickleReader::charge(std::uint64_t bytes) {
  if (bytes > budget_) fail("it unfolds to far more memory than the file has bytes");
  budget_ -= bytes;
}

Value PickleReader::remember(Node node, std::uint64_t extra_bytes) {
  charge(kNodeBytes + extra_bytes);
  state_->arena.push_back(std::make_shared<Node>(std::move(node)));
  return Value(state_->arena.back());
}

Value PickleReader::text(Kind kind, std::string_view bytes) {
  return remember({kind, std::string(bytes)}, bytes.size());
}

Value PickleReader::tuple(Value::List items) {
  if (items.empty()) return empty_tuple_;
  const std::uint64_t bytes = items.size() * sizeof(Value);
  return remember({Kind::tuple, std::move(items)}, bytes);
}

PickleReader::Node& PickleReader::node_of(const Value& value) const {
  return *std::get<std::shared_ptr<Node>>(value.held_);
}
std::shared_ptr<PickleReader::Node> PickleReader::shared_node(const Value& value) const {
  return std::get<std::shared_ptr<Node>>(value.held_);
}

Value& PickleReader::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("takes a value from an empty stack");
  return stack_.back();
}

Value PickleReader::pop() {
  Value value = std::move(top());
  stack_.pop_back();
  return value;
}

Value::List PickleReader::pop_to_mark() {
  if (marks_.empty()) fail("there is no mark on the stack");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  Value::List items(std::make_move_iterator(begin), std::make_move_iterator(stack_.end()));
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

bool PickleReader::step() {
  opcode_at_ = reader_.position();
  const auto code = reader_.number<unsigned char>("the next pickle opcode");
  switch (code) {
    case '.':
      return false;
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '1':
      pop_to_mark();
      return true;
    case '2':
      push(Value(top()));
      return true;
    case 0x80:
      if (const int protocol = reader_.number<std::uint8_t>("the protocol"); protocol > kNewestProtocol) {
        fail("protocol {}, expected 0 to {}", protocol, kNewestProtocol);
      }
      return true;
    case 0x95: {
      const auto size = reader_.number<std::uint64_t>("a frame");
      if (size > reader_.left()) fail("a frame of {} bytes, the file has {} left", size, reader_.left());
      return true;
    }
    default:
      break;
  }
  if (step_number(code) || step_text(code) || step_container(code) || step_memo(code) || step_object(code)) return true;
  fail("unknown opcode 0x{:02x}", code);
}

bool PickleReader::step_number(unsigned char code) {
  switch (code) {
    case 'N':
      push({});
      return true;
    case 0x88:
      push(true);
      return true;
    case 0x89:
      push(false);
      return true;
    case 'J':
      push(static_cast<std::int64_t>(reader_.number<std::int32_t>("an integer")));
      return true;
    case 'K':
      push(static_cast<std::int64_t>(reader_.number<std::uint8_t>("an integer")));
      return true;
    case 'M':
      push(static_cast<std::int64_t>(reader_.number<std::uint16_t>("an integer")));
      return true;
    case 'I': {
      const std::string_view line = reader_.line("an integer");
      if (line == "00" || line == "01")
        push(line == "01");
      else
        push(decimal(line));
      return true;
    }
    case 'L': {
      std::string_view line = reader_.line("an integer");
      if (line.ends_with('L')) line.remove_suffix(1);
      push(decimal(line));
      return true;
    }
    case 0x8a:
      push(long_of(reader_.take(reader_.number<std::uint8_t>("an integer"), "an integer")));
      return true;
    case 0x8b:
      push(long_of(reader_.take(reader_.number<std::uint32_t>("an integer"), "an integer")));
      return true;
    case 'F': {
      const std::string_view line = reader_.line("a real number");
      const auto value = parse_double(line);
      if (!value) fail("'{}' is no real number", line.substr(0, 40));
      push(*value);
      return true;
    }
    case 'G':
      push(std::bit_cast<double>(__builtin_bswap64(reader_.number<std::uint64_t>("a real number"))));
      return true;
    default:
      return false;
  }
}

Value PickleReader::decimal(std::string_view digits) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) return value;
  const std::string_view unsigned_digits = digits.starts_with('-') ? digits.substr(1) : digits;
  if (unsigned_digits.empty() || unsigned_digits.size() > 2 * kMaxIntegerBytes ||
      unsigned_digits.find_first_not_of("0123456789") != std::string_view::npos) {
    fail("'{}' is no integer", digits.substr(0, 40));
  }
  return text(Kind::big_integer, digits);
}

Value PickleReader::long_of(Bytes bytes) {
  if (bytes.size() > kMaxIntegerBytes) fail("an integer of {} bytes", bytes.size());
  const bool is_negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
  if (bytes.size() <= 8) {
    std::uint64_t value = is_negative ? ~0ull : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint64_t>(bytes[i]);
    return static_cast<std::int64_t>(value);
  }
  // Schoolbook conversion to base 10^9, of the magnitude.
  std::vector<std::uint32_t> groups{0};
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const auto digit = static_cast<std::uint64_t>(is_negative ? ~bytes[i] : bytes[i]);
    std::uint64_t carry = digit;
    for (auto& group : groups) {
      carry += static_cast<std::uint64_t>(group) << 8;
      group = static_cast<std::uint32_t>(carry % 1'000'000'000);
      carry /= 1'000'000'000;
    }
    if (carry) groups.push_back(static_cast<std::uint32_t>(carry));
  }
  if (is_negative) {  // two's complement: the magnitude is one more than the inverted bits
    for (auto& group : groups) {
      if (++group < 1'000'000'000) break;
      group = 0;
    }
    if (groups.back() == 0) groups.push_back(1);
  }
  std::string digits = fmt::format("{}{}", is_negative ? "-" : "", groups.back());
  for (std::size_t i = groups.size() - 1; i-- > 0;) digits += fmt::format("{:09}", groups[i]);
  return decimal(digits);
}

bool PickleReader::step_text(unsigned char code) {
  const auto counted = [&](Kind kind, std::uint64_t count) {
    push(text(kind, text_of(reader_.take(count, "a text"))));
  };
  switch (code) {
    case 'S':
      push(unescaped_string(reader_.line("a text")));
      return true;
    case 'V':
      push(unescaped_unicode(reader_.line("a text")));
      return true;
    case 'T': {
      const auto count = reader_.number<std::int32_t>("a text");
      if (count < 0) fail("a text of {} bytes", count);
      counted(Kind::text, static_cast<std::uint64_t>(count));
      return true;
    }
    case 'U':
      counted(Kind::text, reader_.number<std::uint8_t>("a text"));
      return true;
    case 'X':
      counted(Kind::text, reader_.number<std::uint32_t>("a text"));
      return true;
    case 0x8c:
      counted(Kind::text, reader_.number<std::uint8_t>("a text"));
      return true;
    case 0x8d:
      counted(Kind::text, reader_.number<std::uint64_t>("a text"));
      return true;
    case 'B':
      counted(Kind::bytes, reader_.number<std::uint32_t>("bytes"));
      return true;
    case 'C':
      counted(Kind::bytes, reader_.number<std::uint8_t>("bytes"));
      return true;
    case 0x8e:
    case 0x96:
      counted(Kind::bytes, reader_.number<std::uint64_t>("bytes"));
      return true;
    default:
      return false;
  }
}

/// Python's repr of a byte string, as protocol 0 writes it.
Value PickleReader::unescaped_string(std::string_view line) {
  if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"'))
    fail("a text without quotes");
  line = line.substr(1, line.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    const char escape = line[++i];
    constexpr std::string_view kLetters = "ntr\\'\"abfv", kMeanings = "\n\t\r\\'\"\a\b\f\v";
    if (const std::size_t known = kLetters.find(escape); known != std::string_view::npos) {
      out += kMeanings[known];
    } else if (escape == 'x') {
      unsigned value = 0;
      const std::string_view digits = line.substr(i + 1, 2);
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (digits.size() != 2 || parsed.ptr != digits.data() + 2) fail("a broken \\x escape");
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += '\\';
      out += escape;
    }
  }
  return text(Kind::text, out);
}

/// Latin-1 with \uXXXX and \UXXXXXXXX, as protocol 0 writes text.
Value PickleReader::unescaped_unicode(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_escape = line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U');
    if (!is_escape) {
      append_utf8(out, static_cast<unsigned char>(line[i]));
      continue;
    }
    const std::size_t count = line[i + 1] == 'u' ? 4 : 8;
    const std::string_view digits = line.substr(i + 2, count);
    std::uint32_t point = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
    if (digits.size() != count || parsed.ptr != digits.data() + count || point > 0x10ffff) fail("a broken \\u escape");
    append_utf8(out, point >= 0xd800 && point <= 0xdfff ? U'\ufffd' : static_cast<char32_t>(point));
    i += 1 + count;
  }
  return text(Kind::text, out);
}

bool PickleReader::step_container(unsigned char code) {
  switch (code) {
    case ']':
      push(remember({Kind::list, Value::List{}}));
      return true;
    case ')':
      push(empty_tuple_);
      return true;
    case '}':
      push(remember({Kind::dict, Node::Mapping{}}));
      return true;
    case 0x8f:
      push(remember({Kind::set, Value::List{}}));
      return true;
    case 't':
      push(tuple(pop_to_mark()));
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {
      Value::List items(static_cast<std::size_t>(code - 0x84));
      for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
      push(tuple(std::move(items)));
      return true;
    }
    case 'l':
    case 0x91: {
      Value::List items = pop_to_mark();
      push(remember({code == 'l' ? Kind::list : Kind::set, Value::List{}}));
      append_items(top(), std::move(items));
      return true;
    }
    case 'd': {
      Value::List pairs = pop_to_mark();
      push(remember({Kind::dict, Node::Mapping{}}));
      set_items(top(), std::move(pairs));
      return true;
    }
    case 'a': {
      Value item = pop();
      append_items(top(), {std::move(item)});
      return true;
    }
    case 'e':
    case 0x90: {
      Value::List items = pop_to_mark();
      append_items(top(), std::move(items));
      return true;
    }
    case 's': {
      Value value = pop(), key = pop();
      set_items(top(), {std::move(key), std::move(value)});
      return true;
    }
    case 'u': {
      Value::List pairs = pop_to_mark();
      set_items(top(), std::move(pairs));
      return true;
    }
    default:
      return false;
  }
}

void PickleReader::append_items(Value& to, Value::List items) {
  charge(items.size() * sizeof(Value));
  Value::List* list = nullptr;
  if (to.kind() == Kind::list || to.kind() == Kind::set) list = &std::get<Value::List>(node_of(to).body);
  if (to.kind() == Kind::opaque) list = &std::get<std::unique_ptr<Value::Opaque>>(node_of(to).body)->items;
  if (!list) fail("appends to what is no list: {}", to.kind_name());
  list->insert(list->end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
}

void PickleReader::set_items(Value& to, Value::List pairs) {
  if (pairs.size() % 2 != 0) fail("a key without a value");
  charge(pairs.size() * sizeof(Value));
  Value::Dict* dict = nullptr;
  if (to.kind() == Kind::dict) dict = &std::get<Node::Mapping>(node_of(to).body).entries;
  if (to.kind() == Kind::opaque) dict = &std::get<std::unique_ptr<Value::Opaque>>(node_of(to).body)->entries;
  if (!dict) fail("sets a key of what is no dict: {}", to.kind_name());
  for (std::size_t i = 0; i < pairs.size(); i += 2) dict->emplace_back(std::move(pairs[i]), std::move(pairs[i + 1]));
}

std::uint64_t PickleReader::line_index(std::string_view what) {
  const std::string_view line = reader_.line(what);
  const auto index = parse_int(line);
  if (!index || *index < 0) fail("'{}' is no memo number", line.substr(0, 40));
  return static_cast<std::uint64_t>(*index);
}

bool PickleReader::step_memo(unsigned char code) {
  switch (code) {
    case 'p':
      put(line_index("a memo number"));
      return true;
    case 'q':
      put(reader_.number<std::uint8_t>("a memo number"));
      return true;
    case 'r':
      put(reader_.number<std::uint32_t>("a memo number"));
      return true;
    case 0x94:
      put(memo_.size() + sparse_memo_.size());
      return true;
    case 'g':
      get(line_index("a memo number"));
      return true;
    case 'h':
      get(reader_.number<std::uint8_t>("a memo number"));
      return true;
    case 'j':
      get(reader_.number<std::uint32_t>("a memo number"));
      return true;
    default:
      return false;
  }
}

void PickleReader::put(std::uint64_t index) {
  if (index < memo_.size()) {
    memo_[static_cast<std::size_t>(index)] = top();
  } else if (index == memo_.size()) {
    memo_.push_back(top());
  } else {
    // Numbers with gaps cost a table entry each, never an array as long as the number.
    charge(sizeof(Value) * 3);
    sparse_memo_[index] = top();
  }
}

void PickleReader::get(std::uint64_t index) {
  if (index < memo_.size()) return push(memo_[static_cast<std::size_t>(index)]);
  const auto found = sparse_memo_.find(index);
  if (found == sparse_memo_.end()) fail("memo number {} was never given", index);
  push(found->second);
}

bool PickleReader::step_object(unsigned char code) {
  switch (code) {
    case 'c': {
      std::string module(reader_.line("a module name"));
      push(class_named(std::move(module), reader_.line("a class name")));
      return true;
    }
    case 0x93: {
      const Value name = pop(), module = pop();
      if (!name.is_text() || !module.is_text()) fail("a class name that is no text");
      push(class_named(module.as_text(), name.as_text()));
      return true;
    }
    case 'R':
    case 0x81: {
      const Value arguments = pop(), callable = pop();
      push(call(callable, arguments));
      return true;
    }
    case 0x92: {
      Value named = pop(), arguments = pop();
      const Value callable = pop();
      Value object = call(callable, arguments);
      if (object.kind() == Kind::opaque && named.is_dict() && !named.as_dict().empty())
        set_items(object, {text(Kind::text, "keywords"), named});
      push(std::move(object));
      return true;
    }
    case 'i': {
      std::string module(reader_.line("a module name"));
      const Value type = class_named(std::move(module), reader_.line("a class name"));
      push(call(type, tuple(pop_to_mark())));
      return true;
    }
    case 'o': {
      Value::List items = pop_to_mark();
      if (items.empty()) fail("an object without a class");
      const Value type = items.front();
      items.erase(items.begin());
      push(call(type, tuple(std::move(items))));
      return true;
    }
    case 'b': {
      const Value state = pop();
      build(top(), state);
      return true;
    }
    case 'P':
      push(persistent(text(Kind::text, reader_.line("a persistent id"))));
      return true;
    case 'Q':
      push(persistent(pop()));
      return true;
    case 0x82:
    case 0x83:
    case 0x84:
      fail("extension codes are not supported");
    case 0x97:
      fail("a buffer outside of the pickle");
    case 0x98:
      return true;
    default:
      return false;
  }
}

Pickled::Pickled() : state_(std::make_unique<State>()) {}
Pickled::~Pickled() = default;
Pickled::Pickled(Pickled&&) noexcept = default;
Pickled& Pickled::operator=(Pickled&&) noexcept = default;
const std::vector<StorageRef>& Pickled::storages() const { return state_->storages; }
std::size_t Pickled::consumed() const { return state_->consumed; }

Pickled read_pickle(const Source& source, std::size_t offset, const PickleOptions& options) {
  return PickleReader(source, offset, options).run();
}

}  // namespace timbre::weights
