#include "models/valle/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/threads.h"

namespace timbre::valle {
namespace {

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double cpu_s() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

DecoderShape ar_shape(const Config& config) {
  return {.width = config.decoder_dim,
          .heads = config.nhead,
          .layers = config.num_decoder_layers,
          .norm_first = config.norm_first,
          .hears_text = config.network() == Network::vallf,
          .stages_SD = {}};
}

DecoderShape nar_shape(weights::ShapedReader& reader, const Config& config) {
  DecoderShape shape{.width = config.nar_dim(),
                     .heads = config.nar_heads(),
                     .layers = config.nar_layers(),
                     .norm_first = config.norm_first,
                     .hears_text = config.network() == Network::vallf,
                     .stages_SD = {}};
  for (std::int64_t stage = 0; stage + 1 < config.num_quantizers; ++stage) {
    const EngineTable table(reader, "nar_stage_embeddings." + std::to_string(stage), 1, shape.width);
    shape.stages_SD.insert(shape.stages_SD.end(), table.values().begin(), table.values().end());
  }
  return shape;
}

std::int64_t languages_of(const Config& config) { return static_cast<std::int64_t>(config.languages.size()); }

}  // namespace

std::string engine_lacks(const Config& config) {
  if (config.network() == Network::transformer) return "model_name=transformer has no engine";
  return "";
}

EngineAr::EngineAr(weights::ShapedReader& reader, const Config& config)
    : width_(config.decoder_dim),
      end_(config.end_id()),
      books_(config.num_quantizers),
      bos_(config.prepend_bos),
      vallf_(config.network() == Network::vallf),
      ends_at_argmax_(config.languages.empty()),
      text_(reader, "ar", config.text_rows, languages_of(config), width_, config.add_prenet),
      codes_(reader, "ar_audio_embedding", config.codebook_size + (bos_ ? 2 : 1), width_),
      inputs_(reader, "ar", width_, config.add_prenet),
      decoder_(reader, "ar_decoder", ar_shape(config)) {
  head_.read(reader, "ar_predict_layer", width_, config.codebook_size + 1, false);
}

void EngineAr::prefill(const roles::CodeRequest& request) {
  text_rows_ = static_cast<std::int64_t>(request.tokens_S.size());
  const std::int64_t start = bos_ ? 1 : 0;
  code_rows_ = start + request.prompt_frames;
  const std::int64_t before = vallf_ ? 0 : text_rows_;  // rows of text in the decoder's own sequence
  float* x_TD = scratch_.take(numbers(text_rows_ + code_rows_, width_));
  text_.run(request.tokens_S, request.languages_S, x_TD, scratch_);
  float* codes_TD = x_TD + text_rows_ * width_;
  if (bos_) std::copy_n(codes_.row(end_ + 1), width_, codes_TD);
  for (std::int64_t t = 0; t < request.prompt_frames; ++t)
    std::copy_n(codes_.row(request.prompt_FQ[numbers(t, books_)]), width_, codes_TD + (start + t) * width_);
  inputs_.run(codes_TD, 0, code_rows_, scratch_);
  decoder_.run(vallf_ ? codes_TD : x_TD, before + code_rows_, {.causal = true, .whole = before}, 0, x_TD, text_rows_,
               &caches_, scratch_);
  head_.step(codes_TD + (code_rows_ - 1) * width_, logits_, 0, 1);
}

void EngineAr::begin(const roles::CodeRequest& request, EngineTimes& times) {
  scratch_.clear();
  if (!team_ || team_->members() != thread_count()) team_.emplace();
  logits_ = scratch_.take(static_cast<std::size_t>(head_.packed.panels() * 32));
  const double begin_s = now_s(), begin_cpu_s = cpu_s();
  prefill(request);
  first_logits_.assign(logits_, logits_ + end_ + 1);
  times.prefill_s = now_s() - begin_s;
  times.prefill_cpu_s = cpu_s() - begin_cpu_s;
  times.prefill_rows = text_rows_ + code_rows_;
}

void EngineAr::step(std::int64_t code, std::int64_t position, float* logits) {
  const Scratch::Scope scope(scratch_);
  float* x_D = scratch_.take(numbers(1, width_));
  std::copy_n(codes_.row(code), width_, x_D);
  inputs_.run(x_D, position, 1, scratch_);
  decoder_.step(x_D, head_, logits, caches_, *team_, room_, scratch_);
}

roles::Ending EngineAr::generate(const roles::CodeRequest& request, roles::CodeSampler& sampler, EngineTimes& times) {
  const std::int64_t most = request.sampling.frames > 0 ? request.sampling.frames : 16 * text_rows_ + (bos_ ? 0 : 1);
  const std::span<float> said(logits_, static_cast<std::size_t>(end_ + 1));
  const double begin_s = now_s(), begin_cpu_s = cpu_s();
  caches_.shorten(code_rows_ + (vallf_ ? 0 : text_rows_));
  std::copy(first_logits_.begin(), first_logits_.end(), said.begin());
  roles::Ending ending = roles::Ending::limit;
  for (std::int64_t made = 0;; ++made) {
    const bool may_end = made >= request.sampling.least_frames;
    const bool likeliest_is_end = ends_at_argmax_ && std::max_element(said.begin(), said.end()) == said.end() - 1;
    if (!may_end) said.back() = -1e30f;
    const std::int64_t code = sampler.draw(said);
    if (code == end_ || (may_end && likeliest_is_end)) {
      ending = made <= std::max<std::int64_t>(0, request.sampling.least_frames) ? roles::Ending::immediate
                                                                                : roles::Ending::end_token;
      break;
    }
    if (made == most) break;
    sampler.keep(static_cast<std::int32_t>(code));
    if (sampler.loops()) {
      ending = roles::Ending::loop;
      break;
    }
    const double before_s = now_s();
    step(code, code_rows_ + made, logits_);
    times.step_s.push_back(now_s() - before_s);
  }
  times.decode_s += now_s() - begin_s;
  times.decode_cpu_s += cpu_s() - begin_cpu_s;
  times.step_bytes =
      decoder_.step_bytes(text_rows_ + code_rows_ + static_cast<std::int64_t>(sampler.said().size()) / 2) +
      4.0 * static_cast<double>(head_.packed.panels() * 32 * width_);
  times.steps += static_cast<std::int64_t>(sampler.said().size());
  return ending;
}

EngineNar::EngineNar(weights::ShapedReader& reader, const Config& config)
    : width_(config.nar_dim()),
      books_(config.num_quantizers),
      prefix_mode_(config.prefix_mode),
      vallf_(config.network() == Network::vallf),
      text_(reader, "nar", config.text_rows, languages_of(config), width_, config.add_prenet),
      inputs_(reader, "nar", width_, config.add_prenet),
      decoder_(reader, "nar_decoder", nar_shape(reader, config)) {
  for (std::int64_t book = 0; book < books_; ++book)
    tables_.emplace_back(reader, "nar_audio_embeddings." + std::to_string(book),
                         config.codebook_size + (book == 0 ? 1 : 0), width_);
  for (std::int64_t book = 1; book < books_; ++book) {
    const std::string name = "nar_predict_layers." + std::to_string(book - 1);
    const bool tied = config.share_embedding && book + 1 < books_ && !reader.has(name + ".weight");
    heads_.emplace_back();
    if (tied)
      heads_.back().packed =
          kernels::Packed(tables_[static_cast<std::size_t>(book + 1)].values(), {}, config.codebook_size, width_);
    else
      heads_.back().read(reader, name, width_, config.codebook_size, false);
  }
}

void EngineNar::add_codes(float* sum_FD, const std::vector<std::int32_t>& codes_FQ, std::int64_t book,
                          std::int64_t first, std::int64_t last) const {
  for (std::int64_t f = first; f < last; ++f)
    tables_[static_cast<std::size_t>(book)].add_to(sum_FD + f * width_,
                                                   codes_FQ[numbers(f, books_) + static_cast<std::size_t>(book)]);
}

void EngineNar::fill(const roles::CodeRequest& request, std::vector<std::int32_t>& codes_FQ) {
  scratch_.clear();
  const std::int64_t frames = static_cast<std::int64_t>(codes_FQ.size()) / books_, prompt = request.prompt_frames;
  std::vector<std::int64_t> tokens_S = request.tokens_S, languages_S = request.languages_S;
  if ((prefix_mode_ == 2 || prefix_mode_ == 4) && request.prompt_tokens > 2) {
    // The prompt's own phonemes are left out: <bos>, the new text, <eos>.
    const auto cut = [&](std::vector<std::int64_t>& list) {
      if (!list.empty()) list.erase(list.begin() + 1, list.begin() + request.prompt_tokens - 1);
    };
    cut(tokens_S);
    cut(languages_S);
  }
  const auto text_rows = static_cast<std::int64_t>(tokens_S.size());
  float* text_SD = scratch_.take(numbers(text_rows, width_));
  text_.run(tokens_S, languages_S, text_SD, scratch_);
  float* sum_FD = scratch_.take(numbers(frames, width_));
  std::fill_n(sum_FD, frames * width_, 0.0f);
  add_codes(sum_FD, codes_FQ, 0, 0, frames);
  for (std::int64_t book = 1; prefix_mode_ != 0 && book < books_; ++book) add_codes(sum_FD, codes_FQ, book, 0, prompt);
  float* x_TD = scratch_.take(numbers(text_rows + frames, width_));
  float* logits_FC = scratch_.take(numbers(frames - prompt, heads_.front().packed.outputs()));
  for (std::int64_t book = 1; book < books_; ++book) {
    float* codes_FD = x_TD + text_rows * width_;
    std::copy_n(text_SD, text_rows * width_, x_TD);
    std::copy_n(sum_FD, frames * width_, codes_FD);
    inputs_.run(codes_FD, 0, frames, scratch_);
    if (vallf_)
      decoder_.run(codes_FD, frames, {}, book - 1, text_SD, text_rows, nullptr, scratch_);
    else
      decoder_.run(x_TD, text_rows + frames, {}, book - 1, nullptr, 0, nullptr, scratch_);
    const EngineLinear& head = heads_[static_cast<std::size_t>(book - 1)];
    head.run(codes_FD + prompt * width_, frames - prompt, logits_FC);
    const std::int64_t classes = head.packed.outputs();
    for (std::int64_t f = prompt; f < frames; ++f) {
      const float* row = logits_FC + (f - prompt) * classes;
      codes_FQ[numbers(f, books_) + static_cast<std::size_t>(book)] =
          static_cast<std::int32_t>(std::max_element(row, row + classes) - row);
    }
    add_codes(sum_FD, codes_FQ, book, prefix_mode_ == 0 ? 0 : prompt, frames);
  }
}

Engine::Engine(const Config& config, const weights::TensorMap& weights, const std::string& where)
    : Engine(config, weights::ShapedReader(weights, where)) {}

Engine::Engine(const Config& config, weights::ShapedReader&& reader) : config_(config) {
  if (const std::string lacking = engine_lacks(config); !lacking.empty()) throw UsageError(lacking);
  ar_.emplace(reader, config_);
  if (config_.num_quantizers > 1) {
    nar_.emplace(reader, config_);
  } else {  // the reference makes these and uses them nowhere
    reader.ignore("nar_text_embedding.word_embeddings.weight");
    reader.ignore("nar_language_embedding.word_embeddings.weight");
  }
  reader.finish();
}

/// The first codebook alone: codes_FQ holds one code a frame.
roles::CodeUtterance Engine::speak_first(const roles::CodeRequest& request, std::uint64_t seed) {
  roles::CodeSampling sampling = request.sampling;
  sampling.seed = seed;
  roles::CodeSampler sampler(sampling);
  roles::CodeUtterance made;
  made.ending = ar_->generate(request, sampler, times_);
  const auto said = static_cast<std::int64_t>(sampler.said().size());
  made.score =
      sampler.log_probability() /
      std::pow(static_cast<double>(std::max<std::int64_t>(1, ar_->code_rows() + said)), sampling.length_penalty);
  made.frames = made.ending == roles::Ending::loop ? static_cast<std::int64_t>(sampler.loop_begin()) : said;
  made.codes_FQ.assign(sampler.said().begin(), sampler.said().begin() + made.frames);
  return made;
}

roles::CodeUtterance Engine::generate(const roles::CodeRequest& request, std::vector<float>* first_logits) {
  const auto books = static_cast<std::size_t>(config_.num_quantizers);
  times_ = {};
  ar_->begin(request, times_);
  if (first_logits) first_logits->assign(ar_->first_logits().begin(), ar_->first_logits().end());
  roles::CodeUtterance made = speak_first(request, request.sampling.seed);
  const std::int64_t beams = request.sampling.draws() ? request.sampling.best_of : 1;
  for (std::int64_t beam = 1; beam < beams; ++beam) {
    roles::CodeUtterance other = speak_first(request, roles::beam_seed(request.sampling.seed, beam));
    if (roles::is_better(other, made)) made = std::move(other);
  }
  if (made.frames == 0) return made;
  std::vector<std::int32_t> codes_FQ = request.prompt_FQ;
  codes_FQ.resize(codes_FQ.size() + made.codes_FQ.size() * books, 0);
  for (std::size_t f = 0; f < made.codes_FQ.size(); ++f)
    codes_FQ[request.prompt_FQ.size() + f * books] = made.codes_FQ[f];
  const double begin_s = now_s(), begin_cpu_s = cpu_s();
  if (nar_) nar_->fill(request, codes_FQ);
  times_.nar_s = now_s() - begin_s;
  times_.nar_cpu_s = cpu_s() - begin_cpu_s;
  made.codes_FQ.assign(codes_FQ.begin() + static_cast<std::ptrdiff_t>(request.prompt_FQ.size()), codes_FQ.end());
  return made;
}

roles::CodeUtterance Engine::revoice(const roles::CodeRequest& whole) {
  if (!nar_) throw UsageError("a network of one codebook has nothing to fill in: --continual needs more of them");
  roles::CodeRequest request = whole;
  std::vector<std::int32_t> codes_FQ = whole.prompt_FQ;
  const std::int64_t frames = whole.prompt_frames;
  request.prompt_frames = std::min(frames / 2, config_.prompt_frames);
  request.prompt_tokens = 0;
  nar_->fill(request, codes_FQ);
  const std::size_t begin = numbers(request.prompt_frames, config_.num_quantizers);
  return {.codes_FQ = {codes_FQ.begin() + static_cast<std::ptrdiff_t>(begin), codes_FQ.end()},
          .frames = frames - request.prompt_frames,
          .ending = roles::Ending::end_token};
}

}  // namespace timbre::valle
