#pragma once
#include <algorithm>
#include <cstdint>

#include "base/aligned.h"

namespace timbre::kernels {

/// Keys and values of the positions that were, for attention of one new position at a time: both are kept packed as
/// weights are, so that each number is read once, in order, by the product of a vector with a matrix.
class KvCache {
 public:
  KvCache() = default;
  /// `width`: of one head.
  KvCache(std::int64_t heads, std::int64_t width);

  std::int64_t length() const { return length_; }
  void clear() { length_ = 0; }
  /// Forgets all but the first so many positions.
  void shorten(std::int64_t positions) { length_ = std::min(length_, positions); }
  /// Room for so many positions, what is there is kept.
  void reserve(std::int64_t positions);
  /// The next `rows` positions; head h is columns h · width … of rows `stride` floats apart. Scores will be multiplied
  /// by `scale`. Makes room.
  void append(const float* k_TD, const float* v_TD, std::int64_t stride, std::int64_t rows, float scale);

  /// Room for at least one more; doubles where there is none.
  void make_room();
  /// append() of one position and heads [first, last), where there is room: heads may be appended by several threads.
  /// advance() counts it when all heads have it.
  void put(const float* k_D, const float* v_D, std::int64_t first, std::int64_t last, float scale);
  void advance() { ++length_; }

  /// Floats of scratch for attend().
  std::int64_t scratch() const;
  /// out_D = softmax(q·k) v over the first `positions` for heads [first, last). scratch: 64-byte aligned.
  void attend(const float* q_D, std::int64_t first, std::int64_t last, std::int64_t positions, float* out_D,
              float* scratch) const;

 private:
  void put_at(std::int64_t position, std::int64_t head, const float* k, const float* v, float scale);

  std::int64_t heads_ = 0, width_ = 0, value_panels_ = 0;
  std::int64_t capacity_ = 0, length_ = 0;  // positions; capacity a multiple of a panel
  Aligned<float> keys_;                     // [heads][capacity / 32][width][32]
  Aligned<float> values_;                   // [heads][value_panels][capacity][32]
};

}  // namespace timbre::kernels
