#include "kernels/attention.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/product.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

std::int64_t up_to_panel(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

/// Keys as weights of `keys` outputs, values as weights of `width` outputs, and the scores of one head.
struct Scratch {
  float *keys, *values, *scores;
  std::int64_t score_row;
};

Scratch divide(const Attention& a, float* scratch) {
  const std::int64_t keys = up_to_panel(a.keys) * a.width, values = up_to_panel(a.width) * a.keys;
  return {scratch, scratch + up_to_panel(keys), scratch + up_to_panel(keys) + up_to_panel(values), up_to_panel(a.keys)};
}

void pack_keys(const float* k_SD, std::int64_t stride, const Attention& a, float* to) {
  for (std::int64_t s = 0; s < up_to_panel(a.keys); ++s) {
    float* column = to + s / kPanel * a.width * kPanel + s % kPanel;
    for (std::int64_t i = 0; i < a.width; ++i) column[i * kPanel] = s < a.keys ? a.scale * k_SD[s * stride + i] : 0.0f;
  }
}

void pack_values(const float* v_SD, std::int64_t stride, const Attention& a, float* to) {
  for (std::int64_t from = 0; from < a.width; from += kPanel) {
    const std::int64_t here = std::min(kPanel, a.width - from);
    for (std::int64_t s = 0; s < a.keys; ++s, to += kPanel) {
      std::copy_n(v_SD + s * stride + from, here, to);
      std::fill(to + here, to + kPanel, 0.0f);
    }
  }
}

}  // namespace

std::int64_t attention_scratch(const Attention& a) {
  return up_to_panel(up_to_panel(a.keys) * a.width) + up_to_panel(up_to_panel(a.width) * a.keys) +
         a.queries * up_to_panel(a.keys);
}

void attention(const float* q_TD, const float* k_SD, const float* v_SD, std::int64_t stride, const Attention& a,
               float* out_TD, float* scratch) {
  if (a.queries <= 0 || a.keys <= 0) return;
  const Scratch s = divide(a, scratch);
  for (std::int64_t head = 0; head < a.heads; ++head) {
    const std::int64_t at = head * a.width;
    pack_keys(k_SD + at, stride, a, s.keys);
    pack_values(v_SD + at, stride, a, s.values);
    Product scores;
    scores.x = q_TD + at;
    scores.length = scores.rows = a.queries;
    scores.x_row = stride;
    scores.panels = s.keys;
    scores.outputs = scores.y_row = s.score_row;
    scores.inputs = a.width;
    scores.y = s.scores;
    run_product(scores);
    if (a.causal) {
      for (std::int64_t t = 0; t < a.queries; ++t) {
        const std::int64_t seen = std::clamp<std::int64_t>(t + 1 + a.keys - a.queries, 0, a.keys);
        softmax(s.scores + t * s.score_row, 1, seen, s.score_row);
        std::fill(s.scores + t * s.score_row + seen, s.scores + t * s.score_row + a.keys, 0.0f);
      }
    } else {
      softmax(s.scores, a.queries, a.keys, s.score_row);
    }
    Product mix;
    mix.x = s.scores;
    mix.length = mix.rows = a.queries;
    mix.x_row = s.score_row;
    mix.panels = s.values;
    mix.outputs = a.width;
    mix.inputs = a.keys;
    mix.y = out_TD + at;
    mix.y_row = a.heads * a.width;
    run_product(mix);
  }
}

}  // namespace timbre::kernels
