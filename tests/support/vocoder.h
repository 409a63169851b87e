#pragma once
#include <gtest/gtest.h>

#include <cmath>

#include "roles/vocoder.h"

namespace timbre::testing_support {

/// Expects two forms of one vocoder to make the same of mels of so many frames: within `bound`, and not silence.
inline void expect_same_vocoder(roles::Vocoder& one, roles::Vocoder& other, std::initializer_list<std::int64_t> lengths,
                                float bound) {
  EXPECT_EQ(one.name(), other.name());
  const audio::MelOptions& mel = one.mel();
  for (const std::int64_t frames : lengths) {
    std::vector<float> mel_FM(static_cast<std::size_t>(frames * mel.mels));
    for (std::size_t i = 0; i < mel_FM.size(); ++i) mel_FM[i] = -3 + 2 * std::sin(0.37f * static_cast<float>(i));
    const auto got_N = one.synthesize(mel_FM, frames), want_N = other.synthesize(mel_FM, frames);
    ASSERT_EQ(got_N.size(), want_N.size());
    ASSERT_EQ(got_N.size(), static_cast<std::size_t>(frames * mel.hop_samples));
    float loudest = 0;
    for (std::size_t i = 0; i < got_N.size(); ++i) {
      ASSERT_NEAR(got_N[i], want_N[i], bound) << frames << " frames, sample " << i;
      loudest = std::max(loudest, std::abs(want_N[i]));
    }
    EXPECT_GT(loudest, 1e-3f);
  }
}

}  // namespace timbre::testing_support
