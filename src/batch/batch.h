#pragma once
#include <map>

#include "nn/shapes.h"

/// What goes through the network at once.
namespace timbre::batch {

using nn::Tensor;

/// Utterances made into tensors by a recipe's collate(). Tensors have the names of their shapes ("mel_BFM").
class Batch {
 public:
  std::vector<std::string> ids;  ///< for messages: which utterances are in it
  /// What the losses are divided by: {"frames": 812, "phones": 97, "items": 4}. Counts of real, not padded, units.
  std::map<std::string, double> counts;
  double padded_units = 0;  ///< items × longest, in the sampler's unit: the cost of the batch
  double real_units = 0;    ///< the same without padding

  void put(const std::string& name, Tensor tensor);
  /// Throws std::logic_error when absent.
  const Tensor& operator[](const std::string& name) const;
  bool has(const std::string& name) const;
  const std::vector<std::pair<std::string, Tensor>>& tensors() const { return tensors_; }
  void to(const at::Device& device);
  std::int64_t bytes() const;

 private:
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

/// One item as the sampler sees it: nothing but its size.
struct Item {
  std::string id;
  std::int64_t units = 0;  ///< frames (or samples, tokens): what fills time and memory
  double seconds = 0;      ///< of audio, for batches by seconds; 0 = not known
};

}  // namespace timbre::batch
