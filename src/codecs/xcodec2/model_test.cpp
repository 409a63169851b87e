#include "codecs/xcodec2/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/mel.h"
#include "codecs/xcodec2/features.h"
#include "codecs/xcodec2/names.h"
#include "nn/init.h"

namespace timbre::xcodec2 {
namespace {

Config debug_config() {
  Config config;
  apply_debug(config);
  return config;
}

double most_apart(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Xcodec2Model, ActivationIsThatOfTheOperators) {
  const nn::InitSeed seed(1);
  const at::NoGradGuard no_grad;
  Activation act(3);
  for (const auto& [name, tensor] : act.named_parameters()) tensor.copy_(nn::init_uniform({3}, -1, 1));
  const Tensor x_BCT = nn::init_normal({2, 3, 500}, 0, 2);
  EXPECT_LT(most_apart(act.forward_BCT(x_BCT), act.forward_plainly(x_BCT)), 1e-5);
}

TEST(Xcodec2Model, RelativeAttentionIsTheDefinitionInBlocksToo) {
  const nn::InitSeed seed(2);
  const at::NoGradGuard no_grad;
  constexpr std::int64_t kLeft = 5, kRight = 2, H = 2, K = 4;
  for (const std::int64_t T : {3, 40, 3000}) {  // the last one takes two blocks
    const Tensor q = nn::init_normal({1, H, T, K}, 0, 1), k = nn::init_normal({1, H, T, K}, 0, 1),
                 v = nn::init_normal({1, H, T, K}, 0, 1), keys = nn::init_normal({kLeft + kRight + 1, K}, 0, 1);
    const Tensor got = relative_attention(q, k, v, keys, kLeft);
    const Tensor places = at::arange(T, at::kLong);
    for (const std::int64_t i : {std::int64_t{0}, T / 2, T - 1}) {
      const Tensor distance = (places - i).clamp(-kLeft, kRight) + kLeft;
      const Tensor q_H1K = q[0].narrow(1, i, 1);
      const Tensor own = at::matmul(q_H1K, k[0].transpose(1, 2)).squeeze(1);
      const Tensor relative = at::matmul(q_H1K, keys.index_select(0, distance).t()).squeeze(1);
      const Tensor want =
          at::matmul(at::softmax((own + relative) / std::sqrt(static_cast<double>(K)), -1).unsqueeze(1), v[0]);
      EXPECT_LT(most_apart(got[0].narrow(1, i, 1), want), 2e-6) << T << " " << i;
    }
  }
}

TEST(Xcodec2Model, AcousticPiecesAreThoseOfTheWhole) {
  const nn::InitSeed seed(3);
  const at::NoGradGuard no_grad;
  const AcousticEncoder encoder(debug_config());
  const Tensor wave_11N = nn::init_normal({1, 1, 150 * 320}, 0, 0.1);
  const Tensor whole = encoder.forward(wave_11N);
  EXPECT_LT(most_apart(encoder.in_pieces(wave_11N, 40), whole), 1e-6 + 1e-5 * whole.abs().max().item<double>());
}

TEST(Xcodec2Model, FramesAreCutForWideLayersWithoutAnyDifference) {
  const Tensor x_BTD = nn::init_normal({1, 10, 3}, 0, 1);
  std::vector<std::int64_t> seen;
  const Tensor twice = by_frames(x_BTD, 4, [&](const Tensor& rows) {
    seen.push_back(rows.size(1));
    return rows * 2;
  });
  EXPECT_EQ(seen, (std::vector<std::int64_t>{4, 4, 2}));
  EXPECT_TRUE(twice.equal(x_BTD * 2));
}

TEST(Xcodec2Model, PaddingAddsAWholeFrameAtAMultiple) {
  EXPECT_EQ(pad_samples(16000, 320), 320);
  EXPECT_EQ(pad_samples(15999, 320), 1);
  EXPECT_EQ(pad_samples(1, 320), 319);
}

/// Mean distance of two waves' log mels.
double mel_distance(const Tensor& a_1N, const Tensor& b_1N) {
  audio::MelOptions options;
  options.rate_hz = kRateHz;
  options.f_max_hz = kRateHz / 2.0;
  const auto of = [&](const Tensor& wave_1N) {
    return audio::mel_spectrogram(nn::from_torch(wave_1N.contiguous()).to_f32(), options).values_FM;
  };
  const std::vector<float> a = of(a_1N), b = of(b_1N);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i] - b[i]));
  return sum / static_cast<double>(a.size());
}

TEST(Xcodec2Model, ChunksComeNearTheWholeWithMoreContext) {
  const nn::InitSeed seed(4);
  const at::NoGradGuard no_grad;
  Config config = debug_config();
  const weights::TensorMap weights = Model(config).state_dict();
  const Tensor codes_1T = at::remainder(at::arange(600, at::kLong) * 7919, 65536).unsqueeze(0);
  const auto decoded = [&](std::int64_t chunk, std::int64_t context) {
    Config chunked = config;
    chunked.chunk_frames = chunk;
    chunked.context_frames = context;
    Model model(chunked);
    model.load_exactly(weights, "test");
    return model.decode_in_chunks(codes_1T);
  };
  const Tensor whole = decoded(0, 0);
  EXPECT_TRUE(decoded(600, 0).equal(whole));
  const double bare = mel_distance(decoded(100, 0), whole), some = mel_distance(decoded(100, 50), whole),
               more = mel_distance(decoded(100, 200), whole);
  RecordProperty("bare", std::to_string(bare));
  RecordProperty("context_50", std::to_string(some));
  RecordProperty("context_200", std::to_string(more));
  EXPECT_EQ(decoded(100, 50).sizes(), whole.sizes());
  EXPECT_GT(bare, some);
  EXPECT_GT(some, more);
  EXPECT_LT(some, 0.1);
  EXPECT_GT(more, 0);
}

}  // namespace
}  // namespace timbre::xcodec2
