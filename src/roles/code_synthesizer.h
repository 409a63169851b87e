#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Text → codes of a codec, one frame after the other: VALL-E, and language models over text and speech tokens.
namespace timbre::roles {

/// How the next code is drawn from what the network says.
struct CodeSampling {
  std::int64_t top_k = 0;   ///< only the so many likeliest codes (ties with the last are kept); 0 = all; 1 = greedy
  double top_p = 1;         ///< of those only the likeliest, until they have this probability together
  double temperature = 1;   ///< > 0; divides the logits before anything else
  std::uint64_t seed = 0;   ///< the same request and seed give the same codes on every machine of one CPU level
  std::int64_t frames = 0;  ///< the most new ones; 0 = what the network was made for (VALL-E: 16 a text token, + 1)
  std::int64_t least_frames = 0;  ///< before so many the end is not listened to
  /// Repetition-aware sampling (Chen et al. 2024, VALL-E 2, §3.2.1): a code that makes up more than `repetition_share`
  /// of the last `repetition_window` is drawn anew from the whole distribution. 0 = off.
  std::int64_t repetition_window = 0;
  double repetition_share = 0.1;
  /// One code or one cycle of up to 16 codes that fills so many frames is a loop: generating stops. 0 = off.
  std::int64_t loop_frames = 0;
  /// So many utterances are drawn, each with a seed of its own (beam_seed()), and the best comes back: of those that
  /// ended by themselves, else of the loops, else of the runaways, the one with the highest CodeUtterance::score. One
  /// where nothing is drawn.
  std::int64_t best_of = 1;
  double length_penalty = 1;  ///< of the score; 0 likes short ones, above 1 long ones

  // Of language models over text and speech tokens alone; others throw for anything but these defaults.
  double repetition_penalty = 1;     ///< LogitsRules, of codes said before and of the prompt's; 1 = off
  std::int64_t no_repeat_ngram = 0;  ///< LogitsRules; 0 = off
  double min_p = 0;                  ///< LogitsRules; 0 = off
  double expected_frames = 0;        ///< of best_of the one nearest to it comes back, whatever its score; 0 = by score
  std::string prompt_mask;           ///< what is seen of the prompt (voice::PromptMask); "" = as in training

  /// False where every seed gives the same: greedy, without repetition-aware draws.
  bool draws() const { return top_k != 1 || repetition_window > 0; }
};

/// The seed of one of best_of utterances; the first is that of CodeSampling.
constexpr std::uint64_t beam_seed(std::uint64_t seed, std::int64_t beam) {
  return seed + static_cast<std::uint64_t>(beam) * 0xd1b54a32d192ed03u;
}

/// Why generating stopped.
enum class Ending : std::uint8_t {
  end_token,  ///< the network said it was done
  immediate,  ///< it said so before the first frame, or as soon as it was listened to (CodeSampling::least_frames)
  loop,       ///< it repeated itself (CodeSampling::loop_frames); codes end where the repeating began
  limit,      ///< a runaway: CodeSampling::frames were made and no end was in sight
  cut_short,  ///< the network said it was done long before the text can be said; found afterwards, by who knows it
  silence,    ///< there is little to hear; found afterwards, in the sound
};
/// "end", "immediate", "loop", "limit", "short", "silence".
std::string name_of(Ending ending);

/// What is to be said, and the recording to go on from.
struct CodeRequest {
  std::vector<std::int64_t> tokens_S;     ///< rows of the text (text/token_rows.h), the prompt's first, with all marks
  std::int64_t prompt_tokens = 0;         ///< how many of them are the prompt's, as its text alone would have them
  std::vector<std::int64_t> languages_S;  ///< of each token, an index into languages(); empty where there are none
  std::vector<std::int32_t> prompt_FQ;    ///< codes of the recording, frames × codebooks(); may be empty
  std::int64_t prompt_frames = 0;
  CodeSampling sampling;
};

/// New codes alone, without the prompt's.
struct CodeUtterance {
  std::vector<std::int32_t> codes_FQ;  ///< frames × codebooks()
  std::int64_t frames = 0;
  Ending ending = Ending::end_token;
  /// Σ log-probability of everything drawn, the end included, as it was drawn (after top_k, top_p and temperature),
  /// over (frames of the first codebook, prompt and start token included) to the power of length_penalty.
  double score = 0;
};

/// How much there is to hear after an ending: the higher the better.
int worth_of(Ending ending);
/// True when `made` is to be taken rather than `best`: by ending, then by its frames' distance from what is expected
/// (as a factor), or by score where nothing is (0).
bool is_better(const CodeUtterance& made, const CodeUtterance& best, double expected_frames = 0);

/// Not thread-safe: one object a thread; shares its work out over thread_count() threads itself.
class CodeSynthesizer {
 public:
  virtual ~CodeSynthesizer() = default;
  virtual std::string name() const = 0;
  /// Codes of a frame, and entries of each codebook: those of the codec it was trained on.
  virtual std::int64_t codebooks() const = 0;
  virtual std::int64_t codebook_size() const = 0;
  /// The most frames a prompt may have.
  virtual std::int64_t most_prompt_frames() const = 0;
  /// Whether it can speak with a voice of its own making, without a prompt.
  virtual bool speaks_without_prompt() const = 0;
  /// Language codes ("en") in the order of CodeRequest::languages_S; empty when it takes none.
  virtual const std::vector<std::string>& languages() const = 0;
  /// How it is drawn from where nobody says otherwise.
  virtual CodeSampling usual_sampling() const { return {}; }

  /// Throws UsageError for a request that cannot be: no tokens, a prompt that is too long or missing where one is
  /// needed, tokens or languages there are none of, and settings out of range; DataError for codes out of range, by
  /// frame and codebook.
  virtual CodeUtterance generate(const CodeRequest& request) = 0;
  /// The frames after the first `prompt_frames` anew, their first codebook as in codes_FQ ("continual" of VALL-E's
  /// reference): nothing is drawn. Throws as generate(), and UsageError for a network of one codebook.
  virtual CodeUtterance revoice(const CodeRequest& whole) = 0;
};

/// Checks what does not depend on the network: throws as generate() says.
void check_request(const CodeSynthesizer& synthesizer, const CodeRequest& request);
/// Throws UsageError naming the first setting that only language models over text and speech tokens have.
void refuse_language_model_rules(const CodeSynthesizer& synthesizer, const CodeSampling& sampling);

}  // namespace timbre::roles
