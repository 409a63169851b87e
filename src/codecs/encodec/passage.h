#pragma once
#include <functional>
#include <span>
#include <vector>

#include "codecs/encodec/layers.h"

/// Recordings on their way through an encoder or decoder.
namespace timbre::encodec {

/// Told what the layer number `at` of the reference's list made: rows of `channels`.
using Probe = std::function<void(std::int64_t at, const float* rows, std::int64_t count, std::int64_t channels)>;

/// One recording in a causal network. Rows go in as they come, and come out when they are final: any division into
/// pieces gives the same numbers to the bit, so whole recordings go the same way, in pieces that fit the cache.
class Passage {
 public:
  /// `layers` must outlive it.
  explicit Passage(const std::vector<Layer>& layers);
  /// Forgets everything, for another recording.
  void reset();
  /// Called for every layer's rows.
  void listen(Probe probe) { probe_ = std::move(probe); }

  /// `x` goes into layer `first`; what layer `last` − 1 makes of it is appended to `out`.
  void push(std::size_t first, std::size_t last, const float* x, std::int64_t rows, Rows& out);
  /// The end of what goes into layer `first`.
  void finish(std::size_t first, std::size_t last, Rows& out);
  /// A whole recording through layers first … last − 1.
  void whole(std::size_t first, std::size_t last, const Rows& x, Rows& out);

 private:
  struct State {
    explicit State(const Layer& layer);
    Rows in;                 ///< what a window still needs, the padding before the start included
    Rows skip;               ///< of residual blocks: rows whose other half is not made yet
    Rows inner, made;        ///< scratch and output
    Rows seen;               ///< scratch of the probe
    std::int64_t taken = 0;  ///< rows that came in
    bool started = false;
    std::vector<float> h, c;  ///< of all LSTM layers
    Aligned<float> gates;
  };
  /// Layers first … stage_end − 1 run at one rate, or end with a change of it.
  std::size_t stage_end(std::size_t first, std::size_t last) const;
  /// The most floats that a row of input becomes.
  std::int64_t widest(std::size_t first, std::size_t last) const;
  void feed(std::size_t at, const float* x, std::int64_t rows);
  void end(std::size_t at);
  void start(const Convolution& convolution, State& state) const;
  void make(const Layer& layer, State& state) const;
  void run_lstm(const Layer& layer, State& state, const float* x, std::int64_t rows) const;
  void report(const Layer& layer, State& state, const float* x, std::int64_t rows, std::int64_t made) const;

  const std::vector<Layer>& layers_;
  std::vector<State> states_;
  std::vector<Rows> between_;  ///< what waits before the layer that begins a stage
  Probe probe_;
};

/// LSTM steps of several recordings side by side: each gets what it would get alone, and the weights are read once a
/// step. y = LSTM(x) + x.
void run_lstm_together(const Layer& layer, std::span<const Rows* const> x, std::span<Rows* const> y);

/// Rows of one whole recording through all layers of a network that is not causal: GroupNorm needs all of it.
Rows pass_whole(const std::vector<Layer>& layers, Rows x, const Probe& probe = {});

}  // namespace timbre::encodec
