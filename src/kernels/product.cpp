#include "kernels/product.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/elementwise.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

// Weights of one pass over the rows: 20 KiB, so that they stay in a first-level cache of 32 KiB beside the rows.
constexpr std::int64_t kDepth = 160;
// Rows of one block: their inputs stay in a second-level cache while all panels go over them.
constexpr std::int64_t kBlockFloats = 64 * 1024;
// Multiply-adds that pay for starting a thread.
constexpr std::int64_t kWorthThread = 8'000'000;

/// Taps [tap, tap_end) × channels [channel, channel_end) of one panel.
struct Chunk {
  std::int64_t tap, tap_end, channel, channel_end;
  bool is_first, is_last;
};

bool bends(Activation a) { return a == Activation::relu || a == Activation::leaky_relu; }
float slope_of(const Finish& f) {
  return f.activation == Activation::relu ? 0.0f : f.activation == Activation::leaky_relu ? f.slope : 1.0f;
}

/// A tile of fewer columns than the panel has goes through arrays of the full width.
void run_part_panel(Tile tile, std::int64_t lanes) {
  alignas(64) float y[kTileRows * kPanel] = {}, add[kTileRows * kPanel] = {}, activated[kTileRows * kPanel];
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    if (tile.onto_y) std::copy_n(tile.y + r * tile.y_row, lanes, y + r * kPanel);
    if (tile.add) std::copy_n(tile.add + r * tile.add_row, lanes, add + r * kPanel);
  }
  Tile whole = tile;
  whole.wide = lanes > kPanel / 2;
  whole.y = y;
  whole.add = tile.add ? add : nullptr;
  whole.activated = tile.activated ? activated : nullptr;
  whole.y_row = whole.add_row = whole.activated_row = kPanel;
  run_tile(whole);
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    std::copy_n(y + r * kPanel, lanes, tile.y + r * tile.y_row);
    if (tile.activated) std::copy_n(activated + r * kPanel, lanes, tile.activated + r * tile.activated_row);
  }
}

class Run {
 public:
  explicit Run(const Product& p)
      : p_(p),
        slope_(slope_of(p.finish)),
        in_tile_(bends(p.finish.activation) || (p.finish.activation == Activation::none && !p.finish.activated_TO)) {}

  /// Output rows [from, to), panels [first, last).
  void run(std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) const {
    const std::int64_t block = std::clamp<std::int64_t>(kBlockFloats / (p_.inputs * p_.stride), 4 * kTileRows, 4096);
    for (std::int64_t at = from; at < to; at += block) {
      const std::int64_t end = std::min(to, at + block);
      for (std::int64_t panel = first; panel < last; ++panel) run_panel(panel, at, end);
      if (!in_tile_) activate_rows(at, end, first, last);
    }
  }

 private:
  void run_panel(std::int64_t panel, std::int64_t from, std::int64_t to) const {
    // Whole taps where several fit, else even parts of one.
    const std::int64_t parts = (p_.inputs + kDepth - 1) / kDepth;
    const std::int64_t depth = std::max<std::int64_t>(1, kDepth / std::max<std::int64_t>(1, p_.inputs));
    const std::int64_t groups = (p_.taps + depth - 1) / depth;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t part = 0; part < parts; ++part) {
        const Chunk chunk{.tap = p_.taps * g / groups,
                          .tap_end = p_.taps * (g + 1) / groups,
                          .channel = p_.inputs * part / parts,
                          .channel_end = p_.inputs * (part + 1) / parts,
                          .is_first = g == 0 && part == 0,
                          .is_last = g == groups - 1 && part == parts - 1};
        const std::int64_t tiles = (to - from + kTileRows - 1) / kTileRows;
        for (std::int64_t t = 0; t < tiles; ++t)
          run_chunk(panel, chunk, from + (to - from) * t / tiles, from + (to - from) * (t + 1) / tiles);
      }
  }

  void run_chunk(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to) const {
    Tile tile = tile_of(panel, chunk, from, to);
    const std::int64_t lowest = p_.first + from * p_.stride + chunk.tap * p_.dilation;
    const std::int64_t highest = p_.first + (to - 1) * p_.stride + (chunk.tap_end - 1) * p_.dilation;
    if (lowest >= 0 && highest < p_.length) {
      tile.x = p_.x + lowest * p_.x_row + chunk.channel;
      tile.taps = chunk.tap_end - chunk.tap;
      return submit(panel, tile);
    }
    run_edge(panel, chunk, from, to, tile);
  }

  /// Near the ends: every tap by itself, for the rows it does not fall outside of.
  void run_edge(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to, const Tile& whole) const {
    Tile start = whole;
    start.taps = 0;
    start.slope = 1;
    start.activated = nullptr;
    if (chunk.is_first) submit(panel, start);
    for (std::int64_t k = chunk.tap; k < chunk.tap_end; ++k) {
      const std::int64_t at = p_.first + k * p_.dilation;  // input row of output row 0
      const std::int64_t begin = std::max(from, at >= 0 ? 0 : (-at + p_.stride - 1) / p_.stride);
      const std::int64_t end = std::min(to, at < p_.length ? (p_.length - 1 - at) / p_.stride + 1 : 0);
      if (begin >= end) continue;
      Tile tap = whole;
      tap.x = p_.x + (at + begin * p_.stride) * p_.x_row + chunk.channel;
      tap.w = whole.w + (k - chunk.tap) * whole.w_tap;
      tap.taps = 1;
      tap.y = whole.y + (begin - from) * p_.y_row;
      tap.rows = end - begin;
      tap.bias = tap.add = nullptr;
      tap.onto_y = true;
      tap.slope = 1;
      tap.activated = nullptr;
      submit(panel, tap);
    }
    if (chunk.is_last && (whole.slope != 1.0f || whole.activated)) {
      Tile end = whole;
      end.taps = 0;
      end.bias = end.add = nullptr;
      end.onto_y = true;
      submit(panel, end);
    }
  }

  Tile tile_of(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to) const {
    const std::int64_t column = panel * kPanel, at = from * p_.y_row + column;
    const Finish& f = p_.finish;
    Tile t;
    t.x_row = p_.x_row * p_.stride;
    t.x_tap = p_.x_row * p_.dilation;
    t.w = p_.panels + ((panel * p_.taps + chunk.tap) * p_.inputs + chunk.channel) * kPanel;
    t.w_tap = p_.inputs * kPanel;
    t.channels = chunk.channel_end - chunk.channel;
    t.y = p_.y + at;
    t.y_row = t.add_row = t.activated_row = p_.y_row;
    t.rows = to - from;
    if (chunk.is_first) {
      t.bias = p_.bias ? p_.bias + column : nullptr;
      t.onto_y = f.accumulate;
      t.add = f.add_TO ? f.add_TO + at : nullptr;
    } else {
      t.onto_y = true;
    }
    if (chunk.is_last) {
      t.slope = slope_;
      t.activated = in_tile_ && f.activated_TO ? f.activated_TO + at : nullptr;
    }
    return t;
  }

  void submit(std::int64_t panel, Tile& tile) const {
    const std::int64_t lanes = std::min(kPanel, p_.outputs - panel * kPanel);
    if (lanes != kPanel && lanes != kPanel / 2) return run_part_panel(tile, lanes);
    tile.wide = lanes == kPanel;
    run_tile(tile);
  }

  void activate_rows(std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) const {
    const Finish& f = p_.finish;
    float* out = f.activated_TO ? f.activated_TO : p_.y;
    const std::int64_t column = first * kPanel, width = std::min(p_.outputs, last * kPanel) - column;
    if (width == p_.y_row)
      return activate(f.activation, f.slope, p_.y + from * p_.y_row, out + from * p_.y_row, (to - from) * width);
    for (std::int64_t t = from; t < to; ++t)
      activate(f.activation, f.slope, p_.y + t * p_.y_row + column, out + t * p_.y_row + column, width);
  }

  const Product& p_;
  float slope_;
  bool in_tile_;  ///< the tile stores what is asked for; else activate_rows() follows
};

}  // namespace

void run_product(const Product& p) {
  if (p.rows <= 0) return;
  const Run run(p);
  const std::int64_t panels = (p.outputs + kPanel - 1) / kPanel;
  const std::int64_t work = p.rows * panels * kPanel * p.taps * p.inputs;
  const std::int64_t threads = std::min<std::int64_t>(thread_count(), work / kWorthThread);
  if (threads <= 1) return run.run(0, p.rows, 0, panels);
  const bool by_rows = p.rows >= threads * 2 * kTileRows;
  const std::int64_t parts = by_rows ? threads : std::min(threads, panels);
  parallel_for(static_cast<std::size_t>(parts), [&](std::size_t i) {
    const auto part = static_cast<std::int64_t>(i);
    if (by_rows)
      run.run(p.rows * part / parts, p.rows * (part + 1) / parts, 0, panels);
    else
      run.run(0, p.rows, panels * part / parts, panels * (part + 1) / parts);
  });
}

}  // namespace timbre::kernels
