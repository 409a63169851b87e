#include "kernels/kv_cache.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

std::int64_t up_to_panel(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

}  // namespace

KvCache::KvCache(std::int64_t heads, std::int64_t width)
    : heads_(heads), width_(width), value_panels_((width + kPanel - 1) / kPanel) {}

void KvCache::reserve(std::int64_t positions) {
  if (positions <= capacity_) return;
  const std::int64_t capacity = up_to_panel(positions);
  Aligned<float> keys(static_cast<std::size_t>(heads_ * capacity * width_), 0.0f);
  Aligned<float> values(static_cast<std::size_t>(heads_ * value_panels_ * capacity * kPanel), 0.0f);
  for (std::int64_t head = 0; head < heads_; ++head)
    std::copy_n(keys_.begin() + head * capacity_ * width_, up_to_panel(length_) * width_,
                keys.begin() + head * capacity * width_);
  for (std::int64_t panel = 0; panel < heads_ * value_panels_; ++panel)
    std::copy_n(values_.begin() + panel * capacity_ * kPanel, length_ * kPanel,
                values.begin() + panel * capacity * kPanel);
  keys_ = std::move(keys);
  values_ = std::move(values);
  capacity_ = capacity;
}

void KvCache::make_room() {
  if (length_ + 1 > capacity_) reserve(std::max(length_ + 1, 2 * capacity_));
}

void KvCache::put_at(std::int64_t position, std::int64_t head, const float* k, const float* v, float scale) {
  float* key = keys_.data() + (head * capacity_ + position / kPanel * kPanel) * width_ + position % kPanel;
  for (std::int64_t i = 0; i < width_; ++i) key[i * kPanel] = scale * k[i];
  float* value = values_.data() + (head * value_panels_ * capacity_ + position) * kPanel;
  for (std::int64_t from = 0; from < width_; from += kPanel, value += capacity_ * kPanel)
    std::copy_n(v + from, std::min(kPanel, width_ - from), value);
}

void KvCache::append(const float* k_TD, const float* v_TD, std::int64_t stride, std::int64_t rows, float scale) {
  if (length_ + rows > capacity_) reserve(std::max(length_ + rows, 2 * capacity_));
  for (std::int64_t t = 0; t < rows; ++t, ++length_) put(k_TD + t * stride, v_TD + t * stride, 0, heads_, scale);
}

void KvCache::put(const float* k_D, const float* v_D, std::int64_t first, std::int64_t last, float scale) {
  for (std::int64_t head = first; head < last; ++head)
    put_at(length_, head, k_D + head * width_, v_D + head * width_, scale);
}

std::int64_t KvCache::scratch() const { return capacity_ + value_panels_ * kPanel; }

void KvCache::attend(const float* q_D, std::int64_t first, std::int64_t last, std::int64_t positions, float* out_D,
                     float* scratch) const {
  float *scores = scratch, *mixed = scratch + capacity_;
  for (std::int64_t head = first; head < last; ++head) {
    run_matvec({.x = q_D + head * width_,
                .w = keys_.data() + head * capacity_ * width_,
                .inputs = width_,
                .panels = up_to_panel(positions) / kPanel,
                .y = scores});
    softmax(scores, 1, positions, positions);
    for (std::int64_t panel = 0; panel < value_panels_; ++panel)
      run_matvec({.x = scores,
                  .w = values_.data() + (head * value_panels_ + panel) * capacity_ * kPanel,
                  .inputs = positions,
                  .panels = 1,
                  .y = mixed + panel * kPanel});
    std::copy_n(mixed, width_, out_D + head * width_);
  }
}

}  // namespace timbre::kernels
