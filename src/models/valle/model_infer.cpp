#include "models/valle/model_infer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scatter.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace timbre::valle {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr std::size_t kKeptSteps = 3;

/// Throws for a code out of range; the end id may stand in codebook 0 where `end_allowed`.
void check_prompt(const Tensor& codes_1YQ, const Config& config, bool end_allowed) {
  if (codes_1YQ.dim() != 3 || codes_1YQ.size(0) != 1 || codes_1YQ.size(2) != config.num_quantizers)
    throw DataError(fmt::format("the prompt's codes are {}, expected one utterance of {} codebooks",
                                nn::shape_text(codes_1YQ.sizes()), config.num_quantizers),
                    "make the prompt with the codec of this voice");
  for (std::int64_t q = 0; q < codes_1YQ.size(2); ++q) {
    const std::int64_t limit = config.codebook_size + (q == 0 && end_allowed ? 1 : 0);
    const Tensor book_Y = codes_1YQ[0].select(1, q);
    const Tensor wrong_Y = (book_Y < 0).logical_or(book_Y >= limit);
    if (!wrong_Y.any().item<bool>()) continue;
    const auto frame = wrong_Y.nonzero()[0][0].item<std::int64_t>();
    throw DataError(
        fmt::format("the prompt's frame {}, codebook {}: code {} is outside the codebook, whose codes are 0 "
                    "to {}",
                    frame, q, book_Y[frame].item<std::int64_t>(), config.codebook_size - 1),
        "make the prompt with the codec of this voice");
  }
}

void check_text(const Tensor& text_1X, const Config& config) {
  if (text_1X.numel() == 0) throw DataError("the text has no tokens", "give it some words");
  const auto low = text_1X.min().item<std::int64_t>(), high = text_1X.max().item<std::int64_t>();
  if (low < 0 || high >= config.text_rows)
    throw DataError(
        fmt::format("token {} is outside the text table, which has {} rows", low < 0 ? low : high, config.text_rows),
        "the tokens are of another voice's symbols: use this voice's front end");
}

/// What the AR part made: prompt and new frames, without the start token.
struct ArResult {
  Tensor ids_1Y;
  std::vector<Tensor> first_logits;
  bool cut_off = false;
};

/// The beam with the best (or worst) Σ log p / frames^penalty, its end ids taken out.
Tensor chosen_beam(const InferRequest& request, const Tensor& ids_BY, const Tensor& sum_B, std::int64_t end) {
  const Tensor frames_B = (ids_BY != end).sum(1);
  const Tensor score_B = sum_B / frames_B.pow(request.length_penalty);
  const Tensor place = request.return_worst ? score_B.argmin() : score_B.argmax();
  const Tensor beam_Y = ids_BY[place.item<std::int64_t>()];
  return beam_Y.masked_select(beam_Y != end).unsqueeze(0);
}

ArResult infer_ar(const Valle& model, const InferRequest& request, at::Generator& generator) {
  const Config& config = model.config();
  const std::int64_t end = config.end_id(), prompt = request.prompt_1YQ.size(1), beams = request.best_of;
  const std::int64_t most = request.frames_per_token * request.text_1X.size(1);
  const Tensor text_1XD = model.ar_text(request.text_1X, request.language_1X);
  const Tensor text_BXD = text_1XD.expand({beams, -1, -1});
  Tensor ids_BY = request.prompt_1YQ.select(2, 0).repeat({beams, 1});
  if (config.prepend_bos) ids_BY = at::constant_pad_nd(ids_BY, {1, 0}, config.start_id());
  if (ids_BY.size(1) == 0)
    throw DataError("this voice needs a recording to go on from, and the prompt has no frames",
                    "give it a prompt; only voices trained with prepend_bos speak without");
  Tensor sum_B = at::zeros({beams}, text_1XD.options());
  ArResult out;
  for (;;) {
    const std::int64_t length = ids_BY.size(1);
    const Tensor logits_BV = model.ar_logits(text_BXD, ids_BY, {}, length - 1).select(1, 0);
    if (out.first_logits.size() < kKeptSteps) out.first_logits.push_back(logits_BV);
    const auto [token_B1, log_probability_B] = draw(logits_BV, request.sampling, generator);
    const Tensor over_B = ids_BY.select(1, length - 1) == end;
    sum_B = sum_B + log_probability_B.masked_fill(over_B, 0.0);
    const Tensor next_B1 = token_B1.masked_fill(over_B.unsqueeze(1), end);
    bool done = (next_B1 == end).all().item<bool>();
    if (request.end == EndRule::likeliest_too) done = done || logits_BV.argmax(-1)[0].item<std::int64_t>() == end;
    out.cut_off = !done && length - prompt > most;
    if (done || out.cut_off) {
      if (length == prompt)
        throw DataError("the model says the end before the first frame",
                        "try another seed or another prompt; a model that always does is not trained enough");
      break;
    }
    ids_BY = at::cat({ids_BY, next_B1}, 1);
  }
  out.ids_1Y = request.end == EndRule::all_beams ? chosen_beam(request, ids_BY, sum_B, end) : ids_BY;
  if (config.prepend_bos) out.ids_1Y = out.ids_1Y.narrow(1, 1, out.ids_1Y.size(1) - 1);
  return out;
}

}  // namespace

Tensor filter_logits(const Tensor& logits_BV, const Sampling& sampling) {
  Tensor kept_BV = logits_BV;
  if (sampling.top_k > 0) {
    const std::int64_t k = std::min(std::max(sampling.top_k, sampling.least), logits_BV.size(1));
    const Tensor least_B1 = std::get<0>(at::topk(kept_BV, k)).narrow(1, k - 1, 1);
    kept_BV = kept_BV.masked_fill(kept_BV < least_B1, kNever);
  }
  if (sampling.top_p < 1.0) {
    const auto [sorted_BV, order_BV] = at::sort(kept_BV, -1, /*descending=*/true);
    Tensor drop_BV = at::cumsum(at::softmax(sorted_BV, -1), -1) > sampling.top_p;
    if (sampling.least > 1) drop_BV.narrow(1, 0, sampling.least).fill_(false);
    // what first exceeds the share is kept as well
    drop_BV = at::constant_pad_nd(drop_BV.narrow(1, 0, drop_BV.size(1) - 1), {1, 0}, 0);
    kept_BV = kept_BV.masked_fill(drop_BV.scatter(1, order_BV, drop_BV), kNever);
  }
  return kept_BV;
}

Drawn draw(const Tensor& logits_BV, const Sampling& sampling, at::Generator& generator) {
  Tensor logits = sampling.temperature == 1.0 ? logits_BV : logits_BV / sampling.temperature;
  logits = filter_logits(logits, sampling);
  Drawn out;
  out.token_B1 = at::multinomial(at::softmax(logits, -1), 1, false, generator);
  out.log_probability_B = at::log_softmax(logits, -1).gather(1, out.token_B1).squeeze(1);
  return out;
}

at::Generator seeded_generator(std::uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator();
  generator.set_current_seed(seed);
  return generator;
}

Tensor infer_nar(const Valle& model, const NarRequest& in) {
  const Config& config = model.config();
  const std::int64_t books = config.num_quantizers, prompt = in.prompt_1YQ.size(1);
  const std::int64_t frames = in.ids_1Y.size(1), fresh = frames - prompt;
  const Tensor text_1XD = model.nar_text(in.text_1X, in.language_1X);
  std::vector<Tensor> codes = {in.ids_1Y.narrow(1, prompt, fresh)};
  Tensor y_1YD = model.nar_embedding(0, in.ids_1Y);
  Tensor before_1YD = y_1YD.narrow(1, 0, prompt), new_1YD = y_1YD.narrow(1, prompt, fresh);
  const auto hear_prompt = [&](std::int64_t j) {
    before_1YD = before_1YD + model.nar_embedding(j, in.prompt_1YQ.select(2, j));
  };
  if (config.prefix_mode != 0)
    for (std::int64_t j = 1; j < books; ++j) hear_prompt(j);
  for (std::int64_t stage = 1; stage < books; ++stage) {
    const Tensor logits_1YV =
        model.nar_logits(text_1XD, at::cat({before_1YD, new_1YD}, 1), stage, prompt, {}, {}, in.position_before_prenet);
    codes.push_back(logits_1YV.argmax(-1));
    if (stage + 1 == books) break;
    if (config.prefix_mode == 0) hear_prompt(stage);
    new_1YD = new_1YD + model.nar_embedding(stage, codes.back());
  }
  return at::stack(codes, -1);
}

InferResult infer(const Valle& model, const InferRequest& request, at::Generator generator) {
  const at::NoGradGuard no_grad;
  const Config& config = model.config();
  check_text(request.text_1X, config);
  check_prompt(request.prompt_1YQ, config, request.end_in_prompt);
  ArResult ar = infer_ar(model, request, generator);
  InferResult out{.codes_1YQ = {}, .first_logits = std::move(ar.first_logits), .cut_off = ar.cut_off};
  const std::int64_t prompt = request.prompt_1YQ.size(1);
  if (config.num_quantizers == 1) {
    out.codes_1YQ = ar.ids_1Y.narrow(1, prompt, ar.ids_1Y.size(1) - prompt).unsqueeze(-1);
    return out;
  }
  NarRequest nar{.text_1X = request.text_1X,
                 .language_1X = request.language_1X,
                 .ids_1Y = ar.ids_1Y,
                 .prompt_1YQ = request.prompt_1YQ};
  if (config.prefix_mode == 2 || config.prefix_mode == 4) {
    // the first mark, then everything from the prompt's end mark on
    const auto without_prompt = [&](const Tensor& all_1X) {
      const std::int64_t from = std::max<std::int64_t>(0, request.enrolled - 1);
      return at::cat({all_1X.narrow(1, 0, 1), all_1X.narrow(1, from, all_1X.size(1) - from)}, 1);
    };
    nar.text_1X = without_prompt(request.text_1X);
    if (request.language_1X.defined()) nar.language_1X = without_prompt(request.language_1X);
  }
  out.codes_1YQ = infer_nar(model, nar);
  return out;
}

Tensor continual(const Valle& model, const Tensor& text_1X, const Tensor& language_1X, const Tensor& codes_1YQ) {
  const at::NoGradGuard no_grad;
  const Config& config = model.config();
  if (config.num_quantizers < 2)
    throw UsageError("a voice of one codebook has nothing that continual could make anew", "leave out --continual");
  check_text(text_1X, config);
  check_prompt(codes_1YQ, config, false);
  const std::int64_t prompt = std::min(codes_1YQ.size(1) / 2, config.prompt_frames);
  return infer_nar(model, {.text_1X = text_1X,
                           .language_1X = language_1X,
                           .ids_1Y = codes_1YQ.select(2, 0),
                           .prompt_1YQ = codes_1YQ.narrow(1, 0, prompt),
                           .position_before_prenet = config.prefix_mode == 0});
}

}  // namespace timbre::valle
