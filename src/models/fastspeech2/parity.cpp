#include "models/fastspeech2/parity.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/names.h"
#include "models/fastspeech2/parity_parts.h"
#include "models/fastspeech2/recipe.h"
#include "train/schedule.h"

namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kCases = "cases.json";

/// A model of the set: its checkpoint, opened.
struct Subject {
  Config config;
  std::int64_t symbols = 0, speakers = 1;
  weights::TensorMap weights;

  std::unique_ptr<FastSpeech2> build() const {
    auto model = std::make_unique<FastSpeech2>(config, symbols, speakers, Statistics{}, Statistics{});
    model->load_exactly(weights, "the set's checkpoint");  // brings its own bins and tables
    model->eval();
    return model;
  }
};

/// model_<letter>/<lowest step>.pth.tar with the YAML files of its kind.
Subject subject_of(const ParityRun& run, const std::string& letter) {
  std::string best;
  std::int64_t lowest = 0;
  const std::string folder = "model_" + letter + "/";
  for (const std::string& file : run.files()) {
    if (!file.starts_with(folder) || !file.ends_with(".pth.tar")) continue;
    const auto step = parse_int(file.substr(folder.size(), file.size() - folder.size() - 8));
    if (step && (best.empty() || *step < lowest)) {
      best = file;
      lowest = *step;
    }
  }
  if (best.empty()) throw DataError(fmt::format("{}: no {}<step>.pth.tar", run.dir().string(), folder));
  // Frame-level settings go with the model whose inputs have frames; the set keeps them under a second pair of names.
  const std::string suffix = letter == "a" || !run.has_file("config/model_frame_level.yaml") ? "" : "_frame_level";
  Subject subject;
  subject.weights = read_ming024_checkpoint(run.input_path(best)).model;
  const auto path = [&](const std::string& name) { return run.has_file(name) ? run.input_path(name) : fs::path(); };
  subject.config =
      ming024_config(subject.weights, {path("config/model" + suffix + ".yaml"),
                                       path("config/preprocess" + suffix + ".yaml"), path("config/train.yaml")});
  subject.symbols = subject.weights.at("encoder.src_word_emb.weight").shape.at(0);
  if (const auto* table = subject.weights.find("speaker_emb.weight")) subject.speakers = table->shape.at(0);
  return subject;
}

void without_dropout(Config& config) {
  config.encoder.dropout = config.decoder.dropout = config.variance.dropout = config.postnet_dropout = 0;
}

/// The tensors of one batch under a prefix: "a.gt.in", "fit.in3".
batch::Batch read_batch(const ParityRun& run, const std::string& prefix, const Config& config, bool training) {
  const auto tensor = [&](const char* name) { return nn::to_torch(run.input(kTensors, prefix + "." + name)); };
  batch::Batch batch;
  batch.put("text_BP", tensor("texts").to(at::kLong));
  batch.put("text_lens_B", tensor("src_lens").to(at::kLong));
  if (run.has(kTensors, prefix + ".speakers")) batch.put("speaker_B", tensor("speakers").to(at::kLong));
  if (!run.has(kTensors, prefix + ".mels")) return batch;
  batch.put("mel_BFM", tensor("mels").to(at::kFloat));
  batch.put("mel_lens_B", tensor("mel_lens").to(at::kLong));
  batch.put("durations_BP", tensor("durations").to(at::kLong));
  batch.put("pitch", tensor("pitches").to(at::kFloat));
  batch.put("energy", tensor("energies").to(at::kFloat));
  const auto total = [](const std::vector<std::int64_t>& lengths, std::int64_t most) {
    double sum = 0;
    for (const std::int64_t n : lengths) sum += static_cast<double>(std::min(n, most));
    return sum;
  };
  const auto mel_lens = run.input(kTensors, prefix + ".mel_lens").to_i64();
  const std::int64_t most = training ? config.max_frames : INT64_MAX;
  batch.counts["frames"] = total(mel_lens, most);
  batch.counts["mel_values"] = batch.counts["frames"] * static_cast<double>(config.mel.mels);
  batch.counts["phones"] = total(run.input(kTensors, prefix + ".src_lens").to_i64(), INT64_MAX);
  return batch;
}

void put(ParityRun& run, const std::string& name, const Tensor& value) { put_if_asked(run, kTensors, name, value); }

void put_outputs(ParityRun& run, const std::string& prefix, const Outputs& out) {
  put(run, prefix + "mel", out.mel_BFM);
  put(run, prefix + "mel_postnet", out.mel_postnet_BFM);
  put(run, prefix + "pitch_pred", out.pitch);
  put(run, prefix + "energy_pred", out.energy);
  put(run, prefix + "log_duration_pred", out.log_duration_BP);
  put(run, prefix + "duration_rounded", out.duration_BP);
  put(run, prefix + "src_mask", out.text_pad_BP);
  put(run, prefix + "mel_mask", out.mel_pad_BF);
  put(run, prefix + "src_lens", out.text_lens_B);
  put(run, prefix + "mel_lens", out.mel_lens_B);
}

double gradient_norm(const FastSpeech2& model) {
  double sum = 0;
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (parameter.grad().defined()) sum += std::pow(parameter.grad().norm().item<double>(), 2);
  }
  return std::sqrt(sum);
}

/// Given durations, pitch and energy: outputs, named intermediates, losses, gradients.
void teacher_forced(ParityRun& run, const std::string& letter) {
  const Subject subject = subject_of(run, letter);
  const auto model = subject.build();
  const batch::Batch batch = read_batch(run, letter + ".gt.in", subject.config, false);
  model->probe = [&](const std::string& name, const Tensor& value) { put(run, letter + ".gt.mid." + name, value); };
  const Outputs out = model->forward(inputs_of(batch, batch["mel_BFM"].size(1)));
  model->probe = {};
  put_outputs(run, letter + ".gt.out.", out);
  const MeanLosses losses = mean_losses(subject.config, out, batch);
  run.put_json(kCases, "/" + letter + ".gt_losses", losses.values);
  losses.total.backward();
  for (const auto& [name, parameter] : model->named_parameters()) {
    if (parameter.grad().defined()) put(run, letter + ".gt.grad." + name, parameter.grad());
  }
  run.put_json(kCases, "/" + letter + ".gt.grad_norm", gradient_norm(*model));
}

/// Predicted durations, pitch and energy under each set of controls.
void inference(ParityRun& run, const std::string& letter) {
  const Subject subject = subject_of(run, letter);
  const auto model = subject.build();
  const at::NoGradGuard no_grad;
  const batch::Batch batch = read_batch(run, letter + ".inf.in", subject.config, false);
  const std::string controls = "/" + letter + ".inference_controls_p_e_d";
  for (const std::string& i : run.keys(kCases, controls)) {
    const auto factor = [&](int k) {
      return run.input_json(kCases, fmt::format("{}/{}/{}", controls, i, k)).get<double>();
    };
    Inputs in;
    in.text_BP = batch["text_BP"];
    in.text_lens_B = batch["text_lens_B"];
    if (batch.has("speaker_B")) in.speaker_B = batch["speaker_B"];
    in.factors = {.pitch = factor(0), .energy = factor(1), .duration = factor(2)};
    const Outputs out = model->forward(in);
    put_outputs(run, fmt::format("{}.inf{}.out.", letter, i), out);
    run.put_json(kCases, fmt::format("/{}.inf{}_mel_lens", letter, i),
                 nn::from_torch(out.mel_lens_B.contiguous()).to_i64());
  }
}

/// Training mode cuts the decoder's input to the position table.
void cut_case(ParityRun& run) {
  Subject subject = subject_of(run, "a");
  without_dropout(subject.config);
  const auto model = subject.build();
  model->train();
  const batch::Batch batch = read_batch(run, "cut.in", subject.config, true);
  const at::NoGradGuard no_grad;
  const Outputs out = model->forward(inputs_of(batch, batch["mel_BFM"].size(1)));
  put_outputs(run, "cut.out.", out);
  run.put_json(kCases, "/cut/frames_out", out.mel_BFM.size(1));
  run.put_json(kCases, "/cut/mel_lens_out", nn::from_torch(out.mel_lens_B.contiguous()).to_i64());
  run.put_json(kCases, "/cut/losses", mean_losses(subject.config, out, batch).values);
}

void put_state(ParityRun& run, const std::string& prefix, const FastSpeech2& model) {
  for (const auto& [name, tensor] : model.named_state()) put(run, prefix + name, tensor);
}

/// The reference's training loop on the set's batches: Adam under ScheduledOptim, clipped.
void fit(ParityRun& run) {
  Subject subject = subject_of(run, "a");
  without_dropout(subject.config);
  const auto model = subject.build();
  model->train();
  FitOptimizer optimizer(*model, run.has_file("config/train.yaml") ? run.input_path("config/train.yaml") : fs::path(),
                         subject.config.encoder.width);
  for (const std::string& i : run.keys(kCases, "/fit_trajectory")) {
    const std::string at = "/fit_trajectory/" + i;
    const auto step = run.input_json(kCases, at + "/step").get<std::int64_t>();
    const batch::Batch batch = read_batch(run, fmt::format("fit.in{}", step), subject.config, true);
    const MeanLosses losses =
        mean_losses(subject.config, model->forward(inputs_of(batch, batch["mel_BFM"].size(1))), batch);
    (losses.total / static_cast<double>(optimizer.accumulate())).backward();
    run.put_json(kCases, at + "/losses", losses.values);
    const bool updates = step % optimizer.accumulate() == 0;
    const double norm = updates ? optimizer.step() : 0;
    run.put_json(kCases, at + "/grad_norm_before_clip", updates ? json(norm) : json(nullptr));
    run.put_json(kCases, at + "/lr", optimizer.rate());
  }
  put_state(run, "fit.final.", *model);
  // state_dict() hands out references: what the set calls the state after the first update was written when the run had
  // ended (num_batches_tracked says so: first batch + all the others).
  put_state(run, "fit.after_first_update.", *model);
}

void learning_rates(ParityRun& run) {
  const std::string at = "/lr_schedule";
  train::ScheduleOptions schedule;
  schedule.kind = "ming024";
  schedule.width = run.input_json(kCases, at + "/hidden").get<std::int64_t>();
  schedule.warmup_steps = run.input_json(kCases, at + "/warm_up_step").get<std::int64_t>();
  schedule.anneal_steps = run.input_json(kCases, at + "/anneal_steps").get<std::vector<std::int64_t>>();
  schedule.anneal_rate = run.input_json(kCases, at + "/anneal_rate").get<double>();
  for (const std::string& i : run.keys(kCases, at + "/step_lr")) {
    const auto step = run.input_json(kCases, fmt::format("{}/step_lr/{}/0", at, i)).get<std::int64_t>();
    run.put_json(kCases, fmt::format("{}/step_lr/{}/1", at, i), train::learning_rate(schedule, 0, step, 0));
  }
}

}  // namespace

MeanLosses mean_losses(const Config& config, const Outputs& out, const batch::Batch& batch) {
  MeanLosses losses;
  for (const train::Term& term : loss_terms(config, out, batch)) {
    const Tensor mean = term.sum / batch.counts.at(term.unit);
    losses.values[term.name] = mean.item<double>();
    losses.total = losses.total.defined() ? losses.total + mean : mean;
  }
  losses.values["total"] = losses.total.item<double>();
  return losses;
}

void put_if_asked(ParityRun& run, const std::string& file, const std::string& name, const Tensor& value) {
  if (run.has(file, name)) run.put(file, name, nn::from_torch(value.detach().contiguous().clone()));
}

void run_parity(ParityRun& run) {
  const auto present = [&](const std::string& name) { return run.has(kTensors, name); };
  std::set<std::string> letters;
  for (const std::string& name : run.names(kTensors)) {
    const std::size_t dot = name.find('.');
    if (name.substr(dot) == ".gt.in.texts" || name.substr(dot) == ".inf.in.texts") letters.insert(name.substr(0, dot));
  }
  for (const std::string& letter : letters) {
    if (present(letter + ".gt.in.texts")) attempt(run, "*" + letter + ".gt*", [&] { teacher_forced(run, letter); });
    if (present(letter + ".inf.in.texts")) attempt(run, "*" + letter + ".inf*", [&] { inference(run, letter); });
  }
  if (present("cut.in.texts")) attempt(run, "*cut*", [&] { cut_case(run); });
  if (run.has_json(kCases, "/fit_trajectory")) attempt(run, "*fit*", [&] { fit(run); });
  if (run.has_json(kCases, "/lr_schedule")) attempt(run, "*lr_schedule*", [&] { learning_rates(run); });
  attempt(run, "cases.json:/[!p]*", [&] { text_parity(run); });
  attempt(run, "*data*", [&] { data_parity(run); });
}

}  // namespace timbre::fastspeech2
