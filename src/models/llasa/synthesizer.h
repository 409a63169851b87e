#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "roles/code_sampler.h"
#include "roles/code_synthesizer.h"
#include "roles/logits_rules.h"
#include "roles/registry.h"
#include "tokenizer/speech_rows.h"
#include "voice/token_voice.h"

/// A Llasa voice folder opened for speaking, whatever computes the network.
namespace timbre::llasa {

/// What the network hears first.
struct HeardPrompt {
  std::vector<std::int64_t> ids_T;
  std::vector<std::uint8_t> seen_T;       ///< 0 = hidden from everything; empty = all are seen
  std::vector<std::int64_t> positions_T;  ///< empty = 0 … T − 1
};

/// What a network says of the next token: of each code, and behind them of the end.
class SpeechDecoder {
 public:
  virtual ~SpeechDecoder() = default;
  /// Forgets what was, hears the prompt. Scores are valid until the next call.
  virtual std::span<const float> prefill(const HeardPrompt& prompt) = 0;
  virtual std::span<const float> step(std::int64_t id) = 0;
  /// Back to the end of the prompt, with its scores.
  virtual std::span<const float> rewind() = 0;
};

/// What a decoder is to be made of.
struct OpenedVoice {
  Config config;
  tokenizer::Tokenizer tokenizer;
  tokenizer::SpeechTokens tokens;
  voice::TokenSpeaking speaking;
  std::int64_t codes = 0;            ///< entries of the codec's codebook: that many speech tokens may be said
  std::vector<std::int64_t> scored;  ///< their ids, then the end's
  std::string where;                 ///< voice.json, for messages
};
/// Throws DataError naming file and field, for a tokenizer without speech tokens, with more tokens than the network or
/// other than that of the voice.
OpenedVoice open_voice(const roles::VoiceFiles& files);

/// What was heard, as `mask` has it: of the end-of-turn tokens in the prompt nothing is seen in training, where they
/// are the pad.
HeardPrompt heard(std::span<const std::int32_t> ids, std::int32_t pad, voice::PromptMask mask);

class Synthesizer final : public roles::CodeSynthesizer {
 public:
  Synthesizer(OpenedVoice voice, std::unique_ptr<SpeechDecoder> decoder);

  std::string name() const override { return "Llasa"; }
  std::int64_t codebooks() const override { return 1; }
  std::int64_t codebook_size() const override { return voice_.codes; }
  /// Half of what a training row holds: the other half is for what is said.
  std::int64_t most_prompt_frames() const override { return (voice_.config.row_length - rows_.overhead()) / 2; }
  bool speaks_without_prompt() const override { return true; }
  const std::vector<std::string>& languages() const override { return none_; }
  /// 0.9 and the 50 likeliest: what the speed fork's inference amounts to.
  roles::CodeSampling usual_sampling() const override;

  roles::CodeUtterance generate(const roles::CodeRequest& request) override;
  roles::CodeUtterance revoice(const roles::CodeRequest& whole) override;

 private:
  /// Ids of the whole prompt. Throws UsageError for one that leaves no room in a row.
  std::vector<std::int32_t> prompt_of(const roles::CodeRequest& request) const;
  roles::CodeUtterance say(const roles::CodeRequest& request, std::span<const float> first_scores, std::uint64_t seed,
                           std::int64_t most);

  OpenedVoice voice_;
  tokenizer::RowExpander rows_;
  std::unique_ptr<SpeechDecoder> decoder_;
  std::vector<std::int32_t> history_;  ///< as indices into scores; −1 for tokens without one
  std::size_t heard_ = 0;              ///< of history_: the prompt's
  std::vector<float> scores_;
  std::vector<std::string> none_;
};

}  // namespace timbre::llasa
