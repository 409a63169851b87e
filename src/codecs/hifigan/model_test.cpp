#include "codecs/hifigan/model.h"

#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "codecs/hifigan/engine_vocoder.h"
#include "codecs/hifigan/files.h"
#include "codecs/hifigan/model_vocoder.h"
#include "nn/init.h"
#include "weights/safetensors.h"

namespace timbre::hifigan {
namespace {

Config tiny(const std::string& resblock) {
  Config config;
  apply_debug(config);
  config.generator.resblock = resblock;
  if (resblock == "2") config.generator.dilations = {"1-3", "1-3"};
  return config;
}

double largest(const Tensor& x) { return x.abs().max().item<double>(); }

TEST(HifiganModel, NamesAndShapesAreThoseTheFilesAreCheckedFor) {
  for (const char* resblock : {"1", "2"})
    for (const bool norm : {true, false}) {
      Config config = tiny(resblock);
      config.generator.weight_norm = norm;
      const Generator generator(config);
      const auto tensors = generator.state_dict();
      EXPECT_NO_THROW(expect_generator(tensors, config, "model"));
      EXPECT_EQ(tensors.size(), generator_shapes(config).size());
    }
}

/// The first and last frame whose samples a change of frame `f` reaches.
std::pair<std::int64_t, std::int64_t> reach(const Generator& generator, const Config& config, std::int64_t frames,
                                            std::int64_t f) {
  const Tensor mel = nn::init_normal({1, frames, config.mel.mels}, 0, 1);
  Tensor other = mel.clone();
  other[0][f].add_(10.0);
  const Tensor changed = (generator.forward(mel) != generator.forward(other)).view({frames, -1}).any(1).nonzero();
  return {changed.min().item<std::int64_t>(), changed.max().item<std::int64_t>()};
}

TEST(HifiganModel, TheReceptiveFieldIsExact) {
  const at::NoGradGuard no_grad;
  const nn::InitSeed seed(4);
  for (const char* resblock : {"1", "2"}) {
    Config config = tiny(resblock);
    config.generator.dilations = {"1-3", "1-3"};  // few enough that no reach drowns in rounding
    Generator generator(config);
    generator.eval();
    const auto around = config.context();
    const std::int64_t frames = 60, f = 30;
    const auto [first, last] = reach(generator, config, frames, f);
    EXPECT_EQ(f - first, around.after) << resblock;
    EXPECT_EQ(last - f, around.before) << resblock;
  }
}

TEST(HifiganModel, PiecesAreTheWhole) {
  const at::NoGradGuard no_grad;
  const nn::InitSeed seed(5);
  const Config config = tiny("1");
  Generator generator(config);
  generator.eval();
  generator.fold();
  const Tensor mel = nn::init_normal({2, 71, config.mel.mels}, -4, 2), whole = generator.forward(mel);
  EXPECT_EQ(whole.size(1), 71 * config.mel.hop_samples);
  for (const std::int64_t frames : {1, 7, 32, 70, 100})
    EXPECT_LT(largest(generator.forward_in_pieces(mel, frames) - whole), 1e-6) << frames;
}

TEST(HifiganModel, FoldedAndBareNetworksSpeakAlike) {
  const at::NoGradGuard no_grad;
  const nn::InitSeed seed(6);
  Config config = tiny("2");
  Generator generator(config);
  const Tensor mel = nn::init_normal({1, 20, config.mel.mels}, -4, 2), wave = generator.forward(mel);
  generator.fold();
  EXPECT_LT(largest(generator.forward(mel) - wave), 1e-6);
  config.generator.weight_norm = false;
  const Generator bare(config);
  Generator normed(tiny("2"));
  normed.load_bare(bare.state_dict(), "test");
  EXPECT_LT(largest(normed.forward(mel) - bare.forward(mel)), 1e-5);
}

TEST(HifiganModel, AFolderIsAVocoder) {
  const nn::InitSeed seed(7);
  const Config config = tiny("1");
  const Generator generator(config);
  std::string pattern = (fs::temp_directory_path() / "timbre-test-XXXXXX").string();
  const fs::path dir = ::mkdtemp(pattern.data());
  weights::write_safetensors(dir / "model.safetensors", generator.state_dict());
  const auto vocoder = open_vocoder({dir, about_network(config)});
  EXPECT_EQ(vocoder->mel(), config.mel);
  const std::vector<float> mel(static_cast<std::size_t>(450 * config.mel.mels), -5.0f);
  EXPECT_EQ(vocoder->synthesize(mel, 450).size(), static_cast<std::size_t>(450 * config.mel.hop_samples));
  EXPECT_THROW(vocoder->synthesize(mel, 449), DataError);
  // The engine speaks alike, in pieces of 400 frames too.
  const Tensor noise = nn::init_normal({450, config.mel.mels}, -5, 2);
  const std::span<const float> given(noise.const_data_ptr<float>(), static_cast<std::size_t>(noise.numel()));
  const auto engine = open_engine_vocoder({dir, about_network(config)});
  EXPECT_EQ(engine->context_frames(), vocoder->context_frames());
  const auto one = vocoder->synthesize(given, 450), other = engine->synthesize(given, 450);
  ASSERT_EQ(one.size(), other.size());
  float off = 0;
  for (std::size_t n = 0; n < one.size(); ++n) off = std::max(off, std::abs(one[n] - other[n]));
  EXPECT_LT(off, 1e-4);
  std::vector<float> odd = mel;
  odd[25] = std::nanf("");
  try {
    vocoder->synthesize(odd, 450);
    ADD_FAILURE() << "NaN was taken";
  } catch (const DataError& problem) {
    EXPECT_THAT(problem.what(), testing::HasSubstr("frame 1 of the mel"));
  }
  Config wider = config;
  wider.generator.channels = 32;
  EXPECT_THROW(open_vocoder({dir, about_network(wider)}), DataError);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace timbre::hifigan
