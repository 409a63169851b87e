#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "models/fastspeech2/parity_parts.h"

namespace timbre::fastspeech2 {

double FitSchedule::rate(std::int64_t step) const {
  const double s = static_cast<double>(step);
  double rate = std::pow(width, -0.5) * std::min(std::pow(s, -0.5), std::pow(warmup, -1.5) * s);
  for (const std::int64_t anneal : anneal_steps) {
    if (step > anneal) rate *= anneal_rate;
  }
  return rate;
}

FitOptimizer::FitOptimizer(const FastSpeech2& model, const fs::path& train_yaml, double width) {
  for (const auto& [name, parameter] : model.named_parameters()) {
    parameters_.push_back(parameter);
    exp_avg_.push_back(at::zeros_like(parameter.detach()));
    exp_avg_sq_.push_back(at::zeros_like(parameter.detach()));
    steps_.push_back(at::zeros({}));
  }
  schedule_.width = width;
  if (train_yaml.empty()) return;
  try {
    const YAML::Node root = YAML::Load(read_file(train_yaml))["optimizer"];
    beta1_ = root["betas"][0].as<double>();
    beta2_ = root["betas"][1].as<double>();
    eps_ = root["eps"].as<double>();
    weight_decay_ = root["weight_decay"].as<double>();
    clip_ = root["grad_clip_thresh"].as<double>();
    accumulate_ = root["grad_acc_step"].as<std::int64_t>();
    schedule_.warmup = root["warm_up_step"].as<double>();
    schedule_.anneal_steps = root["anneal_steps"].as<std::vector<std::int64_t>>();
    schedule_.anneal_rate = root["anneal_rate"].as<double>();
  } catch (const YAML::Exception& problem) {
    throw DataError(fmt::format("{}: optimizer: {}", train_yaml.string(), problem.what()));
  }
}

double FitOptimizer::step() {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> used, gradients, averages, squares, counts, norms;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& gradient = parameters_[i].grad();
    if (!gradient.defined()) continue;  // torch leaves such parameters alone
    used.push_back(parameters_[i]);
    gradients.push_back(gradient);
    averages.push_back(exp_avg_[i]);
    squares.push_back(exp_avg_sq_[i]);
    counts.push_back(steps_[i]);
    norms.push_back(at::linalg_vector_norm(gradient));
  }
  const double norm = at::linalg_vector_norm(at::stack(norms)).item<double>();
  const double shrink = std::min(1.0, clip_ / (norm + 1e-6));
  for (Tensor& gradient : gradients) gradient.mul_(shrink);
  rate_ = schedule_.rate(++updates_);
  for (Tensor& count : counts) count.add_(1);
  at::_fused_adam_(used, gradients, averages, squares, {}, counts, rate_, beta1_, beta2_, weight_decay_, eps_, /*amsgrad=*/false,
                   /*maximize=*/false);
  for (Tensor& parameter : parameters_) parameter.mutable_grad().reset();
  return norm;
}

}  // namespace timbre::fastspeech2
