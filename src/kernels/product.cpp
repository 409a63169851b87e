#include "kernels/product.h"

#include <unistd.h>

#include <algorithm>

#include "base/threads.h"
#include "kernels/elementwise.h"
#include "kernels/stream.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

/// A size that the machine gives, between sane ones; virtual machines may say 0.
std::int64_t cache_bytes(int which, std::int64_t least, std::int64_t most, std::int64_t usual) {
  const long given = ::sysconf(which);
  return given > 0 ? std::clamp<std::int64_t>(given, least, most) : usual;
}

/// Steps of one pass over the rows: their weights take two thirds of the first-level cache, the rows have the rest.
constexpr std::int64_t kMostCache = 64 << 10, kDeepest = kMostCache * 2 / 3 / (4 * kPanel);
std::int64_t depth_of_pass() {
  static const std::int64_t depth =
      cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 16 << 10, kMostCache, 32 << 10) * 2 / 3 / (4 * kPanel);
  return depth;
}
/// Inputs of one block of rows: while all panels go over them they stay in the second-level cache.
std::int64_t floats_of_block() {
  static const std::int64_t floats = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 256 << 10, 2 << 20, 512 << 10) / 4;
  return floats;
}
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

/// The narrowest tile that holds them.
std::int64_t columns_for(std::int64_t lanes) { return lanes > 16 ? 32 : lanes > 8 ? 16 : 8; }

/// A tile of fewer columns than the vectors have goes through arrays of the full width.
void run_part_panel(const Tile& tile, std::int64_t lanes) {
  constexpr std::int64_t kRows = 12;
  alignas(64) float y[kRows * kPanel], add[kRows * kPanel] = {}, activated[kRows * kPanel];
  Tile part = tile;
  part.y = y;
  part.add = tile.add ? add : nullptr;
  part.activated = tile.activated ? activated : nullptr;
  part.y_row = part.add_row = part.activated_row = kPanel;
  for (std::int64_t from = 0; from < tile.rows; from += kRows) {
    part.rows = std::min(kRows, tile.rows - from);
    part.x = tile.x + from * tile.x_row;
    std::fill(std::begin(y), std::end(y), 0.0f);
    for (std::int64_t r = 0; r < part.rows; ++r) {
      if (tile.onto_y) std::copy_n(tile.y + (from + r) * tile.y_row, lanes, y + r * kPanel);
      if (tile.add) std::copy_n(tile.add + (from + r) * tile.add_row, lanes, add + r * kPanel);
    }
    run_tile(part);
    for (std::int64_t r = 0; r < part.rows; ++r) {
      std::copy_n(y + r * kPanel, lanes, tile.y + (from + r) * tile.y_row);
      if (tile.activated) std::copy_n(activated + r * kPanel, lanes, tile.activated + (from + r) * tile.activated_row);
    }
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
    const std::int64_t block = std::clamp<std::int64_t>(floats_of_block() / (p_.inputs * p_.stride), 48, 4096);
    for (std::int64_t at = from; at < to; at += block) {
      const std::int64_t end = std::min(to, at + block);
      for (std::int64_t panel = first; panel < last; ++panel) {
        run_panel(panel, at, end);
        if (!in_tile_) activate_panel(panel, at, end);
      }
    }
  }

 private:
  void run_panel(std::int64_t panel, std::int64_t from, std::int64_t to) const {
    // Whole taps where several fit, else even parts of one.
    const std::int64_t most = depth_of_pass(), parts = (p_.inputs + most - 1) / most;
    const std::int64_t depth = std::max<std::int64_t>(1, most / p_.inputs);
    const std::int64_t groups = (p_.taps + depth - 1) / depth;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t part = 0; part < parts; ++part) {
        const Chunk chunk{.tap = p_.taps * g / groups,
                          .tap_end = p_.taps * (g + 1) / groups,
                          .channel = p_.inputs * part / parts,
                          .channel_end = p_.inputs * (part + 1) / parts,
                          .is_first = g == 0 && part == 0,
                          .is_last = g == groups - 1 && part == parts - 1};
        run_chunk(panel, chunk, from, to);
      }
  }

  void run_chunk(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to) const {
    // Rows [begin, end) have every tap of the chunk inside.
    const std::int64_t lowest = p_.first + chunk.tap * p_.dilation;
    const std::int64_t highest = p_.first + (chunk.tap_end - 1) * p_.dilation;
    const std::int64_t begin = std::clamp(first_at_least(-lowest), from, to);
    const std::int64_t end = std::clamp(first_at_least(p_.length - highest), begin, to);
    if (begin > from) run_edge(panel, chunk, from, begin);
    if (end > begin) {
      Tile tile = tile_of(panel, chunk, begin, end);
      tile.x = p_.x + (lowest + begin * p_.stride) * p_.x_row + chunk.channel;
      tile.taps = chunk.tap_end - chunk.tap;
      if (p_.halves)
        submit_halves(panel, chunk, tile);
      else
        submit(panel, tile);
    }
    if (to > end) run_edge(panel, chunk, end, to);
  }

  /// The first output row t ≥ 0 with t · stride ≥ input.
  std::int64_t first_at_least(std::int64_t input) const { return input <= 0 ? 0 : (input + p_.stride - 1) / p_.stride; }

  /// Near the ends: every tap by itself, for the rows it does not fall outside of.
  void run_edge(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to) const {
    const Tile whole = tile_of(panel, chunk, from, to);
    Tile start = whole;
    start.taps = 0;
    start.slope = 1;
    start.activated = nullptr;
    if (chunk.is_first) submit(panel, start);
    for (std::int64_t k = chunk.tap; k < chunk.tap_end; ++k) {
      const std::int64_t at = p_.first + k * p_.dilation;  // input row of output row 0
      const std::int64_t begin = std::max(from, first_at_least(-at));
      const std::int64_t end = std::min(to, first_at_least(p_.length - at));
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

  std::int64_t panel_stride() const { return p_.panel_stride ? p_.panel_stride : p_.taps * p_.inputs * kPanel; }

  Tile tile_of(std::int64_t panel, const Chunk& chunk, std::int64_t from, std::int64_t to) const {
    const std::int64_t column = panel * kPanel, at = from * p_.y_row + column;
    const Finish& f = p_.finish;
    Tile t;
    t.x_row = p_.x_row * p_.stride;
    t.x_tap = p_.x_row * p_.dilation;
    if (p_.panels) t.w = p_.panels + panel * panel_stride() + (chunk.tap * p_.inputs + chunk.channel) * kPanel;
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

  /// The chunk's weights in single precision; they stay in the first-level cache while all rows go over them.
  void submit_halves(std::int64_t panel, const Chunk& chunk, Tile& tile) const {
    alignas(64) float expanded[kDeepest * kPanel];
    expand_halves(p_.halves + panel * panel_stride() + chunk.channel * kPanel, tile.channels, expanded);
    tile.w = expanded;
    submit(panel, tile);
  }

  void submit(std::int64_t panel, Tile& tile) const {
    const std::int64_t lanes = std::min(kPanel, p_.outputs - panel * kPanel);
    tile.columns = columns_for(lanes);
    if (tile.columns != lanes) return run_part_panel(tile, lanes);
    run_tile(tile);
  }

  /// The functions that are not in the tile, while the panel's columns are still in the cache.
  void activate_panel(std::int64_t panel, std::int64_t from, std::int64_t to) const {
    const Finish& f = p_.finish;
    const std::int64_t at = from * p_.y_row + panel * kPanel;
    float* out = (f.activated_TO ? f.activated_TO : p_.y) + at;
    activate_rows(f.activation, f.slope, p_.y + at, out, to - from, std::min(kPanel, p_.outputs - panel * kPanel),
                  p_.y_row);
  }

  const Product& p_;
  float slope_;
  bool in_tile_;  ///< the tile stores what is asked for; else activate_panel() follows
};

}  // namespace

void run_product(const Product& p) {
  if (p.rows <= 0) return;
  const Run run(p);
  const std::int64_t panels = (p.outputs + kPanel - 1) / kPanel;
  const std::int64_t work = p.rows * panels * kPanel * p.taps * p.inputs;
  const std::int64_t threads = std::min<std::int64_t>(thread_count(), work / kWorthThread);
  if (p.few && p.inputs >= 16) return run_few(p, 0, p.rows);
  if (threads <= 1) return run.run(0, p.rows, 0, panels);
  const bool by_rows = p.rows >= threads * 24;
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
