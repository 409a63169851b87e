#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/chat.h"
#include "voice/pace.h"

/// Voices that read texts with a tokenizer and go on in a codec's codes (Llasa): what their voice.json says beyond that
/// of other voices of codes (voice/voice.h).
///
///   front_end   "tokenizer"; no symbols, text, token_policy
///   tokenizer   {folder "tokenizer" …}: tokenizer.json and what lies beside it, with the speech tokens
///   speaking    {date, mask, speeds [names], frames_per_letter {medium, slow, fast, text}}: how the network
///               was trained
namespace timbre::voice {

inline constexpr const char* kTokenizerFrontEnd = "tokenizer";

/// What the network sees of the prompt's end-of-turn tokens.
enum class PromptMask {
  training,  ///< nothing, as in training, where they are the pad; positions count them (both reference trainers)
  card,      ///< everything: what generate() does as the model cards call it
  script     ///< nothing, and positions are closed up: what generate() makes of the speed fork's call with a pad token
};
/// "training", "card", "script".
std::string name_of(PromptMask mask);
/// Throws UsageError with "did you mean".
PromptMask prompt_mask_of(const std::string& name);

struct TokenSpeaking {
  std::string date = tokenizer::kTemplateDate;  ///< in the chat template's system block
  PromptMask mask = PromptMask::training;
  /// Speed tokens that rows of training had: "fast", "slow", "medium". Nothing = nobody knows: fast and slow where the
  /// tokenizer has them, as the speed fork's rows.
  std::optional<std::vector<std::string>> speeds;
  Pace pace;  ///< of those rows; 0 = nobody measured it
};
nlohmann::json to_json(const TokenSpeaking& speaking);
/// Of a voice.json; without "speaking" the defaults. Throws DataError naming `where` and the field.
TokenSpeaking token_speaking(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::voice
