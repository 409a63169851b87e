#include "models/valle/engine_layers.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/tile.h"

namespace timbre::valle {
namespace {

using kernels::Activation;

constexpr float kEps = 1e-5f;

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }
std::int64_t up_to_panel(std::int64_t n) { return (n + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel; }

}  // namespace

EngineNorm::EngineNorm(weights::ShapedReader& reader, const std::string& name, std::int64_t width,
                       const std::vector<float>& stages_SD)
    : width_(width) {
  const bool adaptive = !stages_SD.empty();
  const std::string plain = adaptive ? name + ".norm" : name;
  const auto gain = reader.take(plain + ".weight", {width}), shift = reader.take(plain + ".bias", {width});
  if (!adaptive) {
    gain_SD_.assign(gain.begin(), gain.end());
    shift_SD_.assign(shift.begin(), shift.end());
    return;
  }
  // w ⊙ (g ⊙ x̂ + s) + b with [w; b] = project_layer(stage): a plain norm of gain w ⊙ g and shift w ⊙ s + b.
  EngineLinear project;
  project.read(reader, name + ".project_layer", width, 2 * width);
  const std::int64_t stages = static_cast<std::int64_t>(stages_SD.size()) / width;
  std::vector<float> made(numbers(stages, 2 * width));
  project.run(stages_SD.data(), stages, made.data());
  for (std::int64_t s = 0; s < stages; ++s)
    for (std::int64_t i = 0; i < width; ++i) {
      const float weight = made[numbers(s, 2 * width) + static_cast<std::size_t>(i)];
      const float bias = made[numbers(s, 2 * width) + static_cast<std::size_t>(width + i)];
      gain_SD_.push_back(weight * gain[static_cast<std::size_t>(i)]);
      shift_SD_.push_back(weight * shift[static_cast<std::size_t>(i)] + bias);
    }
}

void EngineNorm::run(const float* from_TD, std::int64_t rows, std::int64_t stage, float* to_TD) const {
  kernels::layer_norm(from_TD, rows, width_, gain_SD_.data() + stage * width_, shift_SD_.data() + stage * width_, kEps,
                      to_TD);
}

void EngineLinear::read(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs,
                        std::int64_t outputs, bool bias) {
  const auto weight = reader.take(name + ".weight", {outputs, inputs});
  const auto shift = bias ? reader.take(name + ".bias", {outputs}) : std::span<const float>();
  packed = kernels::Packed(weight, shift, outputs, inputs);
}

void EngineLinear::run(const float* from_TI, std::int64_t rows, float* to_TO, const kernels::Finish& finish) const {
  kernels::linear(from_TI, rows, packed, to_TO, finish);
}

void EngineLinear::step(const float* from_I, float* to_O, int member, int members, bool accumulate, bool relu) const {
  const Share share = share_of(packed.panels(), member, members);
  if (share.first == share.last) return;
  const std::int64_t at = share.first * kernels::kPanel, n = (share.last - share.first) * kernels::kPanel;
  kernels::run_matvec({.x = from_I,
                       .w = packed.panel(share.first),
                       .inputs = packed.inputs(),
                       .panels = share.last - share.first,
                       .bias = packed.bias() + at,
                       .y = to_O + at,
                       .onto_y = accumulate});
  if (relu) kernels::activate(Activation::relu, 0, to_O + at, to_O + at, n);
}

EngineLayer::EngineLayer(weights::ShapedReader& reader, const std::string& name, const DecoderShape& shape)
    : width_(shape.width),
      heads_(shape.heads),
      norm_first_(shape.norm_first),
      scale_(static_cast<float>(1 / std::sqrt(static_cast<double>(shape.width / shape.heads)))),
      norm_1_(reader, name + ".norm1", shape.width, shape.stages_SD),
      norm_ffn_(reader, name + (shape.hears_text ? ".norm3" : ".norm2"), shape.width, shape.stages_SD) {
  const std::int64_t d = width_;
  qkv_.packed = kernels::Packed(reader.take(name + ".self_attn.in_proj_weight", {3 * d, d}),
                                reader.take(name + ".self_attn.in_proj_bias", {3 * d}), 3 * d, d);
  out_.read(reader, name + ".self_attn.out_proj", d, d);
  expand_.read(reader, name + ".linear1", d, 4 * d);
  contract_.read(reader, name + ".linear2", 4 * d, d);
  if (!shape.hears_text) return;
  cross_.emplace(Cross{{}, {}, {}, {}, EngineNorm(reader, name + ".norm2", d, shape.stages_SD)});
  const auto weight = reader.take(name + ".multihead_attn.in_proj_weight", {3 * d, d});
  const auto bias = reader.take(name + ".multihead_attn.in_proj_bias", {3 * d});
  const auto part = [&](std::int64_t i) {
    return kernels::Packed(weight.subspan(numbers(i * d, d), numbers(d, d)), bias.subspan(numbers(i, d), numbers(1, d)),
                           d, d);
  };
  cross_->q.packed = part(0);
  cross_->k.packed = part(1);
  cross_->v.packed = part(2);
  cross_->out.read(reader, name + ".multihead_attn.out_proj", d, d);
}

/// x += attention(from) on itself.
void EngineLayer::attend(const Rows& r, const float* from_TD, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* qkv_T3D = scratch.take(numbers(r.rows, 3 * width_));
  float* heard_TD = scratch.take(numbers(r.rows, width_));
  qkv_.run(from_TD, r.rows, qkv_T3D);
  const float *k_TD = qkv_T3D + width_, *v_TD = qkv_T3D + 2 * width_;
  if (r.own) r.own->append(k_TD, v_TD, 3 * width_, r.rows, scale_);
  kernels::Attention shape{
      .queries = r.rows, .keys = r.rows, .heads = heads_, .width = width_ / heads_, .scale = scale_};
  float* work = scratch.take(static_cast<std::size_t>(kernels::attention_scratch(shape)));
  if (r.sight.causal) {
    shape.queries = shape.keys = r.sight.whole;
    kernels::attention(qkv_T3D, k_TD, v_TD, 3 * width_, shape, heard_TD, work);
    shape.queries = r.rows - r.sight.whole;
    shape.keys = r.rows;
    shape.causal = true;
    kernels::attention(qkv_T3D + r.sight.whole * 3 * width_, k_TD, v_TD, 3 * width_, shape,
                       heard_TD + r.sight.whole * width_, work);
  } else {
    kernels::attention(qkv_T3D, k_TD, v_TD, 3 * width_, shape, heard_TD, work);
  }
  out_.run(heard_TD, r.rows, r.x_TD, {.accumulate = true});
}

/// x += attention(from) on the text.
void EngineLayer::hear(const Rows& r, const float* from_TD, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* k_SD = scratch.take(numbers(r.memory_rows, width_));
  float* v_SD = scratch.take(numbers(r.memory_rows, width_));
  float* q_TD = scratch.take(numbers(r.rows, width_));
  float* heard_TD = scratch.take(numbers(r.rows, width_));
  cross_->k.run(r.memory_SD, r.memory_rows, k_SD);
  cross_->v.run(r.memory_SD, r.memory_rows, v_SD);
  cross_->q.run(from_TD, r.rows, q_TD);
  if (r.text) r.text->append(k_SD, v_SD, width_, r.memory_rows, scale_);
  const kernels::Attention shape{
      .queries = r.rows, .keys = r.memory_rows, .heads = heads_, .width = width_ / heads_, .scale = scale_};
  float* work = scratch.take(static_cast<std::size_t>(kernels::attention_scratch(shape)));
  kernels::attention(q_TD, k_SD, v_SD, width_, shape, heard_TD, work);
  cross_->out.run(heard_TD, r.rows, r.x_TD, {.accumulate = true});
}

void EngineLayer::run(const Rows& r, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* normed_TD = scratch.take(numbers(r.rows, width_));
  float* wide_TF = scratch.take(numbers(r.rows, 4 * width_));
  const auto from = [&](const EngineNorm& norm) -> const float* {
    if (!norm_first_) return r.x_TD;
    norm.run(r.x_TD, r.rows, r.stage, normed_TD);
    return normed_TD;
  };
  const auto then = [&](const EngineNorm& norm) {
    if (!norm_first_) norm.run(r.x_TD, r.rows, r.stage, r.x_TD);
  };
  attend(r, from(norm_1_), scratch);
  then(norm_1_);
  if (cross_) {
    hear(r, from(cross_->norm), scratch);
    then(cross_->norm);
  }
  expand_.run(from(norm_ffn_), r.rows, wide_TF, {.activation = Activation::relu});
  contract_.run(wide_TF, r.rows, r.x_TD, {.accumulate = true});
  then(norm_ffn_);
}

const float* EngineLayer::before(const EngineNorm& norm, const StepRoom& room, int member) const {
  if (!norm_first_) return room.x_D;
  float* normed_D = room.normed_D[static_cast<std::size_t>(member)];
  norm.run(room.x_D, 1, 0, normed_D);  // everybody for themselves: cheaper than waiting
  return normed_D;
}

void EngineLayer::after(const EngineNorm& norm, const StepRoom& room, int member, Team& team) const {
  team.meet();
  if (norm_first_) return;
  if (member == 0) norm.run(room.x_D, 1, 0, room.x_D);
  team.meet();
}

void EngineLayer::step_own(const StepRoom& room, kernels::KvCache& own, int member, Team& team) const {
  qkv_.step(before(norm_1_, room, member), room.qkv_3D, member, team.members());
  team.meet();
  const Share heads = share_of(heads_, member, team.members());
  own.put(room.qkv_3D + width_, room.qkv_3D + 2 * width_, heads.first, heads.last, scale_);
  own.attend(room.qkv_3D, heads.first, heads.last, own.length() + 1, room.heard_D,
             room.work[static_cast<std::size_t>(member)]);
  team.meet();
  out_.step(room.heard_D, room.x_D, member, team.members(), true);
  after(norm_1_, room, member, team);
}

void EngineLayer::step_text(const StepRoom& room, const kernels::KvCache& text, int member, Team& team) const {
  cross_->q.step(before(cross_->norm, room, member), room.qkv_3D, member, team.members());
  team.meet();
  const Share heads = share_of(heads_, member, team.members());
  text.attend(room.qkv_3D, heads.first, heads.last, text.length(), room.heard_D,
              room.work[static_cast<std::size_t>(member)]);
  team.meet();
  cross_->out.step(room.heard_D, room.x_D, member, team.members(), true);
  after(cross_->norm, room, member, team);
}

void EngineLayer::step(const StepRoom& room, kernels::KvCache& own, const kernels::KvCache& text, int member,
                       Team& team) const {
  step_own(room, own, member, team);
  if (cross_) step_text(room, text, member, team);
  expand_.step(before(norm_ffn_, room, member), room.wide_F, member, team.members(), false, true);
  team.meet();
  contract_.step(room.wide_F, room.x_D, member, team.members(), true);
  after(norm_ffn_, room, member, team);
}

EngineDecoder::EngineDecoder(weights::ShapedReader& reader, const std::string& name, const DecoderShape& shape)
    : shape_(shape) {
  layers_.reserve(static_cast<std::size_t>(shape.layers));
  for (std::int64_t i = 0; i < shape.layers; ++i)
    layers_.emplace_back(reader, name + ".layers." + std::to_string(i), shape);
  if (shape.norm_first) final_norm_.emplace(reader, name + ".norm", shape.width, shape.stages_SD);
}

double EngineDecoder::step_bytes(std::int64_t positions) const {
  const auto width = static_cast<double>(shape_.width), layers = static_cast<double>(shape_.layers);
  const double matrices = shape_.hears_text ? 14 : 12;  // of width × width: 4 of attention, 2 more of the text's, 8
  return 4 * layers * (matrices * width * width + 2 * static_cast<double>(positions) * width);
}

void EngineDecoder::run(float* x_TD, std::int64_t rows, const Sight& sight, std::int64_t stage, const float* memory_SD,
                        std::int64_t memory_rows, DecoderCaches* caches, Scratch& scratch) const {
  if (caches && caches->own.size() != layers_.size()) {
    caches->own.assign(layers_.size(), kernels::KvCache(shape_.heads, shape_.width / shape_.heads));
    caches->text = caches->own;
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    EngineLayer::Rows all{
        .x_TD = x_TD, .rows = rows, .sight = sight, .stage = stage, .memory_SD = memory_SD, .memory_rows = memory_rows};
    if (caches) {
      all.own = &caches->own[i];
      all.text = &caches->text[i];
      all.own->clear();
      all.text->clear();
    }
    layers_[i].run(all, scratch);
  }
  if (final_norm_) final_norm_->run(x_TD, rows, stage, x_TD);
}

void EngineDecoder::step(const float* x_D, const EngineLinear& head, float* logits, DecoderCaches& caches, Team& team,
                         StepRoom& room, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  const std::int64_t width = shape_.width;
  for (auto& cache : caches.own) cache.make_room();
  room.x_D = scratch.take(numbers(1, up_to_panel(width)));
  room.qkv_3D = scratch.take(numbers(1, up_to_panel(3 * width)));
  room.heard_D = scratch.take(numbers(1, up_to_panel(width)));
  room.wide_F = scratch.take(numbers(1, up_to_panel(4 * width)));
  room.normed_D.clear();
  room.work.clear();
  const auto& first = caches.own.front();
  const std::int64_t work = std::max(first.scratch(), caches.text.front().scratch());
  for (int member = 0; member < team.members(); ++member) {
    room.normed_D.push_back(scratch.take(numbers(1, up_to_panel(width))));
    room.work.push_back(scratch.take(static_cast<std::size_t>(work)));
  }
  std::fill_n(room.x_D, up_to_panel(width), 0.0f);
  std::copy_n(x_D, width, room.x_D);
  const auto body = [&](int member) {
    for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i].step(room, caches.own[i], caches.text[i], member, team);
    const float* last_D = room.x_D;
    if (final_norm_) {
      float* normed_D = room.normed_D[static_cast<std::size_t>(member)];
      final_norm_->run(room.x_D, 1, 0, normed_D);
      last_D = normed_D;
    }
    head.step(last_D, logits, member, team.members());
  };
  team.run(std::ref(body));
  for (auto& cache : caches.own) cache.advance();
}

}  // namespace timbre::valle
