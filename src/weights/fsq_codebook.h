#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::weights {

/// The codebook of finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505): a grid that needs no weights.
/// An entry is one digit a dimension; digit i has levels[i] values and counts for levels[0] · … · levels[i-1] in the
/// index, so dimension 0 is the least significant. Its coordinate is (digit - L/2) / (L/2) with L/2 rounded down, as in
/// vector-quantize-pytorch: -1, -0.5, 0, 0.5 for four levels.
class FsqCodebook {
 public:
  /// Throws UsageError for no levels, a dimension of less than 2, and more than 2^31 - 1 entries.
  explicit FsqCodebook(std::vector<std::int64_t> levels);

  const std::vector<std::int64_t>& levels() const { return levels_; }
  std::int64_t dims() const { return static_cast<std::int64_t>(levels_.size()); }
  /// How many entries there are.
  std::int64_t size() const { return size_; }
  /// What digit i counts in the index.
  const std::vector<std::int64_t>& steps() const { return steps_; }

  /// Fills dims() digits. Throws DataError for an index that is out of range.
  void digits(std::int64_t index, std::span<std::int64_t> digits_K) const;
  /// Throws DataError for a digit that is out of range.
  std::int64_t index(std::span<const std::int64_t> digits_K) const;
  /// Fills dims() coordinates. Throws like digits().
  void vector(std::int64_t index, std::span<float> vector_K) const;

  /// The whole table, size() × dims(), row after row. Digits beyond 255 are DataError.
  std::vector<std::uint8_t> all_digits() const;
  std::vector<float> all_vectors() const;

 private:
  std::vector<std::int64_t> levels_, steps_;
  std::int64_t size_ = 1;
};

}  // namespace timbre::weights
