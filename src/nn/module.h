#pragma once
#include <span>

#include "nn/shapes.h"
#include "weights/tensor.h"

namespace timbre::nn {

/// A tensor and its full dotted name.
struct Named {
  std::string name;
  Tensor tensor;
};

/// What load_state_dict did with every name.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     ///< wanted by the module, absent from the map: kept as initialised
  std::vector<std::string> unexpected;  ///< in the map, unknown to the module
  std::vector<std::string> mismatched;  ///< "name: file [2, 3], model [2, 4]"; kept as initialised
  bool exact() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

/// A part of a network: owns parameters and buffers by name, knows its children. Children are plain members (or
/// held by unique_ptr in a vector) of the parent, which calls child() for each in its constructor; names may hold
/// dots ("layer_stack.0", "conv_layer.conv1d_1.conv"), so upstream names need no wrapper classes. Neither copied nor
/// moved.
///
///   struct FeedForward : nn::Module {
///     nn::Conv1d w_1, w_2;
///     FeedForward(int64_t d, int64_t hidden) : w_1(d, hidden, {.kernel = 9}), w_2(hidden, d, {.kernel = 1}) {
///       child("w_1", w_1);
///       child("w_2", w_2);
///     }
///   };
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// All parameters, own ones first, then the children's, in the order of registration (torch's order).
  std::vector<Named> named_parameters() const;
  /// All persistent buffers.
  std::vector<Named> named_buffers() const;
  /// Parameters, then buffers, of each module in turn: torch's state_dict() order.
  std::vector<Named> named_state() const;
  std::int64_t parameter_count() const;

  /// A copy of all parameters and persistent buffers, on the CPU, keys as in named_state().
  weights::TensorMap state_dict() const;
  /// Copies values in by name. Nothing is thrown for what does not fit; strict callers look at the report, or use
  /// load_exactly(). Keeps every tensor's identity (optimisers and EMA hold on to them). Converts the number type.
  LoadReport load_state_dict(const weights::TensorMap& map);
  /// The same, but throws DataError naming `where` and up to five offending names unless everything fits.
  void load_exactly(const weights::TensorMap& map, const std::string& where);

  /// Training mode (dropout on, batch statistics) or evaluation mode, for this module and all below it.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }
  /// Moves parameters and buffers; identity kept.
  void to(const at::Device& device);
  at::Device device() const;

  /// Freezes (requires_grad off) the parameters whose name matches one of the patterns (see matches()); returns their
  /// names.
  std::vector<std::string> freeze(const std::vector<std::string>& patterns);

 protected:
  /// Registers a learnable tensor (requires_grad is set); returns the same handle for the member.
  Tensor parameter(std::string name, Tensor value);
  /// Registers a tensor that is saved but not learned.
  Tensor buffer(std::string name, Tensor value);
  void child(std::string name, Module& module);

 private:
  struct Slot {
    std::string name;
    Tensor tensor;
    bool learned;
  };
  void visit(const std::string& prefix, const std::function<void(const std::string&, const Slot&)>& call) const;
  std::vector<Slot> slots_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

/// Name patterns: '*' any run of characters, '?' one; a pattern without either also matches everything below it
/// ("encoder" matches "encoder.layer_stack.0…").
bool matches(std::string_view pattern, std::string_view name);

/// Tensor of ours → LibTorch (copied, on the CPU) and back. Throws DataError for number types LibTorch lacks.
Tensor to_torch(const weights::Tensor& tensor);
weights::Tensor from_torch(const Tensor& tensor);

}  // namespace timbre::nn
