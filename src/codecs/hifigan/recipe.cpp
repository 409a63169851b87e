#include "codecs/hifigan/recipe.h"

#include <ATen/ops/l1_loss.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "codecs/hifigan/files.h"
#include "train/data_provenance.h"
#include "weights/load.h"

namespace timbre::hifigan {
namespace {

using nlohmann::json;
using train::Term;

constexpr const char* kTraining = "training.safetensors";

}  // namespace

Tensor Game::fake(const Learner& model, const Tensor& mel_BFM, bool first) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) { return entry.first.is_same(mel_BFM); });
  if (found != waiting_.end()) {
    const Tensor made = found->second;
    waiting_.erase(found);
    return made;
  }
  const Tensor made = model.generator.forward(mel_BFM);
  if (first) waiting_.emplace_back(mel_BFM, made);
  return made;
}

std::vector<Term> Game::discriminator_terms(const Learner& model, const Tensor& real_BN, const Tensor& fake_BN,
                                            double items, Judged* judged) const {
  const auto periods = model.mpd.judge_both(real_BN, fake_BN), scales = model.msd.judge_both(real_BN, fake_BN);
  if (judged) *judged = {periods, scales};
  return {{"periods", nn::discriminator_loss(periods.real, periods.fake) * items, "items", 1.0},
          {"scales", nn::discriminator_loss(scales.real, scales.fake) * items, "items", 1.0}};
}

std::vector<Term> Game::generator_terms(const Learner& model, const Tensor& real_BN, const Tensor& heard_BFM,
                                        const Tensor& fake_BN, double items, Judged* judged) const {
  Tensor real_mel = heard_BFM;
  if (!real_mel.defined()) {
    const at::NoGradGuard no_grad;
    real_mel = heard_.forward(real_BN);
  }
  const Tensor mel = at::l1_loss(heard_.forward(fake_BN), real_mel);
  const auto periods = model.mpd.judge_fake_against(real_BN, fake_BN),
             scales = model.msd.judge_fake_against(real_BN, fake_BN);
  if (judged) *judged = {periods, scales};
  return {{"mel", mel * items, "items", loss_.mel},
          {"periods", nn::generator_loss(periods.fake) * items, "items", 1.0},
          {"scales", nn::generator_loss(scales.fake) * items, "items", 1.0},
          {"periods_features", nn::feature_loss(periods.real, periods.fake) * items, "items", loss_.features},
          {"scales_features", nn::feature_loss(scales.real, scales.fake) * items, "items", loss_.features}};
}

void Recipe::open(const train::DataContext& context) {
  if (!config_.generator.weight_norm)
    throw UsageError("generator.weight_norm=false: a network without weight norm only speaks",
                     "train with weight norm; --base takes over what the other network learned");
  if (config_.fine_tune.active()) config_.segments = batch::at_their_level(config_.segments);
  take_given_mels(context, config_.fine_tune, "hifigan");
  open_clips(
      batch::ClipCorpus::open(context.corpus, config_.split, config_.mel.rate_hz, config_.segments, config_.segments,
                              context.seed, has_given_mels() ? config_.mel.hop_samples : 1, usable()),
      config_.valid_pieces);
  game_.emplace(config_);
  model_ =
      std::make_unique<Learner>(config_, period_options(config_.discriminators), scale_options(config_.discriminators));
}

std::vector<train::Player> Recipe::players() const {
  return {{.name = "discriminator", .parameters = {"msd", "mpd"}, .records = {"generator"}},
          {.name = "generator", .parameters = {"generator"}}};
}

Tensor Recipe::speak(const Tensor& mel_BFM) { return model_->generator.forward_in_pieces(mel_BFM, kPieceFrames); }

std::vector<Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo& info) {
  const Tensor &real_BN = batch["wave_BN"], fake_BN = game_->fake(*model_, batch["mel_BFM"], info.player == 0);
  const double items = batch.counts.at("items");
  return info.player == 0 ? game_->discriminator_terms(*model_, real_BN, fake_BN.detach(), items)
                          : game_->generator_terms(*model_, real_BN, {}, fake_BN, items);
}

std::vector<Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo&) {
  const Tensor made = game_->heard().forward(model_->generator.forward(batch["mel_BFM"]));
  const Tensor real = game_->heard().forward(batch["wave_BN"]);
  return {{"mel", at::l1_loss(made, real) * batch.counts.at("items"), "items", 1.0}};
}

json Recipe::about() const { return train::with_licence(about_network(config_), clips().corpus); }

train::StartReport Recipe::start_from(const train::Base& base) {
  train::Base named = base;
  named.tensors = {};
  bool bare = false;
  for (const auto& [name, tensor] : base.tensors) {
    const bool whole = name.starts_with("generator.") || name.starts_with("mpd.") || name.starts_with("msd.");
    bare = bare || name.ends_with("conv_pre.weight");
    named.tensors.insert(whole ? name : "generator." + name, tensor);
  }
  if (const fs::path more = base.source / kTraining; fs::is_directory(base.source) && fs::exists(more)) {
    const weights::Value root = weights::load(more).root;
    for (const char* part : {"mpd", "msd"})
      if (const weights::Value* state = root.find(part))
        for (const auto& [key, value] : state->as_dict())
          named.tensors.insert(std::string(part) + "." + key.as_text(), value.as_tensor());
  }
  if (!bare) return train::Recipe::start_from(named);
  // A network whose weight norm was removed: the same function with its norm put back.
  weights::TensorMap plain;
  for (const auto& [name, tensor] : named.tensors)
    if (name.starts_with("generator.")) plain.insert(name.substr(10), tensor);
  Config config = config_;
  config.generator.weight_norm = false;
  expect_generator(plain, config, base.source.string());
  model_->generator.load_bare(plain, base.source.string());
  weights::TensorMap normed;
  for (const auto& [name, tensor] : model_->generator.state_dict()) normed.insert("generator." + name, tensor);
  for (const auto& [name, tensor] : named.tensors)
    if (!name.starts_with("generator.")) normed.insert(name, tensor);
  named.tensors = std::move(normed);
  return train::Recipe::start_from(named);
}

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  weights::TensorMap generator, parts[2];
  for (const auto& [name, tensor] : weights) {
    if (name.starts_with("generator.")) generator.insert(name.substr(10), tensor);
    if (name.starts_with("mpd.")) parts[0].insert(name.substr(4), tensor);
    if (name.starts_with("msd.")) parts[1].insert(name.substr(4), tensor);
  }
  make_folders(folder);
  weights::save(folder / kTraining, weights::Value::dict({{"mpd", weights::Value::state_dict(parts[0])},
                                                          {"msd", weights::Value::state_dict(parts[1])},
                                                          {"steps", provenance.value("step", std::int64_t{0})},
                                                          {"epoch", provenance.value("epoch", std::int64_t{0})}}));
  write_network(folder, generator, provenance);
}

}  // namespace timbre::hifigan
