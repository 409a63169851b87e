#include "tokenizer/speech_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace timbre::tokenizer {

namespace {

constexpr const char* kTextStart = "<|TEXT_UNDERSTANDING_START|>";
constexpr const char* kTextEnd = "<|TEXT_UNDERSTANDING_END|>";
constexpr const char* kSpeechStart = "<|SPEECH_GENERATION_START|>";
constexpr const char* kInstruction = "Convert the text to speech:";

std::int32_t pad_of(const Tokenizer& tokenizer) {
  if (const auto eos = tokenizer.eos()) return *eos;  // the trainers pad with the end of a turn
  throw DataError(fmt::format("{}: no end-of-turn token, which rows are padded with", tokenizer.where()),
                  "its tokenizer_config.json names one under eos_token");
}

}  // namespace

SpeechRows::SpeechRows(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), tokens_(SpeechTokens::of(tokenizer)), pad_(pad_of(tokenizer)) {}

std::vector<std::int32_t> SpeechRows::text_ids(std::string_view text) const {
  return tokenizer_.encode(fmt::format("{}{}{}", kTextStart, text, kTextEnd));
}

std::vector<std::int32_t> SpeechRows::plain(std::string_view text, std::span<const std::int32_t> codes,
                                            const std::string& where) const {
  std::vector<std::int32_t> row = text_ids(text);
  row.push_back(tokens_.speech_generation_start);
  const auto speech = tokens_.ids_of_codes(codes, where);
  row.insert(row.end(), speech.begin(), speech.end());
  row.push_back(tokens_.speech_generation_end);
  return row;
}

std::vector<std::int32_t> SpeechRows::paired(std::string_view first, Speed speed, std::string_view second,
                                             std::span<const std::int32_t> first_codes,
                                             std::span<const std::int32_t> second_codes,
                                             const std::string& where) const {
  std::vector<std::int32_t> row = tokenizer_.encode(fmt::format("{}{}", kTextStart, first));
  const auto append = [&](const std::vector<std::int32_t>& ids) { row.insert(row.end(), ids.begin(), ids.end()); };
  row.push_back(tokens_.id_of_speed(speed));
  append(tokenizer_.encode(fmt::format("{}{}", second, kTextEnd)));
  row.push_back(tokens_.speech_generation_start);
  append(tokens_.ids_of_codes(first_codes, where));
  append(tokens_.ids_of_codes(second_codes, where));
  row.push_back(tokens_.speech_generation_end);
  return row;
}

std::vector<std::int32_t> SpeechRows::fitted(std::vector<std::int32_t> row, std::int64_t length) const {
  row.resize(static_cast<std::size_t>(length), pad_);
  return row;
}

std::optional<std::string> SpeechRows::mark_in(std::string_view text) const {
  if (text.find("<|") == std::string_view::npos) return std::nullopt;  // every added token of Llama's kind begins so
  for (const std::int32_t id : tokenizer_.encode(text))
    if (id >= tokenizer_.vocabulary_size()) return tokenizer_.token(id);
  return std::nullopt;
}

RowExpander::RowExpander(const Tokenizer& tokenizer, std::string_view date, std::int64_t length)
    : tokens_(SpeechTokens::of(tokenizer)), pad_(pad_of(tokenizer)), length_(length) {
  const std::array<Message, 2> chat = {Message{"user", fmt::format("{}{}", kInstruction, kTextStart)},
                                       Message{"assistant", kSpeechStart}};
  const std::vector<std::int32_t> ids = tokenizer.encode(render_chat(tokenizer, chat, ChatEnd::closed, date));
  const auto text = std::find(ids.begin(), ids.end(), tokens_.text_understanding_start);
  const auto speech = std::find(text, ids.end(), tokens_.speech_generation_start);
  if (speech == ids.end())
    throw DataError(fmt::format("{}: its chat template does not keep the marks of text and speech", tokenizer.where()));
  head_.assign(ids.begin(), text);
  middle_.assign(text + 1, speech);
  tail_.assign(speech + 1, ids.end());
}

TrainingRow RowExpander::expand(std::span<const std::int32_t> row, const std::string& where,
                                MissingEnd missing_end) const {
  const std::int32_t start_id = tokens_.speech_generation_start, end_id = tokens_.speech_generation_end;
  const auto start = std::find(row.begin(), row.end(), start_id);
  auto end = std::find(row.begin(), row.end(), end_id);
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("{}: {}; a row is text, {}, codes, its end", where, what, kSpeechStart),
                    "make the rows anew: timbre prepare … --recipe llasa-speed or llasa, --stage 4");
  };
  if (start == row.end()) refuse("no start of speech");
  if (std::count(row.begin(), row.end(), start_id) > 1) refuse("several starts of speech");
  const auto ends = std::count(row.begin(), row.end(), end_id);
  if (ends > 1) refuse("several ends of speech");
  if (ends == 1 && end < start) refuse("the end of speech before its start");
  if (ends == 0 && missing_end == MissingEnd::refuse)
    refuse("no end of speech: it was cut, and would teach the network never to stop");
  if (ends == 1) ++end;

  TrainingRow out;
  out.input_ids = head_;
  const auto append = [&](auto from, auto to) { out.input_ids.insert(out.input_ids.end(), from, to); };
  append(row.begin(), start);
  append(middle_.begin(), middle_.end());
  const std::size_t speech = out.input_ids.size();
  append(start, end);
  append(tail_.begin(), tail_.end());
  out.input_ids.resize(static_cast<std::size_t>(length_), pad_);
  out.labels.assign(out.input_ids.size(), kIgnoredLabel);
  out.attention_mask.resize(out.input_ids.size());
  for (std::size_t i = 0; i < out.input_ids.size(); ++i) {
    const std::int32_t id = out.input_ids[i];
    out.attention_mask[i] = id != pad_;
    out.has_end = out.has_end || id == end_id;
    if (i < speech || id == pad_) continue;
    out.labels[i] = id;
    ++out.supervised;
  }
  return out;
}

std::vector<std::int32_t> RowExpander::prompt(std::span<const std::int32_t> row) const {
  const auto start = std::find(row.begin(), row.end(), tokens_.speech_generation_start);
  if (start == row.end()) throw DataError("a prompt without the start of speech");
  std::vector<std::int32_t> out = head_;
  out.insert(out.end(), row.begin(), start);
  out.insert(out.end(), middle_.begin(), middle_.end());
  out.insert(out.end(), start, row.end());
  return out;
}

}  // namespace timbre::tokenizer
