#include "codecs/hifigan/recipe.h"

#include <ATen/ops/l1_loss.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "codecs/hifigan/files.h"
#include "train/data_provenance.h"
#include "weights/load.h"
#include "weights/npy.h"

namespace timbre::hifigan {
namespace {

using nlohmann::json;
using train::Term;

constexpr std::int64_t kFramesOff = 2;  ///< a given mel may be so much longer or shorter than its recording
constexpr const char* kTraining = "training.safetensors";

fs::path given_mel_file(const Config& config, const std::string& id) {
  return fs::path(config.fine_tune.mels) / (id + ".npy");
}

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
  if (config_.fine_tune.active()) config_.segments.peak = 0;  // the mels were made of the recordings as they are
  std::function<bool(const corpus::Utterance&)> keep;
  if (!config_.fine_tune.column.empty()) {
    column_.emplace(corpus::Column::open(context.corpus, config_.fine_tune.column));
    keep = [this](const corpus::Utterance& utterance) { return column_->has(utterance.id); };
  } else if (!config_.fine_tune.mels.empty()) {
    if (!fs::is_directory(config_.fine_tune.mels))
      throw UsageError(fmt::format("fine_tune.mels={}: no such folder", config_.fine_tune.mels),
                       "give the folder with <id>.npy of every utterance");
    keep = [this](const corpus::Utterance& utterance) { return fs::exists(given_mel_file(config_, utterance.id)); };
  }
  open_clips(
      batch::ClipCorpus::open(context.corpus, config_.split, config_.mel.rate_hz, config_.segments, config_.segments,
                              context.seed, config_.fine_tune.active() ? config_.mel.hop_samples : 1, keep),
      config_.valid_pieces);
  game_.emplace(config_);
  model_ =
      std::make_unique<Learner>(config_, period_options(config_.discriminators), scale_options(config_.discriminators));
}

std::vector<train::Player> Recipe::players() const {
  return {{.name = "discriminator", .parameters = {"msd", "mpd"}, .records = {"generator"}},
          {.name = "generator", .parameters = {"generator"}}};
}

std::vector<float> Recipe::given_mel(const std::string& id, std::int64_t* frames) const {
  const std::int64_t M = config_.mel.mels;
  if (column_) {
    const weights::Tensor mel = column_->get(id);
    if (mel.shape.size() != 2 || mel.shape[1] != M)
      throw DataError(fmt::format("column {}, {}: {} is not [frames, {}]", config_.fine_tune.column, id,
                                  weights::shape_text(mel.shape), M));
    *frames = mel.shape[0];
    return mel.to_f32();
  }
  const fs::path file = given_mel_file(config_, id);
  const weights::Tensor mel = weights::read_npy(file);
  const bool batched = mel.shape.size() == 3 && mel.shape[0] == 1;
  const std::size_t at = batched ? 1 : 0;
  if ((!batched && mel.shape.size() != 2) || mel.shape[at] != M)
    throw DataError(fmt::format("{}: {} is not [{}, frames]", file.string(), weights::shape_text(mel.shape), M));
  const std::int64_t F = mel.shape[at + 1];
  const std::vector<float> mel_MF = mel.to_f32();
  std::vector<float> mel_FM(mel_MF.size());
  for (std::int64_t m = 0; m < M; ++m)
    for (std::int64_t f = 0; f < F; ++f)
      mel_FM[static_cast<std::size_t>(f * M + m)] = mel_MF[static_cast<std::size_t>(m * F + f)];
  *frames = F;
  return mel_FM;
}

std::vector<float> Recipe::mel_of_piece(const std::string& id, const batch::ClipSegments::Piece& piece,
                                        std::span<const float> wave_N) const {
  if (!config_.fine_tune.active()) return VocoderRecipe::mel_of_piece(id, piece, wave_N);
  const std::int64_t M = config_.mel.mels, hop = config_.mel.hop_samples;
  const std::int64_t F = static_cast<std::int64_t>(wave_N.size()) / hop;
  std::int64_t frames = 0;
  const std::vector<float> all = given_mel(id, &frames);
  const std::int64_t first = piece.first / hop, heard = (piece.first + piece.real) / hop;
  if (frames + kFramesOff < heard)
    throw DataError(fmt::format("{}: its mel has {} frames, its recording {} or more", id, frames, heard),
                    "make the mels from the recordings' own durations (teacher-forced), with the same hop");
  // Behind the end of a clip: silence, as the recording has it there.
  std::vector<float> mel_FM(static_cast<std::size_t>(F * M), static_cast<float>(std::log(config_.mel.floor)));
  const std::int64_t have = std::clamp<std::int64_t>(frames - first, 0, F);
  std::copy_n(all.begin() + first * M, have * M, mel_FM.begin());
  return mel_FM;
}

Tensor Recipe::mel_of_clip(const std::string& id, const audio::Mel& real) const {
  if (!config_.fine_tune.active()) return VocoderRecipe::mel_of_clip(id, real);
  std::int64_t frames = 0;
  const std::vector<float> mel_FM = given_mel(id, &frames);
  return nn::to_torch(weights::Tensor::of<float>({1, frames, real.bins}, mel_FM));
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
