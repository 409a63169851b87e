#include "codecs/hifigan/files.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "weights/torch_file.h"

namespace timbre::hifigan {
namespace {

using nlohmann::ordered_json;
using weights::Value;

/// torch.nn.utils.parametrizations' names beside torch.nn.utils.weight_norm's.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {".parametrizations.weight.original0", ".weight_g"}, {".parametrizations.weight.original1", ".weight_v"}};

template <class T>
void take(const ordered_json& from, const char* key, T& to, const std::string& where) {
  const auto found = from.find(key);
  if (found == from.end()) return;
  try {
    to = found->get<T>();
  } catch (const nlohmann::json::exception&) {
    throw DataError(fmt::format("{}: '{}' is {}, which cannot be used", where, key, found->dump()));
  }
}

/// null = half the rate, 0 with us.
void take_edge(const ordered_json& from, const char* key, double& to, const std::string& where) {
  if (const auto found = from.find(key); found != from.end() && found->is_null())
    to = 0;
  else
    take(from, key, to, where);
}

ordered_json number_or_null(double value) {
  if (value == 0) return nullptr;
  if (value == static_cast<double>(static_cast<std::int64_t>(value))) return static_cast<std::int64_t>(value);
  return value;
}

ordered_json plain_number(double value) { return value == 0 ? ordered_json(0) : number_or_null(value); }

ordered_json upstream_defaults() {
  return {{"resblock", "1"},
          {"num_gpus", 0},
          {"batch_size", 16},
          {"learning_rate", 0.0002},
          {"adam_b1", 0.8},
          {"adam_b2", 0.99},
          {"lr_decay", 0.999},
          {"seed", 1234},
          {"upsample_rates", nullptr},
          {"upsample_kernel_sizes", nullptr},
          {"upsample_initial_channel", nullptr},
          {"resblock_kernel_sizes", nullptr},
          {"resblock_dilation_sizes", nullptr},
          {"segment_size", nullptr},
          {"num_mels", nullptr},
          {"num_freq", nullptr},
          {"n_fft", nullptr},
          {"hop_size", nullptr},
          {"win_size", nullptr},
          {"sampling_rate", nullptr},
          {"fmin", nullptr},
          {"fmax", nullptr},
          {"fmax_for_loss", nullptr},
          {"num_workers", 4},
          {"dist_config", {{"dist_backend", "nccl"}, {"dist_url", "tcp://localhost:54321"}, {"world_size", 1}}}};
}

std::string our_name(std::string name, bool& newer) {
  if (name.starts_with("module.")) name.erase(0, 7);
  for (const auto& [theirs, ours] : kSpellings)
    if (name.ends_with(theirs)) {
      newer = true;
      return name.substr(0, name.size() - theirs.size()).append(ours);
    }
  return name;
}

std::string their_name(const std::string& name, const std::string& spelling) {
  if (spelling != "original0") return name;
  for (const auto& [theirs, ours] : kSpellings)
    if (name.ends_with(ours)) return name.substr(0, name.size() - ours.size()).append(theirs);
  return name;
}

/// A layer's tensors in torch's order.
void add_layer(std::vector<NamedShape>& out, const std::string& name, std::vector<std::int64_t> weight,
               std::int64_t bias, bool weight_norm) {
  std::vector<std::int64_t> gain(weight.size(), 1);
  gain[0] = weight[0];
  out.push_back({name + ".bias", {bias}});
  if (!weight_norm) {
    out.push_back({name + ".weight", std::move(weight)});
    return;
  }
  out.push_back({name + ".weight_g", std::move(gain)});
  out.push_back({name + ".weight_v", std::move(weight)});
}

}  // namespace

Config config_of_upstream(const ordered_json& up, const std::string& where) {
  if (!up.is_object()) throw DataError(fmt::format("{}: no JSON object", where));
  Config config;
  GeneratorOptions& g = config.generator;
  if (const auto kind = up.find("resblock"); kind != up.end() && kind->is_number_integer())
    g.resblock = kind->dump();  // some forks write the number
  else
    take(up, "resblock", g.resblock, where);
  take(up, "upsample_rates", g.upsample_rates, where);
  take(up, "upsample_kernel_sizes", g.upsample_kernels, where);
  take(up, "upsample_initial_channel", g.channels, where);
  take(up, "resblock_kernel_sizes", g.kernels, where);
  std::vector<std::vector<std::int64_t>> dilations;
  take(up, "resblock_dilation_sizes", dilations, where);
  if (!dilations.empty()) g.dilations.clear();
  // Upstream's blocks take three dilations (resblock 1) or two (2), whatever else the list holds.
  const std::size_t used = g.resblock == "1" ? 3 : 2;
  for (auto& list : dilations) {
    if (list.size() < used)
      throw DataError(fmt::format("{}: 'resblock_dilation_sizes' has {} dilations of a block; resblock {} needs {}",
                                  where, list.size(), g.resblock, used));
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < used; ++i) parts.push_back(std::to_string(list[i]));
    g.dilations.push_back(join(parts, "-"));
  }
  take(up, "segment_size", config.segments.samples, where);
  take(up, "num_mels", config.mel.mels, where);
  take(up, "n_fft", config.mel.fft_samples, where);
  take(up, "hop_size", config.mel.hop_samples, where);
  take(up, "win_size", config.mel.window_samples, where);
  take(up, "sampling_rate", config.mel.rate_hz, where);
  take(up, "fmin", config.mel.f_min_hz, where);
  take_edge(up, "fmax", config.mel.f_max_hz, where);
  take_edge(up, "fmax_for_loss", config.loss.f_max_hz, where);
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
  return config;
}

ordered_json upstream_config(const Config& config, const ordered_json& base) {
  ordered_json up = base.is_object() ? base : upstream_defaults();
  const GeneratorOptions& g = config.generator;
  const auto set = [&](const char* key, ordered_json value) {
    // A number that says the same keeps the spelling of the file it came from (8000 and 8000.0).
    if (!up.contains(key) || up[key] != value) up[key] = std::move(value);
  };
  set("resblock", g.resblock);
  set("upsample_rates", g.upsample_rates);
  set("upsample_kernel_sizes", g.upsample_kernels);
  set("upsample_initial_channel", g.channels);
  set("resblock_kernel_sizes", g.kernels);
  std::vector<std::vector<std::int64_t>> dilations;
  for (std::size_t b = 0; b < g.dilations.size(); ++b) dilations.push_back(config.dilations_of(b));
  set("resblock_dilation_sizes", dilations);
  set("segment_size", config.segments.samples);
  set("num_mels", config.mel.mels);
  if (!up.contains("num_freq") || up["num_freq"].is_null()) up["num_freq"] = config.mel.fft_samples + 1;
  set("n_fft", config.mel.fft_samples);
  set("hop_size", config.mel.hop_samples);
  set("win_size", config.mel.window_samples);
  set("sampling_rate", config.mel.rate_hz);
  set("fmin", plain_number(config.mel.f_min_hz));
  set("fmax", number_or_null(config.mel.f_max_hz));
  set("fmax_for_loss", number_or_null(config.loss.f_max_hz));
  return up;
}

GeneratorFile read_generator_file(const fs::path& path) {
  const Value root = weights::read_torch(path);
  GeneratorFile file;
  const Value* state = root.find("generator");
  file.bare = state == nullptr;
  if (!state) state = &root;
  if (!state->is_dict())
    throw DataError(fmt::format("{}: no generator in it", path.string()), "timbre info shows what the file holds");
  bool newer = false, normed = false;
  for (const auto& [key, value] : state->as_dict()) {
    if (!key.is_text() || !value.is_tensor()) continue;
    std::string name = our_name(key.as_text(), newer);
    normed = normed || name.ends_with(".weight_g");
    file.tensors.insert(std::move(name), value.as_tensor());
  }
  if (!file.tensors.find("conv_pre.bias"))
    throw DataError(fmt::format("{}: no HiFi-GAN generator (conv_pre.bias is missing)", path.string()),
                    "timbre info shows what the file holds");
  file.weight_norm = normed;
  if (newer) file.spelling = "original0";
  return file;
}

void write_generator_file(const fs::path& path, const GeneratorFile& file) {
  weights::TensorMap renamed;
  for (const auto& [name, tensor] : file.tensors) renamed.insert(their_name(name, file.spelling), tensor);
  const Value state = Value::state_dict(renamed);
  weights::write_torch_zip(path, file.bare ? state : Value::dict({{"generator", state}}));
}

std::vector<NamedShape> generator_shapes(const Config& config) {
  const GeneratorOptions& g = config.generator;
  std::vector<NamedShape> out;
  add_layer(out, "conv_pre", {g.channels, config.mel.mels, 7}, g.channels, g.weight_norm);
  for (std::size_t i = 0; i < g.upsample_rates.size(); ++i)
    add_layer(out, fmt::format("ups.{}", i), {g.channels >> i, g.channels >> (i + 1), g.upsample_kernels[i]},
              g.channels >> (i + 1), g.weight_norm);
  std::int64_t width = g.channels;
  for (std::size_t i = 0; i < g.upsample_rates.size(); ++i) {
    width = g.channels >> (i + 1);
    for (std::size_t b = 0; b < g.kernels.size(); ++b) {
      const std::string block = fmt::format("resblocks.{}.", i * g.kernels.size() + b);
      const std::size_t dilations = config.dilations_of(b).size();
      for (const char* list : {"convs1", "convs2"}) {
        if (g.resblock == "2" && std::string_view(list) == "convs2") break;
        for (std::size_t d = 0; d < dilations; ++d)
          add_layer(out, fmt::format("{}{}.{}", block, g.resblock == "1" ? list : "convs", d),
                    {width, width, g.kernels[b]}, width, g.weight_norm);
      }
    }
  }
  add_layer(out, "conv_post", {1, width, 7}, 1, g.weight_norm);
  return out;
}

void expect_generator(const weights::TensorMap& tensors, const Config& config, const std::string& where) {
  const auto wanted = generator_shapes(config);
  for (const auto& [name, shape] : wanted) {
    const weights::Tensor* found = tensors.find(name);
    if (!found)
      throw DataError(fmt::format("{}: '{}' {} is missing: these are other sizes than those of the config", where, name,
                                  weights::shape_text(shape)),
                      "give the config.json the checkpoint was trained with (--set config=FILE)");
    if (found->shape != shape)
      throw DataError(fmt::format("{}: '{}' is {}, the config says {}", where, name, weights::shape_text(found->shape),
                                  weights::shape_text(shape)),
                      "give the config.json the checkpoint was trained with (--set config=FILE)");
  }
  if (tensors.size() > wanted.size()) {
    for (const auto& [name, tensor] : tensors)
      if (std::none_of(wanted.begin(), wanted.end(), [&](const auto& one) { return one.name == name; }))
        throw DataError(fmt::format("{}: '{}' belongs to no generator of this config", where, name));
  }
}

std::optional<std::int64_t> steps_of(const fs::path& file) {
  const std::string name = file.filename().string();
  const auto cut = name.find('_');
  if (cut == std::string::npos || cut + 1 == name.size()) return std::nullopt;
  return parse_int(name.substr(cut + 1));
}

fs::path newest(const fs::path& folder, const std::string& prefix) {
  fs::path best;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const auto steps = steps_of(entry.path());
    if (steps && (best.empty() || *steps > steps_of(best).value())) best = entry.path();
  }
  return best;
}

Value fresh_adamw(std::int64_t parameters, double lr) {
  Value::List positions;
  for (std::int64_t i = 0; i < parameters; ++i) positions.push_back(i);
  const Value group = Value::dict({{"lr", lr},
                                   {"betas", Value::tuple({0.8, 0.99})},
                                   {"eps", 1e-8},
                                   {"weight_decay", 0.01},
                                   {"amsgrad", false},
                                   {"initial_lr", lr},
                                   {"params", Value::list(std::move(positions))}});
  return Value::dict({{"state", Value::dict()}, {"param_groups", Value::list({group})}});
}

std::vector<std::string> parameters_of(const Value& state_dict) {
  std::vector<std::string> names;
  for (const auto& [key, value] : state_dict.as_dict()) {
    const std::string& name = key.as_text();
    // A spectral norm's weight_v is one-dimensional and a buffer, a weight norm's is not.
    const bool buffer = name.ends_with(".weight_u") ||
                        (name.ends_with(".weight_v") && value.is_tensor() && value.as_tensor().shape.size() == 1);
    if (!buffer) names.push_back(name);
  }
  return names;
}

}  // namespace timbre::hifigan
