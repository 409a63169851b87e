#pragma once
#include <deque>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "weights/tensor.h"

namespace timbre::weights {

/// Hands a network its tensors by name and shape, and sees to it that the file has those and no others.
class ShapedReader {
 public:
  /// `tensors` must outlive the reader; `where` is the file, for messages.
  ShapedReader(const TensorMap& tensors, std::string where) : tensors_(tensors), where_(std::move(where)) {}

  /// The numbers as float32: the file's own where it holds such, else converted; valid as long as reader and tensors.
  /// A tensor that is absent or of another shape is remembered for finish(), and zeros are returned.
  std::span<const float> take(const std::string& name, std::initializer_list<std::int64_t> shape);
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Something the file may hold and the network does not use.
  void ignore(const std::string& name) { taken_.insert(name); }
  /// Throws DataError naming what was missing, of another shape or left over.
  void finish() const;

 private:
  const TensorMap& tensors_;
  std::string where_;
  std::set<std::string> taken_;
  std::vector<std::string> missing_, mismatched_;
  std::deque<std::vector<float>> converted_;
};

}  // namespace timbre::weights
