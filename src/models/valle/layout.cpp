#include "models/valle/layout.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace timbre::valle {
namespace {

using Shape = std::vector<std::int64_t>;

/// Collects slots under a prefix, in torch's order: own parameters, own buffers, then children.
class List {
 public:
  void add(std::string name, Shape shape) { slots_.push_back({.name = std::move(name), .shape = std::move(shape)}); }
  void tie(std::string name, Shape shape, std::string to) {
    slots_.push_back({.name = std::move(name), .shape = std::move(shape), .tied_to = std::move(to)});
  }
  void counter(std::string name) { slots_.push_back({.name = std::move(name), .learned = false, .integer = true}); }
  void linear(const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }
  void adaptive_norm(const std::string& name, std::int64_t width) {
    linear(name + ".project_layer", width, 2 * width);
    norm(name + ".norm", width);
  }
  void table(const std::string& name, std::int64_t rows, std::int64_t width) {
    add(name + ".word_embeddings.weight", {rows, width});
  }
  void batch_norm(const std::string& name, std::int64_t width) {
    norm(name, width);
    slots_.push_back({.name = name + ".running_mean", .shape = {width}, .learned = false});
    slots_.push_back({.name = name + ".running_var", .shape = {width}, .learned = false});
    counter(name + ".num_batches_tracked");
  }
  void text_prenet(const std::string& name, std::int64_t width) {
    for (const char* conv : {"1", "5", "9"}) {
      add(fmt::format("{}.{}.weight", name, conv), {width, width, 5});
      add(fmt::format("{}.{}.bias", name, conv), {width});
      batch_norm(fmt::format("{}.{}", name, conv[0] - '0' + 1), width);
    }
    linear(name + ".14", width, width);
  }
  void audio_prenet(const std::string& name, std::int64_t in, std::int64_t width) {
    linear(name + ".0", in, kPrenetWidth);
    linear(name + ".3", kPrenetWidth, kPrenetWidth);
    linear(name + ".6", kPrenetWidth, width);
  }
  std::vector<Slot> take() { return std::move(slots_); }

 private:
  std::vector<Slot> slots_;
};

enum class Norm : std::uint8_t { plain, adaptive, balanced };

/// One stack of layers and what it is made of.
struct StackShape {
  std::int64_t width = 0, layers = 0;
  Norm norm = Norm::plain;
  bool cross = false;  ///< a second attention, over a memory
  bool final_norm = true;
};

void attention(List& list, const std::string& name, std::int64_t width, bool balanced) {
  list.add(name + ".in_proj_weight", {3 * width, width});
  list.add(name + ".in_proj_bias", {3 * width});
  if (balanced) {
    list.tie(name + ".in_proj_linear.weight", {3 * width, width}, name + ".in_proj_weight");
    list.tie(name + ".in_proj_linear.bias", {3 * width}, name + ".in_proj_bias");
  }
  list.linear(name + ".out_proj", width, width);
}

void norm(List& list, const std::string& name, const StackShape& stack) {
  if (stack.norm == Norm::adaptive) return list.adaptive_norm(name, stack.width);
  if (stack.norm == Norm::plain) return list.norm(name, stack.width);
  list.counter(name + ".balancer.count");
  list.add(name + ".norm.eps", {});
}

void decoder(List& list, const std::string& name, const StackShape& stack) {
  const bool balanced = stack.norm == Norm::balanced;
  for (std::int64_t i = 0; i < stack.layers; ++i) {
    const std::string layer = fmt::format("{}.layers.{}", name, i);
    attention(list, layer + ".self_attn", stack.width, balanced);
    if (stack.cross) attention(list, layer + ".multihead_attn", stack.width, balanced);
    list.linear(layer + ".linear1", stack.width, 4 * stack.width);
    list.linear(layer + ".linear2", 4 * stack.width, stack.width);
    if (balanced) {  // only the last norm of a layer is one, the others let everything through
      list.counter(layer + ".activation.0.count");
      norm(list, layer + (stack.cross ? ".norm3" : ".norm2"), stack);
      continue;
    }
    for (const char* which : {".norm1", ".norm2", ".norm3"})
      if (stack.cross || which[5] != '3') norm(list, layer + which, stack);
  }
  if (stack.final_norm) norm(list, name + ".norm", stack);
}

std::vector<Slot> transformer_layout(const Config& config) {
  const std::int64_t d = config.decoder_dim;
  List list;
  list.table("text_embedding", config.text_rows, d);
  if (config.add_prenet) {
    list.text_prenet("encoder_prenet", d);
    list.audio_prenet("decoder_prenet", kMelBins, d);
  } else {
    list.linear("decoder_prenet", kMelBins, d);
  }
  list.add("encoder_position.alpha", {1});
  list.add("decoder_position.alpha", {1});
  StackShape stack = {.width = d,
                      .layers = config.num_decoder_layers,
                      .norm = config.scaling_xformers ? Norm::balanced : Norm::plain,
                      .final_norm = config.norm_first};
  decoder(list, "encoder", stack);
  stack.cross = true;
  decoder(list, "decoder", stack);
  list.linear("predict_layer", d, kMelBins);
  list.linear("stop_layer", d, 1);
  return list.take();
}

void nar_part(List& list, const Config& config) {
  const std::int64_t d = config.nar_dim(), codes = config.codebook_size, books = config.num_quantizers;
  const auto table = [](std::int64_t j) { return fmt::format("nar_audio_embeddings.{}", j); };
  for (std::int64_t j = 0; j < books; ++j) list.table(table(j), codes + (j == 0 ? 1 : 0), d);
  if (config.add_prenet) {
    list.text_prenet("nar_text_prenet", d);
    list.audio_prenet("nar_audio_prenet", d, d);
  }
  list.add("nar_text_position.alpha", {1});
  list.add("nar_audio_position.alpha", {1});
  decoder(list, "nar_decoder",
          {.width = d,
           .layers = config.nar_layers(),
           .norm = Norm::adaptive,
           .cross = config.network() == Network::vallf,
           .final_norm = config.norm_first});
  for (std::int64_t j = 0; j + 1 < books; ++j) {
    const std::string head = fmt::format("nar_predict_layers.{}.weight", j);
    if (config.share_embedding && j + 2 < books)
      list.tie(head, {codes, d}, table(j + 2) + ".word_embeddings.weight");
    else
      list.add(head, {codes, d});
  }
  for (std::int64_t j = 0; j + 1 < books; ++j) list.table(fmt::format("nar_stage_embeddings.{}", j), 1, d);
}

bool equal_values(const weights::Tensor& a, const weights::Tensor& b) {
  return a.shape == b.shape && a.to_f32() == b.to_f32();
}

}  // namespace

std::vector<Slot> layout(const Config& config) {
  if (config.network() == Network::transformer) return transformer_layout(config);
  const std::int64_t d = config.decoder_dim, codes = config.codebook_size;
  List list;
  list.table("ar_text_embedding", config.text_rows, d);
  list.table("nar_text_embedding", config.text_rows, config.nar_dim());
  list.table("ar_audio_embedding", codes + 1 + (config.prepend_bos ? 1 : 0), d);
  if (config.add_prenet) {
    list.text_prenet("ar_text_prenet", d);
    list.audio_prenet("ar_audio_prenet", d, d);
  }
  list.add("ar_text_position.alpha", {1});
  list.add("ar_audio_position.alpha", {1});
  decoder(list, "ar_decoder",
          {.width = d,
           .layers = config.num_decoder_layers,
           .cross = config.network() == Network::vallf,
           .final_norm = config.norm_first});
  list.add("ar_predict_layer.weight", {codes + 1, d});
  if (config.num_quantizers > 1) nar_part(list, config);
  if (!config.languages.empty()) {
    const auto rows = static_cast<std::int64_t>(config.languages.size());
    list.table("ar_language_embedding", rows, d);
    list.table("nar_language_embedding", rows, config.nar_dim());
  }
  return list.take();
}

std::vector<std::string> misfits(const Config& config, const weights::TensorMap& tensors) {
  std::vector<std::string> out;
  std::map<std::string, bool> known;
  for (const Slot& slot : layout(config)) {
    known[slot.name] = true;
    const weights::Tensor* found = tensors.find(slot.name);
    if (!found) {
      if (slot.tied_to.empty()) out.push_back(slot.name + ": missing");
      continue;
    }
    if (found->shape != slot.shape)
      out.push_back(fmt::format("{}: [{}] expected, the file has [{}]", slot.name, fmt::join(slot.shape, ", "),
                                fmt::join(found->shape, ", ")));
    else if (const weights::Tensor* first = slot.tied_to.empty() ? nullptr : tensors.find(slot.tied_to);
             first && !equal_values(*first, *found))
      out.push_back(
          fmt::format("{}: must be the same numbers as {}, of which it is another name", slot.name, slot.tied_to));
  }
  for (const auto& name : tensors.names())
    if (!known.contains(name)) out.push_back(name + ": unknown");
  return out;
}

}  // namespace timbre::valle
