#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

/// The tokens that make a Llama-kind model speak: <|s_0|> … for the codes of a codec, Llasa's eight marks, the speed
/// tokens of llasa-with-speed-control.
namespace timbre::tokenizer {

/// What a speed token asks for; the order of the fork's own ids.
enum class Speed { fast, slow, medium };
/// "<|FAST|>" …
const char* speed_token(Speed speed);

/// Llasa's marks in the order of their ids.
inline constexpr const char* kLlasaMarks[] = {"<|TEXT_GENERATION_START|>",      "<|TEXT_GENERATION_END|>",
                                              "<|TEXT_UNDERSTANDING_START|>",   "<|TEXT_UNDERSTANDING_END|>",
                                              "<|SPEECH_GENERATION_START|>",    "<|SPEECH_GENERATION_END|>",
                                              "<|SPEECH_UNDERSTANDING_START|>", "<|SPEECH_UNDERSTANDING_END|>"};

/// Where a tokenizer has its speech tokens.
struct SpeechTokens {
  std::int32_t first_id = 0;  ///< of <|s_0|>; code c has the id first_id + c
  std::int32_t count = 0;     ///< codes 0 … count-1

  std::int32_t text_generation_start = 0, text_generation_end = 0;
  std::int32_t text_understanding_start = 0, text_understanding_end = 0;
  std::int32_t speech_generation_start = 0, speech_generation_end = 0;
  std::int32_t speech_understanding_start = 0, speech_understanding_end = 0;
  std::optional<std::int32_t> fast, slow, medium;  ///< nothing in a tokenizer without speeds

  /// Throws DataError for a tokenizer without speech tokens or marks, or whose speech tokens do not follow each other.
  static SpeechTokens of(const Tokenizer& tokenizer);

  bool is_speech(std::int32_t id) const { return id >= first_id && id - first_id < count; }
  /// Throws DataError for a code below 0 or not below count.
  std::int32_t id_of_code(std::int64_t code) const;
  std::optional<std::int32_t> code_of_id(std::int32_t id) const;
  /// Codes to ids; the error names the position. `where` names the codes.
  std::vector<std::int32_t> ids_of_codes(std::span<const std::int32_t> codes, const std::string& where) const;

  bool has_speeds() const { return fast && slow && medium; }
  /// Throws DataError with what to type next for a tokenizer without that token.
  std::int32_t id_of_speed(Speed speed) const;

  std::string where;  ///< the tokenizer's file, for errors
};

/// Adds what is missing of the eight marks and of <|s_0|> … <|s_{codes-1}|>, in Llasa's order. Throws UsageError for
/// codes < 1.
void add_speech_tokens(Tokenizer& tokenizer, std::int32_t codes);
/// Adds <|FAST|>, <|SLOW|>, <|MEDIUM|>, in the order of the fork.
void add_speed_tokens(Tokenizer& tokenizer);

}  // namespace timbre::tokenizer
