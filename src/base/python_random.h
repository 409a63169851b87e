#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

/// Python's random.Random, number for number: what PyTorch trainers draw from it (orders, prompts, stages) can be drawn
/// again here. Source: Matsumoto and Nishimura 1998, "Mersenne Twister" (MT19937); CPython 3.11, Lib/random.py and
/// Modules/_randommodule.c, for what is made of its words.
///
/// Our own and not std::mt19937: its state is saved word by word and set from Python's, which that class only does as
/// text of an unspecified form, and none of std's distributions is Python's.
namespace timbre {

class PythonRandom {
 public:
  /// random.Random(seed) of a whole number from 0.
  explicit PythonRandom(std::uint64_t seed = 0);

  std::uint32_t next_u32();
  /// random(): uniform in [0, 1), 53 bits.
  double random();
  /// getrandbits(bits), 1 ≤ bits ≤ 64.
  std::uint64_t bits(int bits);
  /// randrange(bound), choice() of `bound` things. Throws std::logic_error for bound 0.
  std::uint64_t below(std::uint64_t bound);
  /// randint(low, high): both ends included, low ≤ high.
  std::int64_t randint(std::int64_t low, std::int64_t high);
  /// uniform(low, high).
  double uniform(double low, double high) { return low + (high - low) * random(); }
  /// The place that choices(…, weights=weights, k=1)[0] picks; weights sum to more than 0.
  std::size_t choices(std::span<const double> weights);
  template <class T>
  const T& choice(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  /// shuffle(items).
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  /// The middle part of random.getstate(): 624 words and the place of the next one (624 = make new words first).
  using State = std::array<std::uint32_t, 625>;
  State state() const;
  /// Throws DataError when the place is beyond 624.
  void set_state(const State& state);

 private:
  void twist();
  std::array<std::uint32_t, 624> words_{};
  std::uint32_t at_ = 624;
};

}  // namespace timbre
