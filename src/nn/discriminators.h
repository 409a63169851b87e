#pragma once
#include "nn/adversarial_losses.h"
#include "nn/normed_conv.h"

/// The discriminators of HiFi-GAN (Kong et al. 2020, §2.3; the second after MelGAN, Kumar et al. 2019), parameter names
/// as upstream. Waveforms are [B, N], features [·, places, channels].
namespace timbre::nn {

/// A set of discriminators that judge one waveform each in its own way.
class Discriminators : public Module {
 public:
  struct Both {
    std::vector<Verdict> real, fake;
  };
  virtual std::vector<Verdict> judge(const Tensor& wave_BN) const = 0;
  /// judge(real), then judge(fake), both with gradients and in one pass: a discriminator's turn.
  virtual Both judge_both(const Tensor& real_BN, const Tensor& fake_BN) const = 0;
  /// judge(real) without any gradient, then judge(fake), each weight computed once: a generator's turn.
  virtual Both judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const = 0;
};

/// A chain of 1-D convolutions with LeakyReLU 0.1 between them; the last gives the score.
class ConvJudge : public Module {
 public:
  /// Input and output of a layer: two waveforms joined on the batch axis, or two apart (the first has no gradient), or
  /// `apart.second` alone.
  struct Streams {
    Tensor joined;
    std::pair<Tensor, Tensor> apart;
  };
  /// The output of every layer, the score's [·, places, 1] last.
  std::vector<Streams> run(Streams x) const;

 protected:
  /// Adds "convs.N" or "conv_post".
  void add(std::string name, std::int64_t in, std::int64_t out, ConvOptions options, Norm norm, bool columns);

 private:
  std::vector<std::unique_ptr<NormedConv1d>> layers_;
};

/// Looks at every period-th sample: the waveform as a picture of N/period rows and `period` columns.
class MultiPeriodDiscriminator : public Discriminators {
 public:
  struct Options {
    std::vector<std::int64_t> periods{2, 3, 5, 7, 11};
    std::vector<std::int64_t> widths{32, 128, 512, 1024, 1024};  ///< all but the last layer stride by 3
    std::int64_t kernel = 5;
    Norm norm = Norm::kWeight;
  };
  MultiPeriodDiscriminator() : MultiPeriodDiscriminator(Options()) {}
  explicit MultiPeriodDiscriminator(Options options);
  /// N must exceed the largest period (the end is padded by reflection).
  std::vector<Verdict> judge(const Tensor& wave_BN) const override;
  Both judge_both(const Tensor& real_BN, const Tensor& fake_BN) const override;
  Both judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const override;

 private:
  Options options_;
  std::vector<std::unique_ptr<ConvJudge>> judges_;
};

/// Looks at the waveform, at its average over 4 samples every second one, and at that of the average. The first scale
/// is spectrally normalised: in training mode every judgement moves its vectors.
class MultiScaleDiscriminator : public Discriminators {
 public:
  struct Options {
    std::int64_t scales = 3;
    std::vector<std::int64_t> widths{128, 128, 256, 512, 1024, 1024, 1024};
    std::vector<std::int64_t> kernels{15, 41, 41, 41, 41, 41, 5};
    std::vector<std::int64_t> strides{1, 2, 2, 4, 4, 1, 1};
    std::vector<std::int64_t> groups{1, 4, 16, 16, 16, 16, 1};
  };
  MultiScaleDiscriminator() : MultiScaleDiscriminator(Options()) {}
  explicit MultiScaleDiscriminator(Options options);
  std::vector<Verdict> judge(const Tensor& wave_BN) const override;
  Both judge_both(const Tensor& real_BN, const Tensor& fake_BN) const override;
  Both judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const override;

 private:
  std::vector<std::unique_ptr<ConvJudge>> judges_;
};

}  // namespace timbre::nn
