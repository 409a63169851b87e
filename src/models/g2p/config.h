#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "roles/spec.h"

/// Grapheme to phoneme: the letters of an English word → its ARPAbet phones. An encoder over the letters read in both
/// directions (Schuster & Paliwal 1997), a decoder that looks back at them (Bahdanau et al. 2015, arXiv 1409.0473),
/// both of gated recurrent units. Learns from CMUdict, which is in the program: no corpus, no sound.
namespace timbre::g2p {

/// Which words are held out. The side of a word depends on the seed and its letters alone.
struct SplitOptions {
  std::int64_t seed = 7;
  double valid_share = 0.02;  ///< watched while training
  double test_share = 0.02;   ///< never looked at while training
};

/// All options of the model.
struct Config final : roles::ModelConfig {
  SplitOptions split;
  std::int64_t max_letters = 24;  ///< longer words are left out of training
  std::int64_t max_phones = 32;   ///< decoding stops there; longer pronunciations are left out of training
  std::int64_t embedding = 64;    ///< numbers a letter and a phone
  std::int64_t encoder_layers = 1;
  std::int64_t encoder_width = 128;  ///< units in each direction
  std::int64_t decoder_width = 128;
  std::int64_t heads = 4;  ///< places the decoder looks at together
  double dropout = 0.1;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }
};

/// 0.6 M parameters: minutes on a CPU.
void apply_small(Config& config);
/// Widths of 32 and 64, for tests.
void apply_debug(Config& config);

}  // namespace timbre::g2p
