#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weights/tensor.h"

/// What a checkpoint holds besides tensors: the tree a pickle describes, as plain data.
namespace timbre::weights {

/// One value of the tree. Copying shares the contents (lists and dictionaries are not cloned).
/// A value that a reader returned has no cycles, at most kMaxDepth levels, and a size of the order of its file,
/// so plain recursion over it is safe.
class Value {
 public:
  enum class Kind {
    none,
    boolean,
    integer,
    big_integer,
    real,
    complex,
    text,
    bytes,
    list,
    tuple,
    set,
    dict,
    tensor,
    opaque
  };
  using List = std::vector<Value>;
  using Dict = std::vector<std::pair<Value, Value>>;
  static constexpr int kMaxDepth = 200;
  struct Node;  ///< checkpoint_node.h, for the readers

  /// An object of a class we know nothing about: never imported, never called.
  struct Opaque {
    std::string class_name;            ///< "argparse.Namespace", "pathlib.PosixPath"
    bool is_class = false;             ///< the class (or function) itself rather than an object of it
    std::shared_ptr<Value> arguments;  ///< what its constructor was given: a tuple, or null
    std::shared_ptr<Value> state;      ///< what __setstate__ was given, usually a dict of its attributes, or null
    List items;                        ///< appended to it
    Dict entries;                      ///< set on it by key
  };

  Value() = default;  ///< none
  Value(bool value) : held_(value) {}
  Value(std::int64_t value) : held_(value) {}
  Value(int value) : held_(static_cast<std::int64_t>(value)) {}
  Value(double value) : held_(value) {}
  Value(std::string text);
  Value(const char* text) : Value(std::string(text)) {}
  Value(Tensor tensor);
  static Value bytes_of(std::string bytes);
  /// An integer beyond 64 bits, as decimal digits.
  static Value big_integer(std::string digits);
  static Value complex(double real, double imaginary);
  static Value list(List items = {});
  static Value tuple(List items = {});
  static Value set(List items = {});
  /// A plain dict; `ordered` makes it a collections.OrderedDict when it is written for Python.
  static Value dict(Dict entries = {}, bool ordered = false);
  static Value opaque(Opaque object);
  /// An ordered dict of tensors, as state_dict() gives.
  static Value state_dict(const TensorMap& tensors);

  Kind kind() const;
  std::string_view kind_name() const;
  bool is_none() const { return kind() == Kind::none; }
  bool is_tensor() const { return kind() == Kind::tensor; }
  bool is_dict() const { return kind() == Kind::dict; }
  bool is_text() const { return kind() == Kind::text; }
  /// List, tuple or set.
  bool is_sequence() const;
  bool is_ordered_dict() const;

  // Each throws DataError naming the wanted and the present kind.
  bool as_bool() const;
  std::int64_t as_int() const;  ///< integers and booleans
  double as_real() const;       ///< reals and integers
  const std::string& as_text() const;
  const std::string& as_bytes() const;
  const std::string& as_digits() const;  ///< of a big integer
  std::pair<double, double> as_complex() const;
  const List& as_list() const;  ///< list, tuple, set
  const Dict& as_dict() const;
  const Tensor& as_tensor() const;
  const Opaque& as_opaque() const;

  /// Entry of a dict by text key; null when absent or when this is no dict.
  const Value* find(std::string_view key) const;
  /// By integer key.
  const Value* find(std::int64_t key) const;
  /// By dotted path: "optimizer.param_groups.0.lr"; numbers index sequences and integer keys.
  const Value* find_path(std::string_view path) const;
  /// Throws DataError naming the key and the keys there are.
  const Value& at(std::string_view key) const;
  /// Adds or replaces a text key of a dict. UsageError when this is no dict.
  void put(std::string_view key, Value value);
  /// Appends to a list. UsageError when this is no list.
  void push(Value value);

  /// Attributes a dict object carries (state_dict()'s "_metadata"); null when none.
  const Value* attributes() const;
  void set_attributes(Value attributes);

  /// Identity of shared contents: equal for two places that hold the same object. Null for numbers.
  const void* identity() const;

 private:
  friend class PickleReader;
  std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<Node>> held_;
  explicit Value(std::shared_ptr<Node> node);
  const Node* node() const;
  Node& expect(Kind kind, Kind other) const;
};

/// Same kinds, numbers, texts, keys in the same order and tensors of equal bytes. NaN equals NaN.
bool same(const Value& a, const Value& b);

}  // namespace timbre::weights
