#pragma once
#include <set>
#include <string>
#include <vector>

#include "weights/tensor.h"

namespace timbre::weights {

/// Hands a network its weights for inference, with weight normalisation (Salimans & Kingma 2016) multiplied out. The
/// file keeps what it has; only what is read here is folded.
class FoldedReader {
 public:
  using Shape = std::vector<std::int64_t>;
  /// `tensors` must outlive the reader. `prefix` stands before every name ("generator."); `where` is the file, for
  /// messages.
  FoldedReader(const TensorMap& tensors, std::string prefix, std::string where);

  /// <layer>.weight, or of weight_g and weight_v or parametrizations.weight.original0 and original1: g · v / ‖v‖, the
  /// norm over every axis but the first. Throws DataError for a tensor that is missing or of another shape.
  std::vector<float> weight(const std::string& layer, const Shape& shape);
  /// Any other tensor. Throws as weight().
  std::vector<float> tensor(const std::string& name, const Shape& shape);
  bool has(const std::string& name) const { return tensors_.contains(prefix_ + name); }
  /// Something the file may hold and inference does not use: every name that begins so.
  void ignore(const std::string& beginning) { ignored_.push_back(prefix_ + beginning); }
  /// Throws DataError naming the tensors under the prefix that nobody took.
  void finish() const;

 private:
  const TensorMap& tensors_;
  std::string prefix_, where_;
  std::set<std::string> taken_;
  std::vector<std::string> ignored_;
};

}  // namespace timbre::weights
