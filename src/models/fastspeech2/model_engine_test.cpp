#include "models/fastspeech2/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "batch/collate.h"
#include "models/fastspeech2/model.h"
#include "nn/init.h"

/// The engine beside the LibTorch network, with the same random weights. CMake runs this at every CPU level.
namespace timbre::fastspeech2 {
namespace {

constexpr std::int64_t kSymbols = 40, kSpeakers = 3;
const VarianceStatistics kStatistics{{-2, 3, 200, 40}, {-2, 3, 50, 20}};
/// Of the largest number: both add up a few hundred products in float32, in another order.
constexpr double kBound = 2e-5;

Config config_of(void (*apply)(Config&), const std::function<void(Config&)>& change = {}) {
  Config config;
  apply(config);
  if (change) change(config);
  return config;
}

/// Random weights, with durations of about 5 frames and normalisation that has something to fold in.
std::unique_ptr<FastSpeech2> random_model(const Config& config) {
  const nn::InitSeed seed(11);
  auto model = std::make_unique<FastSpeech2>(config, kSymbols, kSpeakers, kStatistics.pitch, kStatistics.energy);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : model->named_state()) {
    Tensor values = tensor;
    if (name == "variance_adaptor.duration_predictor.linear_layer.bias") values.fill_(1.8);
    if (name.ends_with("running_mean")) values.copy_(nn::init_uniform(values.sizes(), -0.5, 0.5));
    if (name.ends_with("running_var")) values.copy_(nn::init_uniform(values.sizes(), 0.5, 1.5));
    if (name.ends_with("norm.weight") || name.find("layer_norm") != std::string::npos)
      values.add_(nn::init_uniform(values.sizes(), -0.2, 0.2));
  }
  model->eval();
  return model;
}

Request request_of(std::int64_t phones, Factors factors = {}) {
  Request request;
  for (std::int64_t i = 0; i < phones; ++i) request.rows_P.push_back(1 + i * 7 % (kSymbols - 1));
  request.speaker = 2;
  request.factors = factors;
  return request;
}

Inputs inputs_of(const Request& request) {
  Inputs in;
  in.text_BP = batch::pad_ids({request.rows_P});
  in.text_lens_B = batch::to_lengths({static_cast<std::int64_t>(request.rows_P.size())});
  in.speaker_B = batch::to_lengths({request.speaker});
  if (!request.speaker_vec_E.empty()) in.speaker_vec_BE = batch::pad_floats({request.speaker_vec_E});
  in.factors = request.factors;
  return in;
}

void expect_near(const std::vector<float>& got, const Tensor& want, const std::string& what) {
  const std::vector<float> wanted = nn::from_torch(want.contiguous()).to_f32();
  ASSERT_EQ(got.size(), wanted.size()) << what;
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
    error = std::max(error, std::abs(static_cast<double>(got[i]) - wanted[i]));
  }
  EXPECT_GT(largest, 0) << what;
  EXPECT_LE(error, kBound * largest) << what;
}

void expect_same(const Config& config, const std::vector<Request>& requests) {
  const auto model = random_model(config);
  const at::NoGradGuard no_grad;
  Engine engine(config, kSymbols, kSpeakers, kStatistics, model->state_dict(), "random");
  for (const Request& request : requests) {  // each but the first in memory that another left behind
    const Outputs want = model->forward(inputs_of(request));
    const Engine::Spoken got = engine.run(request);
    EXPECT_EQ(got.durations_P, nn::from_torch(want.duration_BP.to(at::kLong).contiguous()).to_i64());
    expect_near(got.pitch, want.pitch, "pitch");
    expect_near(got.energy, want.energy, "energy");
    expect_near(got.mel_FM, want.mel_postnet_BFM, "mel");
  }
}

TEST(FastSpeech2Engine, ComputesWhatTheModelDoes) {
  expect_same(config_of(apply_small), {request_of(27), request_of(1), request_of(47),
                                       request_of(23, {.pitch = 1.3, .energy = 0.7, .duration = 0.8})});
}

TEST(FastSpeech2Engine, WithSpeakerVectorsToo) {
  Request request = request_of(9);
  for (int i = 0; i < 24; ++i) request.speaker_vec_E.push_back(std::sin(static_cast<float>(i)));
  expect_same(config_of(apply_debug, [](Config& c) { c.speaker.size = 24; }), {request});
}

TEST(FastSpeech2Engine, BeyondThePositionTable) {
  expect_same(config_of(apply_debug, [](Config& c) { c.max_frames = 20; }), {request_of(30), request_of(2)});
}

TEST(FastSpeech2Engine, WithoutAttentionWithBinsAndAPostNet) {
  const auto change = [](Config& c) {
    c.encoder.heads = 0;
    c.variance.embedding = "bins";
    c.variance.rounding = "each";
    c.variance.pitch_level = "frame";
    c.phase = false;
    c.postnet_layers = 3;
    c.postnet_filter = 32;
  };
  expect_same(config_of(apply_debug, change), {request_of(12, {.pitch = 1.2, .energy = 1.5, .duration = 1.25})});
}

TEST(FastSpeech2Engine, ThePapersBlocks) {
  const auto change = [](Config& c) {
    c.encoder.layers = c.decoder.layers = 2;
    c.encoder.width = c.decoder.width = 32;
    c.encoder.filter = c.decoder.filter = 64;
    c.variance.filter = 32;
    c.postnet_filter = 32;
    c.max_frames = 40;
  };
  // The second is longer than the file's table of positions.
  expect_same(config_of(apply_ming024, change), {request_of(6), request_of(30, {.pitch = 1.1}), request_of(5)});
}

TEST(FastSpeech2Engine, SaysWhatItCannot) {
  EXPECT_EQ(engine_lacks(config_of(apply_small)), "");
  EXPECT_EQ(engine_lacks(config_of(apply_ming024)), "");
  EXPECT_EQ(engine_lacks(config_of(apply_torphix)), "compat=torphix-head has no engine");
  const Config config = config_of(apply_debug);
  weights::TensorMap weights = random_model(config)->state_dict();
  weights.erase("mel_linear.bias");
  EXPECT_THROW(Engine(config, kSymbols, kSpeakers, kStatistics, weights, "random"), DataError);
}

}  // namespace
}  // namespace timbre::fastspeech2
