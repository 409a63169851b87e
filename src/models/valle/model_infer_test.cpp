#include "models/valle/model_infer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "models/valle/model_for_test.h"
#include "nn/init.h"
#include "support/messages.h"

namespace timbre::valle {
namespace {

InferRequest request_of(const Config& config) {
  InferRequest request;
  request.text_1X = at::arange(1, 6, at::kLong).unsqueeze(0);
  request.enrolled = 3;
  request.prompt_1YQ = at::zeros({1, 4, config.num_quantizers}, at::kLong);
  request.sampling.top_k = 1;
  request.frames_per_token = 2;
  return request;
}

std::string refusal(const Config& config, const std::function<void(InferRequest&)>& change) {
  const nn::InitSeed seed(1);
  Valle model(config);
  model.eval();
  InferRequest request = request_of(config);
  change(request);
  return testing_support::message_of<DataError>([&] { infer(model, request, seeded_generator(1)); });
}

TEST(ValleInfer, RefusesWhatItCannotGoOnFrom) {
  Config config = tiny_config();
  EXPECT_EQ(refusal(config, [](InferRequest&) {}), "");
  EXPECT_EQ(refusal(config,
                    [](InferRequest& r) {
                      r.text_1X = at::zeros({1, 0}, at::kLong);
                    }),
            "the text has no tokens");
  EXPECT_EQ(refusal(config,
                    [](InferRequest& r) {
                      r.text_1X = at::full({1, 3}, 12, at::kLong);
                    }),
            "token 12 is outside the text table, which has 12 rows");
  EXPECT_EQ(refusal(config, [](InferRequest& r) { r.prompt_1YQ[0][2][1] = 20; }),
            "the prompt's frame 2, codebook 1: code 20 is outside the codebook, whose codes are 0 to 19");
  EXPECT_EQ(refusal(config, [](InferRequest& r) { r.prompt_1YQ[0][1][0] = 20; }),
            "the prompt's frame 1, codebook 0: code 20 is outside the codebook, whose codes are 0 to 19");
  EXPECT_EQ(refusal(config,
                    [](InferRequest& r) {
                      r.prompt_1YQ[0][1][0] = 20;  // VALL-E X lets the end pass in the first codebook
                      r.end_in_prompt = true;
                    }),
            "");
  EXPECT_EQ(refusal(config, [](InferRequest& r) { r.prompt_1YQ = r.prompt_1YQ.narrow(2, 0, 2); }),
            "the prompt's codes are [1, 4, 2], expected one utterance of 3 codebooks");
  const auto empty = [](InferRequest& r) { r.prompt_1YQ = r.prompt_1YQ.narrow(1, 0, 0); };
  EXPECT_EQ(refusal(config, empty), "this voice needs a recording to go on from, and the prompt has no frames");
  config.prepend_bos = true;
  EXPECT_EQ(refusal(config, empty), "");
}

TEST(ValleInfer, CutsRunawaysOffAndSaysSo) {
  const Config config = tiny_config();
  const nn::InitSeed seed(1);
  Valle model(config);
  model.eval();
  InferRequest request = request_of(config);
  for (const auto& [name, parameter] : model.named_parameters()) {
    const at::NoGradGuard no_grad;  // the end is the one row that never wins
    if (name == "ar_predict_layer.weight") parameter[config.end_id()].zero_();
    if (name == "ar_decoder.norm.bias") Tensor(parameter).fill_(1.0);
    if (name == "ar_predict_layer.weight") parameter.narrow(0, 0, 20).abs_();
  }
  const InferResult out = infer(model, request, seeded_generator(1));
  EXPECT_TRUE(out.cut_off);
  EXPECT_EQ(out.codes_1YQ.size(1), 2 * 5 + 1);  // lifeiteng's count: the limit and one more
}

TEST(ValleInfer, SeedsDecideWhatIsDrawn) {
  const nn::InitSeed seed(2);
  const Tensor logits = nn::init_normal({200, 30}, 0, 1);
  const auto drawn = [&](std::uint64_t s) {
    at::Generator generator = seeded_generator(s);
    return draw(logits, {.top_k = 10}, generator).token_B1;
  };
  EXPECT_TRUE(drawn(5).equal(drawn(5)));
  EXPECT_FALSE(drawn(5).equal(drawn(6)));
}

}  // namespace
}  // namespace timbre::valle
