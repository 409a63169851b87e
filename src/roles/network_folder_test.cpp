#include "roles/network_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "weights/safetensors.h"

namespace timbre::roles {
namespace {

using nlohmann::json;

struct Sizes final : ModelConfig {
  std::int64_t width = 8, heads = 2;
  config::Fields fields() override {
    config::Fields f;
    f.add("width", width, "channels").range(1, 100);
    f.add("heads", heads, "of the attention");
    return f;
  }
  std::vector<std::string> problems() const override {
    return width % heads == 0 ? std::vector<std::string>() : std::vector<std::string>{"heads do not divide width"};
  }
  std::unique_ptr<ModelConfig> clone() const override { return std::make_unique<Sizes>(*this); }
};

std::string problem_of(const json& about) {
  Sizes sizes;
  try {
    read_model(sizes, "net", about, "voice.json");
    return "";
  } catch (const DataError& problem) {
    return problem.what();
  }
}

TEST(NetworkFolder, ComesBackAsItWasWritten) {
  const fs::path dir = fs::path(testing::TempDir()) / "timbre_network_folder";
  fs::remove_all(dir);
  refuse_existing(dir);
  Sizes sizes;
  sizes.width = 12;
  weights::TensorMap tensors;
  tensors.insert("w", weights::Tensor::of<float>({2}, {1, 2}));
  write_network_folder(dir / "voice", {{"name", "n"}, {"model", about_model("net", sizes)}}, tensors);
  EXPECT_THROW(refuse_existing(dir), UsageError);
  EXPECT_EQ(folder_of_network(dir), dir / "voice");  // of a run
  EXPECT_EQ(folder_of_network(dir / "voice"), dir / "voice");
  const json about = read_json(dir / "voice/voice.json");
  EXPECT_TRUE(is_model(about, "net"));
  EXPECT_FALSE(is_model(about, "other"));
  Sizes read;
  read_model(read, "net", about, "voice.json");
  EXPECT_EQ(read.width, 12);
  EXPECT_EQ(weights_file(dir / "voice", about), dir / "voice/model.safetensors");
  EXPECT_TRUE(weights::same(weights::read_safetensors(weights_file(dir / "voice", about)).at("w"), tensors.at("w")));
  json elsewhere = about;
  elsewhere["model"]["weights"] = "w.safetensors";
  EXPECT_EQ(weights_file("d", elsewhere), fs::path("d/w.safetensors"));
  fs::remove_all(dir);
}

TEST(NetworkFolder, SaysWhatIsWrongWithAModel) {
  Sizes sizes;
  const json good = {{"model", about_model("net", sizes)}};
  EXPECT_EQ(problem_of(good), "");
  for (const json& other :
       {json(), json(3), json::array({1}), json({{"model", 1}}), json({{"model", {{"kind", 4}}}})}) {
    EXPECT_FALSE(is_model(other, "net")) << other;
    EXPECT_EQ(problem_of(other), "voice.json: no net model") << other;
  }
  json wide = good, odd = good, foreign = good;
  wide["model"]["config"]["width"] = 1000;
  odd["model"]["config"]["heads"] = 3;
  foreign["model"]["config"]["depth"] = 3;
  EXPECT_THAT(problem_of(wide), testing::HasSubstr("voice.json: model.config"));
  EXPECT_THAT(problem_of(odd), testing::EndsWith("heads do not divide width"));
  EXPECT_THAT(problem_of(foreign), testing::HasSubstr("depth"));
}

}  // namespace
}  // namespace timbre::roles
