#include "codecs/hifigan/config.h"

#include <algorithm>
#include <functional>

#include "base/capped_product.h"
#include "base/error.h"
#include "base/strings.h"
#include "roles/network_folder.h"

namespace timbre::hifigan {
namespace {

config::Fields fields_of(GeneratorOptions& o) {
  config::Fields f;
  f.add("resblock", o.resblock, "residual blocks: 1 = two convolutions a dilation, 2 = one").choices({"1", "2"});
  f.add("channels", o.channels, "width behind the first convolution; every stage halves it").range(2, 8192);
  f.add("upsample_rates", o.upsample_rates, "samples made of one, stage by stage; their product is the hop");
  f.add("upsample_kernels", o.upsample_kernels, "lengths of the stages' transposed convolutions");
  f.add("kernels", o.kernels, "lengths of the convolutions of a stage's residual blocks (odd)");
  f.add("dilations", o.dilations, "dilations of each of these blocks, as 1-3-5").metavar("D-D-D");
  f.add("weight_norm", o.weight_norm, "false for a network whose weight norm was removed; it can only speak");
  return f;
}

config::Fields fields_of(LossOptions& o) {
  config::Fields f;
  f.add("mel", o.mel, "weight of the mean |difference| of log mels").range(0, 1e6);
  f.add("features", o.features, "weight of the distance of the discriminators' inner values").range(0, 1e6);
  f.add("f_max_hz", o.f_max_hz, "upper edge of the loss's mels; 0 = half the rate").range(0, 384000);
  return f;
}

config::Fields fields_of(DiscriminatorOptions& o) {
  config::Fields f;
  f.add("width", o.width, "factor on the published channels of the discriminators").range(0.001, 8);
  f.add("periods", o.periods, "periods in samples that are looked at, one discriminator each");
  f.add("scales", o.scales, "discriminators of scales: the waveform, its half rate …").range(1, 8);
  return f;
}

/// Samples of a frame; of any list.
std::int64_t hop_of(const std::vector<std::int64_t>& rates) { return capped_product(rates, 1 << 20); }

bool all_in(const std::vector<std::int64_t>& list, std::int64_t low, std::int64_t high) {
  return !list.empty() && std::all_of(list.begin(), list.end(), [&](auto x) { return x >= low && x <= high; });
}

void add_generator_problems(const GeneratorOptions& g, const audio::MelOptions& mel, std::vector<std::string>& out) {
  constexpr std::int64_t kMost = 4096;
  if (!all_in(g.upsample_rates, 1, kMost) || g.upsample_rates.size() > 12) {
    out.push_back("generator.upsample_rates: one to twelve whole numbers from 1 to 4096");
    return;
  }
  if (g.upsample_rates.size() != g.upsample_kernels.size()) {
    out.push_back(fmt::format("generator.upsample_rates has {} stages, generator.upsample_kernels {}",
                              g.upsample_rates.size(), g.upsample_kernels.size()));
    return;
  }
  for (std::size_t i = 0; i < g.upsample_rates.size(); ++i) {
    const std::int64_t u = g.upsample_rates[i], k = g.upsample_kernels[i];
    if (k < u || (k - u) % 2 != 0 || k > kMost)
      out.push_back(fmt::format(
          "generator.upsample_kernels: {} for the rate {}: a kernel is at least its rate and both are odd or both even",
          k, u));
  }
  if (hop_of(g.upsample_rates) != mel.hop_samples)
    out.push_back(fmt::format("generator.upsample_rates make {} samples of a frame, mel.hop_samples is {}",
                              hop_of(g.upsample_rates), mel.hop_samples));
  if (g.channels >> g.upsample_rates.size() < 1)
    out.push_back(fmt::format("generator.channels {} cannot be halved {} times", g.channels, g.upsample_rates.size()));
  if (!all_in(g.kernels, 1, kMost) ||
      std::any_of(g.kernels.begin(), g.kernels.end(), [](auto k) { return k % 2 == 0; }))
    out.push_back("generator.kernels: odd whole numbers");
  if (g.kernels.size() != g.dilations.size())
    out.push_back(
        fmt::format("generator.kernels names {} blocks, generator.dilations {}", g.kernels.size(), g.dilations.size()));
  for (const std::string& list : g.dilations) {
    const auto parts = split(list, '-');
    for (const auto& part : parts) {
      const auto number = parse_int(part);
      if (!number || *number < 1 || *number > kMost) {
        out.push_back(fmt::format("generator.dilations: '{}' is no list like 1-3-5", list));
        break;
      }
    }
  }
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.group("generator", fields_of(generator), "Generator");
  f.group("mel", audio::fields(mel), "The mels it takes");
  f.group("loss", fields_of(loss), "What training weighs");
  f.group("discriminators", fields_of(discriminators), "Discriminators");
  f.group("fine_tune", batch::fields(fine_tune), "Mels of an acoustic model");
  config::Fields own;
  own.add("valid_pieces", valid_pieces, "pieces of validation, evenly from all that are held out").range(1, 1 << 20);
  f.group("", own, "Data");
  f.group("segments", batch::fields(segments), "Training pieces");
  f.group("split", corpus::fields(split), "Training, validation and test sides");
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out = audio::validate(mel);
  add_generator_problems(generator, mel, out);
  if (!out.empty()) return out;
  if (segments.samples % mel.hop_samples != 0)
    out.push_back(fmt::format("segments.samples {} is not a multiple of mel.hop_samples {}: take {}", segments.samples,
                              mel.hop_samples, (segments.samples / mel.hop_samples + 1) * mel.hop_samples));
  if (segments.samples <= mel.fft_samples)
    out.push_back(
        fmt::format("segments.samples {} is not longer than mel.fft_samples {}", segments.samples, mel.fft_samples));
  if (!all_in(discriminators.periods, 2, segments.samples - 1))
    out.push_back(
        fmt::format("discriminators.periods: whole numbers from 2 to less than segments.samples {}", segments.samples));
  if (const std::string wrong = batch::problem(fine_tune); !wrong.empty()) out.push_back(wrong);
  return out;
}

std::vector<std::int64_t> Config::dilations_of(std::size_t block) const {
  std::vector<std::int64_t> list;
  const auto parts = timbre::split(generator.dilations.at(block), '-');
  for (const auto& part : parts) list.push_back(parse_int(part).value());
  return list;
}

audio::MelOptions Config::loss_mel() const {
  audio::MelOptions out = mel;
  out.f_max_hz = loss.f_max_hz;
  return out;
}

Config::Context Config::context() const {
  const GeneratorOptions& g = generator;
  // The samples of frame 0 are [0, hop - 1]; walk back through the layers to the frames they need.
  std::int64_t first = -3, last = mel.hop_samples - 1 + 3;  // conv_post, 7 taps
  std::int64_t reach = 0;
  for (std::size_t b = 0; b < g.kernels.size(); ++b) {
    std::int64_t radius = 0;
    const auto list = dilations_of(b);
    for (const std::int64_t d : list) radius += (g.kernels[b] - 1) / 2 * (d + (g.resblock == "1" ? 1 : 0));
    reach = std::max(reach, radius);
  }
  const auto floor_div = [](std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); };
  for (std::size_t i = g.upsample_rates.size(); i-- > 0;) {
    const std::int64_t u = g.upsample_rates[i], k = g.upsample_kernels[i], pad = (k - u) / 2;
    first -= reach;
    last += reach;
    // Output n is made of the inputs i with 0 ≤ n + pad - i·u < k.
    first = floor_div(first + pad - k + u, u);
    last = floor_div(last + pad, u);
  }
  return {-(first - 3), last + 3};  // conv_pre, 7 taps
}

std::int64_t Config::context_frames() const {
  const Context around = context();
  return std::max(around.before, around.after);
}

void apply_v1(Config& config) {
  const auto split = config.split;
  config = Config();
  config.split = split;
}

void apply_v2(Config& config) {
  apply_v1(config);
  config.generator.channels = 128;
}

void apply_v3(Config& config) {
  apply_v1(config);
  config.generator.resblock = "2";
  config.generator.channels = 256;
  config.generator.upsample_rates = {8, 8, 4};
  config.generator.upsample_kernels = {16, 16, 8};
  config.generator.kernels = {3, 5, 7};
  config.generator.dilations = {"1-2", "2-6", "3-12"};
}

void apply_small(Config& config) {
  apply_v2(config);
  config.mel.rate_hz = 16000;
  config.mel.hop_samples = 200;
  config.mel.window_samples = 800;
  config.generator.upsample_rates = {5, 5, 4, 2};
  config.generator.upsample_kernels = {11, 11, 8, 4};
  config.discriminators.width = 0.25;
  config.segments.samples = 8000;
}

void apply_debug(Config& config) {
  apply_small(config);
  config.generator.channels = 16;
  config.generator.kernels = {3, 5};
  config.generator.dilations = {"1-3-5", "1-3-5"};
  config.mel.mels = 20;
  config.discriminators = {.width = 0.02, .periods = {2, 3}, .scales = 2};
  config.segments.samples = 2000;
  config.valid_pieces = 4;
}

nlohmann::json about_network(const Config& config) {
  return {{"model", roles::about_model("hifigan", config)}, {"purpose", "makes mel spectrograms audible"}};
}

Config config_of(const nlohmann::json& about, const std::string& where) {
  Config config;
  roles::read_model(config, "hifigan", about, where);
  return config;
}

}  // namespace timbre::hifigan
