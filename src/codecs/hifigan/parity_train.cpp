#include <ATen/ops/arange.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "codecs/hifigan/files.h"
#include "codecs/hifigan/parity.h"
#include "codecs/hifigan/recipe.h"
#include "train/stepper.h"
#include "weights/torch_file.h"

namespace timbre::hifigan {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using nn::Verdict;
using roles::ParityRun;
using train::Term;

constexpr const char* kCases = "cases.json";
constexpr const char* kTrain = "train/cases.safetensors";
constexpr const char* kFull = "cases_full_size_discriminators.safetensors";

void put(ParityRun& run, const std::string& file, const std::string& name, const Tensor& value) {
  if (run.has(file, name)) run.put(file, name, nn::from_torch(value.detach().to(at::kFloat).contiguous().clone()));
}

double number(const Tensor& scalar) { return scalar.detach().to(at::kDouble).item<double>(); }

weights::TensorMap state_of(const weights::Value& root, const std::string& key) {
  weights::TensorMap out;
  for (const auto& [name, value] : root.at(key).as_dict()) out.insert(name.as_text(), value.as_tensor());
  return out;
}

/// The start of the set's training: sizes from its config and its table of widths.
struct Start {
  Config config;
  nn::MultiPeriodDiscriminator::Options periods;
  nn::MultiScaleDiscriminator::Options scales;
  weights::TensorMap generator, mpd, msd;
  train::TrainOptions options;

  explicit Start(const ParityRun& run) {
    const auto path = run.input_path("train/config.json");
    const auto upstream = read_json<ordered_json>(path);
    config = config_of_upstream(upstream, path.string());
    const json widths = run.input_json(kCases, "/train/widths");
    periods.widths.clear();
    for (const json& pair : widths.at("mpd_conv_widths")) periods.widths.push_back(pair.at(0));
    scales.widths = widths.at("msd_conv_out_widths").get<std::vector<std::int64_t>>();
    scales.groups = widths.at("msd_groups").get<std::vector<std::int64_t>>();
    generator = read_generator_file(first_of(run, "train/g_")).tensors;
    const weights::Value both = weights::read_torch(first_of(run, "train/do_"));
    mpd = state_of(both, "mpd");
    msd = state_of(both, "msd");
    options.optim.kind = "adamw";
    options.optim.lr = upstream.at("learning_rate");
    options.optim.beta1 = upstream.at("adam_b1");
    options.optim.beta2 = upstream.at("adam_b2");
    options.optim.eps = 1e-8;
    options.optim.weight_decay = 0.01;
    options.optim.clip_norm = 0;
  }

  /// The file of the lowest number: the others are later states.
  static fs::path first_of(const ParityRun& run, const std::string& prefix) {
    for (const std::string& file : run.files())
      if (file.starts_with(prefix)) return run.input_path(file);
    throw DataError(fmt::format("no {}<steps> in the set", prefix));
  }

  std::unique_ptr<Learner> learner() const {
    auto model = std::make_unique<Learner>(config, periods, scales);
    model->generator.load_exactly(generator, "the set's generator");
    model->mpd.load_exactly(mpd, "the set's mpd");
    model->msd.load_exactly(msd, "the set's msd");
    return model;
  }
};

Tensor mel_BFM_of(const ParityRun& run, const std::string& name) {
  return nn::to_torch(run.input(kTrain, name)).transpose(1, 2).contiguous();
}

batch::Batch batch_of(const ParityRun& run, std::size_t step, at::ScalarType type) {
  batch::Batch batch;
  const std::string head = fmt::format("batch{}.", step);
  batch.put("mel_BFM", mel_BFM_of(run, head + "mel").to(type));
  batch.put("wave_BN", nn::to_torch(run.input(kTrain, head + "wav")).to(type));
  batch.put("heard_BFM", mel_BFM_of(run, head + "mel_for_loss").to(type));
  batch.counts["items"] = static_cast<double>(batch["wave_BN"].size(0));
  return batch;
}

/// Parameters and buffers in another number type; every handle sees the change.
void convert(nn::Module& module, at::ScalarType type) {
  const auto state = module.named_state();
  for (const nn::Named& named : state) named.tensor.set_data(named.tensor.detach().to(type));
}

/// The recipe on given batches; keeps what the discriminators said last.
class GivenBatches final : public train::Recipe {
 public:
  GivenBatches(const Start& start, at::ScalarType type) : model_(start.learner()), game_(start.config) {
    convert(*model_, type);
  }
  void open(const train::DataContext&) override {}
  nn::Module& model() override { return *model_; }
  const Learner& learner() const { return *model_; }
  std::vector<train::Player> players() const override {
    return {{.name = "d", .parameters = {"msd", "mpd"}, .records = {"generator"}},
            {.name = "g", .parameters = {"generator"}}};
  }
  const std::vector<batch::Item>& items(train::Split) const override { return items_; }
  batch::Batch collate(train::Split, std::span<const std::size_t>) const override { return {}; }
  std::vector<Term> losses(const batch::Batch& batch, const train::StepInfo& info) override {
    const bool first = info.player == 0;
    const Tensor &real_BN = batch["wave_BN"], fake_BN = game_.fake(*model_, batch["mel_BFM"], first);
    fake = fake_BN;
    return first ? game_.discriminator_terms(*model_, real_BN, fake_BN.detach(), batch.counts.at("items"), &judged_d)
                 : game_.generator_terms(*model_, real_BN, batch["heard_BFM"], fake_BN, batch.counts.at("items"),
                                         &judged_g);
  }
  json about() const override { return {}; }
  const Game& game() const { return game_; }

  Game::Judged judged_d, judged_g;
  Tensor fake;

 private:
  std::unique_ptr<Learner> model_;
  Game game_;
  std::vector<batch::Item> items_;
};

json each_mean(const std::vector<Verdict>& verdicts, bool from_real) {
  json list = json::array();
  for (const Verdict& verdict : verdicts)
    list.push_back(number((from_real ? 1 - verdict.score : verdict.score).square().mean()));
  return list;
}

void put_losses(ParityRun& run, std::size_t step, const GivenBatches& recipe, const train::StepOutcome& outcome) {
  const auto of = [&](const char* name) { return outcome.metrics.at(name); };
  const auto put_loss = [&](const char* name, const json& value) {
    run.put_json(kCases, fmt::format("/train/steps/{}/{}", step, name), value);
  };
  put_loss("loss_disc_mpd", of("d.periods"));
  put_loss("loss_disc_msd", of("d.scales"));
  put_loss("loss_disc_all", of("d.loss"));
  put_loss("disc_mpd_real", each_mean(recipe.judged_d.periods.real, true));
  put_loss("disc_mpd_fake", each_mean(recipe.judged_d.periods.fake, false));
  put_loss("disc_msd_real", each_mean(recipe.judged_d.scales.real, true));
  put_loss("disc_msd_fake", each_mean(recipe.judged_d.scales.fake, false));
  put_loss("loss_mel_x45", 45 * of("g.mel"));
  put_loss("loss_fm_mpd_x2", 2 * of("g.periods_features"));
  put_loss("loss_fm_msd_x2", 2 * of("g.scales_features"));
  put_loss("loss_gen_mpd", of("g.periods"));
  put_loss("loss_gen_msd", of("g.scales"));
  put_loss("gen_mpd", each_mean(recipe.judged_g.periods.fake, true));
  put_loss("gen_msd", each_mean(recipe.judged_g.scales.fake, true));
  put_loss("loss_gen_all", of("g.loss"));
}

void put_scores(ParityRun& run, const std::string& head, const std::vector<Verdict>& verdicts) {
  for (std::size_t i = 0; i < verdicts.size(); ++i) put(run, kTrain, fmt::format("{}{}", head, i), verdicts[i].score);
}

Tensor feature_means(const std::vector<Verdict>& verdicts) {
  std::vector<Tensor> means;
  for (const Verdict& verdict : verdicts)
    for (const Tensor& map : verdict.features) means.push_back(map.detach().abs().mean());
  return at::stack(means);
}

void put_first_step(ParityRun& run, const GivenBatches& recipe) {
  put(run, kTrain, "g_hat", recipe.fake.unsqueeze(1));
  put(run, kTrain, "g_hat_mel", recipe.game().heard().forward(recipe.fake).transpose(1, 2));
  put_scores(run, "d_step.mpd_real", recipe.judged_d.periods.real);
  put_scores(run, "d_step.mpd_fake", recipe.judged_d.periods.fake);
  put_scores(run, "d_step.msd_real", recipe.judged_d.scales.real);
  put_scores(run, "d_step.msd_fake", recipe.judged_d.scales.fake);
  put_scores(run, "g_step.mpd_fake", recipe.judged_g.periods.fake);
  put_scores(run, "g_step.msd_fake", recipe.judged_g.scales.fake);
  const std::string head = "g_step.fmap_mean_abs.";
  put(run, kTrain, head + "mpd_real", feature_means(recipe.judged_g.periods.real));
  put(run, kTrain, head + "mpd_fake", feature_means(recipe.judged_g.periods.fake));
  put(run, kTrain, head + "msd_real", feature_means(recipe.judged_g.scales.real));
  put(run, kTrain, head + "msd_fake", feature_means(recipe.judged_g.scales.fake));
}

/// The loop's own step of one batch. A player's gradients last until the next one's turn, so that the
/// discriminators' are taken from a step in which nobody else plays.
void gradients(ParityRun& run, const Start& start, const batch::Batch& batch) {
  class FirstAlone final : public train::Recipe {
   public:
    explicit FirstAlone(GivenBatches& whole) : whole_(whole) {}
    void open(const train::DataContext&) override {}
    nn::Module& model() override { return whole_.model(); }
    std::vector<train::Player> players() const override {
      return {whole_.players()[0], {.name = "g", .parameters = {"generator"}, .first_step = 2}};
    }
    const std::vector<batch::Item>& items(train::Split split) const override { return whole_.items(split); }
    batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override {
      return whole_.collate(split, items);
    }
    std::vector<Term> losses(const batch::Batch& one, const train::StepInfo& info) override {
      return whole_.losses(one, info);
    }
    json about() const override { return {}; }

   private:
    GivenBatches& whole_;
  };
  GivenBatches whole(start, at::kFloat);
  FirstAlone alone(whole);
  const train::Ranks ranks;
  train::Stepper stepper(alone, start.options, ranks);
  stepper.run({.step = 1, .epoch = 0}, {&batch}, start.options.optim.lr);
  const auto parameters = whole.model().named_parameters();
  for (const nn::Named& named : parameters)
    if (named.tensor.grad().defined() && !named.name.starts_with("generator."))
      put(run, kTrain, "grad_d." + named.name, named.tensor.grad());
}

}  // namespace

void run_training_parity(ParityRun& run) {
  const Start start(run);
  std::size_t steps = 0;
  while (run.has(kTrain, fmt::format("batch{}.mel", steps))) ++steps;
  if (steps == 0) throw DataError("no batch0.mel in the set");
  const train::Ranks ranks;
  const auto step_of = [&](GivenBatches& recipe, train::Stepper& stepper, std::size_t step, at::ScalarType type) {
    const batch::Batch batch = batch_of(run, step, type);
    const auto outcome =
        stepper.run({.step = static_cast<std::int64_t>(step) + 1, .epoch = 0}, {&batch}, start.options.optim.lr);
    put_losses(run, step, recipe, outcome);
  };
  // The steps in double precision: Adam's first updates are lr · sign(gradient), so that a kink which one rounding
  // moves an activation across changes weights by far more than the bounds. The set's seed is free of such kinks
  // between single and double, not between two orders of summation in single.
  GivenBatches exact(start, at::kDouble);
  train::Stepper exact_stepper(exact, start.options, ranks);
  for (std::size_t step = 0; step < steps; ++step) step_of(exact, exact_stepper, step, at::kDouble);
  const auto state = exact.model().named_state();
  for (const nn::Named& named : state) put(run, "train/after_steps.safetensors", named.name, named.tensor);
  // The first step as training computes it, in single precision: every loss, score, feature map and gradient.
  gradients(run, start, batch_of(run, 0, at::kFloat));
  GivenBatches recipe(start, at::kFloat);
  train::Stepper stepper(recipe, start.options, ranks);
  step_of(recipe, stepper, 0, at::kFloat);
  put_first_step(run, recipe);
  const auto parameters = recipe.learner().generator.named_parameters();
  for (const nn::Named& named : parameters) put(run, kTrain, "grad_g." + named.name, named.tensor.grad());
}

namespace {

/// The README's rule for the weights of published size: element i of tensor t of a state dict.
void fill_by_rule(nn::Module& module) {
  const at::NoGradGuard no_grad;
  std::int64_t t = 0;
  const auto state = module.named_state();
  for (const nn::Named& named : state) {
    const Tensor i = at::arange(named.tensor.numel(), at::TensorOptions(at::kLong));
    const Tensor u =
        ((i * 2654435761 + (t * 974711 + 12345)).remainder(std::int64_t{1} << 32).to(at::kDouble) / 4294967296.0 - 0.5)
            .view(named.tensor.sizes());
    const std::string& name = named.name;
    Tensor value = u;
    if (name.ends_with("weight_g")) value = 1 + 0.5 * u;
    if (name.ends_with("bias")) value = 0.2 * u;
    if (name.ends_with("weight_u") || (name.ends_with("weight_v") && named.tensor.dim() == 1)) value = u / at::norm(u);
    named.tensor.copy_(value);
    ++t;
  }
}

void judge_full_size(ParityRun& run, const std::string& name, nn::Discriminators& judges) {
  run.put_json(kCases, "/full_size_discriminators/" + name + "_parameters", judges.parameter_count());
  fill_by_rule(judges);
  const at::NoGradGuard no_grad;
  const auto wave = [&](const char* key) { return nn::to_torch(run.input(kFull, key)).squeeze(1); };
  const auto both = judges.judge_both(wave("y"), wave("y_hat"));
  for (std::size_t d = 0; d < both.real.size(); ++d) {
    put(run, kFull, fmt::format("{}.real{}", name, d), both.real[d].score);
    put(run, kFull, fmt::format("{}.fake{}", name, d), both.fake[d].score);
    put(run, kFull, fmt::format("{}.fmap_mean_abs{}", name, d), feature_means({both.real[d]}));
  }
  const std::string at = "/full_size_discriminators/" + name + "/";
  run.put_json(kCases, at + "feature_loss", 2 * number(nn::feature_loss(both.real, both.fake)));
  run.put_json(kCases, at + "generator_loss", number(nn::generator_loss(both.fake)));
  run.put_json(kCases, at + "discriminator_loss", number(nn::discriminator_loss(both.real, both.fake)));
}

}  // namespace

void run_full_size_parity(ParityRun& run) {
  {
    nn::MultiPeriodDiscriminator mpd;
    judge_full_size(run, "mpd", mpd);
  }
  nn::MultiScaleDiscriminator msd;
  judge_full_size(run, "msd", msd);
}

}  // namespace timbre::hifigan
