#include "codecs/xcodec2/model_codec.h"

#include <ATen/ops/norm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/xcodec2/convert.h"
#include "codecs/xcodec2/names.h"
#include "nn/init.h"
#include "weights/load.h"
#include "weights/torch_file.h"

namespace timbre::xcodec2 {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::ThrowsMessage;
using weights::TensorMap;
using weights::Value;

/// The debug size with all layers of w2v-BERT that are used, as files know no fewer.
Config whole_config() {
  Config config;
  apply_debug(config);
  config.semantic_layers = 16;
  return config;
}

weights::Tensor numbers(std::vector<std::int64_t> shape, std::uint64_t seed) {
  const nn::InitSeed draws(seed);
  return nn::from_torch(nn::init_normal(shape, 0, 1));
}

/// What a published file holds: weight norm in two parts, filters, a layer too many, and one of training's parts.
TensorMap published_tensors(const Config& config) {
  const nn::InitSeed seed(11);
  TensorMap out;
  std::uint64_t count = 0;
  for (const auto& [name, tensor] : Model(config).state_dict()) {
    if (name.starts_with("CodecEnc.") && name.ends_with(".weight")) {
      const std::int64_t rows = tensor.shape[0];
      out.insert(name + "_g", numbers({rows, 1, 1}, ++count));
      out.insert(name + "_v", tensor);
    } else {
      out.insert(name, tensor);
    }
    if (name.starts_with("semantic_model.encoder.layers.0."))
      out.insert("semantic_model.encoder.layers.16." + name.substr(32), tensor);
  }
  out.insert("semantic_model.masked_spec_embed", numbers({config.semantic_width}, 99));
  return out;
}

struct Folder {
  fs::path path;
  explicit Folder(const std::string& name) : path(fs::temp_directory_path() / ("timbre_" + name)) {
    fs::remove_all(path);
    make_folders(path);
  }
  ~Folder() { fs::remove_all(path); }
};

const roles::Converter& converter(const std::string& format) {
  static const std::vector<roles::Converter> all = converters();
  for (const auto& one : all)
    if (one.format == format) return one;
  throw std::logic_error(format);
}

void expect_same(const TensorMap& a, const TensorMap& b) {
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    const weights::Tensor* other = b.find(name);
    ASSERT_NE(other, nullptr) << name;
    EXPECT_TRUE(weights::same(tensor, *other)) << name;
  }
}

/// original → ours → original.
TensorMap there_and_back(const Folder& folder, const fs::path& source, const std::string& format, const json& options) {
  converter(format).to_voice({.source = source, .out = folder.path / (format + "_ours"), .options = options});
  converter(format).from_voice({.source = folder.path / (format + "_ours"), .out = folder.path / (format + "_back")});
  return weights::load_tensors(folder.path / (format + "_back") /
                               (format == "xcodec2-lightning" ? "xcodec2.ckpt" : "model.safetensors"));
}

TEST(Xcodec2Files, PublishedFilesComeBackToTheBitInBothSpellings) {
  const Folder folder("xcodec2_published");
  const Config config = whole_config();
  const TensorMap given = published_tensors(config);
  TensorMap other;
  for (const auto& [name, tensor] : given) other.insert(parametrized_name(name), tensor);
  ASSERT_TRUE(other.contains("CodecEnc.conv_final_block.0.act.bias"));
  ASSERT_TRUE(other.contains("CodecEnc.conv_blocks.0.parametrizations.weight.original1"));
  for (const TensorMap* map : std::initializer_list<const TensorMap*>{&given, &other}) {
    const Folder inner("xcodec2_spelling");
    weights::write_safetensors(inner.path / "model.safetensors", *map);
    EXPECT_TRUE(converter("xcodec2").recognises(inner.path));
    EXPECT_FALSE(converter("xcodec2-hf").recognises(inner.path));
    expect_same(*map, there_and_back(inner, inner.path, "xcodec2", {{"heads", "2"}}));
    expect_same(weights::read_safetensors(inner.path / "xcodec2_ours" / "model.safetensors"), given);
  }
}

TEST(Xcodec2Files, TransformersFilesComeBackToTheBit) {
  const Folder folder("xcodec2_hf");
  const Config config = whole_config();
  const fs::path ours = folder.path / "ours";
  make_folders(ours);
  weights::write_safetensors(ours / "model.safetensors", published_tensors(config));
  write_file_atomic(ours / "voice.json", about_codec(config).dump());
  converter("xcodec2-hf").from_voice({.source = ours, .out = folder.path / "theirs"});
  const TensorMap theirs = weights::read_safetensors(folder.path / "theirs" / "model.safetensors");
  EXPECT_TRUE(theirs.contains("acoustic_decoder.layers.1.self_attn.q_proj.weight"));
  EXPECT_FALSE(theirs.contains("semantic_encoder.encoder.layers.16.final_layer_norm.weight"));
  EXPECT_TRUE(converter("xcodec2-hf").recognises(folder.path / "theirs"));
  expect_same(theirs, there_and_back(folder, folder.path / "theirs", "xcodec2-hf", json::object()));
  // The heads came from config.json, and without both parts of weight norm there is no way to the others.
  EXPECT_EQ(read_foreign(folder.path / "theirs", json::object()).config.heads, 2);
  EXPECT_THAT(
      [&] { converter("xcodec2").from_voice({.source = folder.path / "xcodec2-hf_ours", .out = folder.path / "x"}); },
      ThrowsMessage<UsageError>(HasSubstr("weight norm is folded")));
}

TEST(Xcodec2Files, LightningFilesComeBackToTheBitWithWhatTrainingNeeds) {
  const Folder folder("xcodec2_lightning");
  TensorMap given = published_tensors(whole_config());
  given.insert("discriminator.weight", numbers({3, 2}, 5));
  given.insert("fc_post_s.bias", numbers({4}, 6));
  weights::write_torch_zip(folder.path / "epoch=4.ckpt", Value::dict({{"global_step", std::int64_t{1400000}},
                                                                      {"state_dict", Value::state_dict(given)}}));
  EXPECT_TRUE(converter("xcodec2-lightning").recognises(folder.path));
  TensorMap back;
  for (const auto& [name, tensor] : there_and_back(folder, folder.path, "xcodec2-lightning", {{"heads", "2"}}))
    back.insert(name.substr(std::string("state_dict.").size()), tensor);
  expect_same(given, back);
  // What was written tells the heads and the step itself.
  const Foreign again = read_foreign(folder.path / "xcodec2-lightning_back", json::object());
  EXPECT_EQ(again.config.heads, 2);
  EXPECT_EQ(again.provenance["global_step"], 1400000);
}

TEST(Xcodec2Files, WhatIsMissingIsNamed) {
  const Folder folder("xcodec2_missing");
  const Config config = whole_config();
  TensorMap given = published_tensors(config);
  const auto read_with = [&](const json& options) {
    weights::write_safetensors(folder.path / "model.safetensors", given);
    return read_foreign(folder.path, options);
  };
  try {
    read_with(json::object());
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("width 32 has an unknown number of attention heads"));
    EXPECT_THAT(problem.next(), HasSubstr("--option heads=N"));
  }
  EXPECT_THROW(read_with({{"heads", "two"}}), UsageError);
  EXPECT_THAT([&] { read_with({{"heads", "3"}}); }, ThrowsMessage<DataError>(HasSubstr("does not divide width 32")));
  given.erase("semantic_model.feature_projection.projection.weight");
  EXPECT_THAT(
      [&] {
        read_with({{"heads", "2"}});
      },
      ThrowsMessage<DataError>(HasSubstr("no tensor 'semantic_model.feature_projection.projection.weight'")));
  for (const std::string& name : given.names())
    if (name.starts_with("semantic_model.")) given.erase(name);
  EXPECT_THAT(
      [&] {
        read_with({{"heads", "2"}});
      },
      ThrowsMessage<DataError>(HasSubstr("layers of w2v-BERT (semantic_model.…) are not in it")));
  EXPECT_THROW(read_foreign(folder.path / "nowhere", json::object()), DataError);
}

class Xcodec2Codec : public testing::Test {
 protected:
  Xcodec2Codec() : folder_("xcodec2_codec") {
    const nn::InitSeed seed(12);
    Config config;
    apply_debug(config);
    weights::write_safetensors(folder_.path / "model.safetensors", Model(config).state_dict());
    const json about = about_codec(config);
    codec_ = open_codec({.dir = folder_.path, .about = about});
  }
  std::vector<float> tone(std::size_t samples) const {
    std::vector<float> wave(samples);
    for (std::size_t i = 0; i < samples; ++i) wave[i] = 0.3f * std::sin(0.05f * static_cast<float>(i * i % 4001));
    return wave;
  }
  Folder folder_;
  std::unique_ptr<roles::Codec> codec_;
};

TEST_F(Xcodec2Codec, CountsOfCodesAndSamples) {
  EXPECT_EQ(codec_->rate_hz(), 16000);
  EXPECT_EQ(codec_->hop_samples(), 320);
  EXPECT_EQ(codec_->codebook_size(), 65536);
  EXPECT_EQ(codec_->codebooks_of(0.8), 1);
  EXPECT_THROW(codec_->codebooks_of(1.5), UsageError);
  for (const std::size_t samples : {1u, 319u, 320u, 16000u}) {
    const roles::Codes codes = codec_->encode(tone(samples));
    EXPECT_EQ(codes.segments.front().frames, static_cast<std::int64_t>(samples / 320 + 1));
    EXPECT_EQ(codec_->decode(codes).size(), samples);
  }
  // Codes alone, as files keep them, do not know the samples: every frame is heard.
  roles::Codes codes{.codebooks = 1, .samples = 0, .segments = {{.codes_FQ = {7, 65535}, .frames = 2}}};
  EXPECT_EQ(codec_->decode(codes).size(), 640u);
  EXPECT_EQ(codec_->decode_stream(1), nullptr);
}

TEST_F(Xcodec2Codec, RefusesWhatCannotBeCoded) {
  EXPECT_THROW(codec_->encode({}), DataError);
  EXPECT_THROW(codec_->encode(tone(400), 2), UsageError);
  std::vector<float> wave = tone(400);
  wave[17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT([&] { codec_->encode(wave); }, ThrowsMessage<DataError>(HasSubstr("sample 17 of the recording is nan")));
  roles::Codes codes{.codebooks = 1, .samples = 0, .segments = {{.codes_FQ = {7, 65536}, .frames = 2}}};
  EXPECT_THAT([&] { codec_->decode(codes); },
              ThrowsMessage<DataError>(HasSubstr("frame 1, codebook 0: code 65536 is out of range")));
  codes.segments.front().codes_FQ = {-1, 0};
  EXPECT_THROW(codec_->decode(codes), DataError);
  codes.segments.front().codes_FQ = {};
  EXPECT_THROW(codec_->decode(codes), DataError);
  codes = {.codebooks = 8, .samples = 0, .segments = {{.codes_FQ = std::vector<std::int32_t>(8), .frames = 1}}};
  EXPECT_THAT([&] { codec_->decode(codes); }, ThrowsMessage<DataError>(HasSubstr("codes of 8 codebooks")));
}

TEST_F(Xcodec2Codec, FoldersOfSomethingElseAreRefused) {
  EXPECT_THAT(
      [&] {
        open_codec({.dir = folder_.path, .about = {{"model", {{"kind", "encodec"}}}}});
      },
      ThrowsMessage<DataError>(HasSubstr("is no X-Codec 2 folder")));
  Config wrong;
  apply_debug(wrong);
  wrong.strides = {2, 2, 4, 4};
  EXPECT_THAT([&] { open_codec({.dir = folder_.path, .about = about_codec(wrong)}); },
              ThrowsMessage<DataError>(HasSubstr("make a frame of 64 samples")));
  apply_debug(wrong);
  wrong.layers = 3;
  EXPECT_THAT([&] { open_codec({.dir = folder_.path, .about = about_codec(wrong)}); },
              ThrowsMessage<DataError>(HasSubstr("transformers.2.att_norm.weight")));
}

}  // namespace
}  // namespace timbre::xcodec2
