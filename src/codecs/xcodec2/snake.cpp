#include "codecs/xcodec2/snake.h"

#include <algorithm>
#include <cstring>

#include "audio/fft.h"
#include "audio/lanes.h"
#include "base/cpu_levels.h"

namespace timbre::xcodec2 {
namespace {

using audio::load_any;
using audio::V8;

constexpr std::int64_t kBlock = 1024;
/// Samples a filter reaches to either side.
constexpr std::int64_t kReach = 3;
/// Before the first element of a scratch row, and room for whole vectors behind the last.
constexpr std::int64_t kMargin = 16;

/// x + sin²(x·frequency)·height.
TIMBRE_INLINE void snake(V8& x, float frequency, float height) {
  constexpr float kMagic = 12582912.0f;  // 1.5·2²³: adding it rounds to a whole number
  const V8 y = x * frequency;
  const V8 turns = (y * 0.318309886f + kMagic) - kMagic;
  // π in three parts, the first two of few bits: products with `turns` stay exact.
  const V8 r = ((y - turns * 3.140625f) - turns * 9.67502593994140625e-4f) - turns * 1.509957990978376e-7f;
  const V8 q = r * r;
  const V8 series =
      q * (-1.6666667e-1f + q * (8.3333333e-3f + q * (-1.9841270e-4f + q * (2.7557319e-6f + q * -2.5052108e-8f))));
  const V8 sine = r + r * series;
  x = x + sine * sine * height;
}

struct Row {
  const float* up;
  const float* down;
  float frequency, height;
};

/// One channel. `scratch` holds three rows of kBlock + 2·kReach + 2·kMargin.
TIMBRE_INLINE void row_body(const float* x, float* out, std::int64_t length, const Row& row, float* scratch) {
  constexpr std::int64_t kRoom = kBlock + 2 * kMargin;
  float* const in = scratch + kMargin;
  float* const even = in + kRoom;
  float* const odd = even + kRoom;
  float kept[2 * kReach];  // what `out` overwrites and the next block still reads, when out is x
  std::int64_t kept_count = 0;
  for (std::int64_t begin = 0; begin < length; begin += kBlock) {
    const std::int64_t end = std::min(begin + kBlock, length);
    // Index i of a scratch row is sample begin + i.
    const std::int64_t low = std::max<std::int64_t>(begin - kReach, 0), high = std::min(end + kReach, length);
    for (std::int64_t t = low - kReach; t < high + kReach; ++t) {
      const std::int64_t at = std::clamp<std::int64_t>(t, 0, length - 1);
      in[t - begin] = at < begin ? kept[kept_count - (begin - at)] : x[at];
    }
    kept_count = 2 * kReach;
    if (end < length) std::memcpy(kept, x + end - kept_count, sizeof kept);
    for (std::int64_t t = low - begin; t < high - begin; t += 8) {
      V8 e{}, o{}, v;
      for (int j = 0; j < 6; ++j) {
        load_any<float>(v, in + t + 2 - j);
        e += v * row.up[2 * j + 1];
        load_any<float>(v, in + t + 3 - j);
        o += v * row.up[2 * j];
      }
      e = e + e;
      o = o + o;
      snake(e, row.frequency, row.height);
      snake(o, row.frequency, row.height);
      std::memcpy(even + t, &e, sizeof e);
      std::memcpy(odd + t, &o, sizeof o);
    }
    if (low == 0)
      for (std::int64_t t = -kReach; t < 0; ++t) even[t - begin] = odd[t - begin] = even[-begin];
    if (high == length)
      for (std::int64_t t = length; t < length + kReach; ++t)
        even[t - begin] = odd[t - begin] = odd[length - 1 - begin];
    for (std::int64_t t = 0; t < end - begin; t += 8) {
      V8 sum{}, v;
      for (int j = 0; j < 6; ++j) {
        load_any<float>(v, even + t + j - 2);
        sum += v * row.down[2 * j + 1];
        load_any<float>(v, odd + t + j - 3);
        sum += v * row.down[2 * j];
      }
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(8, end - begin - t));
      std::memcpy(out + begin + t, &sum, count * sizeof(float));
    }
  }
}

TIMBRE_FOR_EACH_CPU(void, row, (const float* x, float* out, std::int64_t length, const Row& row, float* scratch),
                    (x, out, length, row, scratch))

}  // namespace

void snake_rows(const float* x_CT, float* out_CT, std::int64_t rows, std::int64_t length, const float* frequency_C,
                const float* height_C, const SnakeFilters& filters) {
  audio::Aligned<float> scratch(static_cast<std::size_t>(3 * (kBlock + 2 * kMargin) + kMargin));
  for (std::int64_t c = 0; c < rows; ++c)
    row(x_CT + c * length, out_CT + c * length, length,
        {filters.up.data(), filters.down.data(), frequency_C[c], height_C[c]}, scratch.data());
}

}  // namespace timbre::xcodec2
