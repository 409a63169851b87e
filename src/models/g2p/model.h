#pragma once
#include "models/g2p/config.h"
#include "nn/layers.h"

/// The network. Axes: P letters, T phones, V rows of the phone table, D width (others as in nn/shapes.h).
namespace timbre::g2p {

using nn::Tensor;

/// Reads a sequence once from each end. Each row of a batch is turned round within its own length, so padding is never
/// read before letters.
struct TwoWayLayer : nn::Module {
  TwoWayLayer(std::int64_t in, std::int64_t width);
  /// mirror_N: see mirror_order(). Returns both directions beside each other, [B, P, 2·width].
  Tensor forward(const Tensor& x_BPD, const Tensor& mirror_N) const;
  nn::Gru ahead, back;
};

/// Rows of the flattened [B·P, D] that turn every row of a batch round within its length and leave its padding.
Tensor mirror_order(const Tensor& lengths_B, std::int64_t longest);

class G2p : public nn::Module {
 public:
  G2p(const Config& config, std::int64_t letters, std::int64_t symbols);

  /// Teacher forcing: what follows after each of before_BT (the start mark, then the phones). Returns logits_BTV.
  Tensor forward(const Tensor& letters_BP, const Tensor& lengths_B, const Tensor& before_BT) const;

  /// Greedy: rows of the likeliest phone after each other, per word, without marks; at most Config::max_phones. Records
  /// no gradient. Does not depend on the other words of the batch.
  std::vector<std::vector<std::int64_t>> pronounce(const Tensor& letters_BP, const Tensor& lengths_B) const;

 private:
  /// What the decoder looks at.
  struct Letters {
    Tensor keys_BHPK, values_BHPK;
    Tensor pad_BP;
    Tensor start_1BD;  ///< first state of the decoder
  };
  /// Last states of the decoder's two layers; the second is undefined (zeros) before the first step.
  struct State {
    Tensor lower_1BD, upper_1BD;
  };
  Letters encode(const Tensor& letters_BP, const Tensor& lengths_B) const;
  /// Some steps of the decoder; moves the state on.
  Tensor decode(const Letters& letters, const Tensor& before_BT, State& state) const;

  Config config_;
  nn::Embedding letter_table_, phone_table_;
  std::vector<std::unique_ptr<TwoWayLayer>> encoder_;
  nn::Linear start_, key_, query_;
  nn::Gru lower_, upper_;
  nn::Linear out_;
};

}  // namespace timbre::g2p
