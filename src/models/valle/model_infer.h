#pragma once
#include <ATen/core/Generator.h>

#include <vector>

#include "models/valle/model.h"

/// Speaking, computed anew in full for every frame, as the references' inference() does it: what the engine without
/// LibTorch (engine.h) is held against, and what draws with torch's own generator.
/// Letters: X text tokens, Y frames, Q codebooks, B beams, V codes and the end, 1 = one utterance.
namespace timbre::valle {

/// How a code is drawn.
struct Sampling {
  std::int64_t top_k = -100;  ///< at most so many likeliest (ties with the last are all kept); ≤ 0 = all
  double top_p = 1.0;         ///< of those the likeliest until their probability exceeds this
  double temperature = 1.0;   ///< divides the logits first
  std::int64_t least = 1;     ///< what both leave at least
};

/// Logits of what Sampling does not keep become −∞. Temperature is not applied.
Tensor filter_logits(const Tensor& logits_BV, const Sampling& sampling);

/// One draw a row by torch's multinomial, and the log-probability of what was drawn after filtering.
struct Drawn {
  Tensor token_B1, log_probability_B;
};
Drawn draw(const Tensor& logits_BV, const Sampling& sampling, at::Generator& generator);

/// A generator that gives what torch.manual_seed(seed) would.
at::Generator seeded_generator(std::uint64_t seed);

/// When the AR part is done.
enum class EndRule : std::uint8_t {
  likeliest_too,  ///< the end was drawn, or is the likeliest (lifeiteng)
  all_beams,      ///< every beam has drawn the end (VALL-E X)
};

/// One utterance to make.
struct InferRequest {
  Tensor text_1X;             ///< the prompt's tokens, then the text's
  std::int64_t enrolled = 0;  ///< tokens of the prompt's text, with its marks; prefix modes 2 and 4 leave them out
  Tensor language_1X;         ///< rows of the language tables, or undefined
  Tensor prompt_1YQ;          ///< codes of the recording; no frames only with prepend_bos
  Sampling sampling;
  EndRule end = EndRule::likeliest_too;
  std::int64_t frames_per_token = 16;  ///< longer utterances are cut off
  std::int64_t best_of = 1;            ///< beams; that of the best mean log-probability is taken
  double length_penalty = 1.0;         ///< the mean is the sum over the number of frames to this power
  bool return_worst = false;
  bool end_in_prompt = false;  ///< lets the end id pass in the prompt's first codebook, as VALL-E X does
};

/// What inference gives.
struct InferResult {
  Tensor codes_1YQ;                  ///< new frames alone
  std::vector<Tensor> first_logits;  ///< [B, V] of the first three steps
  bool cut_off = false;              ///< ended by frames_per_token
};

/// Throws DataError when the end comes before the first frame (with prepend_bos the references do not notice: zero
/// frames), for codes out of range, by frame and codebook, and for a text without tokens.
InferResult infer(const Valle& model, const InferRequest& request, at::Generator generator);

/// Frames behind the prompt (half of the recording, at most config().prompt_frames) with codebooks 1 … Q−1 made anew
/// and codebook 0 as it is: the reference's --continual, which draws nothing.
Tensor continual(const Valle& model, const Tensor& text_1X, const Tensor& language_1X, const Tensor& codes_1YQ);

/// The NAR part alone: codebooks 1 … Q−1 of the frames behind the prompt. ids_1Y: codebook 0 of prompt and new frames.
struct NarRequest {
  Tensor text_1X, language_1X, ids_1Y, prompt_1YQ;
  bool position_before_prenet = false;  ///< an accident of the reference's continual() in prefix mode 0
};
Tensor infer_nar(const Valle& model, const NarRequest& request);

}  // namespace timbre::valle
