#include "models/valle/model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "models/valle/model_losses.h"
#include "nn/sequence.h"

namespace timbre::valle {
namespace {

constexpr double kPositionDropout = 0.1;  ///< as the reference has it, beside Config::dropout
constexpr double kAudioPrenetDropout = 0.25;

/// 0.1 where the layers' dropout is not switched off altogether.
double position_dropout(const Config& config) { return config.dropout > 0 ? kPositionDropout : 0.0; }
TextPrenet::Options text_prenet(const Config& config) {
  return {.on = config.add_prenet, .dropout = config.dropout > 0};
}
AudioPrenet::Options audio_prenet(const Config& config) {
  return {.on = config.add_prenet, .dropout = config.dropout > 0 ? kAudioPrenetDropout : 0.0};
}

StackOptions ar_stack(const Config& config) {
  return {.width = config.decoder_dim,
          .heads = config.nhead,
          .layers = config.num_decoder_layers,
          .dropout = config.dropout,
          .norm_first = config.norm_first,
          .cross = config.network() == Network::vallf};
}

StackOptions nar_stack(const Config& config) {
  StackOptions options = ar_stack(config);
  options.width = config.nar_dim();
  options.heads = config.nar_heads();
  options.layers = config.nar_layers();
  options.norm = NormKind::adaptive;
  return options;
}

std::int64_t longest(const std::vector<std::int64_t>& lens) { return *std::max_element(lens.begin(), lens.end()); }
std::int64_t shortest(const std::vector<std::int64_t>& lens) { return *std::min_element(lens.begin(), lens.end()); }

std::vector<std::int64_t> plus(std::vector<std::int64_t> lens, std::int64_t more) {
  for (auto& n : lens) n += more;
  return lens;
}

/// Throws for the first code of [first, last) codebooks that is not below `limit`.
void check_codes(const Tensor& codes_BYQ, std::int64_t limit) {
  if (codes_BYQ.numel() == 0) return;
  const Tensor wrong = (codes_BYQ < 0).logical_or(codes_BYQ >= limit);
  if (!wrong.any().item<bool>()) return;
  const Tensor where = wrong.nonzero()[0];
  const auto at = [&](std::int64_t axis) { return where[axis].item<std::int64_t>(); };
  throw DataError(
      fmt::format("utterance {} of the batch, frame {}, codebook {}: code {} is outside the codebook, whose "
                  "codes are 0 to {}",
                  at(0), at(1), at(2), codes_BYQ[at(0)][at(1)][at(2)].item<std::int64_t>(), limit - 1),
      "prepare the codes anew with the codec that this voice was made for (codebook_size)");
}

}  // namespace

struct Valle::Nar : nn::Module {
  std::vector<std::unique_ptr<TokenEmbedding>> audio_embeddings;
  TextPrenet text_prenet;
  AudioPrenet audio_prenet;
  Positions text_position, audio_position;
  Stack decoder;
  std::vector<std::unique_ptr<nn::Linear>> heads;  ///< null where the table of the next codebook is the head
  std::vector<std::unique_ptr<TokenEmbedding>> stages;

  explicit Nar(const Config& config)
      : text_prenet(config.nar_dim(), valle::text_prenet(config)),
        audio_prenet(config.nar_dim(), config.nar_dim(), valle::audio_prenet(config)),
        text_position(config.nar_dim(), {}),
        audio_position(config.nar_dim(), {.dropout = position_dropout(config)}),
        decoder(nar_stack(config)) {
    const std::int64_t d = config.nar_dim(), books = config.num_quantizers;
    for (std::int64_t j = 0; j < books; ++j)
      audio_embeddings.push_back(std::make_unique<TokenEmbedding>(config.codebook_size + (j == 0 ? 1 : 0), d));
    for (std::int64_t j = 0; j + 1 < books; ++j) {
      const bool tied = config.share_embedding && j + 2 < books;
      heads.push_back(tied ? nullptr : std::make_unique<nn::Linear>(d, config.codebook_size, false));
      stages.push_back(std::make_unique<TokenEmbedding>(1, d));
    }
  }
};

/// A batch made ready: narrowed to its longest text, zeros in the padding of codes.
struct Valle::Ready {
  const Inputs& given;
  Tensor text_BX, codes_BYQ, pad_BY;
  std::int64_t text = 0, frames = 0;  ///< widths
  Tensor first_BY;                    ///< codebook 0 with the end id in the padding
};

Valle::Valle(const Config& config)
    : config_(config),
      ar_text_embedding_(config.text_rows, config.decoder_dim),
      nar_text_embedding_(config.text_rows, config.nar_dim()),
      ar_audio_embedding_(config.codebook_size + 1 + (config.prepend_bos ? 1 : 0), config.decoder_dim),
      ar_text_prenet_(config.decoder_dim, text_prenet(config)),
      ar_audio_prenet_(config.decoder_dim, config.decoder_dim, audio_prenet(config)),
      ar_text_position_(config.decoder_dim, {.learned = true, .dropout = position_dropout(config)}),
      ar_audio_position_(config.decoder_dim, {.learned = true, .dropout = position_dropout(config)}),
      ar_decoder_(ar_stack(config)),
      ar_predict_layer_(config.decoder_dim, config.codebook_size + 1, false) {
  if (const auto problems = config.problems(); !problems.empty()) throw std::logic_error("valle: " + problems.front());
  child("ar_text_embedding", ar_text_embedding_);
  child("nar_text_embedding", nar_text_embedding_);
  child("ar_audio_embedding", ar_audio_embedding_);
  child("ar_text_prenet", ar_text_prenet_);
  child("ar_audio_prenet", ar_audio_prenet_);
  child("ar_text_position", ar_text_position_);
  child("ar_audio_position", ar_audio_position_);
  child("ar_decoder", ar_decoder_);
  child("ar_predict_layer", ar_predict_layer_);
  if (config.num_quantizers > 1) {
    nar_ = std::make_unique<Nar>(config);
    const auto list = [this](const char* name, auto& modules) {
      for (std::size_t j = 0; j < modules.size(); ++j)
        if (modules[j]) child(fmt::format("{}.{}", name, j), *modules[j]);
    };
    list("nar_audio_embeddings", nar_->audio_embeddings);
    child("nar_text_prenet", nar_->text_prenet);
    child("nar_audio_prenet", nar_->audio_prenet);
    child("nar_text_position", nar_->text_position);
    child("nar_audio_position", nar_->audio_position);
    child("nar_decoder", nar_->decoder);
    list("nar_predict_layers", nar_->heads);
    list("nar_stage_embeddings", nar_->stages);
  }
  if (!config.languages.empty()) {
    const auto rows = static_cast<std::int64_t>(config.languages.size());
    ar_language_embedding_ = std::make_unique<TokenEmbedding>(rows, config.decoder_dim);
    nar_language_embedding_ = std::make_unique<TokenEmbedding>(rows, config.nar_dim());
    child("ar_language_embedding", *ar_language_embedding_);
    child("nar_language_embedding", *nar_language_embedding_);
  }
}

Valle::~Valle() = default;

void Valle::set_prefix_mode(std::int64_t mode) { config_.prefix_mode = mode; }

Tensor Valle::ar_text(const Tensor& text_BX, const Tensor& language_BX, const Probe& probe) const {
  Tensor x = ar_text_embedding_.forward(text_BX);
  if (language_BX.defined()) x = x + ar_language_embedding_->forward(language_BX);
  x = ar_text_prenet_.forward(x);
  heard(probe, "ar_text_prenet", x);
  x = ar_text_position_.forward(x);
  heard(probe, "ar_text_position", x);
  return x;
}

Tensor Valle::nar_text(const Tensor& text_BX, const Tensor& language_BX, const Probe& probe) const {
  Tensor x = nar_text_embedding_.forward(text_BX);
  if (language_BX.defined()) x = x + nar_language_embedding_->forward(language_BX);
  x = nar_->text_prenet.forward(x);
  heard(probe, "nar_text_prenet", x);
  x = nar_->text_position.forward(x);
  heard(probe, "nar_text_position", x);
  return x;
}

namespace {

/// VALL-E: one sequence; VALL-F: the audio over the text. `pad` is that of one sequence.
struct Joined {
  Tensor x_BSD;
  StackInputs inputs;
};

Joined join(const Config& config, const Tensor& text_BXD, const Tensor& audio_BYD, Attend pad, bool causal,
            std::int64_t first) {
  Joined out;
  if (config.network() == Network::vallf) {
    out.x_BSD = audio_BYD;
    out.inputs.memory_BXD = text_BXD;
    out.inputs.over_memory.tail_lens = std::move(pad.lead_lens);
    out.inputs.attend.tail_lens = std::move(pad.tail_lens);
    out.inputs.first = first;
  } else {
    out.x_BSD = at::cat({text_BXD, audio_BYD}, 1);
    out.inputs.attend = std::move(pad);
    out.inputs.attend.lead = text_BXD.size(1);
    out.inputs.first = text_BXD.size(1) + first;
  }
  out.inputs.attend.causal = causal;
  return out;
}

}  // namespace

Tensor Valle::ar_logits(const Tensor& text_BXD, const Tensor& ids_BY, const Attend& pad, std::int64_t first,
                        const Probe& probe) const {
  Tensor y = ar_audio_prenet_.forward(ar_audio_embedding_.forward(ids_BY));
  heard(probe, "ar_audio_prenet", y);
  y = ar_audio_position_.forward(y);
  heard(probe, "ar_audio_position", y);
  const Joined in = join(config_, text_BXD, y, pad, true, first);
  const Tensor logits = ar_predict_layer_.forward(ar_decoder_.forward(in.x_BSD, in.inputs, "ar_decoder", probe));
  heard(probe, "ar_predict_layer", logits);
  return logits;
}

Tensor Valle::nar_logits(const Tensor& text_BXD, const Tensor& y_BYD, std::int64_t stage, std::int64_t first,
                         const Attend& pad, const Probe& probe, bool position_before_prenet) const {
  Tensor y = y_BYD;
  const auto prenet = [&] {
    y = nar_->audio_prenet.forward(y);
    heard(probe, "nar_audio_prenet", y);
  };
  if (!position_before_prenet) prenet();
  y = nar_->audio_position.forward(y);
  heard(probe, "nar_audio_position", y);
  if (position_before_prenet) prenet();
  Joined in = join(config_, text_BXD, y, pad, false, first);
  in.inputs.stage_1D = nar_->stages[static_cast<std::size_t>(stage - 1)]->weight();
  const Tensor logits = at::linear(nar_->decoder.forward(in.x_BSD, in.inputs, "nar_decoder", probe), nar_head(stage));
  heard(probe, fmt::format("nar_predict_layers.{}", stage - 1), logits);
  return logits;
}

Tensor Valle::nar_embedding(std::int64_t j, const Tensor& ids) const {
  return nar_->audio_embeddings[static_cast<std::size_t>(j)]->forward(ids);
}

const Tensor& Valle::nar_head(std::int64_t stage) const {
  const auto j = static_cast<std::size_t>(stage - 1);
  return nar_->heads[j] ? nar_->heads[j]->weight : nar_->audio_embeddings[j + 2]->weight();
}

Tensor Valle::embed(Tensor y_BYD, const Tensor& codes_BYQ, std::int64_t from, std::int64_t to) const {
  for (std::int64_t j = from; j < to; ++j) y_BYD = y_BYD + nar_embedding(j, codes_BYQ.select(2, j));
  return y_BYD;
}

Tensor Valle::ar_step(const Ready& in, const Probe& probe, Outputs& out) const {
  const std::int64_t end = config_.end_id();
  // the end stands behind the last frame and in the padding; padding counts as targets (no frame is ignored)
  const Tensor full_BY = at::constant_pad_nd(in.first_BY, {0, 1}, end);
  Tensor ids_BY = in.first_BY, target_BY = full_BY.narrow(1, 1, in.frames);
  if (config_.prepend_bos) {
    ids_BY = at::constant_pad_nd(in.first_BY, {1, 0}, config_.start_id());
    target_BY = full_BY;
  }
  Attend pad;
  pad.lead_lens = in.given.text_lens_B;
  pad.tail_lens = plus(in.given.code_lens_B, config_.prepend_bos ? 1 : 0);
  out.ar_logits_BYV = ar_logits(ar_text(in.text_BX, in.given.language_BX, probe), ids_BY, pad, 0, probe);
  out.ar_top10 = top10_accuracy(out.ar_logits_BYV, target_BY, end);
  return cross_entropy_sum(out.ar_logits_BYV, target_BY, -1);
}

Valle::Prompted Valle::prompted(const Ready& in, const NarDraws& draws) const {
  const std::int64_t books = config_.num_quantizers, end = config_.end_id();
  const Tensor& codes = in.codes_BYQ;
  Prompted out;
  Tensor target_BY = codes.select(2, draws.stage).masked_fill(in.pad_BY, end);
  Tensor y_BYD = embed(nar_embedding(0, in.first_BY), codes, 1, draws.stage);
  if (config_.prefix_mode == 0) return {y_BYD, 0, target_BY};
  if (config_.prefix_mode == 1) {
    out.prefix = std::min(draws.prefix, config_.prompt_frames);
    const Tensor begin_BYD = embed(y_BYD.narrow(1, 0, out.prefix), codes.narrow(1, 0, out.prefix), draws.stage, books);
    const std::int64_t rest = in.frames - out.prefix;
    return {at::cat({begin_BYD, y_BYD.narrow(1, out.prefix, rest)}, 1), out.prefix,
            target_BY.narrow(1, out.prefix, rest)};
  }
  Tensor prompt_BYQ = in.given.prompts_BYQ;
  if (config_.prefix_mode == 2) {
    out.prefix = std::min(config_.prompt_frames, shortest(in.given.code_lens_B) / 4);
    std::vector<Tensor> pieces;
    target_BY = target_BY.clone();
    for (std::int64_t b = 0; b < codes.size(0); ++b) {
      const std::int64_t start = draws.starts_B.at(static_cast<std::size_t>(b));
      pieces.push_back(codes[b].narrow(0, start, out.prefix));
      target_BY[b].narrow(0, start, out.prefix).fill_(end);  // what was heard is not asked for
    }
    prompt_BYQ = at::stack(pieces);
  } else {
    prompt_BYQ = prompt_BYQ.to(at::kLong);
    check_codes(prompt_BYQ, config_.codebook_size);
    out.prefix = prompt_BYQ.size(1);
  }
  const Tensor prompt_BYD = embed(nar_embedding(0, prompt_BYQ.select(2, 0)), prompt_BYQ, 1, books);
  return {at::cat({prompt_BYD, y_BYD}, 1), out.prefix, target_BY};
}

Tensor Valle::nar_step(const Ready& in, const NarDraws& draws, const Probe& probe, Outputs& out) const {
  const Prompted heard_first = prompted(in, draws);
  const std::int64_t mode = config_.prefix_mode, prefix = heard_first.prefix;
  Attend pad;
  pad.lead_lens = in.given.text_lens_B;
  pad.tail_lens = plus(in.given.code_lens_B, mode == 2 || mode == 4 ? prefix : 0);
  out.nar_logits_BYV =
      nar_logits(nar_text(in.text_BX, in.given.language_BX, probe), heard_first.y_BYD, draws.stage, prefix, pad, probe);
  const auto& lens = in.given.code_lens_B;
  const auto total = static_cast<double>(std::accumulate(lens.begin(), lens.end(), std::int64_t{0}));
  const double asked = total - (mode == 4 ? 0.0 : static_cast<double>(prefix) * static_cast<double>(lens.size()));
  out.nar_top10 = top10_accuracy(out.nar_logits_BYV, heard_first.target_BY, config_.end_id());
  return cross_entropy_sum(out.nar_logits_BYV, heard_first.target_BY, config_.end_id()) * (total / asked);
}

Outputs Valle::forward(const Inputs& inputs, Stage stage, const NarDraws& draws, const Probe& probe) const {
  Ready in{.given = inputs};
  in.text = longest(inputs.text_lens_B);
  in.frames = longest(inputs.code_lens_B);
  check_batch(inputs, stage, draws);
  in.text_BX = inputs.text_BX.narrow(1, 0, in.text);
  const auto device = inputs.codes_BYQ.device();
  in.pad_BY = nn::padding_mask(at::tensor(inputs.code_lens_B, at::kLong), in.frames).to(device);
  in.codes_BYQ = inputs.codes_BYQ.narrow(1, 0, in.frames).to(at::kLong).masked_fill(in.pad_BY.unsqueeze(2), 0);
  check_codes(in.codes_BYQ, config_.codebook_size);
  in.first_BY = in.codes_BYQ.select(2, 0).masked_fill(in.pad_BY, config_.end_id());
  Outputs out;
  Tensor ar, nar;
  if (stage != Stage::nar) {
    ar = ar_step(in, probe, out);
  } else if (config_.network() == Network::vallf && config_.add_prenet && is_training()) {
    // the reference's VALL-F lets the AR text prenet see every batch, so its running statistics move in NAR steps too
    const at::NoGradGuard no_grad;
    ar_text(in.text_BX, inputs.language_BX);
  }
  if (stage != Stage::ar && nar_) nar = nar_step(in, draws, probe, out);
  out.loss = ar.defined() && nar.defined() ? ar + nar : ar.defined() ? ar : nar;
  if (stage == Stage::both && nar_) out.loss = out.loss / 2.0;
  return out;
}

void Valle::check_batch(const Inputs& in, Stage stage, const NarDraws& draws) const {
  if (shortest(in.text_lens_B) < 1) throw DataError("a text of this batch has no tokens", "leave it out");
  if (shortest(in.code_lens_B) < 1) throw DataError("an utterance of this batch has no frames", "leave it out");
  const auto low = in.text_BX.min().item<std::int64_t>(), high = in.text_BX.max().item<std::int64_t>();
  if (low < 0 || high >= config_.text_rows)
    throw DataError(
        fmt::format("token {} is outside the text table, which has {} rows", low < 0 ? low : high, config_.text_rows),
        "the tokens are of another voice's symbols: prepare them with this voice's front end");
  if (in.codes_BYQ.size(2) < config_.num_quantizers)
    throw DataError(
        fmt::format("the codes have {} codebooks, the model needs {}", in.codes_BYQ.size(2), config_.num_quantizers),
        "prepare them with more codebooks, or set num_quantizers");
  if (stage == Stage::ar || !nar_) return;
  if (draws.stage < 1 || draws.stage >= config_.num_quantizers)
    throw std::logic_error(fmt::format("valle: NAR stage {} of {} codebooks", draws.stage, config_.num_quantizers));
  if (config_.prefix_mode == 1 && std::min(draws.prefix, config_.prompt_frames) >= shortest(in.code_lens_B))
    throw DataError(fmt::format("an utterance of {} frames is no longer than the prompt of {}",
                                shortest(in.code_lens_B), draws.prefix),
                    "leave out such short ones (--filter-min-duration)");
  if (config_.prefix_mode == 4 && !in.prompts_BYQ.defined())
    throw std::logic_error("valle: prefix_mode 4 needs prompts");
  if (config_.prefix_mode == 2 && draws.starts_B.size() != in.code_lens_B.size())
    throw std::logic_error("valle: prefix_mode 2 needs a start for every utterance");
}

}  // namespace timbre::valle
