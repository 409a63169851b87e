#include "codecs/vocos/engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/golden.h"
#include "weights/load.h"

namespace timbre::vocos {
namespace {

namespace fs = std::filesystem;

std::int64_t count_layers(const weights::TensorMap& map) {
  std::int64_t layers = 0;
  while (map.contains(fmt::format("backbone.convnext.{}.gamma", layers))) ++layers;
  return layers;
}

/// The golden set's sizes, out of the shapes; hop and padding are those of its config.yaml.
Sizes sizes_of(const weights::TensorMap& map, std::int64_t hop_samples, audio::Padding padding) {
  const auto& embed = map.at("backbone.embed.weight").shape;
  const auto* scale = map.find("backbone.norm.scale.weight");
  return {.inputs = embed[1],
          .width = embed[0],
          .hidden = map.at("backbone.convnext.0.pwconv1.weight").shape[0],
          .layers = count_layers(map),
          .rows = scale ? scale->shape[0] : 0,
          .fft_samples = map.at("head.out.weight").shape[0] - 2,
          .hop_samples = hop_samples,
          .padding = padding};
}

/// [1, channels, frames] → frames × channels.
std::vector<float> frames_first(const weights::Tensor& x) {
  const auto all = x.to_f32();
  const auto channels = static_cast<std::size_t>(x.shape[1]), frames = static_cast<std::size_t>(x.shape[2]);
  std::vector<float> out(channels * frames);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t f = 0; f < frames; ++f) out[f * channels + c] = all[c * frames + f];
  return out;
}

/// Runs one case and compares what the original makes of it; 5e-6 is the set's bound for waveforms.
void expect_decoded(Engine& engine, const weights::Tensor& features, const weights::Tensor& decoded, std::int64_t row,
                    const std::string& what) {
  const std::int64_t frames = features.shape[2], hop = engine.sizes().hop_samples;
  const auto want = decoded.to_f32();
  const bool center = engine.sizes().padding == audio::Padding::center;
  ASSERT_EQ(static_cast<std::int64_t>(want.size()), (center ? frames - 1 : frames) * hop) << what;
  std::vector<float> wave_N(static_cast<std::size_t>(frames * hop), NAN);
  engine.run(frames_first(features).data(), frames, wave_N.data(), row);
  for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(wave_N[i], want[i], 5e-6) << what << " sample " << i;
  for (const float x : wave_N) ASSERT_TRUE(std::isfinite(x)) << what;
}

TEST(VocosEngine, MakesTheGoldenWaveforms) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "vocos");
  int waveforms = 0;
  for (const auto* kind : {"mel_center", "mel_same"}) {  // a small copy of the set may lack some
    if (!fs::exists(folder / kind / "cases.safetensors")) continue;
    const auto map = weights::load_tensors(folder / kind / "pytorch_model.bin");
    const auto cases = weights::load_tensors(folder / kind / "cases.safetensors");
    const bool center = std::string(kind) == "mel_center";
    Engine engine(sizes_of(map, 256, center ? audio::Padding::center : audio::Padding::same), map, kind);
    for (const auto& [name, features] : cases) {
      if (!name.starts_with("features") || !name.ends_with(".features")) continue;
      const std::string decoded = name.substr(0, name.size() - 8) + "decoded";
      expect_decoded(engine, features, cases.at(decoded), 0, std::string(kind) + " " + name);
      ++waveforms;
    }
  }
  EXPECT_GE(waveforms, 2);
  if (!fs::exists(folder / "encodec" / "cases.safetensors")) return;
  const auto map = weights::load_tensors(folder / "encodec" / "pytorch_model.bin");
  const auto cases = weights::load_tensors(folder / "encodec" / "cases.safetensors");
  Engine engine(sizes_of(map, 320, audio::Padding::same), map, "encodec");
  expect_decoded(engine, cases.at("codes.features"), cases.at("codes.decoded_id2"), 2, "encodec");
}

weights::TensorMap tiny(const Sizes& s) {
  weights::TensorMap map;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, float base = 0) {
    std::size_t n = 1;
    for (const std::int64_t extent : shape) n *= static_cast<std::size_t>(extent);
    std::vector<float> w(n);
    for (std::size_t i = 0; i < n; ++i) w[i] = base + 0.2f * std::sin(static_cast<float>(i + 3 * map.size()));
    map.insert(name, weights::Tensor::of<float>(std::move(shape), std::move(w)));
  };
  add("backbone.embed.weight", {s.width, s.inputs, 7}), add("backbone.embed.bias", {s.width});
  add("backbone.norm.weight", {s.width}, 1), add("backbone.norm.bias", {s.width});
  const std::string b = "backbone.convnext.0.";
  add(b + "dwconv.weight", {s.width, 1, 7}), add(b + "dwconv.bias", {s.width});
  add(b + "norm.weight", {s.width}, 1), add(b + "norm.bias", {s.width});
  add(b + "pwconv1.weight", {s.hidden, s.width}), add(b + "pwconv1.bias", {s.hidden});
  add(b + "pwconv2.weight", {s.width, s.hidden}), add(b + "pwconv2.bias", {s.width}), add(b + "gamma", {s.width});
  add("backbone.final_layer_norm.weight", {s.width}, 1), add("backbone.final_layer_norm.bias", {s.width});
  add("head.out.weight", {s.fft_samples + 2, s.width}), add("head.out.bias", {s.fft_samples + 2});
  return map;
}
const Sizes kTiny{.inputs = 5, .width = 8, .hidden = 12, .layers = 1, .fft_samples = 32, .hop_samples = 8};

/// Six frames of convolutions on each side and what a window overlaps decide a sample, nothing beyond.
TEST(VocosEngine, AStretchGivesTheSameSamples) {
  for (const auto padding : {audio::Padding::center, audio::Padding::same}) {
    Sizes sizes = kTiny;
    sizes.padding = padding;
    Engine engine(sizes, tiny(sizes), "tiny");
    std::vector<float> mel(60 * 5);
    for (std::size_t i = 0; i < mel.size(); ++i) mel[i] = std::cos(0.7f * static_cast<float>(i));
    std::vector<float> whole(60 * 8), part(40 * 8), again(60 * 8);
    engine.run(mel.data(), 60, whole.data());
    engine.run(mel.data() + 10 * 5, 40, part.data());
    engine.run(mel.data(), 60, again.data());
    EXPECT_EQ(whole, again);
    constexpr std::size_t kContext = 6 + 4;
    for (std::size_t i = 8 * kContext; i < part.size() - 8 * kContext; ++i)
      ASSERT_NEAR(part[i], whole[80 + i], 1e-5) << i;
  }
}

TEST(VocosEngine, SaysWhatIsWrongWithAFile) {
  const auto message_of = [](const Sizes& sizes, const weights::TensorMap& map) -> std::string {
    try {
      Engine(sizes, map, "voice/model.safetensors");
    } catch (const DataError& e) {
      return e.what();
    }
    return "";
  };
  auto map = tiny(kTiny);
  map.erase("head.out.bias");
  EXPECT_NE(message_of(kTiny, map).find("has no tensor 'head.out.bias'"), std::string::npos);
  map = tiny(kTiny);
  map.insert("head.istft.window", weights::Tensor::of<float>({32}, std::vector<float>(32, 1.0f)));
  EXPECT_NE(message_of(kTiny, map).find("no periodic Hann window: sample 0 is 1"), std::string::npos);
  Sizes narrow = kTiny;
  narrow.width = 4;
  EXPECT_NE(message_of(narrow, tiny(kTiny)).find("'backbone.embed."), std::string::npos);
  Sizes sparse = kTiny;
  sparse.hop_samples = 20;
  EXPECT_NE(message_of(sparse, tiny(sparse)).find("at least two windows over every sample"), std::string::npos);
}

}  // namespace
}  // namespace timbre::vocos
