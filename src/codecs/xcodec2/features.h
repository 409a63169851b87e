#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// What the semantic encoder hears: Kaldi's log mel banks as SeamlessM4T's extractor makes them (the preprocessor of
/// facebook/w2v-bert-2.0). Its way of rounding is kept step by step, since normalising near-silence divides by next to
/// nothing and would blow up any other.
namespace timbre::xcodec2 {

inline constexpr std::int64_t kRateHz = 16000;
inline constexpr std::int64_t kBanks = 80;
/// Bank frames that one feature frame joins, 10 ms each.
inline constexpr std::int64_t kStacked = 2;
inline constexpr std::int64_t kFeatureWidth = kBanks * kStacked;

/// Frames × kFeatureWidth.
struct Features {
  std::int64_t frames = 0;
  std::vector<float> values_FC;
};

/// The samples at 16 kHz, 160 zeros put on both sides → one frame every 20 ms, each bank normalised over the recording
/// (mean 0, unbiased variance 1). A last single bank frame is filled up with ones, as the published preprocessor pads.
/// At least 80 samples (UsageError).
Features features_of(std::span<const float> wave_N);

}  // namespace timbre::xcodec2
