#include "models/valle/parity_scaled_adam.h"

#include <ATen/ops/stack.h>

#include "base/error.h"
#include "roles/parity_part.h"
#include "train/optim.h"
#include "train/schedule.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using nn::Tensor;
using roles::ParityRun;

constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kCases = "cases.json";

/// The class defaults of lifeiteng's optimisers and torch's, then what the run gives.
train::OptimOptions options_of(const std::string& optimizer, const json& args) {
  train::OptimOptions o;
  o.eps = 1e-8;
  o.clip_norm = 0;
  if (optimizer == "ScaledAdam") {
    o.kind = "scaled_adam";
    o.lr = 3e-2;
    o.scaled.clipping_scale = 0;
  } else if (optimizer == "Eve") {
    o.kind = "eve";
    o.weight_decay = 1e-3;
  } else if (optimizer == "AdamW" || optimizer == "Adam") {
    o.kind = optimizer == "AdamW" ? "adamw" : "adam";
    o.beta2 = 0.999;
    o.weight_decay = optimizer == "AdamW" ? 1e-2 : 0.0;
  } else {
    throw DataError(fmt::format("no optimiser '{}'", optimizer));
  }
  for (const auto& [name, value] : args.items()) {
    if (value.is_null()) continue;
    if (name == "betas") {
      o.beta1 = value.at(0);
      o.beta2 = value.at(1);
    } else if (name == "lr") {
      o.lr = value;
    } else if (name == "eps") {
      o.eps = value;
    } else if (name == "weight_decay") {
      o.weight_decay = value;
    } else if (name == "target_rms") {
      o.target_rms = value;
    } else {
      config::Fields fields = train::fields(o.scaled);
      fields.set(name, value.dump(), "args");
    }
  }
  return o;
}

/// The rate as the trainer sets it: by calls of step_epoch and step_batch (Eden) or step (Noam).
struct Rate {
  train::ScheduleOptions schedule;
  double base = 0;
  std::int64_t batches = 0, epoch = 0;
  bool constant = false;
  double now() const { return constant ? base : train::learning_rate(schedule, base, 0, 0, epoch, batches); }
};

Rate rate_of(const json& schedule, double base) {
  Rate rate{.base = base};
  rate.schedule.counts = "batches";
  const std::string kind = schedule.at(0);
  if (kind == "Eden") {
    rate.schedule.kind = "eden";
    rate.schedule.eden_batches = schedule.at(1);
    rate.schedule.eden_epochs = schedule.at(2);
    rate.schedule.warmup_steps = schedule.at(3);
  } else if (kind == "Noam") {
    rate.schedule.kind = "noam";
    rate.schedule.width = schedule.at(1);
    rate.schedule.warmup_steps = schedule.at(2);
  } else {
    rate.constant = true;
  }
  return rate;
}

json given(const ParityRun& run, const std::string& at, json missing) {
  return run.has_json(kCases, at) ? run.input_json(kCases, at) : missing;
}

/// Gradients of one step; undefined where the set says so.
void give_gradients(const ParityRun& run, const std::vector<nn::Named>& parameters, std::int64_t step) {
  for (const nn::Named& named : parameters) {
    const json none = given(run, "/parameters_without_gradient_at_step/" + named.name, json::array());
    named.tensor.mutable_grad() =
        std::find(none.begin(), none.end(), json(step)) != none.end()
            ? Tensor()
            : nn::to_torch(run.input(kTensors, "grad." + named.name)).select(0, step).contiguous();
  }
}

void put_state(ParityRun& run, const std::string& name, const train::Optimiser& optimiser,
               const std::vector<std::string>& names, double rate) {
  const weights::Value whole = optimiser.torch_state(names, rate, std::nullopt);
  json order = json::array();
  for (const auto& [index, fields] : whole.at("state").as_dict()) {
    order.push_back(index.as_int());
    const std::string head = fmt::format("{}.final_state.{}.", name, index.as_int());
    const std::string at = fmt::format("/runs/{}/final_state_scalars/{}/", name, index.as_int());
    for (const auto& [key, value] : fields.as_dict()) {
      if (!value.is_tensor()) {
        if (value.kind() == weights::Value::Kind::integer)
          run.put_json(kCases, at + key.as_text(), value.as_int());
        else
          run.put_json(kCases, at + key.as_text(), value.as_real());
        continue;
      }
      Tensor tensor = nn::to_torch(value.as_tensor());
      constexpr std::int64_t kKept = 40;  // the set cuts the ring of norms
      if (key.as_text() == "model_norms" && tensor.size(0) > kKept) tensor = tensor.narrow(0, 0, kKept).clone();
      if (run.has(kTensors, head + key.as_text())) run.put(kTensors, head + key.as_text(), nn::from_torch(tensor));
    }
  }
  run.put_json(kCases, fmt::format("/runs/{}/state_is_kept_for_parameter_index", name), order);
}

void one_run(ParityRun& run, const std::string& name) {
  const std::string at = "/runs/" + name;
  train::OptimOptions options =
      options_of(run.input_json(kCases, at + "/optimizer"), run.input_json(kCases, at + "/args"));
  const double clip_norm = given(run, at + "/clip_grad_norm", 0.0);
  const std::int64_t accumulate = given(run, at + "/accumulate", 1), first_batch = given(run, at + "/first_batch", 0),
                     steps = run.input_json(kCases, "/steps");
  const json epochs = given(run, at + "/epochs", json::object());
  std::vector<nn::Named> parameters;
  std::vector<std::string> names;
  for (const std::string& i : run.keys(kCases, "/parameters")) {
    const std::string parameter = run.input_json(kCases, "/parameters/" + i + "/name");
    parameters.push_back(
        {parameter, nn::to_torch(run.input(kTensors, "init." + parameter)).clone().set_requires_grad(true)});
    names.push_back(parameter);
  }
  train::Optimiser optimiser(options, train::make_groups(parameters, {}));
  Rate rate = rate_of(run.input_json(kCases, at + "/scheduler"), options.lr);
  rate.batches = first_batch;
  json used = json::array(), lines = json::array();
  std::vector<std::vector<Tensor>> values(parameters.size());
  std::size_t calls = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    if (const auto epoch = epochs.find(std::to_string(step)); epoch != epochs.end()) {
      rate.epoch = *epoch;
      run.put_json(kCases, fmt::format("{}/epoch_calls/{}/lr", at, calls++), rate.now());
    }
    give_gradients(run, parameters, step);
    if (clip_norm > 0) train::clip_gradients(parameters, train::gradient_norm(parameters).item<double>(), clip_norm);
    used.push_back(rate.now());
    optimiser.step(rate.now());
    rate.batches = first_batch + accumulate * (step + 1);
    for (const std::string& line : optimiser.take_messages()) lines.push_back(line);
    for (std::size_t i = 0; i < parameters.size(); ++i) values[i].push_back(parameters[i].tensor.detach().clone());
  }
  for (std::size_t i = 0; i < parameters.size(); ++i)
    run.put(kTensors, name + "." + names[i], nn::from_torch(at::stack(values[i])));
  run.put_json(kCases, at + "/lr_used_at_step", used);
  run.put_json(kCases, at + "/lr_after_last_step", rate.now());
  run.put_json(kCases, at + "/log_lines", lines);
  put_state(run, name, optimiser, names, rate.now());
}

void rates_alone(ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/eden_table")) {
    const auto column = [&](int k) { return run.input_json(kCases, fmt::format("/eden_table/{}/{}", i, k)); };
    Rate rate = rate_of({"Eden", column(0), column(1), column(2)}, column(3).get<double>());
    rate.batches = column(4);
    rate.epoch = column(5);
    run.put_json(kCases, fmt::format("/eden_table/{}/6", i), rate.now());
  }
  for (const std::string& i : run.keys(kCases, "/noam")) {
    const std::string at = "/noam/" + i;
    Rate rate = rate_of({"Noam", run.input_json(kCases, at + "/dim"), run.input_json(kCases, at + "/warmup_steps")},
                        run.input_json(kCases, at + "/base_lr").get<double>());
    json rates = json::array();
    const std::size_t count = run.keys(kCases, at + "/lr_before_first_step_then_after_each").size();
    for (std::size_t n = 0; n < count; ++n, ++rate.batches) rates.push_back(rate.now());
    run.put_json(kCases, at + "/lr_before_first_step_then_after_each", rates);
  }
}

/// A schedule that goes on from a file keeps the file's base rate; a new one is ignored.
void resumed_rate(ParityRun& run) {
  if (!run.has_json(kCases, "/eden_resume")) return;
  const json saved = run.input_json(kCases, "/eden_resume/saved_state");
  constexpr double kBatches = 5000, kEpochs = 4, kWarmup = 200;  // those of lifeiteng's trainer
  Rate rate = rate_of({"Eden", kBatches, kEpochs, kWarmup}, saved.at("base_lrs").at(0).get<double>());
  rate.epoch = saved.at("epoch");
  rate.batches = saved.at("batch");
  run.put_json(kCases, "/eden_resume/lr_right_after_load", rate.now());
  for (const std::string& key : run.keys(kCases, "/eden_resume")) {
    long long epoch = 0, batch = 0;  // "lr_after_epoch3_batch124"
    if (std::sscanf(key.c_str(), "lr_after_epoch%lld_batch%lld", &epoch, &batch) != 2) continue;
    rate.epoch = epoch;
    rate.batches = batch;
    run.put_json(kCases, "/eden_resume/" + key, rate.now());
  }
}

}  // namespace

void run_scaled_adam_parity(ParityRun& run) {
  for (const std::string& name : run.keys(kCases, "/runs"))
    roles::attempt(run, fmt::format("*{}*", name), [&] { one_run(run, name); });
  roles::attempt(run, "cases.json:/[en][do]*", [&] { rates_alone(run); });
  roles::attempt(run, "cases.json:/eden_resume/*", [&] { resumed_rate(run); });
}

}  // namespace timbre::valle
