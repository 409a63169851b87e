#include "weights/fsq_codebook.h"

#include <fmt/ranges.h>

#include <limits>
#include <utility>

#include "base/error.h"

namespace timbre::weights {

FsqCodebook::FsqCodebook(std::vector<std::int64_t> levels) : levels_(std::move(levels)) {
  const std::string given = fmt::format("levels [{}] of a finite scalar quantiser", fmt::join(levels_, ", "));
  if (levels_.empty()) throw UsageError(given, "give at least one dimension, such as 8,5,5,5");
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  for (const std::int64_t level : levels_) {
    if (level < 2) throw UsageError(fmt::format("{}: each dimension needs at least 2", given), "such as 8,5,5,5");
    if (level > kMost / size_) throw UsageError(fmt::format("{}: more than {} codes", given, kMost), "take fewer");
    steps_.push_back(size_);
    size_ *= level;
  }
}

void FsqCodebook::digits(std::int64_t index, std::span<std::int64_t> digits_K) const {
  if (index < 0 || index >= size_)
    throw DataError(fmt::format("code {} is out of range: the codebook has {} entries", index, size_));
  for (std::size_t i = 0; i < levels_.size(); ++i) digits_K[i] = index / steps_[i] % levels_[i];
}

std::int64_t FsqCodebook::index(std::span<const std::int64_t> digits_K) const {
  std::int64_t index = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    if (digits_K[i] < 0 || digits_K[i] >= levels_[i])
      throw DataError(fmt::format("digit {} of a code is {}: it has {} levels", i, digits_K[i], levels_[i]));
    index += digits_K[i] * steps_[i];
  }
  return index;
}

void FsqCodebook::vector(std::int64_t index, std::span<float> vector_K) const {
  if (index < 0 || index >= size_)
    throw DataError(fmt::format("code {} is out of range: the codebook has {} entries", index, size_));
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const std::int64_t half = levels_[i] / 2;
    vector_K[i] = static_cast<float>(index / steps_[i] % levels_[i] - half) / static_cast<float>(half);
  }
}

std::vector<std::uint8_t> FsqCodebook::all_digits() const {
  for (const std::int64_t level : levels_)
    if (level > 256) throw DataError(fmt::format("{} levels: digits do not fit a byte", level));
  std::vector<std::uint8_t> all;
  all.reserve(static_cast<std::size_t>(size_ * dims()));
  for (std::int64_t index = 0; index < size_; ++index)
    for (std::size_t i = 0; i < levels_.size(); ++i)
      all.push_back(static_cast<std::uint8_t>(index / steps_[i] % levels_[i]));
  return all;
}

std::vector<float> FsqCodebook::all_vectors() const {
  std::vector<float> all(static_cast<std::size_t>(size_ * dims()));
  for (std::int64_t index = 0; index < size_; ++index)
    vector(index, std::span(all).subspan(static_cast<std::size_t>(index * dims()), levels_.size()));
  return all;
}

}  // namespace timbre::weights
