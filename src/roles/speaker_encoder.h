#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::roles {

/// A recording → the vector of who speaks. May be used from several threads.
class SpeakerEncoder {
 public:
  virtual ~SpeakerEncoder() = default;
  /// Samples at rate_hz(). Throws DataError for what holds no voice or is too short.
  virtual std::vector<float> embed(std::span<const float> wave_N) const = 0;
  /// Mean over recordings of one voice, as this kind of encoder takes it.
  virtual std::vector<float> mean(const std::vector<std::vector<float>>& vectors) const = 0;
  virtual std::int64_t rate_hz() const = 0;
  /// Numbers of a vector.
  virtual std::int64_t size() const = 0;
};

}  // namespace timbre::roles
