#include "tokenizer/speech_tokens.h"

#include <fmt/format.h>

#include "base/error.h"

namespace timbre::tokenizer {
namespace {

std::string name_of_code(std::int64_t code) { return fmt::format("<|s_{}|>", code); }

constexpr Speed kSpeeds[] = {Speed::fast, Speed::slow, Speed::medium};

}  // namespace

const char* speed_token(Speed speed) {
  switch (speed) {
    case Speed::fast:
      return "<|FAST|>";
    case Speed::slow:
      return "<|SLOW|>";
    case Speed::medium:
      return "<|MEDIUM|>";
  }
  return "";
}

SpeechTokens SpeechTokens::of(const Tokenizer& tokenizer) {
  SpeechTokens speech;
  speech.where = tokenizer.where();
  const std::string next = fmt::format(
      "give the tokenizer of a Llasa model, or add them: timbre tokens --tokenizer {} --add-speech 65536 --out NEW",
      speech.where);
  const auto first = tokenizer.id_of(name_of_code(0));
  if (!first) throw DataError(fmt::format("{}: there are no speech tokens (<|s_0|>, <|s_1|> …)", speech.where), next);
  speech.first_id = *first;
  for (speech.count = 1;; ++speech.count) {
    const auto id = tokenizer.id_of(name_of_code(speech.count));
    if (!id) break;
    if (*id != *first + speech.count)
      throw DataError(fmt::format("{}: <|s_{}|> has the id {}; {} was expected, since <|s_0|> has {}", speech.where,
                                  speech.count, *id, *first + speech.count, *first),
                      "speech tokens follow each other without gaps, in the order of their numbers");
  }
  std::int32_t* const marks[] = {&speech.text_generation_start,      &speech.text_generation_end,
                                 &speech.text_understanding_start,   &speech.text_understanding_end,
                                 &speech.speech_generation_start,    &speech.speech_generation_end,
                                 &speech.speech_understanding_start, &speech.speech_understanding_end};
  for (std::size_t i = 0; i < std::size(marks); ++i) {
    const auto id = tokenizer.id_of(kLlasaMarks[i]);
    if (!id) throw DataError(fmt::format("{}: the mark {} is missing", speech.where, kLlasaMarks[i]), next);
    *marks[i] = *id;
  }
  speech.fast = tokenizer.id_of(speed_token(Speed::fast));
  speech.slow = tokenizer.id_of(speed_token(Speed::slow));
  speech.medium = tokenizer.id_of(speed_token(Speed::medium));
  return speech;
}

std::int32_t SpeechTokens::id_of_code(std::int64_t code) const {
  if (code < 0 || code >= count)
    throw DataError(fmt::format("the code {} has no token: {} has codes 0 to {}", code, where, count - 1),
                    "the codes are another codec's, or have the tokens' offset already");
  return static_cast<std::int32_t>(first_id + code);
}

std::optional<std::int32_t> SpeechTokens::code_of_id(std::int32_t id) const {
  return is_speech(id) ? std::optional(id - first_id) : std::nullopt;
}

std::vector<std::int32_t> SpeechTokens::ids_of_codes(std::span<const std::int32_t> codes,
                                                     const std::string& codes_where) const {
  std::vector<std::int32_t> ids(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0 || codes[i] >= count)
      throw DataError(fmt::format("{}: the code {} at position {} has no token: {} has codes 0 to {}", codes_where,
                                  codes[i], i, where, count - 1),
                      codes[i] >= first_id ? "these are token ids already, not codes"
                                           : "use the codec that the model was made for");
    ids[i] = first_id + codes[i];
  }
  return ids;
}

std::int32_t SpeechTokens::id_of_speed(Speed speed) const {
  const auto& id = speed == Speed::fast ? fast : speed == Speed::slow ? slow : medium;
  if (!id)
    throw DataError(fmt::format("{}: there is no speed token {}", where, speed_token(speed)),
                    fmt::format("add the three: timbre tokens --tokenizer {} --add-speeds --out NEW", where));
  return *id;
}

void add_speech_tokens(Tokenizer& tokenizer, std::int32_t codes) {
  if (codes < 1 || codes > 1 << 20)
    throw UsageError(fmt::format("{} speech tokens cannot be added", codes),
                     "say how many codes the codec has: 65536 for X-Codec 2, 1000 for the small codec");
  std::vector<std::string> tokens(std::begin(kLlasaMarks), std::end(kLlasaMarks));
  for (std::int32_t code = 0; code < codes; ++code) tokens.push_back(name_of_code(code));
  tokenizer.add_tokens(tokens);
}

void add_speed_tokens(Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (const Speed speed : kSpeeds) tokens.emplace_back(speed_token(speed));
  tokenizer.add_tokens(tokens);
}

}  // namespace timbre::tokenizer
