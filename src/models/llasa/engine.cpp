#include "models/llasa/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/tile.h"
#include "models/llasa/adapter.h"
#include "models/llasa/layout.h"
#include "models/llasa/rope.h"

namespace timbre::llasa {
namespace {

using kernels::kPanel;
using kernels::Numbers;

constexpr std::int64_t kBlock = 512;  ///< rows of a prompt at once; what they need between layers grows with them

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }
std::int64_t up_to_panel(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

/// Hands out the tensors of layout(), each made when it is asked for.
class Weights {
 public:
  Weights(const Config& config, const std::vector<Source>& sources, const std::string& where) {
    weights::TensorMap shapes;  // without their numbers
    for (const Source& source : sources) {
      by_name_.emplace(source.name, &source);
      shapes.insert(source.name,
                    {.dtype = weights::DType::f32, .shape = source.shape, .owner = nullptr, .data = nullptr});
    }
    const auto wrong = misfits(layout(config), shapes);
    if (wrong.empty()) return;
    const auto last = wrong.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(wrong.size(), 5));
    throw DataError(fmt::format("{}: {} tensors do not fit the network: {}{}", where, wrong.size(),
                                fmt::join(wrong.begin(), last, "; "), last == wrong.end() ? "" : "; …"));
  }
  weights::Tensor take(const std::string& name) const { return by_name_.at(name)->make(); }

 private:
  std::map<std::string, const Source*> by_name_;
};

/// One matrix of several, one below the other.
std::unique_ptr<kernels::PanelMatrix> stacked(const std::vector<weights::Tensor>& parts, Numbers numbers) {
  std::int64_t outputs = 0;
  for (const weights::Tensor& part : parts) outputs += part.shape.at(0);
  return kernels::pack_panels(outputs, parts.front().shape.at(1), numbers,
                              [&](std::int64_t row, std::int64_t from, std::int64_t count, float* to) {
                                std::size_t i = 0;
                                for (; row >= parts[i].shape[0]; ++i) row -= parts[i].shape[0];
                                row_of(parts[i], row, from, count, to);
                              });
}

/// Two matrices whose panels take turns.
std::unique_ptr<kernels::PanelMatrix> paired(const weights::Tensor& gate, const weights::Tensor& up, Numbers numbers) {
  const std::int64_t outputs = gate.shape.at(0);
  return kernels::pack_panels(2 * up_to_panel(outputs), gate.shape.at(1), numbers,
                              [&](std::int64_t row, std::int64_t from, std::int64_t count, float* to) {
                                const std::int64_t panel = row / kPanel, own = panel / 2 * kPanel + row % kPanel;
                                if (own < outputs)
                                  row_of(panel % 2 == 0 ? gate : up, own, from, count, to);
                                else
                                  std::fill_n(to, count, 0.0f);
                              });
}

/// A norm's weights; `rounded`: as a network stored in bf16 has them.
EngineNorm norm_of(const weights::Tensor& tensor, double eps, bool rounded) {
  EngineNorm out{.gain_D = tensor.to_f32(), .eps = static_cast<float>(eps)};
  for (float& gain : out.gain_D)
    if (rounded) gain = kernels::from_half(kernels::to_half(gain));
  return out;
}

EngineLayer layer_of(const Weights& weights, const Config& config, std::int64_t index, Numbers numbers, bool rounded) {
  const std::string name = layer_prefix(index);
  const auto take = [&](const char* module) { return weights.take(name + module + ".weight"); };
  const auto norm = [&](const char* module) { return norm_of(take(module), config.rms_norm_eps, rounded); };
  EngineLayer layer;
  layer.shape = layer_shape(config);
  layer.norm_attention = norm("input_layernorm");
  layer.norm_inner = norm("post_attention_layernorm");
  layer.qkv = stacked({take("self_attn.q_proj"), take("self_attn.k_proj"), take("self_attn.v_proj")}, numbers);
  layer.out = stacked({take("self_attn.o_proj")}, numbers);
  layer.gate_up = paired(take("mlp.gate_proj"), take("mlp.up_proj"), numbers);
  layer.down = stacked({take("mlp.down_proj")}, numbers);
  return layer;
}

Numbers numbers_of(Precision precision, Numbers stored) {
  if (precision == Precision::stored) return stored;
  return precision == Precision::bf16 ? Numbers::bf16 : Numbers::f32;
}

}  // namespace

std::string engine_lacks(const Config& config) {
  const std::string& type = config.rope_scaling.rope_type;
  if (type != "default" && type != "llama3") return fmt::format("rope_type={} has no engine", type);
  return "";
}

Engine::Engine(const Config& config, const weights::TensorMap& weights, const std::string& where,
               const EngineOptions& options)
    : Engine(config, sources_of(weights), where, options) {}

Engine::Engine(const Config& config, const std::vector<Source>& sources, const std::string& where,
               const EngineOptions& options)
    : config_(config), scored_(options.scored) {
  if (const std::string lacking = engine_lacks(config); !lacking.empty()) throw UsageError(lacking);
  if (scored_.empty()) {
    scored_.resize(static_cast<std::size_t>(config.vocab_size));
    std::iota(scored_.begin(), scored_.end(), 0);
  }
  for (const std::int64_t id : scored_)
    if (id < 0 || id >= config.vocab_size)
      throw UsageError(fmt::format("token {} is to be scored and the network has {}", id, config.vocab_size));
  const Weights weights(config, sources, where);
  const weights::Tensor table = weights.take(kEmbedding);
  numbers_ = numbers_of(options.weights, table.dtype == weights::DType::bf16 ? Numbers::bf16 : Numbers::f32);
  cache_numbers_ = numbers_of(options.cache, numbers_);
  const bool rounded = options.weights == Precision::bf16;
  embedding_ = EngineEmbedding(table, numbers_);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
    layers_.push_back(layer_of(weights, config, i, numbers_, rounded));
  norm_ = norm_of(weights.take(kFinalNorm), config.rms_norm_eps, rounded);
  const weights::Tensor head = config.tie_word_embeddings ? table : weights.take(kHead);
  head_ = kernels::pack_panels(static_cast<std::int64_t>(scored_.size()), config.hidden_size, numbers_,
                               [&](std::int64_t row, std::int64_t from, std::int64_t count, float* to) {
                                 row_of(head, scored_[static_cast<std::size_t>(row)], from, count, to);
                               });
}

Engine Engine::open(const std::filesystem::path& folder, const EngineOptions& options,
                    const std::filesystem::path& adapter_folder) {
  HfFolder about = read_hf_folder(folder);
  const weights::TensorMap tensors = read_hf_tensors(folder, about);
  if (adapter_folder.empty()) return {about.config, tensors, folder.string(), options};
  const Adapter adapter = read_adapter(adapter_folder);
  check_adapter(adapter, about.config, adapter.base_fingerprint.empty() ? "" : fingerprint(tensors),
                adapter_folder.string());
  EngineOptions merged = options;  // merged matrices come in single precision: the base's own type counts
  if (options.weights == Precision::stored && tensors.at(kEmbedding).dtype == weights::DType::bf16)
    merged.weights = Precision::bf16;
  return {about.config, merged_sources(tensors, adapter), folder.string(), merged};
}

double Engine::step_bytes(std::int64_t tokens) const {
  std::int64_t bytes = head_->bytes();
  for (const EngineLayer& layer : layers_) bytes += layer.bytes();
  bytes += 2 * config_.num_hidden_layers * config_.key_width() * tokens * kernels::bytes_of(cache_numbers_);
  return static_cast<double>(bytes);
}

std::vector<std::uint8_t> seen_but(std::span<const std::int64_t> ids_T, std::int64_t hidden) {
  std::vector<std::uint8_t> seen_T;
  for (const std::int64_t id : ids_T) seen_T.push_back(id != hidden ? 1 : 0);
  return seen_T;
}

EngineSession::EngineSession(const Engine& engine)
    : engine_(&engine),
      caches_(engine.layers_.size(),
              kernels::KvCache(engine.config_.num_key_value_heads, engine.config_.head_dim,
                               engine.config_.num_attention_heads / engine.config_.num_key_value_heads,
                               engine.cache_numbers_)),
      scores_(static_cast<std::size_t>(engine.head_->panels() * kPanel)) {}

void EngineSession::check(std::int64_t id, std::int64_t position, std::int64_t place) const {
  const Config& config = engine_->config_;
  if (id < 0 || id >= config.vocab_size)
    throw DataError(fmt::format("token {} of the input is {} and the network has {} tokens (0 to {})", place, id,
                                config.vocab_size, config.vocab_size - 1));
  if (position < 0 || position >= config.max_position_embeddings)
    throw UsageError(fmt::format("token {} of the input is at position {} and the network has {} positions", place,
                                 position, config.max_position_embeddings),
                     "a shorter prompt");
}

std::int64_t EngineSession::room() const {
  const std::int64_t next = positions_.empty() ? 0 : positions_.back() + 1;
  return std::max<std::int64_t>(0, engine_->config_.max_position_embeddings - next);
}

void EngineSession::reserve(std::int64_t tokens) {
  for (auto& cache : caches_) cache.reserve(tokens);
}

void EngineSession::shorten(std::int64_t tokens) {
  const std::int64_t left = std::clamp<std::int64_t>(tokens, 0, length());
  positions_.resize(static_cast<std::size_t>(left));
  for (auto& cache : caches_) cache.shorten(left);
  if (left < prompt_length_) {
    prompt_length_ = 0;
    prompt_scores_.clear();
  }
}

std::span<const float> EngineSession::rewind() {
  if (prompt_length_ == 0) throw UsageError("there is no prompt to go back to");
  shorten(prompt_length_);
  std::copy(prompt_scores_.begin(), prompt_scores_.end(), scores_.begin());
  return {scores_.data(), prompt_scores_.size()};
}

void EngineSession::start_team() {
  if (!team_ || team_->members() != thread_count()) team_.emplace();
}

std::span<const float> EngineSession::prefill(std::span<const std::int64_t> ids_T, std::span<const std::uint8_t> seen_T,
                                              std::span<const std::int64_t> positions_T) {
  const auto tokens = static_cast<std::int64_t>(ids_T.size());
  const std::int64_t most = engine_->config_.max_position_embeddings;
  if (tokens == 0) throw UsageError("the prompt has no tokens");
  if (tokens + length() > most)
    throw UsageError(
        length() == 0
            ? fmt::format("the prompt has {} tokens and the network has {} positions", tokens, most)
            : fmt::format("{} tokens after {} are more than the network's {} positions", tokens, length(), most),
        "a shorter prompt");
  if ((!seen_T.empty() && seen_T.size() != ids_T.size()) ||
      (!positions_T.empty() && positions_T.size() != ids_T.size()))
    throw UsageError(
        fmt::format("{} tokens with a mask of {} and {} positions", tokens, seen_T.size(), positions_T.size()));
  if (!seen_T.empty() && seen_T.back() == 0) throw UsageError("the last token of a prompt may not be hidden");
  // Nobody sees a hidden token, so nothing of it need be computed.
  std::vector<std::int64_t> ids, positions;
  std::int64_t next = positions_.empty() ? 0 : positions_.back() + 1;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const auto at = static_cast<std::size_t>(t);
    const bool seen = seen_T.empty() || seen_T[at] != 0;
    const std::int64_t position = positions_T.empty() ? next : positions_T[at];
    check(ids_T[at], seen ? position : 0, t);
    if (!seen) continue;
    ids.push_back(ids_T[at]);
    positions.push_back(position);
    next = position + 1;
  }
  const auto count = static_cast<std::int64_t>(ids.size());
  for (std::int64_t from = 0; from < count; from += kBlock) {
    const auto at = static_cast<std::size_t>(from), n = static_cast<std::size_t>(std::min(kBlock, count - from));
    prefill_block(std::span(ids).subspan(at, n), std::span(positions).subspan(at, n), from + kBlock >= count);
  }
  prompt_length_ = length();
  prompt_scores_.assign(scores_.data(), scores_.data() + engine_->scored_.size());
  return {scores_.data(), prompt_scores_.size()};
}

void EngineSession::prefill_block(std::span<const std::int64_t> ids_T, std::span<const std::int64_t> positions_T,
                                  bool is_last) {
  scratch_.clear();
  const std::int64_t width = engine_->config_.hidden_size, rows = static_cast<std::int64_t>(ids_T.size());
  const RopeTable rope = rope_table(engine_->config_, positions_T);
  float* x_TD = scratch_.take(numbers(rows, width));
  for (std::int64_t t = 0; t < rows; ++t) engine_->embedding_.row(ids_T[static_cast<std::size_t>(t)], x_TD + t * width);
  for (std::size_t i = 0; i < caches_.size(); ++i)
    engine_->layers_[i].run(x_TD, rows, rope.cos.data(), rope.sin.data(), caches_[i], scratch_);
  positions_.insert(positions_.end(), positions_T.begin(), positions_T.end());
  if (!is_last) return;
  start_team();
  float* last_D = x_TD + (rows - 1) * width;
  engine_->norm_.run(last_D, 1, last_D);
  const std::function<void(int)> score = [&](int member) {
    const Share share = share_of(engine_->head_->panels(), member, team_->members());
    if (share.first < share.last) engine_->head_->step(last_D, scores_.data(), share.first, share.last, false);
  };
  team_->run(score);
}

std::span<const float> EngineSession::step(std::int64_t id) {
  const std::int64_t position = positions_.empty() ? 0 : positions_.back() + 1;
  check(id, position, length());
  start_team();
  scratch_.clear();
  for (auto& cache : caches_) cache.make_room();
  const LayerShape shape = layer_shape(engine_->config_);
  const RopeTable rope = rope_table(engine_->config_, std::span(&position, 1));
  const auto take = [&](std::int64_t count) {
    float* piece = scratch_.take(static_cast<std::size_t>(up_to_panel(count)));
    std::fill_n(piece, up_to_panel(count), 0.0f);
    return piece;
  };
  StepRoom room;
  room.x_D = take(shape.width);
  room.qkv = take(shape.qkv());
  room.heard = take(shape.heads * shape.head_dim);
  room.both_F = take(2 * shape.wide_panels() * kPanel);
  room.inner_F = take(shape.wide);
  room.cos = rope.cos.data();
  room.sin = rope.sin.data();
  for (int member = 0; member < team_->members(); ++member) {
    room.normed_D.push_back(take(shape.width));
    room.work.push_back(scratch_.take(static_cast<std::size_t>(caches_.front().scratch())));
  }
  engine_->embedding_.row(id, room.x_D);
  const std::function<void(int)> body = [&](int member) {
    for (std::size_t i = 0; i < caches_.size(); ++i) engine_->layers_[i].step(room, caches_[i], member, *team_);
    float* normed_D = room.normed_D[static_cast<std::size_t>(member)];
    engine_->norm_.run(room.x_D, 1, normed_D);
    const Share share = share_of(engine_->head_->panels(), member, team_->members());
    if (share.first < share.last) engine_->head_->step(normed_D, scores_.data(), share.first, share.last, false);
  };
  team_->run(body);
  for (auto& cache : caches_) cache.advance();
  positions_.push_back(position);
  return {scores_.data(), engine_->scored_.size()};
}

}  // namespace timbre::llasa
