#include "models/g2p/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/where.h>
#include <fmt/format.h>

#include <limits>

#include "models/g2p/words.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/sequence.h"

namespace timbre::g2p {

Tensor mirror_order(const Tensor& lengths_B, std::int64_t longest) {
  const at::TensorOptions options = lengths_B.options();
  const Tensor place_1P = at::arange(longest, options).unsqueeze(0);
  const Tensor first_B1 = at::arange(lengths_B.size(0), options).unsqueeze(1) * longest;
  const Tensor lengths_B1 = lengths_B.unsqueeze(1);
  const Tensor from_BP = at::where(place_1P < lengths_B1, lengths_B1 - 1 - place_1P, place_1P);
  return (first_B1 + from_BP).reshape({-1});
}

TwoWayLayer::TwoWayLayer(std::int64_t in, std::int64_t width) : ahead(in, width), back(in, width) {
  child("ahead", ahead);
  child("back", back);
}

Tensor TwoWayLayer::forward(const Tensor& x_BPD, const Tensor& mirror_N) const {
  const auto turned = [&](const Tensor& any_BPD) {
    return any_BPD.reshape({-1, any_BPD.size(2)}).index_select(0, mirror_N).view(any_BPD.sizes());
  };
  return at::cat({ahead.forward(x_BPD).out_BTD, turned(back.forward(turned(x_BPD)).out_BTD)}, 2);
}

G2p::G2p(const Config& config, std::int64_t letters, std::int64_t symbols)
    : config_(config),
      letter_table_(letters, config.embedding, 0),
      phone_table_(symbols, config.embedding, kPad),
      start_(2 * config.encoder_width, config.decoder_width),
      key_(2 * config.encoder_width, 2 * config.encoder_width),
      query_(config.decoder_width, 2 * config.encoder_width),
      lower_(config.embedding, config.decoder_width),
      upper_(config.decoder_width + 2 * config.encoder_width, config.decoder_width),
      out_(config.decoder_width + 2 * config.encoder_width, symbols) {
  child("letter_table", letter_table_);
  child("phone_table", phone_table_);
  std::int64_t in = config.embedding;
  for (std::int64_t layer = 0; layer < config.encoder_layers; ++layer) {
    encoder_.push_back(std::make_unique<TwoWayLayer>(in, config.encoder_width));
    child(fmt::format("encoder.{}", layer), *encoder_.back());
    in = 2 * config.encoder_width;
  }
  child("start", start_);
  child("key", key_);
  child("query", query_);
  child("lower", lower_);
  child("upper", upper_);
  child("out", out_);
}

G2p::Letters G2p::encode(const Tensor& letters_BP, const Tensor& lengths_B) const {
  const Tensor mirror_N = mirror_order(lengths_B, letters_BP.size(1));
  Tensor x_BPD = letter_table_.forward(letters_BP);
  for (const auto& layer : encoder_)
    x_BPD = layer->forward(nn::dropout(x_BPD, config_.dropout, is_training()), mirror_N);
  x_BPD = nn::dropout(x_BPD, config_.dropout, is_training());
  Letters letters;
  letters.keys_BHPK = nn::split_heads(key_.forward(x_BPD), config_.heads);
  letters.values_BHPK = nn::split_heads(x_BPD, config_.heads);
  letters.pad_BP = nn::padding_mask(lengths_B, letters_BP.size(1));
  // At the first letter the reading from the end has seen the whole word.
  letters.start_1BD = at::tanh(start_.forward(x_BPD.select(1, 0))).unsqueeze(0);
  return letters;
}

Tensor G2p::decode(const Letters& letters, const Tensor& before_BT, State& state) const {
  const Tensor said_BTD = nn::dropout(phone_table_.forward(before_BT), config_.dropout, is_training());
  const nn::Gru::Result lower = lower_.forward(said_BTD, state.lower_1BD);
  const Tensor query_BHTK = nn::split_heads(query_.forward(lower.out_BTD), config_.heads);
  const Tensor seen_BTD =
      nn::join_heads(nn::attention(query_BHTK, letters.keys_BHPK, letters.values_BHPK, letters.pad_BP));
  const nn::Gru::Result upper = upper_.forward(at::cat({lower.out_BTD, seen_BTD}, 2), state.upper_1BD);
  state = {lower.h_LBD, upper.h_LBD};
  return out_.forward(nn::dropout(at::cat({upper.out_BTD, seen_BTD}, 2), config_.dropout, is_training()));
}

Tensor G2p::forward(const Tensor& letters_BP, const Tensor& lengths_B, const Tensor& before_BT) const {
  nn::expect_shape(before_BT, {letters_BP.size(0), nn::kAny}, "G2p: before_BT");
  const Letters letters = encode(letters_BP, lengths_B);
  State state{letters.start_1BD, {}};
  return decode(letters, before_BT, state);
}

std::vector<std::vector<std::int64_t>> G2p::pronounce(const Tensor& letters_BP, const Tensor& lengths_B) const {
  const at::NoGradGuard no_grad;
  const std::int64_t words = letters_BP.size(0);
  const Letters letters = encode(letters_BP, lengths_B);
  State state{letters.start_1BD, {}};
  Tensor last_B1 = at::full({words, 1}, kStart, letters_BP.options());
  Tensor ended_B1 = last_B1 == kEnd;
  std::vector<Tensor> said;
  for (std::int64_t t = 0; t < config_.max_phones && !ended_B1.all().item<bool>(); ++t) {
    Tensor logits_BV = decode(letters, last_B1, state).select(1, 0);
    logits_BV.narrow(1, 0, kEnd).fill_(-std::numeric_limits<float>::infinity());  // padding and start are never said
    last_B1 = logits_BV.argmax(1, true);
    ended_B1 = ended_B1.logical_or(last_B1 == kEnd);
    said.push_back(last_B1);
  }
  const Tensor all_BT = at::cat(said, 1).cpu().contiguous();
  const std::int64_t* row = all_BT.const_data_ptr<std::int64_t>();
  std::vector<std::vector<std::int64_t>> out(static_cast<std::size_t>(words));
  for (auto& phones : out) {
    for (std::int64_t t = 0; t < all_BT.size(1) && row[t] != kEnd; ++t) phones.push_back(row[t]);
    row += all_BT.size(1);
  }
  return out;
}

}  // namespace timbre::g2p
