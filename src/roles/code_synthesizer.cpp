#include "roles/code_synthesizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::roles {
namespace {

void check_sampling(const CodeSampling& s) {
  if (!(s.temperature > 0) || !std::isfinite(s.temperature))
    throw UsageError(fmt::format("temperature {}: expected more than 0", s.temperature), "--top-k 1 is greedy");
  if (!(s.top_p > 0 && s.top_p <= 1)) throw UsageError(fmt::format("top_p {}: expected 0 … 1", s.top_p));
  if (s.repetition_window < 0 || !(s.repetition_share > 0 && s.repetition_share <= 1))
    throw UsageError(fmt::format("repetition window {} and share {}: expected at least 0, and 0 … 1",
                                 s.repetition_window, s.repetition_share));
  if (s.best_of < 1 || !std::isfinite(s.length_penalty))
    throw UsageError(fmt::format("best of {} with the length penalty {}: expected at least one, and a number",
                                 s.best_of, s.length_penalty));
}

void check_prompt(const CodeSynthesizer& synthesizer, const CodeRequest& r) {
  const std::int64_t books = synthesizer.codebooks(), size = synthesizer.codebook_size();
  if (r.prompt_frames < 0 || static_cast<std::int64_t>(r.prompt_FQ.size()) != r.prompt_frames * books)
    throw DataError(fmt::format("the prompt holds {} codes; {} frames of {} codebooks are {}", r.prompt_FQ.size(),
                                r.prompt_frames, books, r.prompt_frames * books),
                    "make the prompt with the voice's own codec: timbre prompt CLIP --voice VOICE");
  for (std::size_t i = 0; i < r.prompt_FQ.size(); ++i)
    if (r.prompt_FQ[i] < 0 || r.prompt_FQ[i] >= size)
      throw DataError(fmt::format("the prompt's frame {}, codebook {} is the code {}; {} knows 0 … {}",
                                  static_cast<std::int64_t>(i) / books, static_cast<std::int64_t>(i) % books,
                                  r.prompt_FQ[i], synthesizer.name(), size - 1),
                      "make the prompt with the voice's own codec: timbre prompt CLIP --voice VOICE");
}

}  // namespace

std::string name_of(Ending ending) {
  switch (ending) {
    case Ending::immediate:
      return "immediate";
    case Ending::loop:
      return "loop";
    case Ending::limit:
      return "limit";
    case Ending::cut_short:
      return "short";
    case Ending::silence:
      return "silence";
    case Ending::end_token:
      break;
  }
  return "end";
}

int worth_of(Ending ending) {
  switch (ending) {
    case Ending::end_token:
      return 3;
    case Ending::loop:
    case Ending::cut_short:
      return 2;
    case Ending::limit:
    case Ending::silence:
      return 1;
    case Ending::immediate:
      break;
  }
  return 0;
}

bool is_better(const CodeUtterance& made, const CodeUtterance& best, double expected_frames) {
  const int worth = worth_of(made.ending), before = worth_of(best.ending);
  if (worth != before) return worth > before;
  if (expected_frames <= 0) return made.score > best.score;
  const auto distance = [&](const CodeUtterance& one) {
    return std::abs(std::log(std::max(1.0, static_cast<double>(one.frames)) / expected_frames));
  };
  return distance(made) < distance(best);
}

void refuse_language_model_rules(const CodeSynthesizer& synthesizer, const CodeSampling& s) {
  const auto refuse = [&](bool given, const char* flag, const char* next) {
    if (given)
      throw UsageError(fmt::format("{} has no {}: it is for language models of speech", synthesizer.name(), flag),
                       next);
  };
  refuse(s.repetition_penalty != 1, "--repetition-penalty",
         "--repetition-window 10 is what it has against repetitions");
  refuse(s.no_repeat_ngram != 0, "--no-repeat-ngram", "--repetition-window 10 is what it has against repetitions");
  refuse(s.min_p != 0, "--min-p", "--top-p");
  refuse(!s.prompt_mask.empty(), "--prompt-mask", "leave it out");
}

void check_request(const CodeSynthesizer& synthesizer, const CodeRequest& r) {
  if (r.tokens_S.empty()) throw UsageError("there is nothing to say: the text has no token the voice knows");
  const auto tokens = static_cast<std::int64_t>(r.tokens_S.size());
  if (r.prompt_tokens < 0 || r.prompt_tokens > tokens)
    throw UsageError(fmt::format("{} of {} tokens cannot be the prompt's", r.prompt_tokens, tokens));
  const auto languages = static_cast<std::int64_t>(synthesizer.languages().size());
  if (r.languages_S.size() != (languages == 0 ? 0 : r.tokens_S.size()))
    throw UsageError(fmt::format("{} tokens and {} languages of tokens: {} takes {}", tokens, r.languages_S.size(),
                                 synthesizer.name(), languages == 0 ? "none" : "one a token"));
  for (const std::int64_t language : r.languages_S)
    if (language < 0 || language >= languages)
      throw UsageError(fmt::format("language {}: {} has {}", language, synthesizer.name(), languages));
  check_sampling(r.sampling);
  check_prompt(synthesizer, r);
  if (r.prompt_frames == 0 && !synthesizer.speaks_without_prompt())
    throw UsageError(fmt::format("{} speaks only on from a recording: there is no prompt", synthesizer.name()),
                     "--prompt RECORDING --prompt-text \"what is said in it\"");
}

}  // namespace timbre::roles
