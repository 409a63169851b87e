#include "train/optim.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::train {

std::vector<ParameterGroup> make_groups(const std::vector<Named>& parameters,
                                        const std::vector<std::string>& group_lr) {
  std::vector<ParameterGroup> groups;
  for (const std::string& text : group_lr) {
    const std::size_t equals = text.rfind('=');
    const auto factor =
        equals == std::string::npos ? std::nullopt : parse_double(std::string_view(text).substr(equals + 1));
    if (!factor || *factor < 0 || equals == 0)
      throw UsageError(fmt::format("optim.group_lr: '{}' is not PATTERN=FACTOR with a factor of 0 or more", text),
                       "for example --optim.group-lr 'encoder=0.1'");
    groups.push_back({text.substr(0, equals), *factor, {}});
  }
  groups.push_back({"*", 1.0, {}});
  for (const Named& parameter : parameters)
    for (ParameterGroup& group : groups)
      if (nn::matches(group.pattern, parameter.name)) {
        group.parameters.push_back(parameter);
        break;
      }
  for (std::size_t i = 0; i + 1 < groups.size(); ++i)
    if (groups[i].parameters.empty()) {
      std::string some;
      for (std::size_t p = 0; p < parameters.size() && p < 4; ++p) some += (p ? ", " : "") + parameters[p].name;
      throw UsageError(fmt::format("optim.group_lr: no trainable parameter matches '{}'", groups[i].pattern),
                       fmt::format("names look like {}", some));
    }
  if (groups.back().parameters.empty() && groups.size() > 1) groups.pop_back();
  return groups;
}

Tensor gradient_norm(const std::vector<Named>& parameters) {
  std::vector<Tensor> gradients;
  for (const Named& named : parameters)
    if (named.tensor.grad().defined()) gradients.push_back(named.tensor.grad());
  if (gradients.empty()) return at::zeros({}, at::TensorOptions(at::kFloat));
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2.0)), 2.0);
}

void clip_gradients(const std::vector<Named>& parameters, double norm, double max_norm) {
  // torch computes the coefficient in single precision.
  const float coefficient = static_cast<float>(max_norm) / (static_cast<float>(norm) + 1e-6f);
  if (coefficient >= 1.0f) return;
  std::vector<Tensor> gradients;
  for (const Named& named : parameters)
    if (named.tensor.grad().defined()) gradients.push_back(named.tensor.grad());
  if (!gradients.empty()) at::_foreach_mul_(gradients, at::Scalar(static_cast<double>(coefficient)));
}

Optimiser::Optimiser(OptimOptions options, std::vector<ParameterGroup> groups)
    : options_(std::move(options)), groups_(std::move(groups)) {
  for (const ParameterGroup& group : groups_) {
    State state;
    for (const Named& named : group.parameters) {
      state.m.push_back(at::zeros_like(named.tensor));
      state.v.push_back(at::zeros_like(named.tensor));
      state.step.push_back(at::zeros({}, named.tensor.options().dtype(at::kFloat)));
    }
    states_.push_back(std::move(state));
  }
}

void Optimiser::step(double lr) {
  const at::NoGradGuard no_grad;
  ++steps_;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    std::vector<Tensor> weights, gradients, m, v, steps;
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const Tensor& weight = groups_[g].parameters[i].tensor;
      if (!weight.grad().defined()) continue;
      weights.push_back(weight);
      gradients.push_back(weight.grad());
      m.push_back(states_[g].m[i]);
      v.push_back(states_[g].v[i]);
      steps.push_back(states_[g].step[i]);
    }
    const double rate = lr * groups_[g].factor;
    if (weights.empty()) continue;
    at::_foreach_add_(steps, at::Scalar(1));
    if (options_.kind == "adamw")
      at::_fused_adamw_(weights, gradients, m, v, {}, steps, rate, options_.beta1, options_.beta2,
                        options_.weight_decay, options_.eps, false, false);
    else
      at::_fused_adam_(weights, gradients, m, v, {}, steps, rate, options_.beta1, options_.beta2, options_.weight_decay,
                       options_.eps, false, false);
  }
}

void Optimiser::zero_gradients() {
  for (const ParameterGroup& group : groups_)
    for (const Named& named : group.parameters) named.tensor.mutable_grad() = Tensor();
}

void Optimiser::save(weights::TensorMap& to) const {
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const std::string& name = groups_[g].parameters[i].name;
      to.insert("m." + name, nn::from_torch(states_[g].m[i]));
      to.insert("v." + name, nn::from_torch(states_[g].v[i]));
      to.insert("step." + name, nn::from_torch(states_[g].step[i]));
    }
}

void Optimiser::load(const weights::TensorMap& from, std::int64_t steps, const std::string& where) {
  const at::NoGradGuard no_grad;
  const auto take = [&](const std::string& name, const Tensor& to) {
    const weights::Tensor* found = from.find(name);
    if (!found || at::IntArrayRef(found->shape) != to.sizes())
      throw DataError(fmt::format("{}: '{}' is {}, expected {}", where, name,
                                  found ? weights::shape_text(found->shape) : "missing", nn::shape_text(to.sizes())));
    to.copy_(nn::to_torch(*found));
  };
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const std::string& name = groups_[g].parameters[i].name;
      take("m." + name, states_[g].m[i]);
      take("v." + name, states_[g].v[i]);
      take("step." + name, states_[g].step[i]);
    }
  steps_ = steps;
}

std::int64_t Optimiser::bytes() const {
  std::int64_t sum = 0;
  for (const State& state : states_)
    for (std::size_t i = 0; i < state.m.size(); ++i)
      sum += static_cast<std::int64_t>(state.m[i].nbytes() + state.v[i].nbytes());
  return sum;
}

Average::Average(nn::Module& model, double decay) : live_(model.named_state()), decay_(decay) {
  for (const Named& named : live_) held_.push_back({named.name, named.tensor.detach().clone()});
}

void Average::update() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (live_[i].tensor.is_floating_point())
      held_[i].tensor.lerp_(live_[i].tensor, 1.0 - decay_);
    else
      held_[i].tensor.copy_(live_[i].tensor);
  }
}

void Average::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const Tensor was = live_[i].tensor.detach().clone();
    live_[i].tensor.copy_(held_[i].tensor);
    held_[i].tensor.copy_(was);
  }
}

weights::TensorMap Average::state() const {
  weights::TensorMap map;
  for (const Named& named : held_) map.insert(named.name, nn::from_torch(named.tensor));
  return map;
}

void Average::load(const weights::TensorMap& from, const std::string& where) {
  const at::NoGradGuard no_grad;
  for (const Named& named : held_) {
    const weights::Tensor* found = from.find(named.name);
    if (!found || at::IntArrayRef(found->shape) != named.tensor.sizes())
      throw DataError(fmt::format("{}: the average of '{}' is missing or of another shape", where, named.name));
    named.tensor.copy_(nn::to_torch(*found));
  }
}

}  // namespace timbre::train
