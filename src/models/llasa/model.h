#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "models/llasa/model_attention.h"
#include "models/llasa/model_loss.h"
#include "nn/module.h"

/// The decoder (Touvron et al. 2023; Llama 3), with adapters where the options ask for them. Tensors carry Hugging
/// Face's names.
namespace timbre::llasa {

using nn::Tensor;

/// Hears intermediates: "embed_tokens", "layers.0.input_layernorm", "layers.0.q_proj" …
using Listener = std::function<void(const std::string&, const Tensor&)>;

/// Rows of tokens as the network reads them.
struct Rows {
  Tensor ids_BT;        ///< int64
  Tensor mask_BT;       ///< int64 or bool: 0 = nobody sees this token; undefined = all are seen
  Tensor positions_BT;  ///< int64; undefined = 0 … T−1, or anew in each utterance where there are `utterances`
  /// int64 [B, T], rising along a row: tokens of one utterance have one number and see no other's. Undefined = one; or,
  /// where positions are given without a mask, an utterance begins wherever they jump, as transformers reads them.
  Tensor utterances_BT;
};

/// A matrix [O, D] with its adapter, if it has one.
struct Projection : nn::Module {
  Projection(std::int64_t outputs, std::int64_t inputs, const std::optional<LoraRank>& rank, double deviation);
  bool adapted() const { return adapter_on && lora_A.defined(); }
  /// What the adapter adds to the product: scale · B·A·dropout(x).
  Tensor extra(const Tensor& x_ND, double dropout) const;
  Tensor weight, lora_A, lora_B;
  double scale = 0;
  bool adapter_on = true;
};

/// One layer: attention, then the gated feed-forward part, each with its norm before it.
struct Layer : nn::Module {
  Layer(const Config& config, std::int64_t index);
  Tensor forward(const Tensor& x_ND, const Attend& attend, const Listener& listen) const;
  Tensor input_layernorm, post_attention_layernorm;
  std::vector<std::unique_ptr<Projection>> projections;  ///< q, k, v, o, gate, up, down

 private:
  std::vector<Tensor> project(const Tensor& x_ND, std::size_t first, std::size_t count) const;
  std::int64_t index_, head_dim_;
  double eps_, dropout_;
};

class Model : public nn::Module {
 public:
  /// First values as transformers has them: normal with initializer_range, norms 1; adapters A uniform
  /// (Kaiming, a = √5), B 0. With adapters everything else is frozen.
  explicit Model(const Config& config);

  const Config& config() const { return config_; }
  /// [N, D] after the final norm. Throws DataError for ids past the vocabulary and positions past
  /// max_position_embeddings.
  Tensor hidden(const Rows& rows, const Listener& listen = nullptr) const;
  /// [n, V] of some rows of hidden().
  Tensor logits(const Tensor& hidden_ND) const;
  /// Σ −log p(labels[t + 1] | tokens ≤ t) over targets that are not −100, and how many there are; with their single
  /// values where `nll_BT` is given (0 where there is no target).
  struct Loss {
    Tensor sum;
    std::int64_t targets = 0;
  };
  Loss loss(const Rows& rows, const Tensor& labels_BT, LossOptions options = {}, Tensor* nll_BT = nullptr) const;
  /// The same where hidden() is known.
  Loss loss_of_hidden(const Tensor& hidden_ND, const Tensor& labels_BT, LossOptions options = {},
                      Tensor* nll_BT = nullptr) const;

  /// Off: the network as it is without its adapters.
  void use_adapters(bool on);
  /// The output matrix: the embedding where they are tied.
  const Tensor& head() const { return lm_head.defined() ? lm_head : embed_tokens; }

  Tensor embed_tokens, norm, lm_head;
  std::vector<std::unique_ptr<Layer>> layers;

 private:
  Attend attend_of(const Rows& rows) const;
  Config config_;
};

}  // namespace timbre::llasa
