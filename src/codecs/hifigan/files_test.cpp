#include "codecs/hifigan/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "codecs/hifigan/convert.h"
#include "support/golden.h"
#include "weights/checkpoint_tree.h"
#include "weights/torch_file.h"

namespace timbre::hifigan {
namespace {

using nlohmann::ordered_json;

struct Folder {
  fs::path dir;
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "timbre-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(dir); }
};

/// Bytes of every tensor and every number of two checkpoints.
void expect_same_checkpoint(const fs::path& a, const fs::path& b) {
  const auto one = weights::flatten_tensors(weights::read_torch(a)),
             other = weights::flatten_tensors(weights::read_torch(b));
  EXPECT_EQ(one.size(), other.size()) << a;
  for (const auto& [name, tensor] : one) {
    const weights::Tensor* found = other.find(name);
    EXPECT_TRUE(found && weights::same(tensor, *found)) << a << ' ' << name;
  }
}

TEST(HifiganFiles, OriginalToOursToOriginalIsTheSameToTheLastBit) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "hifigan");
  const Folder folder;
  struct Case {
    const char *config, *file, *back, *training;
  };
  for (const Case& c :
       {Case{"generator_v1", "g_00000000", "g_00000000", nullptr},
        Case{"generator_v1", "g_no_weight_norm", "g_00000000", nullptr},
        Case{"generator_v3", "g_legacy_format", "g_00000000", nullptr},
        Case{"train", "g_00000000", "g_00000000", nullptr}, Case{"train", "g_00000002", "g_00000002", "do_00000002"}}) {
    const fs::path source = golden / c.config / c.file;
    if (!fs::exists(source)) continue;  // the cut-down copy has one of each
    const fs::path voice = folder.dir / fmt::format("voice_{}_{}", c.config, c.file),
                   out = folder.dir / (voice.string() + "_back");
    EXPECT_TRUE(looks_like_upstream(source));
    upstream_to_voice({.source = source, .out = voice});
    voice_to_upstream({.source = voice, .out = out});
    expect_same_checkpoint(source, out / c.back);
    if (c.training) expect_same_checkpoint(golden / c.config / c.training, out / c.training);
    EXPECT_EQ(ordered_json::parse(read_file(out / "config.json")),
              ordered_json::parse(read_file(golden / c.config / "config.json")));
  }
}

TEST(HifiganFiles, NewerSpellingsAndSeveralGpusAreTheSameNetwork) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "hifigan");
  const Folder folder;
  GeneratorFile file = read_generator_file(golden / "train/g_00000000");
  file.spelling = "original0";
  file.bare = true;
  write_generator_file(folder.dir / "newer", file);
  const GeneratorFile again = read_generator_file(folder.dir / "newer");
  EXPECT_EQ(again.spelling, "original0");
  EXPECT_TRUE(again.bare);
  EXPECT_TRUE(again.weight_norm);
  for (const auto& [name, tensor] : file.tensors) EXPECT_TRUE(weights::same(tensor, again.tensors.at(name))) << name;
  weights::TensorMap several;
  for (const auto& [name, tensor] : file.tensors) several.insert("module." + name, tensor);
  weights::write_torch_zip(folder.dir / "several",
                           weights::Value::dict({{"generator", weights::Value::state_dict(several)}}));
  EXPECT_TRUE(read_generator_file(folder.dir / "several").tensors.find("conv_pre.weight_g") != nullptr);
}

TEST(HifiganFiles, WhatDoesNotFitIsNamed) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "hifigan");
  const Folder folder;
  fs::copy_file(golden / "train/g_00000000", folder.dir / "g_00000000");
  const auto message = [&](const std::string& config) {
    write_file_atomic(folder.dir / "config.json", config);
    try {
      upstream_to_voice({.source = folder.dir, .out = folder.dir / "voice"});
    } catch (const Error& problem) {
      return std::string(problem.what());
    }
    return std::string("nothing was wrong");
  };
  ordered_json good = ordered_json::parse(read_file(golden / "train/config.json")), bad = good;
  bad["upsample_initial_channel"] = 64;
  EXPECT_THAT(message(bad.dump()), testing::HasSubstr("'conv_pre.bias' is [32], the config says [64]"));
  bad = good;
  bad["upsample_rates"] = "8,8";
  EXPECT_THAT(message(bad.dump()), testing::HasSubstr("'upsample_rates' is \"8,8\""));
  bad = good;
  bad["hop_size"] = 300;
  EXPECT_THAT(message(bad.dump()), testing::HasSubstr("make 256 samples of a frame, mel.hop_samples is 300"));
  bad = good;
  bad["upsample_kernel_sizes"] = {16, 15, 4, 4};
  EXPECT_THAT(message(bad.dump()), testing::HasSubstr("15 for the rate 8"));
  bad = good;
  bad["resblock_dilation_sizes"] = {{1, 3}, {1, 3, 5}, {1, 3, 5}};
  EXPECT_THAT(message(bad.dump()), testing::HasSubstr("2 dilations of a block; resblock 1 needs 3"));
  fs::remove(folder.dir / "config.json");
  EXPECT_THROW(upstream_to_voice({.source = folder.dir, .out = folder.dir / "voice"}), DataError);
  EXPECT_FALSE(fs::exists(folder.dir / "voice"));
  EXPECT_FALSE(looks_like_upstream(golden / "set.json"));
}

TEST(HifiganConfig, TheReceptiveFieldOfV1IsThatOfItsLayers) {
  Config v1;
  apply_v1(v1);
  // Walked by hand from the samples of a frame: 3 taps, then for the four stages 60 samples of the longest block and
  // the transposed convolution's inputs, then 3 frames.
  const auto around = v1.context();
  EXPECT_EQ(around.before, 13);
  EXPECT_EQ(around.after, 13);
  for (const auto& [apply, samples] : {std::pair{&apply_v3, 256}, {&apply_small, 200}}) {
    Config config;
    apply(config);
    EXPECT_TRUE(config.problems().empty());
    EXPECT_EQ(config.mel.hop_samples, samples);
  }
}

}  // namespace
}  // namespace timbre::hifigan
