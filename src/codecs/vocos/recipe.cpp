#include "codecs/vocos/recipe.h"

#include <ATen/ops/abs.h>

#include <algorithm>

#include "base/error.h"
#include "train/data_provenance.h"

namespace timbre::vocos {
namespace {

using nlohmann::json;
using train::Term;

constexpr const char* kNetworkParts[] = {"feature_extractor.", "backbone.", "head."};

std::int64_t narrowed(std::int64_t channels, double factor) {
  return std::max<std::int64_t>(4, static_cast<std::int64_t>(std::llround(static_cast<double>(channels) * factor)));
}

nn::MultiPeriodDiscriminator::Options period_options(const DiscriminatorOptions& o) {
  nn::MultiPeriodDiscriminator::Options out;
  out.periods = o.periods;
  for (std::int64_t& width : out.widths) width = narrowed(width, o.period_width);
  return out;
}

nn::MultiResolutionDiscriminator::Options resolution_options(const DiscriminatorOptions& o) {
  return {.fft_samples = o.fft_samples, .channels = narrowed(32, o.resolution_width)};
}

/// The mels of the reference's loss: 100 HTK bins up to half the rate.
audio::MelOptions loss_mel(std::int64_t rate_hz) {
  audio::MelOptions mel = audio::mel_preset("vocos");
  mel.rate_hz = rate_hz;
  return mel;
}

/// The reference leaves the first layer's output out of the feature loss.
void drop_first_features(std::vector<nn::Verdict>& verdicts) {
  for (nn::Verdict& verdict : verdicts) verdict.features.erase(verdict.features.begin());
}

/// What the discriminators hear of a piece. Its place in the clip is random already, so the middle is as good as any,
/// and nothing of it was made at an end.
Tensor middle(const Tensor& wave_BN, std::int64_t samples) {
  const std::int64_t N = wave_BN.size(1);
  return samples <= 0 || samples >= N ? wave_BN : wave_BN.narrow(1, (N - samples) / 2, samples);
}

}  // namespace

Learner::Learner(const Config& config)
    : Network(config),
      periods(period_options(config.discriminators)),
      resolutions(resolution_options(config.discriminators)) {
  child("multiperioddisc", periods);
  child("multiresddisc", resolutions);
}

void Recipe::open(const train::DataContext& context) {
  if (config_.takes_codes())
    throw UsageError("training a Vocos for codes is not offered: features=encodec", "train with --features mel");
  if ((config_.mel.padding == "same") != (config_.head.padding == "same"))
    throw UsageError(fmt::format("mel.padding {} with head.padding {}: their frames lie half a hop apart",
                                 config_.mel.padding, config_.head.padding),
                     "train with both same, or with neither");
  if (config_.fine_tune.active()) config_.segments = batch::at_their_level(config_.segments);
  take_given_mels(context, config_.fine_tune, "vocos");
  const auto& o = config_.segments;
  open_clips(batch::ClipCorpus::open(context.corpus, config_.split, config_.rate_hz(), o, o, context.seed,
                                     config_.head.hop_samples, usable()),
             config_.valid_pieces);
  heard_.emplace(loss_mel(config_.rate_hz()));
  distance_.emplace(config_.mel);
  model_ = std::make_unique<Learner>(config_);
}

std::vector<train::Player> Recipe::players() const {
  train::Player generator{.name = "generator", .parameters = {"backbone", "head"}};
  if (config_.loss.adversarial_from_step <= 0) return {generator};
  return {{.name = "discriminator",
           .parameters = {"multiperioddisc", "multiresddisc"},
           .first_step = config_.loss.adversarial_from_step},
          generator};
}

bool Recipe::is_adversarial(std::int64_t step) const {
  return config_.loss.adversarial_from_step > 0 && step >= config_.loss.adversarial_from_step;
}

std::vector<Term> Recipe::discriminator_terms(const batch::Batch& batch) const {
  const std::int64_t heard = config_.discriminators.samples;
  const Tensor real_BN = middle(batch["wave_BN"], heard);
  Tensor fake_BN;
  {
    const at::NoGradGuard no_grad;
    fake_BN = middle(model_->forward(batch["mel_BFM"]), heard);
  }
  const double items = batch.counts.at("items");
  std::vector<Term> terms;
  const auto add = [&](const char* name, const nn::Discriminators& judges, double weight) {
    const auto both = judges.judge_both(real_BN, fake_BN);
    const Tensor mean =
        nn::discriminator_loss(both.real, both.fake, nn::Adversarial::kHinge) / static_cast<double>(both.real.size());
    terms.push_back({name, mean * items, "items", weight});
  };
  if (!config_.discriminators.periods.empty()) add("periods", model_->periods, 1.0);
  if (!config_.discriminators.fft_samples.empty()) add("resolutions", model_->resolutions, config_.loss.resolution);
  return terms;
}

std::vector<Term> Recipe::generator_terms(const batch::Batch& batch, const train::StepInfo& info) const {
  const Tensor &real_BN = batch["wave_BN"], fake_BN = model_->forward(batch["mel_BFM"]);
  const double items = batch.counts.at("items");
  Tensor real_mel;
  {
    const at::NoGradGuard no_grad;
    real_mel = heard_->forward(real_BN);
  }
  std::vector<Term> terms{
      {"mel", at::abs(heard_->forward(fake_BN) - real_mel).mean() * items, "items", config_.loss.mel}};
  if (config_.loss.stft > 0) {
    const auto distance = stft_.forward(fake_BN, real_BN);
    terms.push_back({"stft_convergence", distance.convergence * items, "items", config_.loss.stft});
    terms.push_back({"stft_log", distance.log_magnitude * items, "items", config_.loss.stft});
  }
  if (!is_adversarial(info.step)) return terms;
  const auto add = [&](const std::string& name, const nn::Discriminators& judges, bool skip_first, double weight) {
    auto both = judges.judge_fake_against(middle(real_BN, config_.discriminators.samples),
                                          middle(fake_BN, config_.discriminators.samples));
    const double share = items / static_cast<double>(both.fake.size());
    terms.push_back({name, nn::generator_loss(both.fake, nn::Adversarial::kHinge) * share, "items", weight});
    if (skip_first) {
      drop_first_features(both.real);
      drop_first_features(both.fake);
    }
    terms.push_back({name + "_features", nn::feature_loss(both.real, both.fake) * share, "items", weight});
  };
  if (!config_.discriminators.periods.empty()) add("periods", model_->periods, true, 1.0);
  if (!config_.discriminators.fft_samples.empty())
    add("resolutions", model_->resolutions, false, config_.loss.resolution);
  return terms;
}

std::vector<Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo& info) {
  const bool has_discriminators = config_.loss.adversarial_from_step > 0;
  return has_discriminators && info.player == 0 ? discriminator_terms(batch) : generator_terms(batch, info);
}

std::vector<Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo&) {
  const Tensor made_BN = model_->forward(batch["mel_BFM"]);
  const double items = batch.counts.at("items");
  const Tensor mel_BFM = has_given_mels() ? distance_->forward(batch["wave_BN"]) : batch["mel_BFM"];
  const Tensor made_BFM = distance_->forward(made_BN);
  const auto distance = stft_.forward(made_BN, batch["wave_BN"].narrow(1, 0, made_BN.size(1)));
  const std::int64_t F = std::min(mel_BFM.size(1), made_BFM.size(1));
  return {{"mel_distance", at::abs(made_BFM.narrow(1, 0, F) - mel_BFM.narrow(1, 0, F)).mean() * items, "items", 1.0},
          {"stft_convergence", distance.convergence * items, "items", 0.0},
          {"stft_log", distance.log_magnitude * items, "items", 0.0}};
}

Tensor Recipe::speak(const Tensor& mel_BFM) { return model_->forward_whole(mel_BFM); }

json Recipe::about() const { return train::with_licence(about_network(config_), clips().corpus); }

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  weights::TensorMap network;
  for (const auto& [name, tensor] : weights)
    if (std::any_of(std::begin(kNetworkParts), std::end(kNetworkParts),
                    [&](const char* part) { return name.starts_with(part); }))
      network.insert(name, tensor);
  write_network(folder, network, provenance);
}

}  // namespace timbre::vocos
