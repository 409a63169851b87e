#include "codecs/encodec/passage.h"

#include <stdexcept>

#include "kernels/elementwise.h"

namespace timbre::encodec {
namespace {

using Kind = Layer::Kind;

void copy_rows(bool elu, const float* x, std::int64_t rows, Rows& to) {
  if (rows <= 0) return;
  if (elu)
    kernels::activate(kernels::Activation::elu, 0, x, to.append(rows), rows * to.channels());
  else
    to.append(x, rows);
}

/// y = shortcut(x) + widen(inner); inner has had its ELU.
void join(const Layer& layer, Rows& x, Rows& inner, Rows& y) {
  const std::int64_t rows = inner.count();
  layer.shortcut.run(x, rows, y);
  y.drop_back(rows);
  layer.widen.run(inner, rows, y, {.accumulate = true});
}

void lstm_stack(const Layer& layer, const float* x, std::int64_t rows, float* h, float* c, Aligned<float>& gates,
                Rows& y) {
  if (rows <= 0) return;
  const std::int64_t width = layer.inputs;
  float* out = y.append(rows);
  Aligned<float> between(static_cast<std::size_t>(rows * width));
  const float* from = x;
  for (std::size_t i = 0; i < layer.lstm.size(); ++i) {
    const auto& lstm = layer.lstm[i];
    if (const auto needed = static_cast<std::size_t>(lstm.scratch(rows)); gates.size() < needed) gates.resize(needed);
    float* to = (layer.lstm.size() - i) % 2 == 1 ? out : between.data();
    const std::int64_t at = static_cast<std::int64_t>(i) * width;
    lstm.run(from, rows, h + at, c + at, to, gates.data());
    from = to;
  }
  kernels::add(x, out, rows * width);
}

}  // namespace

Passage::State::State(const Layer& layer)
    : in(layer.inputs),
      skip(layer.inputs),
      inner(layer.kind == Kind::residual ? layer.convolution.sizes().outputs : 1),
      made(layer.outputs),
      seen(layer.inputs) {}

Passage::Passage(const std::vector<Layer>& layers) : layers_(layers) {
  for (const Layer& layer : layers) {
    states_.emplace_back(layer);
    between_.emplace_back(layer.inputs);
  }
  reset();
}

void Passage::reset() {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    State& state = states_[i];
    for (Rows* rows : {&state.in, &state.skip, &state.inner, &state.made}) rows->clear();
    state.taken = 0;
    state.started = false;
    const auto units = static_cast<std::size_t>(layers_[i].inputs) * layers_[i].lstm.size();
    state.h.assign(units, 0.0f);
    state.c.assign(units, 0.0f);
    if (layers_[i].kind == Kind::upsampling) state.in.append_zeros(layers_[i].upsampling.history());
  }
}

/// Puts the reflected rows before the first, once there are enough to reflect.
void Passage::start(const Convolution& convolution, State& state) const {
  const std::int64_t padding = convolution.padding();
  if (state.started || state.in.count() <= padding) return;
  pad_reflecting(state.in, {.left = padding, .right = 0});
  state.started = true;
}

void Passage::make(const Layer& layer, State& state) const {
  if (layer.kind == Kind::upsampling) {
    const std::int64_t rows = state.in.count() - layer.upsampling.history();
    layer.upsampling.run(state.in, state.made);
    state.in.drop_front(std::max<std::int64_t>(rows, 0));
    return;
  }
  if (!state.started) return;
  const std::int64_t count = layer.convolution.windows(state.in.count());
  if (layer.kind == Kind::convolution) {
    layer.convolution.run(state.in, count, state.made);
  } else if (count > 0) {
    layer.convolution.run(state.in, count, state.inner, {.activation = kernels::Activation::elu});
    join(layer, state.skip, state.inner, state.made);
    state.inner.clear();
    state.skip.drop_front(count);
  }
  state.in.drop_front(count * layer.convolution.sizes().stride);
}

void Passage::run_lstm(const Layer& layer, State& state, const float* x, std::int64_t rows) const {
  lstm_stack(layer, x, rows, state.h.data(), state.c.data(), state.gates, state.made);
}

void Passage::report(const Layer& layer, State& state, const float* x, std::int64_t rows, std::int64_t made) const {
  if (!probe_) return;
  if (layer.elu && rows > 0) {
    state.seen.clear();
    copy_rows(true, x, rows, state.seen);
    probe_(layer.at - 1, state.seen.data(), rows, layer.inputs);
  }
  if (made > 0) probe_(layer.at, state.made.row(state.made.count() - made), made, layer.outputs);
}

void Passage::feed(std::size_t at, const float* x, std::int64_t rows) {
  const Layer& layer = layers_[at];
  State& state = states_[at];
  const std::int64_t before = state.made.count();
  state.taken += rows;
  if (layer.kind == Kind::lstm) {
    run_lstm(layer, state, x, rows);
  } else {
    if (layer.kind == Kind::residual) state.skip.append(x, rows);
    copy_rows(layer.elu || layer.kind == Kind::residual, x, rows, state.in);
    if (layer.kind != Kind::upsampling) start(layer.convolution, state);
    make(layer, state);
  }
  report(layer, state, x, rows, state.made.count() - before);
}

void Passage::end(std::size_t at) {
  const Layer& layer = layers_[at];
  State& state = states_[at];
  if (layer.kind == Kind::lstm || layer.kind == Kind::upsampling || state.taken == 0) return;
  const Padding padding{.left = state.started ? 0 : layer.convolution.padding(),
                        .right = layer.convolution.extra(state.taken)};
  const std::int64_t before = state.made.count();
  pad_reflecting(state.in, padding);
  state.started = true;
  make(layer, state);
  report(layer, state, nullptr, 0, state.made.count() - before);
}

void Passage::push(std::size_t first, std::size_t last, const float* x, std::int64_t rows, Rows& out) {
  for (std::size_t at = first; at < last && rows > 0; ++at) {
    states_[at].made.clear();
    feed(at, x, rows);
    x = states_[at].made.data();
    rows = states_[at].made.count();
  }
  out.append(x, rows);
}

void Passage::finish(std::size_t first, std::size_t last, Rows& out) {
  const float* x = nullptr;
  std::int64_t rows = 0;
  for (std::size_t at = first; at < last; ++at) {
    states_[at].made.clear();
    if (rows > 0) feed(at, x, rows);
    end(at);
    x = states_[at].made.data();
    rows = states_[at].made.count();
  }
  out.append(x, rows);
}

std::size_t Passage::stage_end(std::size_t first, std::size_t last) const {
  std::size_t at = first;
  do {
    const Layer& layer = layers_[at];
    if (layer.kind == Kind::convolution && layer.convolution.sizes().stride > 1) return at + 1;
    ++at;
  } while (at < last && layers_[at].kind != Kind::upsampling && layers_[at].kind != Kind::lstm);
  return at;
}

std::int64_t Passage::widest(std::size_t first, std::size_t last) const {
  std::int64_t wide = 1, rate = 1;
  for (std::size_t at = first; at < last; ++at) {
    if (layers_[at].kind == Kind::upsampling) rate *= layers_[at].upsampling.sizes().stride;
    wide = std::max(wide, rate * layers_[at].outputs);
  }
  return wide;
}

void Passage::whole(std::size_t first, std::size_t last, const Rows& x, Rows& out) {
  constexpr std::int64_t kBlockFloats = 2 << 20;    // between two stages: a few seconds, so that memory stays small
  constexpr std::int64_t kPieceFloats = 128 << 10;  // between two layers: half of a second-level cache
  const std::int64_t block = std::max<std::int64_t>(kBlockFloats / widest(first, last), 1);
  for (std::int64_t begin = 0; begin < x.count(); begin += block) {
    // Stage by stage, since deep ones are all weights and want many rows at once.
    const bool is_last = begin + block >= x.count();
    const float* from = x.row(begin);
    std::int64_t rows = std::min(block, x.count() - begin);
    for (std::size_t stage = first, end = 0; stage < last; stage = end) {
      end = stage_end(stage, last);
      Rows& to = end == last ? out : between_[end];
      if (end != last) to.clear();
      const std::int64_t piece = std::max<std::int64_t>(kPieceFloats / widest(stage, end), 48);
      const std::int64_t channels = layers_[stage].inputs;
      for (std::int64_t at = 0; at < rows; at += piece)
        push(stage, end, from + at * channels, std::min(piece, rows - at), to);
      if (is_last) finish(stage, end, to);
      from = to.data();
      rows = to.count();
    }
  }
}

void run_lstm_together(const Layer& layer, std::span<const Rows* const> x, std::span<Rows* const> y) {
  const auto width = static_cast<std::size_t>(layer.inputs);
  struct Scratch {
    Aligned<float> gates;
    std::vector<float> h, c;
  };
  std::vector<Rows> from(x.size(), Rows(layer.inputs)), to = from;
  for (std::size_t i = 0; i < x.size(); ++i) from[i].append(x[i]->data(), x[i]->count());
  for (const kernels::Lstm& lstm : layer.lstm) {
    std::vector<Scratch> scratch(x.size());
    std::vector<kernels::Lstm::Sequence> sequences;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int64_t rows = from[i].count();
      scratch[i] = {Aligned<float>(static_cast<std::size_t>(lstm.scratch(rows))), std::vector<float>(width),
                    std::vector<float>(width)};
      to[i].clear();
      sequences.push_back({from[i].data(), rows, scratch[i].h.data(), scratch[i].c.data(), to[i].append(rows),
                           scratch[i].gates.data()});
    }
    lstm.run_together(sequences);
    std::swap(from, to);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i]->append(from[i].data(), from[i].count());
    kernels::add(x[i]->data(), y[i]->row(y[i]->count() - x[i]->count()), x[i]->count() * layer.inputs);
  }
}

namespace {

Rows convolve_whole(const Convolution& convolution, Rows x, bool elu_after) {
  const std::int64_t total = convolution.padding(), right = total / 2;
  pad_reflecting(x, {.left = total - right, .right = right + convolution.extra(x.count())});
  Rows y(convolution.sizes().outputs);
  convolution.run(x, convolution.windows(x.count()), y);
  if (convolution.norm()) convolution.norm()->apply(y.data(), y.count());
  if (elu_after) kernels::activate(kernels::Activation::elu, 0, y.data(), y.data(), y.count() * y.channels());
  return y;
}

Rows upsample_whole(const Upsampling& upsampling, const Rows& x) {
  const auto& sizes = upsampling.sizes();
  Rows padded(sizes.inputs), y(sizes.outputs);
  padded.append_zeros(upsampling.history());
  padded.append(x.data(), x.count());
  padded.append_zeros(upsampling.history());
  upsampling.run(padded, y);
  y.drop_back(y.count() - ((x.count() - 1) * sizes.stride + sizes.taps));
  if (upsampling.norm()) upsampling.norm()->apply(y.data(), y.count());
  const std::int64_t total = sizes.taps - sizes.stride, right = total / 2;
  y.drop_front(total - right);
  y.drop_back(right);
  return y;
}

Rows layer_whole(const Layer& layer, Rows x) {
  switch (layer.kind) {
    case Kind::convolution:
      return convolve_whole(layer.convolution, std::move(x), false);
    case Kind::upsampling:
      return upsample_whole(layer.upsampling, x);
    case Kind::lstm: {
      Rows y(layer.outputs);
      const Rows* const from = &x;
      Rows* const to = &y;
      run_lstm_together(layer, {&from, 1}, {&to, 1});
      return y;
    }
    case Kind::residual: {
      Rows bent(layer.inputs);
      copy_rows(true, x.data(), x.count(), bent);
      const Rows inner = convolve_whole(layer.convolution, std::move(bent), true);
      Rows y = convolve_whole(layer.widen, inner, false);
      const Rows straight = convolve_whole(layer.shortcut, std::move(x), false);
      kernels::add(straight.data(), y.data(), y.count() * y.channels());
      return y;
    }
  }
  throw std::logic_error("a layer of no kind");
}

}  // namespace

Rows pass_whole(const std::vector<Layer>& layers, Rows x, const Probe& probe) {
  for (const Layer& layer : layers) {
    if (layer.elu) {
      kernels::activate(kernels::Activation::elu, 0, x.data(), x.data(), x.count() * x.channels());
      if (probe) probe(layer.at - 1, x.data(), x.count(), x.channels());
    }
    x = layer_whole(layer, std::move(x));
    if (probe) probe(layer.at, x.data(), x.count(), x.channels());
  }
  return x;
}

}  // namespace timbre::encodec
