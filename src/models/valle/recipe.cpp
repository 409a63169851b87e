#include "models/valle/recipe.h"

#include <fmt/ranges.h>

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "models/valle/checkpoint.h"
#include "models/valle/model_wiring.h"
#include "nn/dropout.h"
#include "nn/init.h"
#include "plot/png.h"
#include "roles/network_folder.h"
#include "text/phonemes.h"
#include "text/text_options.h"
#include "text/token_policy_json.h"
#include "train/data_provenance.h"
#include "voice/voice.h"
#include "weights/safetensors.h"

namespace timbre::valle {

using nlohmann::json;

NarDraws next_draws(StepDraws& from, const Config& config, const Inputs& inputs, int ranks) {
  const std::int64_t shortest = *std::min_element(inputs.code_lens_B.begin(), inputs.code_lens_B.end());
  NarDraws draws;
  draws.stage = from.stage();
  if (config.prefix_mode == 1) {
    const auto [low, high] = prefix_range(config, shortest);
    draws.prefix = low + static_cast<std::int64_t>(nn::next_noise_key() % static_cast<std::uint64_t>(high - low));
  }
  if (config.prefix_mode == 2) {
    const std::int64_t prefix = std::min(config.prompt_frames, shortest / 4);
    for (const std::int64_t length : inputs.code_lens_B)
      draws.starts_B.push_back(ranks == 1 ? from.start(length, prefix)
                                          : static_cast<std::int64_t>(nn::next_noise_key() %
                                                                      static_cast<std::uint64_t>(length - prefix + 1)));
  }
  return draws;
}

std::vector<train::Term> terms_of(const Outputs& outputs, double frames) {
  std::vector<train::Term> terms{{"loss", outputs.loss, "frames", 1.0}};
  const auto add = [&](const char* name, const std::optional<double>& share) {
    if (share) terms.push_back({name, nn::init_constant({}, *share * frames), "frames", 0.0});
  };
  add("ArTop10Accuracy", outputs.ar_top10);
  add("NarTop10Accuracy", outputs.nar_top10);
  return terms;
}

void Recipe::open(const train::DataContext& context) {
  if (!context.trainer) own_trainer_ = std::make_shared<Trainer>();
  trainer_ = context.trainer ? dynamic_cast<const Trainer*>(context.trainer) : own_trainer_.get();
  if (config_.num_quantizers < 2 && trainer_->options().train_stage == 2)
    throw UsageError("--train-stage 2 trains the NAR part, which one codebook does without (num_quantizers=1)",
                     "train with --train-stage 1");
  checks_outputs_ = trainer_->applied() && trainer_->loop().inf_check;
  ranks_ = context.world;
  events_ = context.events;
  data_ = std::make_unique<Data>(context, config_, *trainer_);
  if (!data_->corpus() && (config_.front_end == "phonemizer:en-us" || config_.front_end == Config().front_end))
    config_.front_end = data_->guessed_front_end();
  if (context.continued.is_object()) {
    bigram_top10_ = context.continued.value("bigram_top10", 0.0);
  } else {
    tell_bigram(context);
  }
  model_ = std::make_unique<Valle>(config_);
  draws_.emplace(std::max<std::int64_t>(config_.num_quantizers, 2));
  if (trainer_->keeps_files() && !context.run.empty())
    files_ = std::make_unique<TrainerFiles>(*trainer_, config_, *model_, context.rank == 0, bigram_top10_);
  if (files_ && !data_->items(train::Split::valid).empty())
    files_->visualise([this] {
      std::vector<std::size_t> first(std::min<std::size_t>(4, data_->items(train::Split::valid).size()));
      std::iota(first.begin(), first.end(), 0);
      return pictures_of(*model_, inputs_of(data_->collate(train::Split::valid, first, 0)), stage());
    });
  if (files_ && !context.continued.is_object()) files_->load_weights();
}

void Recipe::tell_bigram(const train::DataContext& context) {
  bigram_top10_ = data_->bigram_top10();
  if (bigram_top10_ <= 0) return;
  context.events(
      {"note",
       {{"bigram_top10", bigram_top10_},
        {"text", fmt::format("the code before alone names the first codebook's next among ten in {:.1f} % of "
                             "the validation frames: what ArTop10Accuracy has to beat",
                             100 * bigram_top10_)}}});
}

std::vector<train::Player> Recipe::players() const {
  switch (stage()) {
    case Stage::ar:
      return {{.name = "ar", .parameters = {"ar_*"}}};
    case Stage::nar:
      return {{.name = "nar", .parameters = {"nar_*"}}};
    default:
      return {train::Player{}};
  }
}

/// --inf-check: says which modules give numbers that are not finite; what gradients do is the loop's to say.
Outputs Recipe::pass(const Inputs& inputs, const NarDraws& draws) const {
  if (!checks_outputs_) return model_->forward(inputs, stage(), draws);
  const auto probe = [&](const std::string& module, const Tensor& value) {
    if (value.isfinite().all().item<bool>()) return;
    log::note(fmt::format("the output of {} {} is not finite", module, nn::shape_text(value.sizes())));
  };
  return model_->forward(inputs, stage(), draws, probe);
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo&) {
  const Inputs inputs = inputs_of(batch);
  const bool draws = stage() != Stage::ar && config_.num_quantizers > 1;
  return terms_of(pass(inputs, draws ? next_draws(*draws_, config_, inputs, ranks_) : NarDraws{}),
                  batch.counts.at("frames"));
}

/// Every validation hears the same stages and prefixes, drawn from the noise of its batches, so that two of them can be
/// compared; the trainer's random.Random(0) is left alone.
std::vector<train::Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo&) {
  const Inputs inputs = inputs_of(batch);
  StepDraws fixed(std::max<std::int64_t>(config_.num_quantizers, 2));
  NarDraws draws;
  if (stage() != Stage::ar && config_.num_quantizers > 1) {
    draws = next_draws(fixed, config_, inputs);
    draws.stage =
        1 + static_cast<std::int64_t>(nn::next_noise_key() % static_cast<std::uint64_t>(config_.num_quantizers - 1));
  }
  std::vector<train::Term> terms = terms_of(pass(inputs, draws), batch.counts.at("frames"));
  if (stage() != Stage::nar && bigram_top10_ > 0)
    terms.push_back({"bigram_top10", nn::init_constant({}, bigram_top10_ * batch.counts.at("frames")), "frames", 0.0});
  return terms;
}

void Recipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  if (data_->items(train::Split::valid).empty()) return;
  const std::size_t pick[] = {0};
  const batch::Batch batch = data_->collate(train::Split::valid, pick, 0);
  for (const auto& [name, png] : pictures_of(*model_, inputs_of(batch), stage())) sink.image(name, png);
}

/// Seed 001's mistakes in the forward pass, looked for in the one that will train: on the shortest clip.
void Recipe::check_languages() {
  if (config_.languages.empty()) return;
  const std::vector<batch::Item>& items = data_->items(train::Split::train);
  const auto shortest =
      std::min_element(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.units < b.units; });
  const std::size_t place[] = {static_cast<std::size_t>(shortest - items.begin())};
  batch::Batch batch = data_->collate(train::Split::train, place, 0);
  batch.to(model_->device());
  const Inputs inputs = inputs_of(batch);
  const bool training = model_->is_training();
  model_->eval();
  NarDraws draws;
  if (config_.prefix_mode == 2) draws.starts_B = {0};
  const auto faults = language_faults(
      *model_, [&](const Inputs& in, Stage of, const NarDraws& d) { return model_->forward(in, of, d); }, inputs,
      draws);
  model_->train(training);
  if (!faults.empty()) throw std::logic_error(fmt::format("valle: languages: {}", fmt::join(faults, "; ")));
  events_(
      {"languages",
       {{"clip", shortest->id},
        {"text", "languages: every token of a text hears the row of its clip's language, of its own part's table"}}});
}

train::Beginning Recipe::begin(std::span<train::Optimiser> optimisers) {
  check_languages();
  return files_ ? files_->begin(optimisers.front()) : train::Beginning{};
}

json Recipe::about() const {
  Config copy = config_;
  json about = {{"model", roles::about_model("valle", config_)},
                {"front_end", config_.front_end},
                {"text", config::to_json(text::fields(copy.text))},
                {"language", data_->first_language()},
                {"codec", data_->codec()},
                {"symbols", data_->rows().symbols()},
                {"token_policy", text::to_json(data_->rows().policy())},
                {"train_stage", trainer_->options().train_stage},
                {"bigram_top10", bigram_top10_}};
  return data_->corpus() ? train::with_licence(std::move(about), *data_->corpus()) : about;
}

json Recipe::state() const {
  json state = {{"draws", draws_->random().state()}};
  if (files_) state["files"] = files_->state();
  return state;
}

void Recipe::load_state(const json& state) {
  draws_->random().set_state(state.at("draws").get<PythonRandom::State>());
  if (files_ && state.contains("files")) files_->load_state(state.at("files"));
}

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  json about = this->about();
  about["provenance"] = provenance;
  if (data_->corpus()) {
    about = train::with_provenance(this->about(), provenance, *data_->corpus(), data_->test_ids());
    about["name"] = data_->corpus()->name();
  }
  make_folders(folder);
  weights::write_safetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
  text::FrontEndOptions options;
  options.text = config_.text;
  std::unique_ptr<text::FrontEnd> front_end;
  try {
    front_end = text::make_front_end(config_.front_end, std::move(options));
  } catch (const Error& e) {  // the tokens came ready-made: training needed none, speaking will
    log::note(fmt::format("the voice has no fingerprint of its texts: {}", e.what()));
  }
  voice::write_voice(folder, std::move(about), front_end.get());
}

double Recipe::bytes_per_unit() const {
  // Kept for the way back, floats a position: about 12 widths and 2 inner ones a layer, then the logits.
  const double width = static_cast<double>(config_.decoder_dim),
               layers = static_cast<double>(config_.num_decoder_layers);
  return 4.0 * (layers * 20.0 * width + 3.0 * static_cast<double>(config_.codebook_size));
}

}  // namespace timbre::valle
