// After the last opcode: the tree must be a tree that plain recursion can walk.

#include <unordered_map>
#include <unordered_set>

#include "weights/pickle_reader.h"

namespace timbre::weights {
namespace {

constexpr std::uint64_t kUnfoldFactor = 64, kUnfoldFloor = 1 << 20;
constexpr std::uint64_t kPlaceWeight = 16;  // what one place in the unfolded tree counts besides its text

using Node = Value::Node;

/// The values a node holds, to read or to replace.
std::vector<Value*> children_of(Node& node) {
  std::vector<Value*> out;
  const auto add_dict = [&](Value::Dict& dict) {
    for (auto& [key, value] : dict) {
      out.push_back(&key);
      out.push_back(&value);
    }
  };
  if (auto* list = std::get_if<Value::List>(&node.body)) {
    for (Value& item : *list) out.push_back(&item);
  } else if (auto* mapping = std::get_if<Node::Mapping>(&node.body)) {
    add_dict(mapping->entries);
    out.push_back(&mapping->attributes);
  } else if (auto* object = std::get_if<std::unique_ptr<Value::Opaque>>(&node.body)) {
    if ((*object)->arguments) out.push_back((*object)->arguments.get());
    if ((*object)->state) out.push_back((*object)->state.get());
    for (Value& item : (*object)->items) out.push_back(&item);
    add_dict((*object)->entries);
  }
  return out;
}

void refuse_repeated_keys(const Node& node, const std::string& name) {
  const auto* mapping = std::get_if<Node::Mapping>(&node.body);
  if (!mapping || mapping->entries.size() < 2) return;
  std::unordered_set<std::string_view> texts;
  std::unordered_set<std::int64_t> numbers;
  for (const auto& [key, value] : mapping->entries) {
    if (key.is_text() && !texts.insert(key.as_text()).second) {
      throw DataError(
          fmt::format("{}: pickle: the key '{}' is given twice in one dict", name, key.as_text().substr(0, 200)));
    }
    if (key.kind() == Value::Kind::integer && !numbers.insert(key.as_int()).second) {
      throw DataError(fmt::format("{}: pickle: the key {} is given twice in one dict", name, key.as_int()));
    }
  }
}

/// Depth-first over the graph with an explicit stack, since depth is what we are to check.
class Walk {
 public:
  Walk(std::string name, std::uint64_t limit) : name_(std::move(name)), limit_(limit) {}

  struct Facts {
    bool is_done = false;
    int height = 1;
    std::uint64_t unfolded = 0;  ///< bytes of text and places when every shared part is written out
  };
  std::unordered_map<Node*, Facts> facts;

  void run(Value& root) {
    enter(root);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      if (frame.next == frame.children.size()) {
        leave();
      } else {
        enter(*frame.children[frame.next++]);
      }
    }
  }

 private:
  struct Frame {
    Node* node;
    std::vector<Value*> children;
    std::size_t next = 0;
    Facts facts;
  };

  void enter(Value& value) {
    auto* node = const_cast<Node*>(static_cast<const Node*>(value.identity()));
    if (!node) return add({true, 0, kPlaceWeight});
    const auto [found, is_new] = facts.try_emplace(node);
    if (found->second.is_done) return add(found->second);
    if (!is_new) {  // on the stack: it contains itself
      Value::Opaque itself;
      itself.class_name = "(itself)";
      value = Value::opaque(std::move(itself));
      return add({true, 1, kPlaceWeight});
    }
    if (stack_.size() >= Value::kMaxDepth) refuse_depth();
    refuse_repeated_keys(*node, name_);
    Frame frame{node, children_of(*node), 0, {}};
    frame.facts.unfolded = kPlaceWeight;
    if (const auto* text = std::get_if<std::string>(&node->body)) frame.facts.unfolded += text->size();
    if (const auto* object = std::get_if<std::unique_ptr<Value::Opaque>>(&node->body))
      frame.facts.unfolded += (*object)->class_name.size();
    stack_.push_back(std::move(frame));
  }

  void leave() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    frame.facts.is_done = true;
    facts[frame.node] = frame.facts;
    add(frame.facts);
  }

  /// Adds a finished child to the frame on top.
  void add(const Facts& child) {
    if (stack_.empty()) return;
    Facts& mine = stack_.back().facts;
    mine.height = std::max(mine.height, child.height + 1);
    mine.unfolded += child.unfolded;
    if (mine.height > Value::kMaxDepth) refuse_depth();
    if (mine.unfolded > limit_) {
      throw DataError(fmt::format("{}: pickle: shared parts unfold to more than {} bytes, far more than the file holds",
                                  name_, limit_));
    }
  }

  [[noreturn]] void refuse_depth() const {
    throw DataError(fmt::format("{}: pickle: nested more than {} levels deep", name_, Value::kMaxDepth));
  }

  std::string name_;
  std::uint64_t limit_;
  std::vector<Frame> stack_;
};

void empty_node(Node& node) { node.body = std::string(); }

}  // namespace

void PickleReader::finish() {
  Walk walk(source_.name, kUnfoldFloor + kUnfoldFactor * state_->consumed);
  walk.run(state_->root);
  // What the root does not reach is taken apart here, one node at a time, never through a chain of destructors.
  memo_.clear();
  sparse_memo_.clear();
  storage_of_.clear();
  std::erase_if(state_->pending, [&](const auto& pending) { return !walk.facts.contains(pending.node.get()); });
  empty_tuple_ = {};
  for (const auto& node : state_->arena) {
    if (!walk.facts.contains(node.get())) empty_node(*node);
  }
  state_->arena.clear();
}

Pickled::State::~State() {
  // Not empty only when reading failed half-way.
  for (const auto& node : arena) empty_node(*node);
}

void Pickled::resolve(const std::function<StorageBytes(const StorageRef&)>& find, ByteOrder order,
                      std::uint64_t& copy_budget) {
  std::vector<std::optional<StorageBytes>> found(state_->storages.size());
  for (auto& pending : state_->pending) {
    const StorageRef& storage = state_->storages[pending.storage];
    if (!found[pending.storage]) found[pending.storage] = storage.own ? *storage.own : find(storage);
    const std::string where = fmt::format("{}: tensor over storage '{}'", state_->name, storage.key);
    pending.node->body = view_tensor(pending.view, found[pending.storage]->bytes, found[pending.storage]->owner, order,
                                     copy_budget, where);
  }
  state_->pending.clear();
}

Value Pickled::take() { return std::move(state_->root); }

}  // namespace timbre::weights
