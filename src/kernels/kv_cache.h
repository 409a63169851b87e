#pragma once
#include <algorithm>
#include <cstdint>

#include "base/aligned.h"
#include "kernels/numbers.h"

namespace timbre::kernels {

/// Keys and values of the positions that were, for attention of one new position at a time: both are kept packed as
/// weights are, so that each number is read once, in order, by the product of a vector with a matrix. Several heads of
/// queries may share one of keys (Ainslie et al. 2023): they read it together.
class KvCache {
 public:
  KvCache() = default;
  /// heads: of keys; width: of one head; sharing: heads of queries for each head of keys, next to each other.
  KvCache(std::int64_t heads, std::int64_t width, std::int64_t sharing = 1, Numbers numbers = Numbers::f32);

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

  /// Floats of scratch for attend() and attend_rows().
  std::int64_t scratch() const;
  /// out_D = softmax(q·k) v over the first `positions` for the queries of heads [first, last). scratch: 64-byte
  /// aligned.
  void attend(const float* q_D, std::int64_t first, std::int64_t last, std::int64_t positions, float* out_D,
              float* scratch) const;
  /// The same for the queries of the last `rows` positions in the cache, each of which sees those up to its own.
  void attend_rows(const float* q_TD, std::int64_t q_row, std::int64_t rows, std::int64_t first, std::int64_t last,
                   float* out_TD, std::int64_t out_row, float* scratch) const;

 private:
  static constexpr std::int64_t kRows = 32;  ///< queries of attend_rows() at once

  void put_at(std::int64_t position, std::int64_t head, const float* k, const float* v, float scale);
  const void* at(const Aligned<float>& floats, const Aligned<std::uint16_t>& halves, std::int64_t number) const;
  void attend_block(const float* q_TD, std::int64_t q_row, std::int64_t before, std::int64_t rows, std::int64_t head,
                    float* out_TD, std::int64_t out_row, float* scores) const;

  std::int64_t heads_ = 0, width_ = 0, sharing_ = 1, value_panels_ = 0;
  Numbers numbers_ = Numbers::f32;
  std::int64_t capacity_ = 0, length_ = 0;            // positions; capacity a multiple of a panel
  Aligned<float> keys_;                               // [heads][capacity / 32][width][32]
  Aligned<float> values_;                             // [heads][value_panels][capacity][32]
  Aligned<std::uint16_t> key_halves_, value_halves_;  // instead of them
};

}  // namespace timbre::kernels
