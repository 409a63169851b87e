#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/files.h"
#include "models/fastspeech2/parity_parts.h"
#include "train/schedule.h"

namespace timbre::fastspeech2 {

FitOptimizer::FitOptimizer(const FastSpeech2& model, const fs::path& train_yaml, std::int64_t width)
    : parameters_(model.named_parameters()) {
  options_.kind = "adam";
  schedule_.kind = "ming024";
  schedule_.width = width;
  if (!train_yaml.empty()) {
    try {
      const YAML::Node root = YAML::Load(read_file(train_yaml))["optimizer"];
      options_.beta1 = root["betas"][0].as<double>();
      options_.beta2 = root["betas"][1].as<double>();
      options_.eps = root["eps"].as<double>();
      options_.weight_decay = root["weight_decay"].as<double>();
      options_.clip_norm = root["grad_clip_thresh"].as<double>();
      accumulate_ = root["grad_acc_step"].as<std::int64_t>();
      schedule_.warmup_steps = root["warm_up_step"].as<std::int64_t>();
      schedule_.anneal_steps = root["anneal_steps"].as<std::vector<std::int64_t>>();
      schedule_.anneal_rate = root["anneal_rate"].as<double>();
    } catch (const YAML::Exception& problem) {
      throw DataError(fmt::format("{}: optimizer: {}", train_yaml.string(), problem.what()));
    }
  }
  optimiser_.emplace(options_, train::make_groups(parameters_, {}));
}

double FitOptimizer::step() {
  const at::NoGradGuard no_grad;
  const double norm = train::gradient_norm(parameters_).item<double>();
  train::clip_gradients(parameters_, norm, options_.clip_norm);
  rate_ = train::learning_rate(schedule_, options_.lr, optimiser_->steps() + 1, 0);
  optimiser_->step(rate_);
  optimiser_->zero_gradients();
  return norm;
}

}  // namespace timbre::fastspeech2
