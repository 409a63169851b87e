#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/aligned.h"

namespace timbre::encodec {

/// Rows of time × channels that grow at the end and are used up at the front, without clearing what is about to be
/// written.
class Rows {
 public:
  explicit Rows(std::int64_t channels = 1) : channels_(channels) {}

  std::int64_t channels() const { return channels_; }
  std::int64_t count() const { return end_ - begin_; }
  const float* data() const { return values_.data() + begin_ * channels_; }
  float* data() { return values_.data() + begin_ * channels_; }
  float* row(std::int64_t r) { return data() + r * channels_; }
  const float* row(std::int64_t r) const { return data() + r * channels_; }

  /// Room for `rows` more behind the last; their contents are anything. Invalidates pointers.
  float* append(std::int64_t rows) {
    reserve(rows);
    end_ += rows;
    return row(count() - rows);
  }
  void append(const float* from, std::int64_t rows) {
    if (rows > 0) std::memcpy(append(rows), from, sizeof(float) * static_cast<std::size_t>(rows * channels_));
  }
  void append_zeros(std::int64_t rows) {
    if (rows > 0) std::memset(append(rows), 0, sizeof(float) * static_cast<std::size_t>(rows * channels_));
  }
  /// Memory for `rows` behind the last, which do not count yet.
  void reserve(std::int64_t rows) {
    const auto room = [&] { return static_cast<std::int64_t>(values_.size()) / channels_; };
    if (end_ + rows <= room()) return;
    const std::int64_t kept = count();
    if (kept + rows > room()) {
      Aligned<float> larger(static_cast<std::size_t>(std::max(kept + rows, room() + room() / 2) * channels_));
      if (kept > 0) std::memcpy(larger.data(), data(), sizeof(float) * static_cast<std::size_t>(kept * channels_));
      values_ = std::move(larger);
    } else if (kept > 0) {
      std::memmove(values_.data(), data(), sizeof(float) * static_cast<std::size_t>(kept * channels_));
    }
    begin_ = 0;
    end_ = kept;
  }
  void drop_front(std::int64_t rows) { begin_ += rows; }
  void drop_back(std::int64_t rows) { end_ -= rows; }
  void clear() { begin_ = end_ = 0; }

 private:
  Aligned<float> values_;
  std::int64_t channels_, begin_ = 0, end_ = 0;
};

}  // namespace timbre::encodec
