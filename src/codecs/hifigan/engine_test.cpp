#include "codecs/hifigan/engine.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "support/golden.h"
#include "weights/load.h"

namespace timbre::hifigan {
namespace {

namespace fs = std::filesystem;

GeneratorSizes sizes_of(const fs::path& config_json) {
  const auto config = read_json(config_json);
  GeneratorSizes sizes;
  sizes.mels = config.at("num_mels").get<std::int64_t>();
  sizes.initial_channels = config.at("upsample_initial_channel").get<std::int64_t>();
  sizes.resblock = config.at("resblock") == "1" ? 1 : 2;
  config.at("upsample_rates").get_to(sizes.upsample_rates);
  config.at("upsample_kernel_sizes").get_to(sizes.upsample_kernels);
  config.at("resblock_kernel_sizes").get_to(sizes.resblock_kernels);
  config.at("resblock_dilation_sizes").get_to(sizes.resblock_dilations);
  return sizes;
}

/// [batch, channels, frames] → frames × channels of one item.
std::vector<float> frames_first(const weights::Tensor& mel, std::int64_t item) {
  const auto all = mel.to_f32();
  const std::int64_t channels = mel.shape[1], frames = mel.shape[2];
  std::vector<float> out(static_cast<std::size_t>(channels * frames));
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t f = 0; f < frames; ++f)
      out[static_cast<std::size_t>(f * channels + c)] =
          all[static_cast<std::size_t>((item * channels + c) * frames + f)];
  return out;
}

/// Both kinds of residual block, with weight norm and with it removed; 2e-5 is the set's bound for waveforms.
TEST(HifiganEngine, MakesTheGoldenWaveforms) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "hifigan");
  int waveforms = 0;
  for (const auto* generator : {"generator_v1", "generator_v3"}) {  // a small copy of the set may lack one
    if (!fs::exists(folder / generator / "cases.safetensors")) continue;
    const auto cases = weights::load_tensors(folder / generator / "cases.safetensors");
    for (const auto* file : {"g_00000000", "g_no_weight_norm", "g_legacy_format"}) {
      if (!fs::exists(folder / generator / file)) continue;
      Engine engine(sizes_of(folder / generator / "config.json"), weights::load_tensors(folder / generator / file),
                    file);
      for (const auto& [name, mel] : cases) {
        if (!name.starts_with("frames") || !name.ends_with(".mel")) continue;
        const auto want = cases.at(name.substr(0, name.size() - 3) + "wav").to_f32();
        const std::int64_t frames = mel.shape[2], samples = engine.samples(frames);
        ASSERT_EQ(static_cast<std::int64_t>(want.size()), mel.shape[0] * samples);
        for (std::int64_t item = 0; item < mel.shape[0]; ++item, ++waveforms) {
          std::vector<float> wave_N(static_cast<std::size_t>(samples));
          engine.run(frames_first(mel, item).data(), frames, wave_N.data());
          for (std::int64_t i = 0; i < samples; ++i)
            ASSERT_NEAR(wave_N[static_cast<std::size_t>(i)], want[static_cast<std::size_t>(item * samples + i)], 2e-5)
                << generator << " " << file << " " << name << " item " << item << " sample " << i;
        }
      }
    }
  }
  EXPECT_GE(waveforms, 1);
}

/// A tiny generator's tensors.
weights::TensorMap tiny(const GeneratorSizes& sizes) {
  weights::TensorMap map;
  const auto add = [&](const std::string& layer, std::vector<std::int64_t> shape, std::int64_t bias) {
    std::vector<float> w(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]));
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = 0.2f * std::sin(static_cast<float>(i + map.size()));
    map.insert(layer + ".weight", weights::Tensor::of<float>(std::move(shape), std::move(w)));
    map.insert(layer + ".bias",
               weights::Tensor::of<float>({bias}, std::vector<float>(static_cast<std::size_t>(bias), 0.1f)));
  };
  add("conv_pre", {8, sizes.mels, 7}, 8);
  add("ups.0", {8, 4, 4}, 4);
  add("resblocks.0.convs.0", {4, 4, 3}, 4);
  add("resblocks.0.convs.1", {4, 4, 3}, 4);
  add("conv_post", {1, 4, 7}, 1);
  return map;
}
const GeneratorSizes kTiny{.mels = 5,
                           .initial_channels = 8,
                           .resblock = 2,
                           .upsample_rates = {2},
                           .upsample_kernels = {4},
                           .resblock_kernels = {3},
                           .resblock_dilations = {{1, 3}}};

/// What a frame sounds like depends on its neighbours alone: a stretch with its context gives the same samples.
TEST(HifiganEngine, AStretchGivesTheSameSamples) {
  Engine engine(kTiny, tiny(kTiny), "tiny");
  std::vector<float> mel(40 * 5);
  for (std::size_t i = 0; i < mel.size(); ++i) mel[i] = std::cos(0.7f * static_cast<float>(i));
  std::vector<float> whole(80), part(40);
  engine.run(mel.data(), 40, whole.data());
  engine.run(mel.data() + 10 * 5, 20, part.data());
  constexpr std::size_t kContext = 8;  // frames; (3 + 3 · (1 + 3) / 2 …) / 2 samples and conv_pre's 3
  for (std::size_t i = 2 * kContext; i < part.size() - 2 * kContext; ++i) ASSERT_NEAR(part[i], whole[20 + i], 1e-6);
}

std::string message_of(const GeneratorSizes& sizes, const weights::TensorMap& map) {
  try {
    Engine(sizes, map, "voice/model.safetensors");
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

TEST(HifiganEngine, SaysWhatIsWrongWithAFile) {
  auto map = tiny(kTiny);
  map.erase("conv_post.bias");
  EXPECT_NE(message_of(kTiny, map).find("voice/model.safetensors: has no tensor 'conv_post.bias'"), std::string::npos);
  map = tiny(kTiny);
  map.set("ups.0.weight", weights::Tensor::of<float>({8, 4, 3}, std::vector<float>(96)));
  EXPECT_NE(message_of(kTiny, map).find("'ups.0.weight' is [8, 4, 3], expected [8, 4, 4]"), std::string::npos);
  map = tiny(kTiny);
  map.insert("resblocks.1.convs.0.weight", weights::Tensor::of<float>({1}, {0}));
  EXPECT_NE(message_of(kTiny, map).find("no place for: resblocks.1.convs.0.weight"), std::string::npos);
  GeneratorSizes even = kTiny;
  even.resblock_kernels = {4};
  EXPECT_NE(message_of(even, tiny(kTiny)).find("even sizes change the length"), std::string::npos);
}

}  // namespace
}  // namespace timbre::hifigan
