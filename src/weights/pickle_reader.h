#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weights/checkpoint_node.h"
#include "weights/numpy_type.h"
#include "weights/pickle.h"

/// Inside of the pickle interpreter: pickle.cpp runs the opcodes, pickle_classes.cpp knows the classes,
/// pickle_finish.cpp checks the tree that came out.
namespace timbre::weights {

struct Pickled::State {
  struct Pending {
    std::shared_ptr<Value::Node> node;
    std::size_t storage;
    StridedView view;
  };
  std::string name;
  std::vector<std::shared_ptr<Value::Node>> arena;  ///< every node, so that none is freed through a deep chain
  Value root;
  std::vector<StorageRef> storages;
  std::vector<Pending> pending;
  std::size_t consumed = 0;
  ~State();
};

class PickleReader {
 public:
  PickleReader(const Source& source, std::size_t offset, const PickleOptions& options);
  Pickled run();

 private:
  using Node = Value::Node;
  using Kind = Value::Kind;

  // pickle.cpp: the machine
  bool step();
  bool step_number(unsigned char code);
  bool step_text(unsigned char code);
  bool step_container(unsigned char code);
  bool step_object(unsigned char code);
  bool step_memo(unsigned char code);
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    broken(reader_.name(), opcode_at_, "pickle: {}", fmt::format(format, std::forward<Args>(args)...));
  }
  void push(Value value) { stack_.push_back(std::move(value)); }
  Value pop();
  Value& top();
  Value::List pop_to_mark();
  Value remember(Node node, std::uint64_t extra_bytes = 0);
  Value text(Kind kind, std::string_view bytes);
  Value tuple(Value::List items);
  void charge(std::uint64_t bytes);
  void put(std::uint64_t index);
  void get(std::uint64_t index);
  std::uint64_t line_index(std::string_view what);
  Value long_of(Bytes little_endian);
  Value decimal(std::string_view digits);
  Value unescaped_string(std::string_view line);
  Value unescaped_unicode(std::string_view line);
  void append_items(Value& to, Value::List items);
  void set_items(Value& to, Value::List pairs);
  Node& node_of(const Value& value) const;
  std::shared_ptr<Node> shared_node(const Value& value) const;

  // pickle_classes.cpp: what classes mean
  Value class_named(std::string module, std::string_view name);
  Value call(const Value& callable, const Value& arguments);
  Value opaque_object(const std::string& class_name, const Value& arguments);
  void build(Value& object, const Value& state);
  Value persistent(const Value& id);
  std::optional<Value> call_builtin(std::string_view name, const Value::List& given);
  std::optional<Value> call_torch(std::string_view name, const Value::List& given);
  std::optional<Value> call_numpy(std::string_view name, const Value::List& given);
  std::optional<Value> rebuild_tensor(const Value::List& given, std::optional<DType> stated);
  std::optional<NumpyType> numpy_type(const Value& value) const;
  void build_array(Value& array, const Value::List& state);
  Value make_array(const NumpyType& type, const Value& shape, bool is_fortran, const std::string& raw);
  std::vector<std::int64_t> extents(const Value& tuple) const;
  const std::string* raw_of(const Value& value) const;
  const std::string& class_of(const Value& value) const;

  // pickle_finish.cpp
  void finish();

  const Source& source_;
  const PickleOptions& options_;
  ByteReader reader_;
  std::size_t opcode_at_ = 0;
  std::uint64_t budget_;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Value> memo_;
  std::unordered_map<std::uint64_t, Value> sparse_memo_;
  std::unordered_map<const Node*, std::size_t> storage_of_;
  std::unordered_map<std::string, std::size_t> storage_by_key_;
  std::unique_ptr<Pickled::State> state_;
  Value empty_tuple_;
};

}  // namespace timbre::weights
