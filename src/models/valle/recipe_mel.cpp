#include "models/valle/recipe_mel.h"

#include <fmt/format.h>

#include "base/error.h"
#include "nn/init.h"
#include "plot/png.h"
#include "roles/network_folder.h"

namespace timbre::valle {

using nlohmann::json;

void MelRecipe::open(const train::DataContext& context) {
  trainer_ = dynamic_cast<const Trainer*>(context.trainer);
  if (!trainer_) throw std::logic_error("valle: the debug network is trained by the trainer's flags alone");
  data_ = std::make_unique<Data>(context, config_, *trainer_);
  if (config_.front_end == "phonemizer:en-us" || config_.front_end == Config().front_end)
    config_.front_end = data_->guessed_front_end();
  model_ = std::make_unique<MelTransformer>(config_);
  if (!trainer_->keeps_files() || context.run.empty()) return;
  files_ = std::make_unique<TrainerFiles>(*trainer_, config_, *model_, context.rank == 0);
  if (!data_->items(train::Split::valid).empty()) files_->visualise([this] { return pictures(); });
  if (!context.continued.is_object()) files_->load_weights();
}

MelOutputs MelRecipe::pass(const batch::Batch& batch) const {
  const auto lengths = [&](const char* name) { return nn::from_torch(batch[name].cpu()).to_i64(); };
  return model_->forward(batch["text_BX"], lengths("text_lens_B"), batch["mel_BFM"], lengths("code_lens_B"));
}

std::vector<train::Term> MelRecipe::losses(const batch::Batch& batch, const train::StepInfo&) {
  const MelOutputs out = pass(batch);
  return {{"loss", out.loss, "frames", 1.0},
          {"stop_loss", out.stop_loss, "frames", 0.0},
          {"stop_accuracy", nn::init_constant({}, out.stop_accuracy * batch.counts.at("frames")), "frames", 0.0}};
}

/// The first clips of the validation side: the mel that was said and the one that teacher forcing gives.
Pictures MelRecipe::pictures() const {
  const at::NoGradGuard no_grad;
  Pictures all;
  const std::size_t count = std::min<std::size_t>(4, data_->items(train::Split::valid).size());
  for (std::size_t clip = 0; clip < count; ++clip) {
    const std::size_t place[] = {clip};
    batch::Batch batch = data_->collate(train::Split::valid, place, 0);
    batch.to(model_->device());
    for (const auto& [name, mel_FM] : {std::pair("said", batch["mel_BFM"][0]), {"learned", pass(batch).mel_BFM[0]}}) {
      const weights::Tensor mel_MF = nn::from_torch(mel_FM.t().to(at::kFloat).cpu().contiguous());
      all.emplace_back(fmt::format("mel_{}_{}", clip, name),
                       plot::draw_matrix({.values_RC = mel_MF.as<float>(),
                                          .rows = mel_MF.shape[0],
                                          .columns = mel_MF.shape[1],
                                          .title = fmt::format("mel, clip {}", clip),
                                          .x_label = "frame",
                                          .y_label = "bin"}));
    }
  }
  return all;
}

void MelRecipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  const Pictures all = pictures();
  for (const auto& [name, png] : all) sink.image(name, png);
}

train::Beginning MelRecipe::begin(std::span<train::Optimiser> optimisers) {
  return files_ ? files_->begin(optimisers.front()) : train::Beginning{};
}

/// The reference's files, or a run of ours: whole or not at all, but for the size of the text table.
train::StartReport MelRecipe::start_from(const train::Base& base) {
  train::StartReport report;
  Checkpoint whole;
  if (std::filesystem::is_regular_file(base.source) && looks_like_checkpoint(base.source, Line::lifeiteng)) {
    whole = read_checkpoint(base.source, {.strict = false});
    report.lines = whole.notes;
  } else {
    whole.model = with_ties(config_, base.tensors);
    whole.config = config_;
  }
  load_network(*model_, config_, whole, base.source.string(), report.lines);
  for (const nn::Named& named : model_->named_state()) {
    report.kept_tensors += 1;
    report.kept_values += named.tensor.numel();
  }
  return report;
}

json MelRecipe::about() const {
  return {{"model", roles::about_model("valle", config_)},
          {"front_end", config_.front_end},
          {"language", data_->first_language()},
          {"symbols", data_->rows().symbols()}};
}

json MelRecipe::state() const { return files_ ? json{{"files", files_->state()}} : json::object(); }

void MelRecipe::load_state(const json& state) {
  if (files_ && state.contains("files")) files_->load_state(state.at("files"));
}

}  // namespace timbre::valle
