#pragma once
#include <array>
#include <cstdint>
#include <vector>

/// Finds mains hum in a recording without its spectrum: Goertzel's recurrence at the mains frequencies, their harmonics
/// and beside them, on the recording averaged down to about 2 kHz.
namespace timbre::doctor {

struct Hum {
  std::int64_t mains_hz = 0;  ///< 50, 60, or 0 = none
  double level_db = -200;     ///< of the lines together, dB of full scale, in the quietest fifth of the recording
};

/// Speech pauses and moves, hum does not: a line counts when it stands out in four fifths of all half-second windows.
class HumFinder {
 public:
  static constexpr double kTickRate_hz = 2000;  ///< what take() is to be fed at, roughly

  explicit HumFinder(double tick_rate_hz);
  /// The next averaged sample.
  void take(float tick) {
    window_N_[filled_++] = tick;
    if (filled_ == window_N_.size()) measure();
  }
  Hum result() const;

 private:
  static constexpr std::size_t kLines = 6;  ///< 50, 100, 150, 60, 120, 180 Hz
  struct Window {
    std::array<float, kLines> power, contrast;  ///< of full scale squared; line over the louder of its sides
  };
  void measure();

  std::array<double, 3 * kLines> coefficient_{};
  std::vector<float> hann_N_, window_N_;
  double window_power_ = 0;
  std::size_t filled_ = 0;
  std::vector<Window> windows_;
};

}  // namespace timbre::doctor
