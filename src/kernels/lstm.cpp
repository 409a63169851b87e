#include "kernels/lstm.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "base/cpu_levels.h"
#include "kernels/functions-inl.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

using inl::V16;

/// Gates [4, hidden] of one step → the new state. Sixteen units at a time; the rest through padded vectors.
TIMBRE_INLINE void gates_body(const float* gates, std::int64_t hidden, float* h, float* c) {
  for (std::int64_t i = 0; i < hidden; i += 16) {
    const std::int64_t here = std::min<std::int64_t>(16, hidden - i);
    float part[5][16] = {};
    for (int g = 0; g < 4; ++g) std::copy_n(gates + g * hidden + i, here, part[g]);
    std::copy_n(c + i, here, part[4]);
    const V16 in = inl::sigmoid(inl::load<V16>(part[0])), forget = inl::sigmoid(inl::load<V16>(part[1]));
    const V16 fresh = inl::tanh(inl::load<V16>(part[2])), out = inl::sigmoid(inl::load<V16>(part[3]));
    const V16 cell = forget * inl::load<V16>(part[4]) + in * fresh;
    inl::store(part[4], cell);
    inl::store(part[0], V16(out * inl::tanh(cell)));
    std::copy_n(part[4], here, c + i);
    std::copy_n(part[0], here, h + i);
  }
}
TIMBRE_FOR_EACH_CPU(void, gates, (const float* gates, std::int64_t hidden, float* h, float* c), (gates, hidden, h, c))

std::int64_t up_to_panel(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

}  // namespace

Lstm::Lstm(std::span<const float> w_ih, std::span<const float> w_hh, std::span<const float> b_ih,
           std::span<const float> b_hh, std::int64_t inputs, std::int64_t hidden)
    : hidden_(hidden) {
  const auto biases = static_cast<std::size_t>(4 * hidden);
  if (b_ih.size() != b_hh.size() || (!b_ih.empty() && b_ih.size() != biases))
    throw std::invalid_argument(fmt::format("Lstm: {} and {} biases for {} units", b_ih.size(), b_hh.size(), hidden));
  std::vector<float> bias(b_ih.begin(), b_ih.end());
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += b_hh[i];
  input_ = Packed(w_ih, bias, 4 * hidden, inputs);
  recurrent_ = Packed(w_hh, {}, 4 * hidden, hidden);
}

std::int64_t Lstm::scratch(std::int64_t rows) const { return rows * up_to_panel(4 * hidden_); }

void Lstm::run(const float* x_TI, std::int64_t rows, float* h_H, float* c_H, float* y_TH, float* scratch) const {
  const std::int64_t row = up_to_panel(4 * hidden_);
  linear(x_TI, rows, input_, scratch, {}, 0, row);
  for (std::int64_t t = 0; t < rows; ++t) {
    matvec(h_H, recurrent_, scratch + t * row, true);
    gates(scratch + t * row, hidden_, h_H, c_H);
    std::copy_n(h_H, hidden_, y_TH + t * hidden_);
  }
}

void Lstm::run_together(std::span<const Sequence> sequences) const {
  const std::int64_t row = up_to_panel(4 * hidden_);
  std::int64_t steps = 0;
  for (const Sequence& s : sequences) {
    linear(s.x_TI, s.rows, input_, s.scratch, {}, 0, row);
    steps = std::max(steps, s.rows);
  }
  for (std::int64_t t = 0; t < steps; ++t) {
    for (std::int64_t panel = 0; panel < recurrent_.panels(); ++panel)
      for (const Sequence& s : sequences)
        if (t < s.rows)
          run_matvec({.x = s.h_H,
                      .w = recurrent_.panel(panel),
                      .inputs = hidden_,
                      .panels = 1,
                      .bias = recurrent_.bias() + panel * kPanel,
                      .y = s.scratch + t * row + panel * kPanel,
                      .onto_y = true});
    for (const Sequence& s : sequences) {
      if (t >= s.rows) continue;
      gates(s.scratch + t * row, hidden_, s.h_H, s.c_H);
      std::copy_n(s.h_H, hidden_, s.y_TH + t * hidden_);
    }
  }
}

}  // namespace timbre::kernels
