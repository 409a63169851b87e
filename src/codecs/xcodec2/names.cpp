#include "codecs/xcodec2/names.h"

#include <cmath>
#include <numbers>
#include <string_view>

#include "base/error.h"

namespace timbre::xcodec2 {
namespace {

using weights::Tensor;
using weights::TensorMap;

/// Renames the end or the middle of a name.
bool replace(std::string& name, std::string_view from, std::string_view to) {
  const std::size_t at = name.find(from);
  if (at == std::string::npos) return false;
  name.replace(at, from.size(), to);
  return true;
}

struct Prefix {
  std::string ours, theirs;
};

/// Beginnings of names, ours and transformers'.
std::vector<Prefix> prefixes(const Config& config) {
  std::vector<Prefix> list = {{"semantic_model.", "semantic_encoder."},
                              {"SemanticEncoder_module.initial_conv.", "semantic_adapter.conv1."},
                              {"SemanticEncoder_module.residual_blocks.1.", "semantic_adapter.conv2."},
                              {"SemanticEncoder_module.residual_blocks.3.", "semantic_adapter.conv3."},
                              {"SemanticEncoder_module.final_conv.", "semantic_adapter.conv4."},
                              {"CodecEnc.conv_blocks.0.", "acoustic_encoder.conv1."},
                              {"CodecEnc.conv_final_block.0.", "acoustic_encoder.snake1."},
                              {"CodecEnc.conv_final_block.1.", "acoustic_encoder.conv2."},
                              {"fc_prior.", "fc_encoder."},
                              {"fc_post_a.", "acoustic_decoder.fc."},
                              {"generator.quantizer.", "quantizer."},
                              {"generator.backbone.embed.", "acoustic_decoder.embed."},
                              {"generator.backbone.prior_net.", "acoustic_decoder.prior_net."},
                              {"generator.backbone.post_net.", "acoustic_decoder.post_net."},
                              {"generator.backbone.final_layer_norm.", "acoustic_decoder.norm."},
                              {"generator.head.out.", "acoustic_decoder.head.linear."}};
  static constexpr const char* kUnit[] = {"snake1", "conv1", "snake2", "conv2"};
  for (std::size_t i = 0; i < config.strides.size(); ++i) {
    const std::string ours = fmt::format("CodecEnc.conv_blocks.{}.block.", i + 1);
    const std::string theirs = fmt::format("acoustic_encoder.block.{}.", i);
    for (int unit = 0; unit < 3; ++unit)
      for (int part = 0; part < 4; ++part)
        list.push_back({fmt::format("{}{}.block.{}.", ours, unit, part),
                        fmt::format("{}res_unit{}.{}.", theirs, unit + 1, kUnit[part])});
    list.push_back({ours + "3.", theirs + "snake1."});
    list.push_back({ours + "4.", theirs + "conv1."});
  }
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string ours = fmt::format("generator.backbone.transformers.{}.", i);
    const std::string theirs = fmt::format("acoustic_decoder.layers.{}.", i);
    list.push_back({ours + "att_norm.", theirs + "input_layernorm."});
    list.push_back({ours + "ffn_norm.", theirs + "post_attention_layernorm."});
    list.push_back({ours + "mlp.", theirs + "mlp."});
    list.push_back({ours + "att.c_proj.", theirs + "self_attn.o_proj."});
  }
  return list;
}

constexpr const char* kQkv[] = {"q", "k", "v"};

std::string attention_name(std::int64_t layer, const char* which) {
  return fmt::format("acoustic_decoder.layers.{}.self_attn.{}_proj.weight", layer, which);
}

/// Rows of one head in pairs (0, 1, 2, 3 …) ↔ in halves (0, 2, … 1, 3 …). Returns ours for row `row` of theirs.
std::int64_t paired_row(std::int64_t row, std::int64_t head_width) {
  const std::int64_t head = row / head_width, at = row % head_width, half = head_width / 2;
  return head * head_width + (at < half ? 2 * at : 2 * (at - half) + 1);
}

/// q | k | v of one layer → c_attn.
Tensor joined_attention(const TensorMap& theirs, std::int64_t layer, const Config& config, const std::string& where) {
  const std::int64_t width = config.width, head_width = width / config.heads;
  const auto row_bytes = static_cast<std::size_t>(width) * sizeof(float);
  for (const auto& part : kQkv)  // before a width of the settings decides what is allocated
    if (const Tensor& from = theirs.at(attention_name(layer, part));
        from.shape != std::vector<std::int64_t>{width, width} || from.dtype != weights::DType::f32)
      throw DataError(fmt::format("{}: '{}' is {}, expected f32 [{}, {}]", where, attention_name(layer, part),
                                  from.describe(), width, width));
  std::vector<float> out(static_cast<std::size_t>(3 * width * width));
  for (int part = 0; part < 3; ++part) {
    const Tensor& from = theirs.at(attention_name(layer, kQkv[part]));
    for (std::int64_t row = 0; row < width; ++row) {
      const std::int64_t to = part * width + (part < 2 ? paired_row(row, head_width) : row);
      std::memcpy(out.data() + to * width, from.as<float>().data() + row * width, row_bytes);
    }
  }
  return Tensor::of({3 * width, width}, std::move(out));
}

void split_attention(const Tensor& joined, std::int64_t layer, const Config& config, TensorMap& out) {
  const std::int64_t width = config.width, head_width = width / config.heads;
  const auto row_bytes = static_cast<std::size_t>(width) * sizeof(float);
  for (int part = 0; part < 3; ++part) {
    std::vector<float> rows(static_cast<std::size_t>(width * width));
    for (std::int64_t row = 0; row < width; ++row) {
      const std::int64_t from = part * width + (part < 2 ? paired_row(row, head_width) : row);
      std::memcpy(rows.data() + row * width, joined.as<float>().data() + from * width, row_bytes);
    }
    out.insert(attention_name(layer, kQkv[part]), Tensor::of({width, width}, std::move(rows)));
  }
}

/// w = v · g / ‖v‖, the norm over all axes but the first (Salimans & Kingma 2016 §2).
Tensor fold(const Tensor& g, const Tensor& v, const std::string& name) {
  const std::int64_t rows = v.shape.empty() ? 0 : v.shape[0];
  if (rows < 1 || g.numel() != rows)
    throw DataError(fmt::format("'{}': {} scales for {}", name, g.numel(), v.describe()));
  const std::vector<float> scale = g.to_f32();
  std::vector<float> out = v.to_f32();
  const std::int64_t length = v.numel() / rows;
  for (std::int64_t row = 0; row < rows; ++row) {
    float* x = out.data() + row * length;
    double sum = 0;
    for (std::int64_t i = 0; i < length; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    const float factor = scale[static_cast<std::size_t>(row)] / static_cast<float>(std::sqrt(sum));
    for (std::int64_t i = 0; i < length; ++i) x[i] *= factor;
  }
  return Tensor::of(v.shape, std::move(out));
}

bool is_filter(const std::string& name) {
  return name.ends_with("upsample.filter") || name.ends_with("lowpass.filter");
}

/// Of a layer of w2v-BERT behind the last one that is used.
bool is_unused_layer(const std::string& name, std::int64_t used) {
  constexpr std::string_view kHead = "semantic_model.encoder.layers.";
  return name.starts_with(kHead) && std::atoll(name.c_str() + kHead.size()) >= used;
}

/// Our tensors with weight norm folded; everything else as it is.
TensorMap without_weight_norm(const TensorMap& ours) {
  TensorMap out;
  for (const auto& [name, tensor] : ours) {
    if (name.ends_with(".weight_g")) continue;
    if (!name.ends_with(".weight_v")) {
      out.insert(name, tensor);
      continue;
    }
    const std::string stem = name.substr(0, name.size() - 2);
    out.insert(stem, fold(ours.at(stem + "_g"), tensor, stem));
  }
  return out;
}

}  // namespace

std::string published_name(const std::string& given) {
  std::string name = given;
  if (name.ends_with(".act.bias")) name.replace(name.size() - 4, 4, "beta");
  if (!replace(name, ".parametrizations.weight.original0", ".weight_g"))
    replace(name, ".parametrizations.weight.original1", ".weight_v");
  return name;
}

std::string parametrized_name(const std::string& given) {
  std::string name = given;
  if (!name.starts_with("CodecEnc.")) return name;
  if (name.ends_with(".act.beta")) name.replace(name.size() - 4, 4, "bias");
  if (name.ends_with(".weight_g")) name.replace(name.size() - 9, 9, ".parametrizations.weight.original0");
  if (name.ends_with(".weight_v")) name.replace(name.size() - 9, 9, ".parametrizations.weight.original1");
  return name;
}

bool is_part_of_model(const std::string& name) {
  for (const std::string_view part :
       {"semantic_model.", "SemanticEncoder_module.", "CodecEnc.", "generator.", "fc_prior.", "fc_post_a."})
    if (name.starts_with(part)) return true;
  return false;
}

TensorMap from_transformers(const TensorMap& theirs, const Config& config, const std::string& where) {
  const auto list = prefixes(config);
  TensorMap out;
  for (const auto& [name, tensor] : theirs) {
    if (name.find(".self_attn.") != std::string::npos && name.starts_with("acoustic_decoder.") &&
        name.find("o_proj") == std::string::npos)
      continue;
    const Prefix* found = nullptr;
    for (const Prefix& prefix : list)
      if (name.starts_with(prefix.theirs)) found = &prefix;
    if (!found) throw DataError(fmt::format("{}: '{}' is no tensor of Xcodec2Model", where, name));
    out.insert(found->ours + name.substr(found->theirs.size()), tensor);
  }
  for (std::int64_t i = 0; i < config.layers; ++i)
    out.insert(fmt::format("generator.backbone.transformers.{}.att.c_attn.weight", i),
               joined_attention(theirs, i, config, where));
  return out;
}

TensorMap to_transformers(const TensorMap& ours, const Config& config) {
  const auto list = prefixes(config);
  TensorMap out;
  const TensorMap plain = without_weight_norm(ours);
  for (const auto& [name, tensor] : plain) {
    if (is_filter(name) || !is_part_of_model(name) || is_unused_layer(name, config.semantic_layers)) continue;
    if (name == "generator.head.istft.window" || name.find(".att.c_attn.") != std::string::npos) continue;
    for (const Prefix& prefix : list) {
      if (!name.starts_with(prefix.ours)) continue;
      out.insert(prefix.theirs + name.substr(prefix.ours.size()), tensor);
      break;
    }
  }
  for (std::int64_t i = 0; i < config.layers; ++i)
    split_attention(plain.at(fmt::format("generator.backbone.transformers.{}.att.c_attn.weight", i)), i, config, out);
  return out;
}

TensorMap folded(const TensorMap& ours, const Config& config) {
  TensorMap out;
  for (const auto& [name, tensor] : without_weight_norm(ours)) {
    if (!is_part_of_model(name) || is_unused_layer(name, config.semantic_layers)) continue;
    // Never read when coding, or (the window) made anew.
    if (name == "semantic_model.masked_spec_embed" || name == "generator.head.istft.window") continue;
    if (name.starts_with("generator.quantizer.") && !name.starts_with("generator.quantizer.project_")) continue;
    out.insert(name, tensor);
  }
  const Tensor filter = Tensor::of<float>({1, 1, 12}, resampling_filter());
  for (const std::string& name : out.names()) {
    if (!name.starts_with("CodecEnc.") || !name.ends_with(".act.alpha")) continue;
    const std::string stem = name.substr(0, name.size() - 9);
    for (const char* which : {"upsample.filter", "downsample.lowpass.filter"})
      if (!out.contains(stem + which)) out.insert(stem + which, filter);
  }
  return out;
}

namespace {

/// Extent `axis` of a tensor that must have `axes` axes.
std::int64_t extent(const TensorMap& ours, const std::string& name, std::size_t axis, std::size_t axes,
                    const std::string& where) {
  const Tensor* tensor = ours.find(name);
  if (!tensor) throw DataError(fmt::format("{}: no tensor '{}': not a whole X-Codec 2", where, name));
  if (tensor->shape.size() != axes)
    throw DataError(fmt::format("{}: '{}' is {}, expected {} axes", where, name, tensor->describe(), axes));
  return tensor->shape[axis];
}

/// How many names head + number + tail there are, from `first`.
std::int64_t count(const TensorMap& ours, const std::string& head, std::int64_t first, const std::string& tail) {
  std::int64_t n = 0;
  while (ours.contains(fmt::format("{}{}{}", head, first + n, tail))) ++n;
  return n;
}

}  // namespace

void read_sizes(Config& config, const TensorMap& ours, const std::string& where) {
  const std::string layers = "semantic_model.encoder.layers.", first = layers + "0.";
  const auto of = [&](const std::string& name, std::size_t axis, std::size_t axes) {
    return extent(ours, name, axis, axes, where);
  };
  config.semantic_width = of("semantic_model.feature_projection.projection.weight", 0, 2);
  const std::int64_t present = count(ours, layers, 0, ".final_layer_norm.weight");
  if (present < config.semantic_layers)
    throw DataError(fmt::format("{}: {} layers of w2v-BERT, {} are needed", where, present, config.semantic_layers));
  config.semantic_ffn = of(first + "ffn1.intermediate_dense.weight", 0, 2);
  const std::int64_t distances = of(first + "self_attn.distance_embedding.weight", 0, 2);
  config.semantic_heads =
      config.semantic_width / std::max<std::int64_t>(1, of(first + "self_attn.distance_embedding.weight", 1, 2));
  if (distances != config.left_distance + config.right_distance + 1) {
    // Only the sum shows; the share of the past is what w2v-BERT has.
    throw DataError(fmt::format("{}: {} relative keys, expected {} (left 64, right 8)", where, distances,
                                config.left_distance + config.right_distance + 1));
  }
  config.semantic_kernel = of(first + "conv_module.depthwise_conv.weight", 2, 3);
  const auto conv = [&](const std::string& stem) {
    return stem + (ours.contains(stem + "weight_v") ? "weight_v" : "weight");
  };
  config.acoustic_width = of(conv("CodecEnc.conv_blocks.0."), 0, 3);
  config.strides.clear();
  for (int i = 1; ours.contains(conv(fmt::format("CodecEnc.conv_blocks.{}.block.4.", i))); ++i)
    config.strides.push_back(of(conv(fmt::format("CodecEnc.conv_blocks.{}.block.4.", i)), 2, 3) / 2);
  config.width = of("fc_post_a.weight", 0, 2);
  const std::int64_t dims = of("generator.quantizer.project_in.weight", 0, 2);
  if (dims != static_cast<std::int64_t>(config.levels.size()))
    throw DataError(fmt::format("{}: a code has {} dimensions, expected {}", where, dims, config.levels.size()));
  config.layers = count(ours, "generator.backbone.transformers.", 0, ".att_norm.weight");
  if (config.layers > 0) config.ffn = of("generator.backbone.transformers.0.mlp.fc1.weight", 0, 2);
}

std::vector<float> resampling_filter() {
  constexpr int kTaps = 12;
  constexpr double kCutoff = 0.25, kHalfWidth = 0.3;
  // Kaiser's formulas: attenuation of a filter of that length and transition, and the window's parameter for it.
  const double attenuation = 2.285 * (kTaps / 2.0 - 1) * std::numbers::pi * 4 * kHalfWidth + 7.95;
  const double beta = 0.1102 * (attenuation - 8.7);
  const auto bessel = [](double x) { return std::cyl_bessel_i(0.0, x); };
  std::vector<double> taps;
  double sum = 0;
  for (int i = 0; i < kTaps; ++i) {
    const double at = 2.0 * i / (kTaps - 1) - 1, time = i - kTaps / 2 + 0.5;
    const double angle = 2 * kCutoff * time * std::numbers::pi;
    taps.push_back(2 * kCutoff * bessel(beta * std::sqrt(1 - at * at)) / bessel(beta) * std::sin(angle) / angle);
    sum += taps.back();
  }
  std::vector<float> out;
  for (const double tap : taps) out.push_back(static_cast<float>(tap / sum));
  return out;
}

}  // namespace timbre::xcodec2
