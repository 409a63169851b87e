#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/valle/checkpoint.h"
#include "models/valle/engine_synthesizer.h"

#include "support/golden.h"
#include "weights/load.h"

/// The engine against what lifeiteng's and Plachtaa's code says: greedy codes exactly, logits within set.json's bound.
/// CMake runs this at every CPU level.
namespace timbre::valle {
namespace {

roles::CodeRequest request_of(const weights::TensorMap& tensors, const std::string& name, std::int64_t books) {
  roles::CodeRequest request;
  request.tokens_S = tensors.at(name + ".x").to_i64();
  for (const std::int64_t code : tensors.at(name + ".prompt_codes").to_i64())
    request.prompt_FQ.push_back(static_cast<std::int32_t>(code));
  request.prompt_frames = static_cast<std::int64_t>(request.prompt_FQ.size()) / books;
  request.sampling.top_k = 1;
  return request;
}

void expect_codes(const roles::CodeUtterance& made, const weights::Tensor& expected) {
  const auto codes = expected.to_i64();
  EXPECT_EQ(std::vector<std::int64_t>(made.codes_FQ.begin(), made.codes_FQ.end()), codes);
}

void expect_logits(const std::vector<float>& made, const weights::Tensor& expected) {
  const auto logits = expected.to_f32();
  ASSERT_EQ(made.size(), logits.size());
  double worst = 0, most = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    worst = std::max(worst, static_cast<double>(std::abs(made[i] - logits[i])));
    most = std::max(most, static_cast<double>(std::abs(logits[i])));
  }
  EXPECT_LE(worst, 3e-5 + 2e-6 * most);
}

TEST(ValleEngine, GreedyCodesOfLifeitengsModels) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_lifeiteng");
  const auto cases = read_json(folder / "cases.json");
  const auto tensors = weights::load_tensors(folder / "cases.safetensors");
  std::map<std::string, Checkpoint> files;
  int tried = 0;
  for (const auto& [name, about] : cases.at("cases").items()) {
    const std::string model = name.substr(0, name.find('.')), kind = about.value("kind", "");
    if ((kind != "inference" && kind != "continual") || !about.contains("prefix_mode")) continue;
    if (kind == "inference" && about.at("top_k") != 1) continue;
    SCOPED_TRACE(name);
    const std::string file = cases.at("models").contains(model) ? cases["models"][model].at("file").get<std::string>()
                                                                : "nar_stage/epoch-1.pt";
    if (!std::filesystem::exists(folder / file) || !tensors.contains(name + ".codes")) continue;
    if (!files.contains(file)) files.emplace(file, read_checkpoint(folder / file));
    Config config = files.at(file).config;
    config.prefix_mode = about.at("prefix_mode");
    Engine engine(config, files.at(file).model, file);
    ++tried;
    if (kind == "continual") {
      roles::CodeRequest request;
      request.tokens_S = tensors.at(name + ".x").to_i64();
      for (const std::int64_t code : tensors.at(name + ".audio_codes").to_i64())
        request.prompt_FQ.push_back(static_cast<std::int32_t>(code));
      request.prompt_frames = static_cast<std::int64_t>(request.prompt_FQ.size()) / config.num_quantizers;
      expect_codes(engine.revoice(request), tensors.at(name + ".codes"));
      continue;
    }
    auto request = request_of(tensors, name, config.num_quantizers);
    request.prompt_tokens = tensors.at(name + ".enroll_x_lens").to_i64().front();
    std::vector<float> logits;
    const auto made = engine.generate(request, &logits);
    expect_codes(made, tensors.at(name + ".codes"));
    expect_logits(logits, tensors.at(name + ".first_ar_logits"));
    EXPECT_EQ(made.ending == roles::Ending::limit, about.at("stopped_by_length_limit").get<bool>());
  }
  EXPECT_GE(tried, 1);
}

TEST(ValleEngine, GreedyCodesOfVallEX) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_x");
  const auto cases = read_json(folder / "inference.json").at("cases");
  const auto tensors = weights::load_tensors(folder / "cases.safetensors");
  const Checkpoint file = read_checkpoint(folder / "vallex-checkpoint.pt");
  EngineSynthesizer voice(file.config, file.model, "vallex-checkpoint.pt");
  const std::vector<std::string> rows = voice.languages();
  const auto row = [&](const std::string& language) {
    return std::find(rows.begin(), rows.end(), language) - rows.begin();
  };
  int tried = 0;
  for (const auto& [name, about] : cases.items()) {
    if (about.at("top_k") != 1 || name == "end_token_inside_prompt" || !tensors.contains("infer." + name + ".codes"))
      continue;
    SCOPED_TRACE(name);
    auto request = request_of(tensors, "infer." + name, file.config.num_quantizers);
    request.prompt_tokens = about.at("enroll_x_lens");
    const auto& language = about.at("text_language");
    for (std::int64_t s = 0; s < static_cast<std::int64_t>(request.tokens_S.size()); ++s)
      request.languages_S.push_back(
          row(s < request.prompt_tokens ? about.at("prompt_language").get<std::string>()
              : language.is_array() ? language[static_cast<std::size_t>(s - request.prompt_tokens)].get<std::string>()
                                    : language.get<std::string>()));
    request.sampling.temperature = about.value("temperature", 1.0);
    std::vector<float> logits;
    const auto made = voice.engine().generate(request, &logits);
    expect_codes(made, tensors.at("infer." + name + ".codes"));
    expect_logits(logits, tensors.at("infer." + name + ".first_ar_logits"));
    EXPECT_EQ(made.ending == roles::Ending::limit, about.at("new_frames") == about.at("length_limit"));
    ++tried;
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace timbre::valle
