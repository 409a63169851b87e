#include "models/llasa/model.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "models/llasa/layout.h"
#include "models/llasa/model_layers.h"
#include "models/llasa/rope.h"
#include "nn/dropout.h"
#include "nn/init.h"

namespace timbre::llasa {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kNoTarget = -100;  // as torch's cross_entropy

void tell(const Listener& listen, const std::string& name, const Tensor& value) {
  if (listen) listen(name, value);
}

/// What a recomputed layer needs besides its input.
struct Kept : torch::CustomClassHolder {
  const Layer* layer = nullptr;
  Attend attend;
  std::uint64_t noise = 0;
  bool bf16 = false;
};

/// The products of the second run are those of the first: backward runs outside of the loop's autocast.
class ProductsAsBefore {
 public:
  ProductsAsBefore(bool bf16, at::DeviceType device)
      : on_(bf16 && !at::autocast::is_autocast_enabled(device)), device_(device) {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  }
  ~ProductsAsBefore() {
    if (on_) at::autocast::set_autocast_enabled(device_, false);
  }
  ProductsAsBefore(const ProductsAsBefore&) = delete;
  ProductsAsBefore& operator=(const ProductsAsBefore&) = delete;

 private:
  bool on_;
  at::DeviceType device_;
};

/// Runs a layer without a graph, and again with one for the gradients (Chen et al. 2016). Dropout draws the same masks.
struct Recomputed : Function<Recomputed> {
  /// `any` is a parameter, so that there is a gradient to compute where the input has none.
  static Tensor forward(AutogradContext* context, const Tensor& x_ND, const Tensor& /*any*/,
                        const c10::intrusive_ptr<Kept>& kept) {
    context->save_for_backward({x_ND});
    context->saved_data["kept"] = c10::IValue::make_capsule(kept);
    const nn::NoiseScope noise(kept->noise, 0);
    return kept->layer->forward(x_ND, kept->attend, nullptr);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto capsule = context->saved_data["kept"].toCapsule();
    const auto& kept = static_cast<const Kept&>(*capsule);
    const Tensor x_ND = context->get_saved_variables()[0].detach().requires_grad_(true);
    {
      const at::AutoGradMode with_graph(true);
      const ProductsAsBefore products(kept.bf16, x_ND.device().type());
      const nn::NoiseScope noise(kept.noise, 0);
      const Tensor y_ND = kept.layer->forward(x_ND, kept.attend, nullptr);
      torch::autograd::backward({y_ND}, {gradients[0]});
    }
    return {x_ND.grad(), {}, {}};
  }
};

Tensor int64_of(const Tensor& x) { return x.to(at::kCPU, at::kLong).contiguous(); }

/// Numbers of the utterances [B, T], or undefined when a row is one.
Tensor utterances_of(const Rows& rows) {
  if (rows.utterances_BT.defined()) return int64_of(rows.utterances_BT);
  if (rows.mask_BT.defined() || !rows.positions_BT.defined()) return {};
  const Tensor positions = int64_of(rows.positions_BT.expand(rows.ids_BT.sizes()));
  Tensor numbers = at::zeros(positions.sizes(), positions.options());
  const std::int64_t length = positions.size(1);
  const auto* at = positions.const_data_ptr<std::int64_t>();
  auto* number = numbers.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < positions.numel(); ++i)
    if (i % length > 0) number[i] = number[i - 1] + (at[i] == at[i - 1] + 1 ? 0 : 1);
  return numbers;
}

}  // namespace

Projection::Projection(std::int64_t outputs, std::int64_t inputs, const std::optional<LoraRank>& rank,
                       double deviation) {
  weight = parameter("weight", nn::init_normal({outputs, inputs}, 0, deviation));
  if (!rank) return;
  lora_A = parameter("lora_A.weight", nn::init_default({rank->r, inputs}, inputs));
  lora_B = parameter("lora_B.weight", nn::init_constant({outputs, rank->r}, 0));
  scale = rank->scale;
  weight.requires_grad_(false);
}

Tensor Projection::extra(const Tensor& x_ND, double dropout) const {
  const Tensor kept_ND = nn::dropout(x_ND, dropout, is_training());
  return linear_of(linear_of(kept_ND, lora_A), lora_B) * scale;
}

Layer::Layer(const Config& config, std::int64_t index)
    : index_(index), head_dim_(config.head_dim), eps_(config.rms_norm_eps), dropout_(config.lora.dropout) {
  for (const Matrix& m : layer_matrices(config)) {
    const auto rank = lora_of(config.lora, layer_prefix(index) + m.module);
    projections.push_back(std::make_unique<Projection>(m.outputs, m.inputs, rank, config.initializer_range));
    child(m.module, *projections.back());
  }
  input_layernorm = parameter("input_layernorm.weight", nn::init_constant({config.hidden_size}, 1));
  post_attention_layernorm = parameter("post_attention_layernorm.weight", nn::init_constant({config.hidden_size}, 1));
}

std::vector<Tensor> Layer::project(const Tensor& x_ND, std::size_t first, std::size_t count) const {
  std::vector<Tensor> weights;
  for (std::size_t i = first; i < first + count; ++i) weights.push_back(projections[i]->weight);
  std::vector<Tensor> out = linears(x_ND, weights);
  for (std::size_t i = 0; i < count; ++i)
    if (const Projection& p = *projections[first + i]; p.adapted()) out[i] = out[i] + p.extra(x_ND, dropout_);
  return out;
}

Tensor Layer::forward(const Tensor& x_ND, const Attend& attend, const Listener& listen) const {
  const std::string at = listen ? fmt::format("layers.{}.", index_) : std::string();
  const Tensor before_ND = rms_norm(x_ND, input_layernorm, eps_);
  tell(listen, at + "input_layernorm", before_ND);
  const std::vector<Tensor> qkv = project(before_ND, 0, 3);
  tell(listen, at + "q_proj", qkv[0]);
  tell(listen, at + "k_proj", qkv[1]);
  const Tensor heard_NC = attention(qkv[0], qkv[1], qkv[2], head_dim_, attend);
  const Tensor attended_ND = project(heard_NC, 3, 1).front();
  tell(listen, at + "self_attn", attended_ND);
  const Tensor middle_ND = x_ND + attended_ND;
  const Tensor normed_ND = rms_norm(middle_ND, post_attention_layernorm, eps_);
  const std::vector<Tensor> gated = project(normed_ND, 4, 2);
  const Tensor fed_ND = project(swiglu(gated[0], gated[1]), 6, 1).front();
  tell(listen, at + "mlp", fed_ND);
  return middle_ND + fed_ND;
}

Model::Model(const Config& config) : config_(config) {
  if (config.vocab_size < 1) throw std::logic_error("llasa: vocab_size must be known before the network is made");
  const std::int64_t rows = config.vocab_size, width = config.hidden_size;
  embed_tokens = parameter(kEmbedding, nn::init_normal({rows, width}, 0, config.initializer_range));
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers.push_back(std::make_unique<Layer>(config, i));
    const std::string prefix = layer_prefix(i);
    child(prefix.substr(0, prefix.size() - 1), *layers.back());
  }
  norm = parameter(kFinalNorm, nn::init_constant({width}, 1));
  if (!config.tie_word_embeddings)
    lm_head = parameter(kHead, nn::init_normal({rows, width}, 0, config.initializer_range));
  if (config.lora.r == 0) return;
  for (const nn::Named& named : named_parameters())
    if (named.name.find(".lora_") == std::string::npos) named.tensor.requires_grad_(false);
}

Attend Model::attend_of(const Rows& rows) const {
  const std::int64_t batch = rows.ids_BT.size(0), length = rows.ids_BT.size(1);
  const auto count = static_cast<std::size_t>(batch * length);
  Attend out{.batch = batch, .length = length, .first = {}, .seen = {}, .cos_NK = {}, .sin_NK = {}};
  if (rows.mask_BT.defined()) {
    const Tensor mask = int64_of(rows.mask_BT);
    const auto* values = mask.const_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < count; ++i) out.seen.push_back(values[i] != 0 ? 1 : 0);
    if (std::find(out.seen.begin(), out.seen.end(), 0) == out.seen.end()) out.seen.clear();
  }
  const Tensor utterances = utterances_of(rows);
  if (utterances.defined()) {
    const auto* values = utterances.const_data_ptr<std::int64_t>();
    out.first.resize(count);
    for (std::int64_t i = 0; i < batch * length; ++i) {
      const bool goes_on = i % length > 0 && values[i] == values[i - 1];
      out.first[static_cast<std::size_t>(i)] =
          goes_on ? out.first[static_cast<std::size_t>(i - 1)] : static_cast<std::int32_t>(i % length);
    }
  }
  std::vector<std::int64_t> positions(count);
  if (rows.positions_BT.defined()) {
    const Tensor given = int64_of(rows.positions_BT.expand({batch, length}));
    std::copy_n(given.const_data_ptr<std::int64_t>(), count, positions.begin());
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      const auto t = static_cast<std::int64_t>(i) % length;
      positions[i] = out.first.empty() ? t : t - out.first[i];
    }
  }
  const auto [low, high] = std::minmax_element(positions.begin(), positions.end());
  if (count > 0 && (*low < 0 || *high >= config_.max_position_embeddings))
    throw DataError(fmt::format("position {} is outside of the network's {} positions", *low < 0 ? *low : *high,
                                config_.max_position_embeddings),
                    "shorter rows, or a network with a larger max_position_embeddings");
  RopeTable table = rope_table(config_, positions);
  const auto shape = {static_cast<std::int64_t>(count), config_.head_dim / 2};
  out.cos_NK = at::from_blob(table.cos.data(), shape, at::TensorOptions().dtype(at::kFloat)).clone();
  out.sin_NK = at::from_blob(table.sin.data(), shape, at::TensorOptions().dtype(at::kFloat)).clone();
  return out;
}

Tensor Model::hidden(const Rows& rows, const Listener& listen) const {
  nn::expect_shape(rows.ids_BT, {nn::kAny, nn::kAny}, "ids_BT");
  const Tensor ids_BT = int64_of(rows.ids_BT);
  const auto* ids = ids_BT.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < ids_BT.numel(); ++i)
    if (ids[i] < 0 || ids[i] >= config_.vocab_size)
      throw DataError(fmt::format("token {} of row {} is {}: the network's vocabulary has {} tokens",
                                  i % ids_BT.size(1), i / ids_BT.size(1), ids[i], config_.vocab_size),
                      "the tokenizer must be the network's own; timbre convert grows a network for added tokens");
  const Attend attend = attend_of(rows);
  Tensor x_ND = embed(ids_BT.reshape({-1}).to(embed_tokens.device()), embed_tokens);
  tell(listen, "embed_tokens", x_ND);
  const bool recompute = config_.recompute && at::GradMode::is_enabled() && !listen;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (recompute) {
      auto kept = c10::make_intrusive<Kept>();
      kept->layer = layers[i].get();
      kept->attend = attend;
      kept->noise = nn::next_noise_key();
      kept->bf16 = products_in_bf16(x_ND);
      Tensor any;
      for (const nn::Named& named : layers[i]->named_parameters())
        if (named.tensor.requires_grad()) any = named.tensor;
      x_ND = any.defined() || x_ND.requires_grad() ? Recomputed::apply(x_ND, any.defined() ? any : x_ND, kept)
                                                   : layers[i]->forward(x_ND, attend, listen);
    } else {
      x_ND = layers[i]->forward(x_ND, attend, listen);
    }
    tell(listen, fmt::format("layers.{}", i), x_ND);
  }
  return rms_norm(x_ND, norm, config_.rms_norm_eps);
}

void Model::use_adapters(bool on) {
  for (const auto& layer : layers)
    for (const auto& projection : layer->projections) projection->adapter_on = on;
}

Tensor Model::logits(const Tensor& hidden_ND) const { return linear_of(hidden_ND, head()); }

Model::Loss Model::loss(const Rows& rows, const Tensor& labels_BT, LossOptions options, Tensor* nll_BT) const {
  return loss_of_hidden(hidden(rows), labels_BT, options, nll_BT);
}

Model::Loss Model::loss_of_hidden(const Tensor& hidden_ND, const Tensor& labels_BT, LossOptions options,
                                  Tensor* nll_BT) const {
  const Tensor labels = int64_of(labels_BT);
  const std::int64_t batch = labels.size(0), length = labels.size(1);
  const auto* values = labels.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> places, targets;
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t + 1 < length; ++t) {
      const std::int64_t target = values[b * length + t + 1];
      if (target == kNoTarget) continue;
      if (target < 0 || target >= config_.vocab_size)
        throw DataError(fmt::format("label {} of row {} is {}: the network's vocabulary has {} tokens", t + 1, b,
                                    target, config_.vocab_size));
      places.push_back(b * length + t);
      targets.push_back(target);
    }
  }
  const auto tensor_of = [&](std::vector<std::int64_t>& numbers) {
    return at::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())},
                         at::TensorOptions().dtype(at::kLong))
        .clone()
        .to(hidden_ND.device());
  };
  const Tensor places_N = tensor_of(places), targets_N = tensor_of(targets);
  Tensor nll_N;
  Loss out;
  out.targets = static_cast<std::int64_t>(targets.size());
  out.sum = head_loss(at::index_select(hidden_ND, 0, places_N), targets_N, head(), options, &nll_N);
  if (nll_BT) {
    *nll_BT = at::zeros({batch * length}, nll_N.options());
    nll_BT->index_copy_(0, places_N, nll_N);
    *nll_BT = nll_BT->view({batch, length});
  }
  return out;
}

}  // namespace timbre::llasa
