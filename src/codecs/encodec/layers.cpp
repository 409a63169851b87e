#include "codecs/encodec/layers.h"

#include <cmath>

#include "base/cpu_levels.h"
#include "base/error.h"
#include "kernels/vectors-inl.h"

namespace timbre::encodec {
namespace {

using weights::TensorMap;

constexpr double kNormEps = 1e-5;  // torch's default
constexpr std::int64_t kLanes = 16;

using kernels::inl::V16;
using kernels::inl::V8;
using D8 = double __attribute__((vector_size(64)));

/// Σ (x − mean), or of its squares, in double precision.
TIMBRE_INLINE double sum_of_body(const float* x, std::int64_t n, double mean, bool squared) {
  D8 sums = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const D8 d = __builtin_convertvector(kernels::inl::load<V8>(x + i), D8) - mean;
    sums += squared ? d * d : d;
  }
  double sum = 0;
  for (int lane = 0; lane < 8; ++lane) sum += sums[lane];
  for (; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean;
    sum += squared ? d * d : d;
  }
  return sum;
}
TIMBRE_FOR_EACH_CPU(double, sum_of, (const float* x, std::int64_t n, double mean, bool squared), (x, n, mean, squared))

TIMBRE_INLINE void scale_rows_body(float* x, std::int64_t rows, std::int64_t channels, const float* scale,
                                   const float* offset) {
  for (std::int64_t t = 0; t < rows; ++t, x += channels) {
    std::int64_t c = 0;
    for (; c + 16 <= channels; c += 16)
      kernels::inl::store(x + c, V16(kernels::inl::load<V16>(x + c) * kernels::inl::load<V16>(scale + c) +
                                     kernels::inl::load<V16>(offset + c)));
    for (; c < channels; ++c) x[c] = x[c] * scale[c] + offset[c];
  }
}
TIMBRE_FOR_EACH_CPU(void, scale_rows,
                    (float* x, std::int64_t rows, std::int64_t channels, const float* scale, const float* offset),
                    (x, rows, channels, scale, offset))

const weights::Tensor& tensor(const TensorMap& map, const std::string& name, const std::vector<std::int64_t>& shape,
                              const std::string& where) {
  const weights::Tensor* found = map.find(name);
  if (!found) throw DataError(fmt::format("{}: no tensor '{}'", where, name));
  if (found->shape != shape)
    throw DataError(fmt::format("{}: {} is {}, expected {}", where, name, weights::shape_text(found->shape),
                                weights::shape_text(shape)));
  return *found;
}

std::vector<float> numbers(const TensorMap& map, const std::string& name, const std::vector<std::int64_t>& shape,
                           const std::string& where) {
  std::vector<float> values = tensor(map, name, shape, where).to_f32();
  for (const float v : values)
    if (!std::isfinite(v)) throw DataError(fmt::format("{}: {} holds NaN or infinity", where, name));
  return values;
}

std::optional<GroupNorm> norm_of(const TensorMap& map, const std::string& name, std::int64_t channels,
                                 const std::string& where) {
  if (!map.contains(name + ".norm.weight")) return std::nullopt;
  return GroupNorm{numbers(map, name + ".norm.weight", {channels}, where),
                   numbers(map, name + ".norm.bias", {channels}, where)};
}

kernels::Lstm lstm_of(const TensorMap& map, const std::string& name, std::int64_t layer, std::int64_t width,
                      const std::string& where) {
  const auto part = [&](const char* what, const std::vector<std::int64_t>& shape) {
    return numbers(map, fmt::format("{}.{}_l{}", name, what, layer), shape, where);
  };
  return {part("weight_ih", {4 * width, width}),
          part("weight_hh", {4 * width, width}),
          part("bias_ih", {4 * width}),
          part("bias_hh", {4 * width}),
          width,
          width};
}

/// Puts layers one behind the other, counting as the reference's Sequential does.
class Builder {
 public:
  Builder(const Config& config, const TensorMap& map, const std::string& where, const char* half)
      : config_(config), map_(map), where_(where), half_(half) {}

  void convolution(const Convolution::Sizes& sizes, bool elu) {
    Layer& layer = next(Layer::Kind::convolution, sizes.inputs, sizes.outputs, elu);
    layer.convolution = Convolution(map_, name(layer, "conv"), sizes, where_);
  }
  void upsampling(std::int64_t inputs, std::int64_t ratio) {
    Layer& layer = next(Layer::Kind::upsampling, inputs, inputs / 2, true);
    layer.upsampling =
        Upsampling(map_, name(layer, "convtr"),
                   {.inputs = inputs, .outputs = inputs / 2, .taps = 2 * ratio, .stride = ratio}, where_);
  }
  void lstm(std::int64_t width) {
    if (config_.lstm_layers == 0) return;
    Layer& layer = next(Layer::Kind::lstm, width, width, false);
    for (std::int64_t i = 0; i < config_.lstm_layers; ++i)
      layer.lstm.push_back(lstm_of(map_, name(layer, "lstm"), i, width, where_));
  }
  void residuals(std::int64_t width) {
    std::int64_t dilation = 1;
    for (std::int64_t j = 0; j < config_.residual_layers; ++j, dilation *= config_.dilation_base) {
      Layer& layer = next(Layer::Kind::residual, width, width, false);
      const std::int64_t inner = width / config_.compress;
      layer.convolution = Convolution(
          map_, name(layer, "block.1.conv"),
          {.inputs = width, .outputs = inner, .taps = config_.residual_kernel, .dilation = dilation}, where_);
      layer.widen = Convolution(map_, name(layer, "block.3.conv"), {.inputs = inner, .outputs = width}, where_);
      layer.shortcut = Convolution(map_, name(layer, "shortcut.conv"), {.inputs = width, .outputs = width}, where_);
    }
  }
  std::vector<Layer> take() { return std::move(layers_); }

 private:
  Layer& next(Layer::Kind kind, std::int64_t inputs, std::int64_t outputs, bool elu) {
    at_ += elu ? 2 : 1;
    layers_.push_back({.kind = kind, .at = at_ - 1, .elu = elu, .inputs = inputs, .outputs = outputs});
    return layers_.back();
  }
  std::string name(const Layer& layer, const char* part) const {
    return fmt::format("{}.model.{}.{}", half_, layer.at, part);
  }
  const Config& config_;
  const TensorMap& map_;
  const std::string& where_;
  const char* half_;
  std::int64_t at_ = 0;
  std::vector<Layer> layers_;
};

/// One row of windows more channels wide: `group` outputs of consecutive rows from taps + group − 1 rows.
std::vector<float> grouped(const std::vector<float>& weights_OIK, const Convolution::Sizes& sizes, std::int64_t group) {
  const std::int64_t taps = sizes.taps + group - 1;
  std::vector<float> out(static_cast<std::size_t>(group * sizes.outputs * taps * sizes.inputs), 0.0f);
  for (std::int64_t g = 0; g < group; ++g)
    for (std::int64_t o = 0; o < sizes.outputs; ++o)
      for (std::int64_t k = 0; k < sizes.taps; ++k)
        for (std::int64_t i = 0; i < sizes.inputs; ++i)
          out[static_cast<std::size_t>(((g * sizes.outputs + o) * taps + k + g) * sizes.inputs + i)] =
              weights_OIK[static_cast<std::size_t>((o * sizes.inputs + i) * sizes.taps + k)];
  return out;
}

std::vector<float> repeated(const std::vector<float>& values, std::int64_t times) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < times; ++i) out.insert(out.end(), values.begin(), values.end());
  return out;
}

}  // namespace

Folded folded(const TensorMap& map, const std::string& name, const std::vector<std::int64_t>& shape,
              std::int64_t outputs, const std::string& where) {
  Folded out;
  out.bias = numbers(map, name + ".bias", {outputs}, where);
  if (!map.contains(name + ".weight_v")) {
    out.weight = numbers(map, name + ".weight", shape, where);
    return out;
  }
  out.weight = numbers(map, name + ".weight_v", shape, where);
  const std::vector<float> gain = numbers(map, name + ".weight_g", {shape[0], 1, 1}, where);
  const std::size_t each = out.weight.size() / gain.size();
  for (std::size_t row = 0; row < gain.size(); ++row) {
    double squares = 0;
    for (std::size_t i = 0; i < each; ++i) {
      const double v = out.weight[row * each + i];
      squares += v * v;
    }
    if (squares == 0) throw DataError(fmt::format("{}: row {} of {}.weight_v is all zeros", where, row, name));
    const double factor = static_cast<double>(gain[row]) / std::sqrt(squares);
    for (std::size_t i = 0; i < each; ++i)
      out.weight[row * each + i] = static_cast<float>(static_cast<double>(out.weight[row * each + i]) * factor);
  }
  return out;
}

void GroupNorm::apply(float* x_TC, std::int64_t rows) const {
  const auto channels = static_cast<std::int64_t>(gain_C.size());
  const std::int64_t n = rows * channels;
  if (n == 0) return;
  const double mean = sum_of(x_TC, n, 0, false) / static_cast<double>(n);
  const double factor = 1 / std::sqrt(sum_of(x_TC, n, mean, true) / static_cast<double>(n) + kNormEps);
  std::vector<float> scale(gain_C.size()), offset(gain_C.size());
  for (std::size_t c = 0; c < gain_C.size(); ++c) {
    scale[c] = static_cast<float>(factor * static_cast<double>(gain_C[c]));
    offset[c] = static_cast<float>(static_cast<double>(shift_C[c]) - mean * factor * static_cast<double>(gain_C[c]));
  }
  scale_rows(x_TC, rows, channels, scale.data(), offset.data());
}

void pad_reflecting(Rows& x, Padding padding) {
  const std::int64_t most = std::max(padding.left, padding.right),
                     short_of = std::max<std::int64_t>(0, most + 1 - x.count());
  x.append_zeros(short_of);
  const std::int64_t length = x.count(), channels = x.channels();
  const auto bytes = sizeof(float) * static_cast<std::size_t>(channels);
  x.append(padding.left + padding.right);
  std::memmove(x.row(padding.left), x.data(), bytes * static_cast<std::size_t>(length));
  for (std::int64_t i = 0; i < padding.left; ++i) std::memcpy(x.row(i), x.row(2 * padding.left - i), bytes);
  const std::int64_t end = padding.left + length;
  for (std::int64_t i = 0; i < padding.right; ++i) std::memcpy(x.row(end + i), x.row(end - 2 - i), bytes);
  x.drop_back(short_of);
}

Convolution::Convolution(const TensorMap& map, const std::string& name, const Sizes& sizes, const std::string& where)
    : sizes_(sizes), norm_(norm_of(map, name, sizes.outputs, where)) {
  Folded w = folded(map, name + ".conv", {sizes.outputs, sizes.inputs, sizes.taps}, sizes.outputs, where);
  if (sizes.dilation > 1) {
    packed_ = kernels::Packed(w.weight, w.bias, sizes.outputs, sizes.inputs, sizes.taps);
    return;
  }
  // A window of rows lies in one piece of memory, so the convolution is a product with overlapping rows.
  if (sizes.stride == 1 && sizes.outputs <= kLanes / 4 && sizes.inputs >= kLanes / 4) group_ = kLanes / sizes.outputs;
  const std::int64_t taps = sizes.taps + group_ - 1, rows = sizes.outputs * group_;
  if (group_ == 1) {  // [O, I, K] → [O, K · I]
    std::vector<float> flat(w.weight.size());
    for (std::int64_t o = 0; o < rows; ++o)
      for (std::int64_t i = 0; i < sizes.inputs; ++i)
        for (std::int64_t k = 0; k < taps; ++k)
          flat[static_cast<std::size_t>((o * taps + k) * sizes.inputs + i)] =
              w.weight[static_cast<std::size_t>((o * sizes.inputs + i) * taps + k)];
    w.weight = std::move(flat);
  } else {
    w.weight = grouped(w.weight, sizes, group_);
    w.bias = repeated(w.bias, group_);
  }
  packed_ = kernels::Packed(w.weight, w.bias, rows, taps * sizes.inputs);
}

void Convolution::run(Rows& x, std::int64_t count, Rows& y, const kernels::Finish& finish) const {
  if (count <= 0) return;
  if (sizes_.dilation > 1) {
    kernels::conv1d(x.data(), (count - 1) * sizes_.stride + reach(), packed_,
                    {.dilation = sizes_.dilation, .stride = sizes_.stride}, y.append(count), finish);
    return;
  }
  if (group_ == 1) {
    kernels::linear(x.data(), count, packed_, y.append(count), finish, sizes_.stride * sizes_.inputs);
    return;
  }
  // The last group reaches beyond the rows there are; what it makes of them is cut off again.
  const std::int64_t groups = (count + group_ - 1) / group_, missing = groups * group_ + reach() - 1 - x.count();
  if (missing > 0) x.append_zeros(missing);
  kernels::linear(x.data(), groups, packed_, y.append(groups * group_), finish, group_ * sizes_.inputs);
  if (missing > 0) x.drop_back(missing);
  y.drop_back(groups * group_ - count);
}

Upsampling::Upsampling(const TensorMap& map, const std::string& name, const Convolution::Sizes& sizes,
                       const std::string& where)
    : sizes_(sizes),
      history_((sizes.taps + sizes.stride - 1) / sizes.stride - 1),
      norm_(norm_of(map, name, sizes.outputs, where)) {
  const Folded w = folded(map, name + ".convtr", {sizes.inputs, sizes.outputs, sizes.taps}, sizes.outputs, where);
  const std::int64_t taps = history_ + 1, rows = sizes.stride * sizes.outputs;
  // y[t · stride + p] = Σ_j x[t − j] · w[p + j · stride]: row t − j is tap taps − 1 − j.
  std::vector<float> flat(static_cast<std::size_t>(rows * taps * sizes.inputs), 0.0f);
  for (std::int64_t p = 0; p < sizes.stride; ++p)
    for (std::int64_t o = 0; o < sizes.outputs; ++o)
      for (std::int64_t j = 0; j < taps && p + j * sizes.stride < sizes.taps; ++j)
        for (std::int64_t i = 0; i < sizes.inputs; ++i)
          flat[static_cast<std::size_t>(((p * sizes.outputs + o) * taps + taps - 1 - j) * sizes.inputs + i)] =
              w.weight[static_cast<std::size_t>((i * sizes.outputs + o) * sizes.taps + p + j * sizes.stride)];
  packed_ = kernels::Packed(flat, repeated(w.bias, sizes.stride), rows, taps * sizes.inputs);
}

void Upsampling::run(const Rows& x, Rows& y) const {
  const std::int64_t rows = x.count() - history_;
  if (rows > 0) kernels::linear(x.data(), rows, packed_, y.append(rows * sizes_.stride), {}, sizes_.inputs);
}

std::vector<Layer> encoder_layers(const Config& config, const TensorMap& map, const std::string& where) {
  Builder build(config, map, where, "encoder");
  std::int64_t width = config.filters;
  build.convolution({.inputs = config.channels, .outputs = width, .taps = config.kernel}, false);
  for (auto ratio = config.ratios.rbegin(); ratio != config.ratios.rend(); ++ratio, width *= 2) {
    build.residuals(width);
    build.convolution({.inputs = width, .outputs = 2 * width, .taps = 2 * *ratio, .stride = *ratio}, true);
  }
  build.lstm(width);
  build.convolution({.inputs = width, .outputs = config.dimension, .taps = config.last_kernel}, true);
  return build.take();
}

std::vector<Layer> decoder_layers(const Config& config, const TensorMap& map, const std::string& where) {
  Builder build(config, map, where, "decoder");
  std::int64_t width = config.filters << config.ratios.size();
  build.convolution({.inputs = config.dimension, .outputs = width, .taps = config.kernel}, false);
  build.lstm(width);
  for (const std::int64_t ratio : config.ratios) {
    build.upsampling(width, ratio);
    width /= 2;
    build.residuals(width);
  }
  build.convolution({.inputs = width, .outputs = config.channels, .taps = config.last_kernel}, true);
  return build.take();
}

}  // namespace timbre::encodec
