#include "base/python_random.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>

#include "base/error.h"

namespace timbre {
namespace {

constexpr std::size_t kWords = 624, kShift = 397;

}  // namespace

/// init_by_array with the 32-bit digits of the seed, lowest first.
PythonRandom::PythonRandom(std::uint64_t seed) {
  std::array<std::uint32_t, 2> digits = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  const std::size_t count = digits[1] != 0 ? 2 : 1;
  words_[0] = 19650218;
  for (std::size_t i = 1; i < kWords; ++i)
    words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + static_cast<std::uint32_t>(i);
  std::size_t i = 1, j = 0;
  const auto step = [&] {
    if (++i >= kWords) words_[0] = words_[kWords - 1], i = 1;
  };
  for (std::size_t k = 0; k < kWords; ++k) {
    words_[i] =
        (words_[i] ^ ((words_[i - 1] ^ (words_[i - 1] >> 30)) * 1664525u)) + digits[j] + static_cast<std::uint32_t>(j);
    step();
    j = (j + 1) % count;
  }
  for (std::size_t k = 0; k + 1 < kWords; ++k) {
    words_[i] = (words_[i] ^ ((words_[i - 1] ^ (words_[i - 1] >> 30)) * 1566083941u)) - static_cast<std::uint32_t>(i);
    step();
  }
  words_[0] = 0x80000000u;
}

void PythonRandom::twist() {
  for (std::size_t i = 0; i < kWords; ++i) {
    const std::uint32_t y = (words_[i] & 0x80000000u) | (words_[(i + 1) % kWords] & 0x7fffffffu);
    words_[i] = words_[(i + kShift) % kWords] ^ (y >> 1) ^ ((y & 1u) != 0 ? 0x9908b0dfu : 0u);
  }
  at_ = 0;
}

std::uint32_t PythonRandom::next_u32() {
  if (at_ >= kWords) twist();
  std::uint32_t y = words_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double PythonRandom::random() {
  const std::uint32_t high = next_u32() >> 5;
  const std::uint32_t low = next_u32() >> 6;
  return (static_cast<double>(high) * 67108864.0 + static_cast<double>(low)) * (1.0 / 9007199254740992.0);
}

std::uint64_t PythonRandom::bits(int bits) {
  if (bits < 1 || bits > 64) throw std::logic_error("PythonRandom::bits: 1 to 64");
  if (bits <= 32) return next_u32() >> (32 - bits);
  const std::uint64_t low = next_u32();
  return low | (static_cast<std::uint64_t>(next_u32() >> (64 - bits)) << 32);
}

std::uint64_t PythonRandom::below(std::uint64_t bound) {
  if (bound == 0) throw std::logic_error("PythonRandom::below: nothing to draw from");
  const int wide = static_cast<int>(std::bit_width(bound));
  std::uint64_t drawn = bits(wide);
  while (drawn >= bound) drawn = bits(wide);
  return drawn;
}

std::int64_t PythonRandom::randint(std::int64_t low, std::int64_t high) {
  if (low > high) throw std::logic_error(fmt::format("PythonRandom::randint({}, {}): empty range", low, high));
  return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
}

std::size_t PythonRandom::choices(std::span<const double> weights) {
  std::vector<double> sums(weights.size());
  std::partial_sum(weights.begin(), weights.end(), sums.begin());
  if (sums.empty() || !(sums.back() > 0)) throw std::logic_error("PythonRandom::choices: weights sum to nothing");
  const double drawn = random() * sums.back();
  return static_cast<std::size_t>(std::upper_bound(sums.begin(), sums.end() - 1, drawn) - sums.begin());
}

PythonRandom::State PythonRandom::state() const {
  State all{};
  std::copy(words_.begin(), words_.end(), all.begin());
  all[kWords] = at_;
  return all;
}

void PythonRandom::set_state(const State& state) {
  if (state[kWords] > kWords)
    throw DataError(fmt::format("state of Python's random generator: place {} of 624 words", state[kWords]));
  std::copy(state.begin(), state.end() - 1, words_.begin());
  at_ = state[kWords];
}

}  // namespace timbre
