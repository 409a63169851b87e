#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "roles/code_synthesizer.h"

/// Sentences → codes, one after the other, each going on from a prompt: what can go wrong with one and what is done
/// about it, and how the prompt moves on in a long text.
namespace timbre::voice {

/// One text as tokens, and the language row of each where the voice takes languages.
struct CodeText {
  std::vector<std::int64_t> tokens_S, languages_S;
  bool empty() const { return tokens_S.empty(); }
};

/// Where a sentence goes on from.
struct CodeContext {
  CodeText text;  ///< tokens of the prompt's own text
  std::vector<std::int32_t> codes_FQ;
  std::int64_t frames = 0;
};

/// How utterances ended: counted over all tries.
struct EndingCounts {
  std::int64_t utterances = 0;
  std::int64_t retried = 0;   ///< tries beyond the first
  std::int64_t given_up = 0;  ///< utterances none of whose tries ended by itself
  std::int64_t immediate = 0, loop = 0, limit = 0, cut_short = 0, silence = 0;
  EndingCounts& operator+=(const EndingCounts& more);
  bool clean() const { return retried == 0 && given_up == 0; }
  /// "5 sentences, 2 further tries with other seeds (1 loop, 1 runaway)"; "" when clean.
  std::string text() const;
};

/// Looks at an utterance that ended by itself: end_token again, or what is wrong with it all the same.
using Judge = std::function<roles::Ending(const roles::CodeUtterance&)>;

/// The request again with other seeds until it ends by itself, `tries` times at most (once where nothing is drawn).
/// Of tries that all went wrong the first of the best kind comes back: cut before a loop, else the runaway. After an
/// immediate end the end is not listened to for a frame a token. Throws DataError when every try ended at once.
roles::CodeUtterance generate_until_ended(roles::CodeSynthesizer& synthesizer, roles::CodeRequest request,
                                          std::int64_t tries, EndingCounts& counts, const Judge& judge = {});

struct LongText {
  bool sliding = false;          ///< the prompt is the sentence before; else always the first one
  std::int64_t tries = 3;        ///< of generate_until_ended
  std::int64_t most_frames = 0;  ///< longer sentences do not become a prompt; 0 = what the voice takes
  /// VALL-E X's reference: whether sentence i becomes the prompt of the next (it draws: then the prompt is that
  /// sentence, else the first one again), whatever its ending and length; its language rows stay the first prompt's.
  /// Empty = every sentence that ended well and is short enough becomes the prompt.
  std::function<bool(std::size_t sentence)> becomes_prompt;
  Judge judge;  ///< of every try; empty = the network's own end is enough
};

/// One sentence after the other from a prompt that may be empty.
class CodeSentences {
 public:
  CodeSentences(roles::CodeSynthesizer& synthesizer, CodeContext first, LongText how);
  /// Joins the prompt's tokens and the sentence's, generates, and moves the prompt on. Empty sentences are the caller's
  /// to leave out.
  roles::CodeUtterance say(const CodeText& sentence, const roles::CodeSampling& sampling);
  /// The same where prompt and sentence are read as one text (lifeiteng): `whole` are the tokens of both.
  roles::CodeUtterance say_read_together(const CodeText& whole, std::int64_t prompt_tokens,
                                         const roles::CodeSampling& sampling);
  /// Whether the next sentence may become the prompt of those after it; true until it is said otherwise.
  void let_prompt(bool may) { may_prompt_ = may; }
  const CodeContext& prompt() const { return now_; }
  /// True when the prompt is the sentence that was said last.
  bool took_last() const { return took_last_; }
  /// Requests as they were made, newest last; for those who check them.
  const roles::CodeRequest& last_request() const { return last_; }
  const EndingCounts& counts() const { return counts_; }

 private:
  roles::CodeUtterance generate(roles::CodeRequest request, const CodeText& sentence);

  roles::CodeSynthesizer& synthesizer_;
  CodeContext first_, now_;
  LongText how_;
  EndingCounts counts_;
  roles::CodeRequest last_;
  std::size_t said_ = 0;
  bool moved_ = false, took_last_ = false, may_prompt_ = true;
};

}  // namespace timbre::voice
