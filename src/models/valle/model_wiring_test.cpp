#include "models/valle/model_wiring.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/valle/model_for_test.h"
#include "models/valle/model_losses.h"
#include "nn/init.h"

namespace timbre::valle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// VALL-E X at a tiny size and one English clip.
struct Wiring : testing::Test {
  Config config = [] {
    Config c = tiny_config();
    c.languages = {"en", "zh", "ja"};
    return c;
  }();
  nn::InitSeed seed{1};
  Valle model{config};
  NarDraws draws{.stage = 1, .prefix = 1};
  Inputs clip{.text_BX = nn::init_uniform({1, 7}, 0, 11.9).to(at::kLong),
              .text_lens_B = {7},
              .codes_BYQ = nn::init_uniform({1, 9, config.num_quantizers}, 0, 19.9).to(at::kLong),
              .code_lens_B = {9},
              .language_BX = at::zeros({1, 1}, at::kLong)};
  void SetUp() override { model.eval(); }
  Pass pass() {
    return [this](const Inputs& in, Stage stage, const NarDraws& d) { return model.forward(in, stage, d); };
  }
  /// The AR part with another way to add languages to the vectors of the text.
  Pass ar_with(const std::function<Tensor(const Inputs&)>& text_BXD) {
    return [this, text_BXD](const Inputs& in, Stage stage, const NarDraws& d) {
      if (stage != Stage::ar) return model.forward(in, stage, d);
      const Tensor codes_BY = in.codes_BYQ.select(2, 0);
      Attend pad;
      pad.lead_lens = in.text_lens_B;
      pad.tail_lens = in.code_lens_B;
      Outputs out;
      out.ar_logits_BYV = model.ar_logits(text_BXD(in), codes_BY, pad);
      out.loss = cross_entropy_sum(out.ar_logits_BYV, codes_BY, -1);
      return out;
    };
  }
  Tensor table(const std::string& name) {
    for (const nn::Named& named : model.named_parameters())
      if (named.name == name + ".word_embeddings.weight") return named.tensor;
    return {};
  }
};

TEST_F(Wiring, IsRightInOurForwardPass) {
  EXPECT_THAT(language_faults(model, pass(), clip, draws), IsEmpty());
  Inputs two = clip;  // padding hears nothing, and counts for nothing
  two.text_BX = at::cat({clip.text_BX, clip.text_BX});
  two.text_lens_B = {7, 4};
  two.codes_BYQ = at::cat({clip.codes_BYQ, clip.codes_BYQ});
  two.code_lens_B = {9, 6};
  two.language_BX = at::full({2, 1}, 2, at::kLong);
  EXPECT_THAT(language_faults(model, pass(), two, draws), IsEmpty());
  for (const nn::Named& named : model.named_parameters()) EXPECT_FALSE(named.tensor.grad().defined()) << named.name;
}

/// Seed 001, until run 4: "Fixed wrong embedding used in AR forwarding".
TEST_F(Wiring, FindsTheOtherPartsTable) {
  const Pass wrong = ar_with([&](const Inputs& in) {
    return model.ar_text(in.text_BX, {}) + table("nar_language_embedding").narrow(0, 0, 1);
  });
  EXPECT_THAT(language_faults(model, wrong, clip, draws),
              ElementsAre("the AR part hears nar_language_embedding, the table of the other part",
                          "the AR part does not hear ar_language_embedding"));
}

/// Seed 001, until run 5: "Fixed forward logic: removed enrolled_len".
TEST_F(Wiring, FindsATextDividedAtAnEnrolledLength) {
  const Pass divided = ar_with([&](const Inputs& in) {
    const Tensor text_BXD = model.ar_text(in.text_BX, {}), en_1D = table("ar_language_embedding").narrow(0, 0, 1);
    return at::cat({text_BXD.narrow(1, 0, 3), text_BXD.narrow(1, 3, 4) + en_1D}, 1);
  });
  EXPECT_THAT(language_faults(model, divided, clip, draws), ElementsAre(HasSubstr("divided at an enrolled length?")));
  const Pass prompted = [&](const Inputs& in, Stage stage, const NarDraws& d) {
    Inputs other = in;
    other.language_BX = at::zeros({1, 7}, at::kLong);
    other.language_BX.narrow(1, 0, 3).fill_(1);
    return model.forward(other, stage, d);
  };
  EXPECT_THAT(language_faults(model, prompted, clip, draws),
              ElementsAre("the AR part hears the row of 'zh' in a text that is not of it",
                          "the NAR part hears the row of 'zh' in a text that is not of it"));
}

TEST_F(Wiring, FindsALanguageThatIsNotHeard) {
  const Pass deaf = [&](const Inputs& in, Stage stage, const NarDraws& d) {
    Inputs other = in;
    other.language_BX = Tensor();
    return model.forward(other, stage, d);
  };
  EXPECT_THAT(language_faults(model, deaf, clip, draws),
              ElementsAre("the AR part does not hear ar_language_embedding",
                          "the NAR part does not hear nar_language_embedding"));
}

}  // namespace
}  // namespace timbre::valle
