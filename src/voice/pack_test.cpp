#include "voice/pack.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "corpus/clips.h"
#include "weights/safetensors.h"

namespace timbre::voice {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A vocoder's folder that carries a text network, which must stay exact.
struct Made {
  testing_support::TempFolder dir;
  weights::TensorMap weights;

  explicit Made(float largest = 0.3f, const std::string& licence = "CC BY-SA 3.0") {
    weights.insert("w", weights::Tensor::of<float>({2, 2}, std::vector<float>{0.1f, -0.25f, largest, 1e-9f}));
    weights.insert("steps", weights::Tensor::of<std::int64_t>({1}, std::vector<std::int64_t>{70000}));
    for (const char* folder : {"voice", "voice/g2p"}) {
      make_folders(dir / folder);
      weights::write_safetensors(dir / folder / "model.safetensors", weights, {{"format", "pt"}});
    }
    write_file_atomic(
        dir / "voice/voice.json",
        nlohmann::json{{"purpose", "makes mel spectrograms audible"},
                       {"licence", licence},
                       {"attribution", "Ann"},
                       {"model", {{"kind", "vocos"}, {"config", {}}, {"weights", "model.safetensors"}}},
                       {"provenance", {{"corpus", "five"}, {"step", 10}, {"seed", 7}, {"list", "/home/ann/test.txt"}}}}
            .dump());
    write_file_atomic(dir / "voice/g2p/voice.json", R"({"model":{"kind":"g2p"}})");
    write_file_atomic(dir / "voice/words.txt", "tomato\n");
  }
};

TEST(Pack, RoundsTheNetworkAndKeepsTheRest) {
  const Made made;
  const Packed done = pack(made.dir.path(), made.dir / "small", {});
  const auto read = [&](const char* file) { return weights::read_safetensors(made.dir / "small" / file); };
  const weights::TensorMap network = read("model.safetensors");
  EXPECT_EQ(network.at("w").dtype, weights::DType::f16);
  EXPECT_EQ(network.at("w").to_f32()[1], -0.25f);
  EXPECT_NEAR(network.at("w").to_f32()[0], 0.1f, 5e-5);
  EXPECT_EQ(network.at("steps").as<std::int64_t>()[0], 70000);
  EXPECT_EQ(read("g2p/model.safetensors").at("w").to_f32(), made.weights.at("w").to_f32());
  EXPECT_EQ(read_file(made.dir / "small/words.txt"), "tomato\n");
  EXPECT_EQ(done.parameters, 5);
  EXPECT_GT(done.largest_loss, 1e-6);
  EXPECT_LT(done.largest_loss, 1e-3);
  const auto about = parse_json(read_file(made.dir / "small/voice.json"), "");
  EXPECT_EQ(about["name"], "small");
  EXPECT_EQ(about["provenance"]["list"], "test.txt");
  EXPECT_THROW(pack(made.dir.path(), made.dir / "small", {}), UsageError);
}

TEST(Pack, WritesACard) {
  const Made made;
  PackOptions options;
  options.name = "Five voices";
  options.scores = nlohmann::json::parse(
      R"({"rows":[{"name":"recordings","understood":39,"prompts":40,"mcd_db":0,"real_time_factor":0,"clips":[1]}]})");
  pack(made.dir.path(), made.dir / "small", options);
  const std::string card = read_file(made.dir / "small/README.md");
  for (const char* wanted : {"# Five voices", "It makes mel spectrograms audible.", "timbre vocode", "CC BY-SA 3.0",
                             "Ann", "five, step 10, seed 7", "| recordings | 39 of 40 |", "weights as f16"})
    EXPECT_THAT(card, HasSubstr(wanted));
  EXPECT_THAT(read_file(made.dir / "small/voice.json"), Not(HasSubstr("clips")));
}

TEST(Pack, RefusesWhatTheNumbersCannotHoldAndWhatHasNoLicence) {
  const Made large(1e5f);
  EXPECT_THROW(pack(large.dir.path(), large.dir / "small", {}), DataError);
  EXPECT_FALSE(std::filesystem::exists(large.dir / "small"));
  EXPECT_NO_THROW(pack(large.dir.path(), large.dir / "small", {.dtype = weights::DType::bf16}));
  const Made nobodys(0.3f, "");
  EXPECT_THROW(pack(nobodys.dir.path(), nobodys.dir / "small", {}), UsageError);
  EXPECT_NO_THROW(pack(nobodys.dir.path(), nobodys.dir / "small", {.licence = "CC0"}));
  EXPECT_THROW(pack(nobodys.dir / "nowhere", nobodys.dir / "x", {}), UsageError);
}

TEST(Pack, WritesNothingInADryRun) {
  const Made made;
  EXPECT_GT(pack(made.dir.path(), made.dir / "small", {.write = false}).bytes, 0u);
  EXPECT_FALSE(std::filesystem::exists(made.dir / "small"));
}

}  // namespace
}  // namespace timbre::voice
