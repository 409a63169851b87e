#include <yaml-cpp/yaml.h>

#include <ATen/ops/clamp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/round.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "models/fastspeech2/model_torphix.h"
#include "models/fastspeech2/parity.h"
#include "models/fastspeech2/parity_parts.h"
#include "models/fastspeech2/recipe.h"
#include "models/fastspeech2/torphix_names.h"
#include "models/fastspeech2/yaml_values.h"

/// The network's entries of golden/fastspeech2_torphix.
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kCases = "cases.json";
constexpr const char* kHead = "cases.safetensors";
constexpr const char* kMarch = "cases_19e23c5.safetensors";

/// A checkpoint of the set and the settings it goes with.
struct Subject {
  Config config;
  std::int64_t symbols = 0;
  weights::TensorMap weights;

  std::unique_ptr<Torphix> build() const {
    auto model = std::make_unique<Torphix>(config, symbols, Statistics{}, Statistics{});
    model->load_exactly(weights, "the set's checkpoint");
    model->eval();
    return model;
  }
};

/// The bare state_dict of one generation.
Subject subject_of(const ParityRun& run, bool head) {
  for (const std::string& file : run.files()) {
    if (file.find('/') != std::string::npos || !file.starts_with("fs2_model.") || !file.ends_with(".tar")) continue;
    Subject subject;
    subject.weights = read_torphix_checkpoint(run.input_path(file)).model;
    const char* table = head ? "encoder.phoneme_embedding.weight" : "phoneme_embedding.weight";
    if (!subject.weights.contains(table)) continue;
    const std::string model_yaml = head ? "model.yaml" : "model_19e23c5.yaml";
    const auto path = [&](const std::string& name) { return run.has_file(name) ? run.input_path(name) : fs::path(); };
    subject.config = torphix_config(subject.weights, {path(model_yaml), path("data.yaml")});
    subject.symbols = subject.weights.at(table).shape.at(0);
    return subject;
  }
  throw DataError(fmt::format("{}: no fs2_model.*.tar of {}", run.dir().string(), head ? "HEAD" : "19e23c5"));
}

void without_dropout(Config& config) {
  config.encoder.dropout = config.decoder.dropout = config.variance.dropout = config.postnet_dropout = 0;
}

/// The tensors of one batch under a prefix ("gt.in", "fit.in3"). The reference keeps mels as [B, M, F].
batch::Batch read_batch(const ParityRun& run, const std::string& file, const std::string& prefix) {
  const auto tensor = [&](const std::string& name) { return nn::to_torch(run.input(file, prefix + "." + name)); };
  const auto either = [&](const char* one, const char* other) {
    return tensor(run.has(file, prefix + "." + one) ? one : other);
  };
  batch::Batch batch;
  batch.put("text_BP", tensor("phonemes").to(at::kLong));
  batch.put("text_lens_B", tensor("text_lens").to(at::kLong));
  batch.put("speaker_B", at::zeros_like(batch["text_lens_B"]));
  batch.put("durations_BP", tensor("durations").to(at::kLong));
  batch.put("mel_BFM", tensor("mels").to(at::kFloat).transpose(1, 2).contiguous());
  batch.put("mel_lens_B", tensor("mel_lens").to(at::kLong));
  batch.put("pitch", either("pitch", "pitchs"));
  batch.put("energy", either("energy", "energies"));
  const auto total = [](const weights::Tensor& lengths) {
    double sum = 0;
    for (const std::int64_t n : lengths.to_i64()) sum += static_cast<double>(n);
    return sum;
  };
  batch.counts["phones"] = total(run.input(file, prefix + ".text_lens"));
  batch.counts["frames"] = total(run.input(file, prefix + ".mel_lens"));
  batch.counts["mel_values"] = batch.counts["frames"] * static_cast<double>(batch["mel_BFM"].size(2));
  return batch;
}

/// Teacher-forced inputs; durations are taken as the reference's evaluation mode takes them.
Inputs given(const batch::Batch& batch) {
  Inputs in = inputs_of(batch, batch["mel_BFM"].size(1));
  in.whole_durations = false;
  return in;
}

Inputs text_alone(const Tensor& text_BP, const Tensor& lens_B) {
  Inputs in;
  in.text_BP = text_BP;
  in.text_lens_B = lens_B;
  return in;
}

/// One sentence without padding.
Inputs sentence(const ParityRun& run, const std::string& file) {
  const Tensor text_BP = nn::to_torch(run.input(file, "inf.in.phonemes")).to(at::kLong);
  return text_alone(text_BP, at::full({text_BP.size(0)}, text_BP.size(1), at::TensorOptions(at::kLong)));
}

void put_outputs(ParityRun& run, const std::string& file, const std::string& prefix, const Outputs& out) {
  put_if_asked(run, file, prefix + "mel", out.mel_BFM);
  put_if_asked(run, file, prefix + "mel_postnet", out.mel_postnet_BFM);
  put_if_asked(run, file, prefix + "pitch_pred", out.pitch);
  put_if_asked(run, file, prefix + "energy_pred", out.energy);
  put_if_asked(run, file, prefix + "log_duration_pred", out.log_duration_BP);
}

void put_gradients(ParityRun& run, const std::string& file, const std::string& prefix, const Torphix& model) {
  for (const auto& [name, parameter] : model.named_parameters())
    if (parameter.grad().defined()) put_if_asked(run, file, prefix + name, parameter.grad());
}

/// The values the set asks for under `pointer`: some lists have no total.
void put_losses(ParityRun& run, const std::string& pointer, const json& values) {
  for (const std::string& name : run.keys(kCases, pointer))
    if (values.contains(name)) run.put_json(kCases, pointer + "/" + name, values[name]);
}

Probe probe_into(ParityRun& run, const std::string& prefix) {
  return
      [&run, prefix](const std::string& name, const Tensor& value) { put_if_asked(run, kHead, prefix + name, value); };
}

/// Given durations, pitch and energy: outputs, intermediates, losses, gradients.
void teacher_forced(ParityRun& run) {
  const Subject subject = subject_of(run, true);
  const auto model = subject.build();
  const batch::Batch batch = read_batch(run, kHead, "gt.in");
  model->probe = probe_into(run, "gt.mid.");
  const Outputs out = model->forward(given(batch));
  model->probe = {};
  put_outputs(run, kHead, "gt.out.", out);
  const MeanLosses losses = mean_losses(subject.config, out, batch);
  put_losses(run, "/gt_losses", losses.values);
  losses.total.backward();
  put_gradients(run, kHead, "gt.grad.", *model);
}

/// The other calls of forward that the set shows, in evaluation mode.
void variations(ParityRun& run) {
  const at::NoGradGuard no_grad;
  const Subject subject = subject_of(run, true);
  const auto model = subject.build();
  const batch::Batch batch = read_batch(run, kHead, "gt.in");
  const auto call = [&](const std::string& name, const Inputs& in) {
    const Outputs out = model->forward(in);
    put_outputs(run, kHead, name + ".out.", out);
    return out;
  };
  call("inf_batch", text_alone(batch["text_BP"], batch["text_lens_B"]));
  Inputs slow = given(batch);
  slow.factors.duration = 1.5;
  slow.mel_lens_B = at::round(slow.durations_BP.to(at::kFloat) * slow.factors.duration).sum(1).to(at::kLong);
  slow.frames_max = slow.mel_lens_B.max().item<std::int64_t>();
  const Outputs out = call("gt_alpha1p5", slow);
  if (run.has_json(kCases, "/gt_alpha1p5_mel_lens"))
    run.put_json(kCases, "/gt_alpha1p5_mel_lens", nn::from_torch(out.duration_BP.sum(1).to(at::kLong)).to_i64());
  if (run.has(kHead, "spk.in.speaker_embedding")) {
    Inputs spoken = given(batch);
    spoken.speaker_vec_BE = nn::to_torch(run.input(kHead, "spk.in.speaker_embedding")).to(at::kFloat).squeeze(1);
    call("spk", spoken);
  }
  Subject frames = subject;
  frames.config.variance.pitch_level = frames.config.variance.energy_level = "frame";
  const auto by_frame = frames.build();
  put_outputs(run, kHead, "melframe.out.", by_frame->forward(given(batch)));
}

void inference(ParityRun& run) {
  const at::NoGradGuard no_grad;
  const auto model = subject_of(run, true).build();
  const std::string controls = "/inf_controls_pitch_energy_duration";
  for (const std::string& i : run.keys(kCases, controls)) {
    const auto factor = [&](int k) {
      return run.input_json(kCases, fmt::format("{}/{}/{}", controls, i, k)).get<double>();
    };
    Inputs in = sentence(run, kHead);
    in.factors = {.pitch = factor(0), .energy = factor(1), .duration = factor(2)};
    model->probe = probe_into(run, "inf" + i + ".mid.");
    put_outputs(run, kHead, "inf" + i + ".out.", model->forward(in));
  }
}

void buckets(ParityRun& run) {
  const Subject subject = subject_of(run, true);
  const Tensor bins = nn::to_torch(subject.weights.at("variance_adaptor.pitch_bins"));
  put_if_asked(run, kHead, "bucketize.out", torphix_bucket(nn::to_torch(run.input(kHead, "bucketize.in")), bins));
}

/// The target that is turned when it has as many frames as bins; and the loss as it should be.
void square_target(ParityRun& run) {
  const at::NoGradGuard no_grad;
  const Subject subject = subject_of(run, true);
  const batch::Batch batch = read_batch(run, kHead, "mel80.in");
  const Outputs out = subject.build()->forward(given(batch));
  put_losses(run, "/mel80_losses", mean_losses(subject.config, out, batch).values);
  Config right = subject.config;
  right.compat = "none";
  put_losses(run, "/mel80_losses_without_the_bug", mean_losses(right, out, batch).values);
}

/// What train.yaml says, in the loop's own parts.
struct FitSettings {
  train::OptimOptions optim;
  std::int64_t accumulate = 1, decay_every_epochs = 1;
  double decay = 1, clip_value = 0;

  explicit FitSettings(const ParityRun& run) {
    optim.kind = "adam";
    optim.lr = 1e-3;  // torch's own defaults where the file says nothing
    optim.beta2 = 0.999;
    optim.eps = 1e-8;
    const fs::path file = run.has_file("train.yaml") ? run.input_path("train.yaml") : fs::path();
    const YAML::Node root = load_yaml(file);
    std::vector<double> betas = {optim.beta1, optim.beta2};
    std::string clip = "null", how = "norm";
    take(root, {"optimizer", "lr"}, file, optim.lr);
    take(root, {"optimizer", "betas"}, file, betas);
    take(root, {"optimizer", "eps"}, file, optim.eps);
    take(root, {"optimizer", "weight_decay"}, file, optim.weight_decay);
    take(root, {"scheduler", "step_size"}, file, decay_every_epochs);
    take(root, {"scheduler", "gamma"}, file, decay);
    take(root, {"trainer", "accumulate_grad_batches"}, file, accumulate);
    take(root, {"trainer", "gradient_clip_val"}, file, clip);
    take(root, {"trainer", "gradient_clip_algorithm"}, file, how);
    optim.beta1 = betas.at(0);
    optim.beta2 = betas.at(1);
    optim.clip_norm = 0;
    if (clip == "null" || clip.empty()) return;
    (how == "value" ? clip_value : optim.clip_norm) = std::stod(clip);
  }
};

/// One update by what the gradients say.
void update(train::Optimiser& optimiser, const std::vector<nn::Named>& parameters, const FitSettings& settings,
            double rate) {
  const at::NoGradGuard no_grad;
  for (const nn::Named& named : parameters)
    if (settings.clip_value > 0 && named.tensor.grad().defined())
      named.tensor.mutable_grad() = at::clamp(named.tensor.grad(), -settings.clip_value, settings.clip_value);
  if (settings.optim.clip_norm > 0)
    train::clip_gradients(parameters, train::gradient_norm(parameters).item<double>(), settings.optim.clip_norm);
  optimiser.step(rate);
}

void one_step(ParityRun& run) {
  Subject subject = subject_of(run, true);
  without_dropout(subject.config);
  const auto model = subject.build();
  model->train();
  const batch::Batch batch = read_batch(run, kHead, "gt.in");
  const MeanLosses losses = mean_losses(subject.config, model->forward(given(batch)), batch);
  put_losses(run, "/train_step_losses", losses.values);
  losses.total.backward();
  put_gradients(run, kHead, "train_step.grad.", *model);
  const FitSettings settings(run);
  const auto parameters = model->named_parameters();
  train::Optimiser optimiser(settings.optim, train::make_groups(parameters, {}));
  update(optimiser, parameters, settings, settings.optim.lr);
  for (const auto& [name, tensor] : model->named_state()) put_if_asked(run, kHead, "train_step.after." + name, tensor);
}

/// Lightning's loop: the loss is divided by the number of batches of a step, also in the shorter last one of an epoch;
/// the rate falls when an epoch ends.
void fit(ParityRun& run) {
  Subject subject = subject_of(run, true);
  without_dropout(subject.config);
  const auto model = subject.build();
  model->train();
  FitSettings settings(run);
  const std::string given_settings = "/fit_settings";
  settings.accumulate = run.input_json(kCases, given_settings + "/accumulate_grad_batches").get<std::int64_t>();
  const auto per_epoch = run.input_json(kCases, given_settings + "/batches_per_epoch").get<std::int64_t>();
  const auto parameters = model->named_parameters();
  train::Optimiser optimiser(settings.optim, train::make_groups(parameters, {}));
  bool first = true;
  for (const std::string& i : run.keys(kCases, "/fit_trajectory")) {
    const std::string at = "/fit_trajectory/" + i;
    const auto epoch = run.input_json(kCases, at + "/epoch").get<std::int64_t>();
    const auto index = run.input_json(kCases, at + "/batch").get<std::int64_t>();
    const auto rate_in = [&](std::int64_t e) {
      double rate = settings.optim.lr;
      for (std::int64_t k = 0; k < e / settings.decay_every_epochs; ++k) rate *= settings.decay;
      return rate;
    };
    const batch::Batch batch = read_batch(run, kHead, fmt::format("fit.in{}", index));
    const MeanLosses losses = mean_losses(subject.config, model->forward(given(batch)), batch);
    const Tensor loss = losses.total / static_cast<double>(settings.accumulate);
    loss.backward();
    if (first) run.put_json(kCases, "/fit_first_batch_loss_not_divided", losses.total.item<double>());
    first = false;
    const bool ends = index + 1 == per_epoch;
    if (ends || (index + 1) % settings.accumulate == 0) {
      update(optimiser, parameters, settings, rate_in(epoch));
      optimiser.zero_gradients();
    }
    run.put_json(kCases, at + "/loss", loss.item<double>());
    run.put_json(kCases, at + "/lr", rate_in(ends ? epoch + 1 : epoch));
    run.put_json(kCases, at + "/global_step", optimiser.steps());
  }
}

/// The generation before: training mode without dropout where durations are given (its evaluation mode would take them
/// for logarithms), evaluation mode for inference.
void march(ParityRun& run) {
  Subject subject = subject_of(run, false);
  without_dropout(subject.config);
  const batch::Batch batch = read_batch(run, kMarch, "gt.in");
  {
    const auto model = subject.build();
    model->train();
    Inputs in = given(batch);
    if (run.has(kMarch, "gt.in.speaker_embedding")) {
      const at::NoGradGuard no_grad;
      in.speaker_vec_BE = nn::to_torch(run.input(kMarch, "gt.in.speaker_embedding")).to(at::kFloat).squeeze(1);
      put_outputs(run, kMarch, "gt.out.", model->forward(in));
    }
    const MeanLosses losses = mean_losses(subject.config, model->forward(given(batch)), batch);
    put_losses(run, "/old_gt_losses_without_speaker_embedding", losses.values);
    losses.total.backward();
    put_gradients(run, kMarch, "gt_nospk.grad.", *model);
  }
  const at::NoGradGuard no_grad;
  put_outputs(run, kMarch, "inf.out.", subject.build()->forward(sentence(run, kMarch)));
}

}  // namespace

void run_torphix_parity(ParityRun& run) {
  const auto part = [&](const char* file, const char* input, const char* pattern, void (*compute)(ParityRun&)) {
    if (run.has(file, input)) attempt(run, pattern, [&] { compute(run); });
  };
  part(kHead, "gt.in.phonemes", "*gt*", teacher_forced);
  part(kHead, "gt.in.phonemes", "*[!n].out*", variations);
  part(kHead, "inf.in.phonemes", "*inf*", inference);
  part(kHead, "bucketize.in", "*bucketize*", buckets);
  part(kHead, "mel80.in.phonemes", "*mel80*", square_target);
  part(kHead, "gt.in.phonemes", "*train_step*", one_step);
  if (run.has_json(kCases, "/fit_trajectory")) attempt(run, "*fit*", [&] { fit(run); });
  part(kMarch, "gt.in.phonemes", "cases_19e23c5*", march);
  attempt(run, "cases.json:/[!p]*", [&] { torphix_text_parity(run); });
  attempt(run, "*data*", [&] { torphix_data_parity(run); });
}

}  // namespace timbre::fastspeech2
