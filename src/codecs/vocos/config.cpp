#include "codecs/vocos/config.h"

#include <algorithm>

#include "base/error.h"
#include "roles/network_folder.h"

namespace timbre::vocos {
namespace {

config::Fields fields_of(BackboneOptions& o) {
  config::Fields f;
  f.add("width", o.width, "channels of a frame").range(1, 1 << 14);
  f.add("hidden", o.hidden, "channels between the two linear layers of a block").range(1, 1 << 16);
  f.add("layers", o.layers, "ConvNeXt blocks").range(1, 256);
  f.add("layer_scale", o.layer_scale, "first factor of every block; 0 = 1/layers").range(0, 100);
  f.add("bandwidths", o.bandwidths, "rows of norms that adapt to a codec's bandwidth; 0 = plain norms").range(0, 64);
  return f;
}

config::Fields fields_of(HeadOptions& o) {
  config::Fields f;
  f.add("fft_samples", o.fft_samples, "length of the inverse Fourier transform and its window").range(2, 1 << 16);
  f.add("hop_samples", o.hop_samples, "samples of a frame").range(1, 1 << 16);
  f.add("padding", o.padding, "center: frames stand for their middles; same: every frame gives a hop")
      .choices({"center", "same"});
  return f;
}

config::Fields fields_of(CodesOptions& o) {
  config::Fields f;
  f.add("codec", o.codec, "whose codes").choices({"encodec_24khz", "encodec_48khz"});
  f.add("bandwidths_kbps", o.bandwidths_kbps, "bandwidths by row of the adaptive norms");
  f.add("codebooks", o.codebooks, "codebooks of the largest bandwidth").range(1, 1024);
  f.add("codebook_size", o.codebook_size, "entries of a codebook").range(1, 1 << 20);
  f.add("train_codebooks", o.train_codebooks, "codebooks are trained as well");
  return f;
}

config::Fields fields_of(LossOptions& o) {
  config::Fields f;
  f.add("mel", o.mel, "weight of the distance of log mels").range(0, 1e6);
  f.add("stft", o.stft, "weight of the distance of spectra at several resolutions").range(0, 1e6);
  f.add("resolution", o.resolution, "weight of the multi-resolution discriminator").range(0, 1e6);
  f.add("adversarial_from_step", o.adversarial_from_step, "discriminators play from this step on; 0 = never")
      .range(0, 1e12);
  return f;
}

config::Fields fields_of(DiscriminatorOptions& o) {
  config::Fields f;
  f.add("period_width", o.period_width, "factor on the channels of the multi-period discriminator").range(1e-3, 100);
  f.add("resolution_width", o.resolution_width, "factor on the channels of the multi-resolution discriminator")
      .range(1e-3, 100);
  f.add("samples", o.samples, "they judge so many samples from the middle of a piece; 0 = all").range(0, 1 << 24);
  f.add("periods", o.periods, "of the multi-period discriminator");
  f.add("fft_samples", o.fft_samples, "transforms of the multi-resolution discriminator");
  return f;
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("features", features, "what it takes: mel frames, or the codes of a codec").choices({"mel", "encodec"});
  f.add("inputs", inputs, "channels of an input frame; 0 = mel.mels").range(0, 1 << 16);
  f.group("mel", audio::fields(mel), "the mels it takes");
  f.group("backbone", fields_of(backbone), "ConvNeXt blocks");
  f.group("head", fields_of(head), "inverse STFT");
  f.group("codes", fields_of(codes), "with features=encodec");
  f.group("loss", fields_of(loss), "what training weighs");
  f.group("discriminators", fields_of(discriminators), "the opponents in training");
  f.group("fine_tune", batch::fields(fine_tune), "mels of an acoustic model");
  f.group("segments", batch::fields(segments), "pieces of recordings it is trained on");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  f.add("valid_pieces", valid_pieces, "pieces that a validation looks at, at most").range(1, 1 << 20);
  return f;
}

std::int64_t Config::rate_hz() const {
  if (!takes_codes()) return mel.rate_hz;
  return codes.codec == "encodec_48khz" ? 48000 : 24000;
}

std::int64_t Config::context_frames() const {
  const std::int64_t overlap = (head.fft_samples + head.hop_samples - 1) / head.hop_samples;
  return 3 * (1 + backbone.layers) + overlap;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out = takes_codes() ? std::vector<std::string>() : audio::validate(mel);
  if (head.fft_samples % 2 != 0) out.push_back(fmt::format("head.fft_samples is {}, must be even", head.fft_samples));
  if (head.hop_samples >= head.fft_samples)
    out.push_back(
        fmt::format("head.hop_samples is {}, must be below head.fft_samples ({})", head.hop_samples, head.fft_samples));
  if (!takes_codes() && head.hop_samples != mel.hop_samples)
    out.push_back(fmt::format("head.hop_samples is {} and mel.hop_samples {}: make them equal", head.hop_samples,
                              mel.hop_samples));
  if (!takes_codes() && mel.padding == "center_zero" && head.padding == "same")
    out.push_back("mel.padding center_zero goes with head.padding center");
  if (!takes_codes() && input_channels() != mel.mels)
    out.push_back(fmt::format("inputs is {} and mel.mels {}: leave inputs at 0", inputs, mel.mels));
  if (segments.samples % head.hop_samples != 0)
    out.push_back(
        fmt::format("segments.samples is {}, must be a multiple of the hop ({})", segments.samples, head.hop_samples));
  if (const std::string wrong = batch::problem(fine_tune); !wrong.empty()) out.push_back(wrong);
  if (loss.adversarial_from_step > 0 && discriminators.periods.empty() && discriminators.fft_samples.empty())
    out.push_back(
        "no discriminator is left: give discriminators.periods or discriminators.fft_samples, or set "
        "loss.adversarial_from_step to 0");
  constexpr std::int64_t kReflected = 1024;  // half the longest window of the losses
  if (!takes_codes() && segments.samples <= kReflected)
    out.push_back(fmt::format("segments.samples is {}, must be more than {}: half the losses' longest window",
                              segments.samples, kReflected));
  const std::int64_t heard =
      discriminators.samples > 0 ? std::min(discriminators.samples, segments.samples) : segments.samples;
  for (const std::int64_t fft : discriminators.fft_samples)
    if (fft < 16 || fft % 4 != 0 || fft / 2 >= heard)
      out.push_back(
          fmt::format("discriminators.fft_samples has {}: a multiple of 4, from 16 to less than twice the {} "
                      "samples they judge",
                      fft, heard));
  for (const std::int64_t period : discriminators.periods)
    if (period < 1 || period >= heard)
      out.push_back(fmt::format("discriminators.periods has {}, must be from 1 to less than {}", period, heard));
  return out;
}

void apply_mel24khz(Config& config) {
  const auto split = config.split;
  config = Config();
  config.split = split;
}

void apply_encodec24khz(Config& config) {
  apply_mel24khz(config);
  config.features = "encodec";
  config.inputs = 128;
  config.backbone = {.width = 384, .hidden = 1152, .bandwidths = 4};
  config.head = {.fft_samples = 1280, .hop_samples = 320, .padding = "same"};
  config.loss.resolution = 1.0;
  config.segments.samples = 24000;  // a second
}

void apply_small(Config& config) {
  apply_mel24khz(config);
  config.mel = audio::mel_preset("tacotron");
  config.mel.rate_hz = 16000;
  config.backbone = {.width = 256, .hidden = 768, .layers = 8};
  config.loss = {.mel = 45, .stft = 10, .resolution = 0.1, .adversarial_from_step = 12001};
  config.discriminators = {
      .period_width = 0.125, .resolution_width = 0.25, .samples = 8192, .fft_samples = {1024, 256}};
  config.segments = {.samples = 16384, .gain_db = 3};
}

void apply_debug(Config& config) {
  apply_small(config);
  config.backbone = {.width = 16, .hidden = 32, .layers = 2};
  config.discriminators = {.period_width = 0.0625, .resolution_width = 0.125, .periods = {2, 3}, .fft_samples = {512}};
  config.loss.adversarial_from_step = 3;
  config.segments.samples = 4096;
}

nlohmann::json about_network(const Config& config) {
  return {{"model", roles::about_model("vocos", config)},
          {"purpose", config.takes_codes() ? "waits for the codes of a codec"
                                           : "waits for the mels of a voice (timbre equip VOICE --vocoder FOLDER)"}};
}

Config config_of(const nlohmann::json& about, const std::string& where) {
  Config config;
  roles::read_model(config, "vocos", about, where);
  return config;
}

}  // namespace timbre::vocos
