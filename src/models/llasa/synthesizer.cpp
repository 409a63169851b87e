#include "models/llasa/synthesizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "models/llasa/voice_about.h"
#include "roles/network_folder.h"
#include "voice/voice.h"

namespace timbre::llasa {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr const char* kGivePrompt = "a shorter recording, or a shorter sentence";

/// How many codes there are: as the codec that voice.json names, at most as many as there are tokens.
std::int64_t codes_of(const nlohmann::json& about, const tokenizer::SpeechTokens& tokens, const std::string& where) {
  const nlohmann::json& codec = about.at("codec");
  if (!codec.contains("codebook_size") || !codec["codebook_size"].is_number_integer()) return tokens.count;
  const auto codes = codec["codebook_size"].get<std::int64_t>();
  if (codes < 1 || codes > tokens.count)
    throw DataError(
        fmt::format("{}: the codec has {} codes and the tokenizer {} speech tokens", where, codes, tokens.count),
        "the voice needs the tokenizer that its rows were made with");
  return codes;
}

/// One draw of the probabilities.
std::int64_t drawn(std::span<const float> probabilities, double left) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    last = static_cast<std::int64_t>(i);
    left -= static_cast<double>(probabilities[i]);
    if (left < 0) break;
  }
  return last;
}

roles::LogitsRules rules_of(const roles::CodeSampling& sampling) {
  return {.repetition_penalty = sampling.repetition_penalty,
          .no_repeat_ngram = sampling.no_repeat_ngram,
          .temperature = sampling.temperature,
          .top_k = sampling.top_k,
          .top_p = sampling.top_p,
          .min_p = sampling.min_p};
}

}  // namespace

OpenedVoice open_voice(const roles::VoiceFiles& files) {
  const std::string where = (files.dir / "voice.json").string();
  Config config;
  roles::read_model(config, "llasa", files.about, where);
  const auto folder = files.about.value(nlohmann::json::json_pointer("/tokenizer/folder"), std::string("tokenizer"));
  tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::read(files.dir / folder);
  if (tokenizer.size() > config.vocab_size)
    throw DataError(fmt::format("{}: the tokenizer has {} tokens, the network knows {}", where, tokenizer.size(),
                                config.vocab_size),
                    "the voice needs the tokenizer that it was trained with");
  const auto trained_with = files.about.value(nlohmann::json::json_pointer("/tokenizer/fingerprint"), std::string());
  if (!trained_with.empty() && trained_with != tokens_fingerprint(tokenizer, tokenizer.size()))
    throw DataError(
        fmt::format("{}: the tokenizer is not the one that the voice was trained with", (files.dir / folder).string()),
        "put its own files back");
  auto tokens = tokenizer::SpeechTokens::of(tokenizer);
  OpenedVoice out{.config = std::move(config),
                  .tokenizer = std::move(tokenizer),
                  .tokens = std::move(tokens),
                  .speaking = voice::token_speaking(files.about, where),
                  .codes = 0,
                  .scored = {},
                  .where = where};
  out.codes = codes_of(files.about, out.tokens, where);
  for (std::int64_t code = 0; code < out.codes; ++code) out.scored.push_back(out.tokens.first_id + code);
  out.scored.push_back(out.tokens.speech_generation_end);
  return out;
}

HeardPrompt heard(std::span<const std::int32_t> ids, std::int32_t pad, voice::PromptMask mask) {
  HeardPrompt out;
  out.ids_T.assign(ids.begin(), ids.end());
  if (mask == voice::PromptMask::card) return out;
  for (const std::int32_t id : ids) out.seen_T.push_back(id != pad ? 1 : 0);
  std::int64_t position = 0;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    out.positions_T.push_back(position);
    position += mask == voice::PromptMask::training || out.seen_T[t] != 0 ? 1 : 0;
  }
  return out;
}

Synthesizer::Synthesizer(OpenedVoice voice, std::unique_ptr<SpeechDecoder> decoder)
    : voice_(std::move(voice)),
      rows_(voice_.tokenizer, voice_.speaking.date, voice_.config.row_length),
      decoder_(std::move(decoder)) {}

roles::CodeSampling Synthesizer::usual_sampling() const { return {.top_k = 50, .temperature = 0.9}; }

std::vector<std::int32_t> Synthesizer::prompt_of(const roles::CodeRequest& request) const {
  const tokenizer::SpeechTokens& marks = voice_.tokens;
  std::vector<std::int32_t> row = {marks.text_understanding_start};
  for (const std::int64_t token : request.tokens_S) {
    if (token < 0 || token >= voice_.tokenizer.size() || marks.is_speech(static_cast<std::int32_t>(token)))
      throw UsageError(fmt::format("text token {}: it is none of the tokenizer's words", token),
                       "the text or the prompt was made with another tokenizer than the voice's");
    row.push_back(static_cast<std::int32_t>(token));
  }
  row.push_back(marks.text_understanding_end);
  row.push_back(marks.speech_generation_start);
  for (const std::int32_t code : request.prompt_FQ) row.push_back(marks.id_of_code(code));
  std::vector<std::int32_t> ids = rows_.prompt(row);
  const auto tokens = static_cast<std::int64_t>(ids.size());
  const std::int64_t least = std::max<std::int64_t>(1, request.sampling.least_frames);
  if (tokens + least > voice_.config.row_length)
    throw UsageError(
        fmt::format("prompt and text are {} tokens ({} of text, {} of the recording); '{}' was trained on "
                    "rows of {}: there is no room for speech",
                    tokens, request.tokens_S.size(), request.prompt_frames, name(), voice_.config.row_length),
        kGivePrompt);
  return ids;
}

roles::CodeUtterance Synthesizer::say(const roles::CodeRequest& request, std::span<const float> first_scores,
                                      std::uint64_t seed, std::int64_t most) {
  const roles::CodeSampling& sampling = request.sampling;
  roles::LogitsBender bender(rules_of(sampling));
  roles::CodeSampler said({.seed = seed, .loop_frames = sampling.loop_frames});  // keeps codes and sees loops
  Philox random(seed);
  history_.resize(heard_);
  const auto end = static_cast<std::int64_t>(voice_.codes);
  roles::CodeUtterance out{.codes_FQ = {}, .frames = 0, .ending = roles::Ending::limit};
  double log_probability = 0;
  scores_.assign(first_scores.begin(), first_scores.end());
  for (std::int64_t frame = 0;; ++frame) {
    if (frame < sampling.least_frames) scores_[static_cast<std::size_t>(end)] = kNever;
    std::int64_t next = 0;
    if (sampling.draws()) {
      bender.probabilities(scores_, history_);
      next = drawn(scores_, random.uniform());
      log_probability += std::log(static_cast<double>(scores_[static_cast<std::size_t>(next)]));
    } else {
      next = bender.greedy(scores_, history_);
    }
    if (next == end) {
      out.ending = frame <= std::max<std::int64_t>(0, sampling.least_frames) ? roles::Ending::immediate
                                                                             : roles::Ending::end_token;
      break;
    }
    said.keep(static_cast<std::int32_t>(next));
    history_.push_back(static_cast<std::int32_t>(next));
    if (said.loops()) {
      out.ending = roles::Ending::loop;
      break;
    }
    if (frame + 1 >= most) break;
    const auto scores = decoder_->step(voice_.scored[static_cast<std::size_t>(next)]);
    scores_.assign(scores.begin(), scores.end());
  }
  out.codes_FQ = said.said();
  if (out.ending == roles::Ending::loop) out.codes_FQ.resize(said.loop_begin());
  out.frames = static_cast<std::int64_t>(out.codes_FQ.size());
  const double length = static_cast<double>(request.prompt_frames + static_cast<std::int64_t>(said.said().size()) + 1);
  out.score = log_probability / std::pow(length, sampling.length_penalty);
  return out;
}

roles::CodeUtterance Synthesizer::generate(const roles::CodeRequest& request) {
  roles::check_request(*this, request);
  const roles::CodeSampling& sampling = request.sampling;
  if (sampling.repetition_window > 0)
    throw UsageError("--repetition-window: Llasa has --repetition-penalty and --no-repeat-ngram against repetitions",
                     "--repetition-penalty 1.1");
  if (const auto wrong = roles::problems_of(rules_of(sampling)); !wrong.empty()) throw UsageError(wrong.front());
  const std::vector<std::int32_t> ids = prompt_of(request);
  const std::int64_t room = voice_.config.row_length - static_cast<std::int64_t>(ids.size());
  const std::int64_t most = sampling.frames > 0 ? std::min(sampling.frames, room) : room;
  const voice::PromptMask mask =
      sampling.prompt_mask.empty() ? voice_.speaking.mask : voice::prompt_mask_of(sampling.prompt_mask);
  history_.clear();
  for (const std::int32_t id : ids) {
    const auto code = voice_.tokens.code_of_id(id);
    history_.push_back(code && *code < voice_.codes ? *code : -1);
  }
  heard_ = history_.size();
  std::span<const float> scores = decoder_->prefill(heard(ids, rows_.pad(), mask));
  const std::int64_t tries = sampling.draws() ? sampling.best_of : 1;
  roles::CodeUtterance best = say(request, scores, roles::beam_seed(sampling.seed, 0), most);
  for (std::int64_t i = 1; i < tries; ++i) {
    roles::CodeUtterance made = say(request, decoder_->rewind(), roles::beam_seed(sampling.seed, i), most);
    if (roles::is_better(made, best, sampling.expected_frames)) best = std::move(made);
  }
  return best;
}

roles::CodeUtterance Synthesizer::revoice(const roles::CodeRequest& /*whole*/) {
  throw UsageError("Llasa has one codebook: --continual is for voices of several");
}

}  // namespace timbre::llasa
