#include "voice/code_sentences.h"

#include "base/error.h"
#include "base/strings.h"

namespace timbre::voice {
namespace {

using roles::Ending;

/// Seeds of later tries lie far from those of later sentences.
constexpr std::uint64_t kSeedStep = 0x9e3779b97f4a7c15u;

void append(std::vector<std::int64_t>& to, const std::vector<std::int64_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::int64_t& count_of(EndingCounts& counts, Ending ending) {
  switch (ending) {
    case Ending::immediate:
      return counts.immediate;
    case Ending::loop:
      return counts.loop;
    case Ending::cut_short:
      return counts.cut_short;
    case Ending::silence:
      return counts.silence;
    default:
      return counts.limit;
  }
}

}  // namespace

EndingCounts& EndingCounts::operator+=(const EndingCounts& more) {
  utterances += more.utterances;
  retried += more.retried;
  given_up += more.given_up;
  immediate += more.immediate;
  loop += more.loop;
  limit += more.limit;
  cut_short += more.cut_short;
  silence += more.silence;
  return *this;
}

std::string EndingCounts::text() const {
  if (clean()) return "";
  std::vector<std::string> kinds;
  const auto add = [&](std::int64_t count, const char* one, const char* many) {
    if (count > 0) kinds.push_back(fmt::format("{} {}", count, count == 1 ? one : many));
  };
  add(immediate, "ended at once", "ended at once");
  add(loop, "loop", "loops");
  add(limit, "runaway", "runaways");
  add(cut_short, "too short for its text", "too short for their texts");
  add(silence, "silent", "silent");
  std::string out =
      fmt::format("{} {}, {} further {} with other seeds ({})", utterances, utterances == 1 ? "sentence" : "sentences",
                  retried, retried == 1 ? "try" : "tries", join(kinds, ", "));
  if (given_up > 0) out += fmt::format("; {} stayed bad", given_up);
  return out;
}

roles::CodeUtterance generate_until_ended(roles::CodeSynthesizer& synthesizer, roles::CodeRequest request,
                                          std::int64_t tries, EndingCounts& counts, const Judge& judge) {
  const bool draws = request.sampling.draws();
  const std::int64_t most = draws ? std::max<std::int64_t>(1, tries) : 1;
  ++counts.utterances;
  roles::CodeUtterance best{.codes_FQ = {}, .frames = 0, .ending = Ending::immediate};
  for (std::int64_t i = 0; i < most; ++i, request.sampling.seed += kSeedStep) {
    if (i > 0) ++counts.retried;
    roles::CodeUtterance made = synthesizer.generate(request);
    if (made.ending == Ending::end_token && judge) made.ending = judge(made);
    if (made.ending == Ending::end_token) return made;
    ++count_of(counts, made.ending);
    if (made.ending == Ending::immediate) {
      // The likeliest end is the same for every seed: it is not listened to for a frame a token.
      request.sampling.least_frames = std::max(
          request.sampling.least_frames, static_cast<std::int64_t>(request.tokens_S.size()) - request.prompt_tokens);
      continue;
    }
    if (made.frames > 0 && (best.frames == 0 || roles::worth_of(made.ending) > roles::worth_of(best.ending)))
      best = std::move(made);
  }
  ++counts.given_up;
  if (best.frames == 0)
    throw DataError(
        fmt::format("{} ended at once, {} {} in a row", synthesizer.name(), most, most == 1 ? "time" : "times"),
        draws ? "a prompt without silence at its end (--trim-prompt), another text, --retries 10, or a voice that "
                "was "
                "trained longer"
              : "--top-k 1 draws nothing: leave it out, so that other tries are others");
  return best;
}

CodeSentences::CodeSentences(roles::CodeSynthesizer& synthesizer, CodeContext first, LongText how)
    : synthesizer_(synthesizer), first_(std::move(first)), now_(first_), how_(std::move(how)) {}

roles::CodeUtterance CodeSentences::generate(roles::CodeRequest request, const CodeText& sentence) {
  request.prompt_FQ = now_.codes_FQ;
  request.prompt_frames = now_.frames;
  last_ = request;
  const std::int64_t given_up = counts_.given_up;
  roles::CodeUtterance made = generate_until_ended(synthesizer_, std::move(request), how_.tries, counts_, how_.judge);
  const std::size_t index = said_++;
  if (!how_.sliding) return made;
  if (how_.becomes_prompt) {
    took_last_ = how_.becomes_prompt(index);
    if (!took_last_) now_ = first_;
    moved_ = took_last_;
  } else {
    const std::int64_t most = how_.most_frames > 0 ? how_.most_frames : synthesizer_.most_prompt_frames();
    took_last_ = may_prompt_ && counts_.given_up == given_up && made.frames <= most;
    moved_ = moved_ || took_last_;
  }
  if (took_last_) now_ = {.text = sentence, .codes_FQ = made.codes_FQ, .frames = made.frames};
  return made;
}

roles::CodeUtterance CodeSentences::say(const CodeText& sentence, const roles::CodeSampling& sampling) {
  roles::CodeRequest request{.tokens_S = now_.text.tokens_S,
                             .prompt_tokens = static_cast<std::int64_t>(now_.text.tokens_S.size()),
                             .languages_S = now_.text.languages_S,
                             .prompt_FQ = {},
                             .prompt_frames = 0,
                             .sampling = sampling};
  if (how_.becomes_prompt && moved_ && !first_.text.languages_S.empty())  // the reference's prompt keeps its language
    request.languages_S.assign(request.tokens_S.size(), first_.text.languages_S.front());
  append(request.tokens_S, sentence.tokens_S);
  append(request.languages_S, sentence.languages_S);
  return generate(std::move(request), sentence);
}

roles::CodeUtterance CodeSentences::say_read_together(const CodeText& whole, std::int64_t prompt_tokens,
                                                      const roles::CodeSampling& sampling) {
  return generate({.tokens_S = whole.tokens_S,
                   .prompt_tokens = prompt_tokens,
                   .languages_S = whole.languages_S,
                   .prompt_FQ = {},
                   .prompt_frames = 0,
                   .sampling = sampling},
                  {});
}

}  // namespace timbre::voice
