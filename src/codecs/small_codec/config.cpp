#include "codecs/small_codec/config.h"

#include "base/error.h"
#include "roles/network_folder.h"
#include "weights/fsq_codebook.h"

namespace timbre::small_codec {
namespace {

config::Fields fields_of(QuantiserOptions& o) {
  config::Fields f;
  f.add("codebooks", o.codebooks, "codes of a frame").range(1, 32);
  f.add("levels", o.levels, "values of each dimension of a codebook; their product is its size");
  f.add("dropout", o.dropout, "share of the training pieces that use fewer codebooks").range(0, 1);
  return f;
}

config::Fields fields_of(LossOptions& o) {
  config::Fields f;
  f.add("mel", o.mel, "weight of the distance of log-mels").range(0, 1000);
  f.add("convergence", o.convergence, "weight of spectral convergence").range(0, 1000);
  f.add("magnitude", o.magnitude, "weight of the distance of log-magnitudes").range(0, 1000);
  return f;
}

config::Fields fields_of(AdversarialOptions& o) {
  config::Fields f;
  f.add("first_step", o.first_step, "step from which discriminators play along; 0 = never").range(0, 100000000);
  f.add("weight", o.weight, "weight of being taken for real").range(0, 1000);
  f.add("features", o.features, "weight of the distance of the discriminators' features").range(0, 1000);
  f.add("widths", o.widths, "channels of the discriminators' layers");
  return f;
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("rate_hz", rate_hz, "samples a second").range(4000, 96000);
  f.add("fft_samples", fft_samples, "window of an inner frame").range(16, 65536);
  f.add("hop_samples", hop_samples, "samples of an inner frame; two of them are a frame of codes").range(8, 65536);
  f.add("mels", mels, "mel bands the encoder hears").range(4, 512);
  f.add("lookahead", lookahead, "inner frames that the encoder hears ahead").range(0, 100);
  f.add("encoder_width", encoder_width, "of the encoder").range(8, 4096);
  f.add("encoder_layers", encoder_layers, "blocks at the rate of codes").range(0, 64);
  f.add("encoder_fine", encoder_fine, "blocks at the rate of inner frames").range(0, 64);
  f.add("decoder_width", decoder_width, "of the decoder").range(8, 4096);
  f.add("decoder_layers", decoder_layers, "blocks at the rate of codes").range(0, 64);
  f.add("decoder_fine", decoder_fine, "blocks at the rate of inner frames").range(0, 64);
  f.add("kernel", kernel, "frames that a block looks back, itself included").range(1, 101);
  f.add("filter", filter, "inner width of a block, as a multiple").range(1, 16);
  f.group("quantiser", fields_of(quantiser), "what becomes codes");
  f.group("loss", fields_of(loss), "what counts as near");
  f.group("adversarial", fields_of(adversarial), "discriminators");
  f.group("pieces", batch::fields(pieces), "training pieces");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  return f;
}

std::int64_t Config::codebook_size() const { return weights::FsqCodebook(quantiser.levels).size(); }

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  if (fft_samples % 2 != 0 || hop_samples >= fft_samples || (fft_samples - hop_samples) % 2 != 0)
    out.push_back(
        fmt::format("--fft-samples {} and --hop-samples {}: the window must be even, longer than the hop and "
                    "differ from it by an even number",
                    fft_samples, hop_samples));
  if (pieces.samples % frame_samples() != 0)
    out.push_back(
        fmt::format("--pieces.samples {} is no multiple of a frame's {} samples", pieces.samples, frame_samples()));
  constexpr std::int64_t kReflected = 1024;  // half the longest window of the losses
  if (pieces.samples <= kReflected)
    out.push_back(
        fmt::format("--pieces.samples {}: more than {}, half the losses' longest window", pieces.samples, kReflected));
  if (adversarial.first_step > 0 && adversarial.widths.empty())
    out.push_back("--adversarial.widths: a discriminator needs a layer");
  try {
    if (codebook_size() > 65536)
      out.push_back(fmt::format("--quantiser.levels: a codebook of {} entries; at most 65536", codebook_size()));
  } catch (const UsageError& problem) {
    out.push_back(fmt::format("--quantiser.levels: {}", problem.what()));
  }
  return out;
}

void apply_small(Config& config) {
  const auto split = config.split;
  config = Config();
  config.split = split;
}

void apply_single(Config& config) {
  apply_small(config);
  config.quantiser = {.codebooks = 1, .levels = {8, 8, 8, 6, 5}, .dropout = 0};
}

void apply_debug(Config& config) {
  apply_small(config);
  config.encoder_width = config.decoder_width = 32;
  config.encoder_layers = config.encoder_fine = config.decoder_layers = config.decoder_fine = 1;
  config.quantiser.codebooks = 2;
  config.pieces.samples = 6400;
  config.adversarial.widths = {4, 8};
}

Config config_of(const nlohmann::json& about, const std::string& where) {
  Config config;
  roles::read_model(config, "small_codec", about, where);
  return config;
}

}  // namespace timbre::small_codec
