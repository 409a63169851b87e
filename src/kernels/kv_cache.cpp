#include "kernels/kv_cache.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/product.h"
#include "kernels/stream.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

std::int64_t up_to_panel(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

/// Blocks of `old_size` numbers each, of which the first `kept` count, moved to blocks of `size`.
template <class N>
void grow(Aligned<N>& numbers, std::int64_t blocks, std::int64_t old_size, std::int64_t kept, std::int64_t size) {
  Aligned<N> grown;
  // Large pieces get large pages (base/aligned.h); what is asked for beyond the numbers is never touched.
  constexpr std::size_t kLarge = (std::size_t{4} << 20) / sizeof(N);
  const auto count = static_cast<std::size_t>(blocks * size);
  if (count >= kLarge / 4) grown.reserve(std::max(count, kLarge));
  grown.resize(count, N{});
  for (std::int64_t b = 0; b < blocks; ++b) std::copy_n(numbers.begin() + b * old_size, kept, grown.begin() + b * size);
  numbers = std::move(grown);
}

}  // namespace

KvCache::KvCache(std::int64_t heads, std::int64_t width, std::int64_t sharing, Numbers numbers)
    : heads_(heads),
      width_(width),
      sharing_(sharing),
      value_panels_((width + kPanel - 1) / kPanel),
      numbers_(numbers) {}

void KvCache::reserve(std::int64_t positions) {
  if (positions <= capacity_) return;
  const std::int64_t capacity = up_to_panel(positions);
  const auto each = [&](auto& keys, auto& values) {
    grow(keys, heads_, capacity_ * width_, up_to_panel(length_) * width_, capacity * width_);
    grow(values, heads_ * value_panels_, capacity_ * kPanel, length_ * kPanel, capacity * kPanel);
  };
  if (numbers_ == Numbers::f32)
    each(keys_, values_);
  else
    each(key_halves_, value_halves_);
  capacity_ = capacity;
}

void KvCache::make_room() {
  if (length_ + 1 > capacity_) reserve(std::max(length_ + 1, 2 * capacity_));
}

void KvCache::put_at(std::int64_t position, std::int64_t head, const float* k, const float* v, float scale) {
  const std::int64_t key = (head * capacity_ + position / kPanel * kPanel) * width_, column = position % kPanel;
  const std::int64_t value = (head * value_panels_ * capacity_ + position) * kPanel, panel = capacity_ * kPanel;
  if (numbers_ == Numbers::f32) {
    for (std::int64_t i = 0; i < width_; ++i) keys_.data()[key + i * kPanel + column] = scale * k[i];
    for (std::int64_t i = 0; i < width_; ++i) values_.data()[value + i / kPanel * panel + i % kPanel] = v[i];
    return;
  }
  const std::int64_t place = half_place(column);
  for (std::int64_t i = 0; i < width_; ++i) key_halves_.data()[key + i * kPanel + place] = to_half(scale * k[i]);
  for (std::int64_t i = 0; i < width_; ++i)
    value_halves_.data()[value + i / kPanel * panel + half_place(i % kPanel)] = to_half(v[i]);
}

void KvCache::append(const float* k_TD, const float* v_TD, std::int64_t stride, std::int64_t rows, float scale) {
  if (length_ + rows > capacity_) reserve(std::max(length_ + rows, 2 * capacity_));
  for (std::int64_t t = 0; t < rows; ++t, ++length_) put(k_TD + t * stride, v_TD + t * stride, 0, heads_, scale);
}

void KvCache::put(const float* k_D, const float* v_D, std::int64_t first, std::int64_t last, float scale) {
  for (std::int64_t head = first; head < last; ++head)
    put_at(length_, head, k_D + head * width_, v_D + head * width_, scale);
}

std::int64_t KvCache::scratch() const {
  return std::max(sharing_ * (capacity_ + value_panels_ * kPanel), kRows * capacity_);
}

const void* KvCache::at(const Aligned<float>& floats, const Aligned<std::uint16_t>& halves, std::int64_t number) const {
  return numbers_ == Numbers::f32 ? static_cast<const void*>(floats.data() + number) : halves.data() + number;
}

void KvCache::attend(const float* q_D, std::int64_t first, std::int64_t last, std::int64_t positions, float* out_D,
                     float* scratch) const {
  float *scores = scratch, *mixed = scratch + sharing_ * capacity_;
  const std::int64_t mixed_row = value_panels_ * kPanel;
  for (std::int64_t head = first; head < last; ++head) {
    run_stream({.x = q_D + head * sharing_ * width_,
                .x_row = width_,
                .rows = sharing_,
                .w = at(keys_, key_halves_, head * capacity_ * width_),
                .numbers = numbers_,
                .inputs = width_,
                .panels = up_to_panel(positions) / kPanel,
                .y = scores,
                .y_row = capacity_});
    softmax(scores, sharing_, positions, capacity_);
    run_stream({.x = scores,
                .x_row = capacity_,
                .rows = sharing_,
                .w = at(values_, value_halves_, head * value_panels_ * capacity_ * kPanel),
                .numbers = numbers_,
                .inputs = positions,
                .panels = value_panels_,
                .panel_stride = capacity_ * kPanel,
                .y = mixed,
                .y_row = mixed_row});
    for (std::int64_t q = 0; q < sharing_; ++q)
      std::copy_n(mixed + q * mixed_row, width_, out_D + (head * sharing_ + q) * width_);
  }
}

void KvCache::attend_block(const float* q_TD, std::int64_t q_row, std::int64_t before, std::int64_t rows,
                           std::int64_t head, float* out_TD, std::int64_t out_row, float* scores) const {
  const std::int64_t seen = before + rows;
  const auto weights = [&](Product& p, const Aligned<float>& floats, const Aligned<std::uint16_t>& halves,
                           std::int64_t number) {
    if (numbers_ == Numbers::f32)
      p.panels = floats.data() + number;
    else
      p.halves = halves.data() + number;
  };
  Product score;
  score.x = q_TD;
  score.x_row = q_row;
  score.length = score.rows = rows;
  weights(score, keys_, key_halves_, head * capacity_ * width_);
  score.inputs = width_;
  score.outputs = up_to_panel(seen);
  score.y = scores;
  score.y_row = capacity_;
  run_product(score);
  for (std::int64_t t = 0; t < rows; ++t) {
    softmax(scores + t * capacity_, 1, before + t + 1, capacity_);
    std::fill(scores + t * capacity_ + before + t + 1, scores + t * capacity_ + seen, 0.0f);
  }
  Product mix;
  mix.x = scores;
  mix.x_row = capacity_;
  mix.length = mix.rows = rows;
  weights(mix, values_, value_halves_, head * value_panels_ * capacity_ * kPanel);
  mix.panel_stride = capacity_ * kPanel;
  mix.inputs = seen;
  mix.outputs = width_;
  mix.y = out_TD;
  mix.y_row = out_row;
  run_product(mix);
}

void KvCache::attend_rows(const float* q_TD, std::int64_t q_row, std::int64_t rows, std::int64_t first,
                          std::int64_t last, float* out_TD, std::int64_t out_row, float* scratch) const {
  for (std::int64_t q = first * sharing_; q < last * sharing_; ++q)
    for (std::int64_t t = 0; t < rows; t += kRows)
      attend_block(q_TD + t * q_row + q * width_, q_row, length_ - rows + t, std::min(kRows, rows - t), q / sharing_,
                   out_TD + t * out_row + q * width_, out_row, scratch);
}

}  // namespace timbre::kernels
