#include "models/g2p/model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/collate.h"
#include "models/g2p/words.h"
#include "nn/init.h"
#include "train/optim.h"

namespace timbre::g2p {
namespace {

constexpr std::int64_t kSymbols = 12;
using Rows = std::vector<std::vector<std::int64_t>>;

Config debug() {
  Config config;
  apply_debug(config);
  return config;
}

std::unique_ptr<G2p> fresh_model(const Config& config) {
  const nn::InitSeed seed(7);
  return std::make_unique<G2p>(config, static_cast<std::int64_t>(kLetters.size()), kSymbols);
}

struct Words {
  Tensor letters_BP, lengths_B;
};

Words words_of(const std::vector<std::string>& words) {
  Rows rows;
  std::vector<std::int64_t> lengths;
  for (const std::string& word : words) {
    rows.push_back(letter_rows(word));
    lengths.push_back(static_cast<std::int64_t>(word.size()));
  }
  return {batch::pad_ids(rows), batch::to_lengths(lengths)};
}

TEST(G2pModel, SmallHasTheSizeItSays) {
  const G2p model(Config(), static_cast<std::int64_t>(kLetters.size()), 72);
  EXPECT_GT(model.parameter_count(), 500000);
  EXPECT_LT(model.parameter_count(), 700000);
}

TEST(G2pModel, OneRowOfLogitsAPhone) {
  const auto model = fresh_model(debug());
  const Words in = words_of({"cat", "rhythm"});
  const Tensor logits = model->forward(in.letters_BP, in.lengths_B, batch::pad_ids({{1, 4, 5, 6}, {1, 7}}));
  EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 4, kSymbols}));
}

TEST(G2pModel, MirrorTurnsEachRowWithinItsLength) {
  const Tensor order = mirror_order(batch::to_lengths({3, 1, 4}), 4);
  EXPECT_TRUE(at::equal(order, batch::to_lengths({2, 1, 0, 3, 4, 5, 6, 7, 11, 10, 9, 8})));
}

TEST(G2pModel, PaddingChangesNothing) {
  Config config = debug();
  config.encoder_layers = 2;
  const auto model = fresh_model(config);
  model->eval();
  const at::NoGradGuard no_grad;
  const Words alone = words_of({"cat"}), together = words_of({"cat", "incomprehensible"});
  const Tensor a = model->forward(alone.letters_BP, alone.lengths_B, batch::pad_ids({{1, 4, 5}}));
  const Tensor b =
      model->forward(together.letters_BP, together.lengths_B, batch::pad_ids({{1, 4, 5}, {1, 3, 4, 5, 6, 7, 8}}));
  // The same sums in another order of accumulation: a few units of the last place of values around 1.
  EXPECT_TRUE(at::allclose(b[0].narrow(0, 0, 3), a[0], 1e-5, 1e-5));
  EXPECT_EQ(model->pronounce(together.letters_BP, together.lengths_B)[0],
            model->pronounce(alone.letters_BP, alone.lengths_B)[0]);
}

TEST(G2pModel, EveryLetterCounts) {
  const auto model = fresh_model(debug());
  model->eval();
  const at::NoGradGuard no_grad;
  const Tensor before = batch::pad_ids({{1, 4, 5}});
  const auto logits = [&](const char* word) {
    const Words in = words_of({word});
    return model->forward(in.letters_BP, in.lengths_B, before);
  };
  const Tensor plain = logits("tale");
  for (const char* other : {"male", "tile", "take", "tall"}) EXPECT_FALSE(at::allclose(logits(other), plain)) << other;
}

TEST(G2pModel, StepByStepIsTheSameAsAtOnce) {
  const auto model = fresh_model(debug());
  model->eval();
  const Words in = words_of({"queue", "eye"});
  const Rows said = model->pronounce(in.letters_BP, in.lengths_B);
  const at::NoGradGuard no_grad;
  for (std::size_t w = 0; w < said.size(); ++w) {
    std::vector<std::int64_t> before = {kStart};
    before.insert(before.end(), said[w].begin(), said[w].end());
    const auto row = static_cast<std::int64_t>(w);
    Tensor logits = model->forward(in.letters_BP.narrow(0, row, 1).narrow(1, 0, w == 0 ? 5 : 3),
                                   in.lengths_B.narrow(0, row, 1), batch::pad_ids({before}));
    const Tensor best = logits[0].narrow(1, kEnd, kSymbols - kEnd).argmax(1) + kEnd;
    for (std::size_t t = 0; t < said[w].size(); ++t)
      EXPECT_EQ(best[static_cast<std::int64_t>(t)].item<std::int64_t>(), said[w][t]) << w << ' ' << t;
  }
}

TEST(G2pModel, LearnsSomeWordsByHeart) {
  at::set_num_threads(1);  // operations this small only wait for each other
  Config config = debug();
  config.dropout = 0;
  const auto model = fresh_model(config);
  const Words in = words_of({"a", "cat", "tack", "city", "ace", "it's", "kick", "yak"});
  // k 3, æ 4, t 5, s 6, i 7, ei 8, y 9, ə 10
  const Rows phones = {{10}, {3, 4, 5}, {5, 4, 3}, {6, 7, 5, 7}, {8, 6}, {7, 5, 6}, {3, 7, 3}, {9, 4, 3}};
  Rows before = phones, after = phones;
  for (auto& row : before) row.insert(row.begin(), kStart);
  for (auto& row : after) row.push_back(kEnd);
  const Tensor before_BT = batch::pad_ids(before), after_BT = batch::pad_ids(after);
  model->eval();
  ASSERT_NE(model->pronounce(in.letters_BP, in.lengths_B), phones);
  model->train();
  train::Optimiser optimiser({}, train::make_groups(model->named_parameters(), {}));
  for (int step = 0; step < 150; ++step) {
    const Tensor logits = model->forward(in.letters_BP, in.lengths_B, before_BT);
    at::cross_entropy_loss(logits.reshape({-1, kSymbols}), after_BT.reshape({-1}), {}, at::Reduction::Mean, kPad)
        .backward();
    optimiser.step(5e-3);
    optimiser.zero_gradients();
  }
  model->eval();
  EXPECT_EQ(model->pronounce(in.letters_BP, in.lengths_B), phones);
}

}  // namespace
}  // namespace timbre::g2p
