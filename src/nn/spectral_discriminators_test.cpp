#include "nn/spectral_discriminators.h"

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include "nn/dropout.h"
#include "nn/init.h"

namespace timbre::nn {
namespace {

TEST(MultiResolutionDiscriminator, NamesAndSizesAreTheReferences) {
  const MultiResolutionDiscriminator whole;
  std::int64_t values = 0;
  for (const Named& named : whole.named_parameters()) values += named.tensor.numel();
  // gemelo-ai/vocos, MultiResolutionDiscriminator().parameters(), with weight_g: counted there.
  EXPECT_EQ(values, 1413990);
  EXPECT_EQ(whole.named_parameters().front().name, "discriminators.0.band_convs.0.0.bias");
  EXPECT_EQ(whole.named_parameters().back().name, "discriminators.2.conv_post.weight_v");
}

TEST(MultiResolutionDiscriminator, TwoAtOnceAreTwoByThemselves) {
  const InitSeed seed(4);
  const MultiResolutionDiscriminator judges({.fft_samples = {128, 64}, .channels = 4});
  const Tensor real = init_normal({2, 700}, 0, 0.1), fake = init_normal({2, 700}, 0, 0.1);
  const auto both = judges.judge_both(real, fake);
  const auto alone = judges.judge(fake), loud = judges.judge(7 * fake + 0.5);
  const auto against = judges.judge_fake_against(real, fake);
  ASSERT_EQ(alone.size(), 2u);
  for (std::size_t i = 0; i < alone.size(); ++i) {
    ASSERT_EQ(alone[i].features.size(), 5u * 4 + 1);
    EXPECT_LT((both.fake[i].score - alone[i].score).abs().max().item<double>(), 1e-5);
    EXPECT_LT((both.real[i].features[3] - judges.judge(real)[i].features[3]).abs().max().item<double>(), 1e-5);
    EXPECT_LT((loud[i].score - alone[i].score).abs().max().item<double>(), 1e-4) << "levels tell nothing";
    EXPECT_FALSE(against.real[i].score.requires_grad());
    EXPECT_TRUE(against.fake[i].score.requires_grad());
  }
  // Time is judged at every frame, frequency in bands whose widths are halved three times.
  EXPECT_EQ(alone[0].score.size(2), 1 + 700 / 32);
}

}  // namespace
}  // namespace timbre::nn
