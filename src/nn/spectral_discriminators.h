#pragma once
#include "nn/discriminators.h"
#include "nn/spectra.h"

/// The discriminator that looks at complex spectra of several resolutions, each cut into bands with convolutions of
/// their own (Kumar et al. 2023, arXiv 2306.06546 §3.4; without conditioning), parameter names as in gemelo-ai/vocos.
namespace timbre::nn {

/// Convolutions over time and frequency of one band, then the bands joined.
class BandJudge : public Module {
 public:
  BandJudge(std::int64_t fft_samples, std::int64_t channels);
  /// wave_BN, its mean removed and its peak at 0.8, has a spectrum of at least one frame.
  Verdict judge(const Tensor& wave_BN) const;

 private:
  Stft stft_;
  std::vector<std::pair<std::int64_t, std::int64_t>> bands_;  ///< first bin and behind the last
  std::vector<std::vector<std::unique_ptr<NormedConv2d>>> layers_;
  std::unique_ptr<NormedConv2d> post_;
};

class MultiResolutionDiscriminator : public Discriminators {
 public:
  struct Options {
    std::vector<std::int64_t> fft_samples{2048, 1024, 512};
    std::int64_t channels = 32;
  };
  MultiResolutionDiscriminator() : MultiResolutionDiscriminator(Options()) {}
  explicit MultiResolutionDiscriminator(const Options& options);
  /// N must exceed half the largest transform (the ends are padded by reflection).
  std::vector<Verdict> judge(const Tensor& wave_BN) const override;
  Both judge_both(const Tensor& real_BN, const Tensor& fake_BN) const override;
  Both judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const override;

 private:
  std::vector<std::unique_ptr<BandJudge>> judges_;
};

}  // namespace timbre::nn
