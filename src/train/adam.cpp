#include "train/adam.h"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::train {
namespace {

at::TensorOptions cpu_like(const Tensor& tensor) { return tensor.options().device(at::kCPU); }

}  // namespace

Adam::Adam(OptimOptions options, const std::vector<ParameterGroup>& groups, const Shares* shares)
    : options_(std::move(options)), shares_(shares) {
  for (const ParameterGroup& group : groups) {
    State state;
    for (const Named& named : group.parameters) {
      const Tensor kept_here = kept(named.tensor, states_.size(), state.m.size());
      state.m.push_back(at::zeros_like(kept_here));
      state.v.push_back(at::zeros_like(kept_here));
      state.step.push_back(at::zeros({}, named.tensor.options().dtype(at::kFloat)));
    }
    states_.push_back(std::move(state));
  }
}

Tensor Adam::kept(const Tensor& whole, std::size_t group, std::size_t parameter) const {
  return shares_ ? Shares::cut(whole, shares_->mine(group, parameter)) : whole;
}

Tensor Adam::whole(const Tensor& kept, const Named& named, std::size_t group, std::size_t parameter) const {
  return shares_ ? shares_->whole(kept, group, parameter, named.tensor.sizes()) : kept;
}

void Adam::seen(std::size_t group, std::size_t parameter) {
  const std::pair one{group, parameter};
  if (std::find(order_.begin(), order_.end(), one) == order_.end()) order_.push_back(one);
}

void Adam::step(const std::vector<ParameterGroup>& groups, double lr) {
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (options_.kind == "eve") {
      step_eve(groups, g, lr * groups[g].factor);
    } else {
      for (const bool decayed : {true, false}) step_adam(groups, g, lr * groups[g].factor, decayed);
    }
}

void Adam::step_adam(const std::vector<ParameterGroup>& groups, std::size_t group, double rate, bool decayed) {
  std::vector<Tensor> weights, gradients, m, v, steps;
  for (std::size_t i = 0; i < groups[group].parameters.size(); ++i) {
    const Tensor& weight = groups[group].parameters[i].tensor;
    if (!weight.grad().defined() || groups[group].undecayed.contains(groups[group].parameters[i].name) == decayed)
      continue;
    seen(group, i);
    states_[group].step[i].add_(1);
    const Tensor mine = kept(weight, group, i);
    if (mine.numel() == 0) continue;
    weights.push_back(mine);
    gradients.push_back(kept(weight.grad(), group, i));
    m.push_back(states_[group].m[i]);
    v.push_back(states_[group].v[i]);
    steps.push_back(states_[group].step[i]);
  }
  if (weights.empty()) return;
  const double decay = decayed ? options_.weight_decay : 0.0;
  if (options_.kind == "adamw")
    at::_fused_adamw_(weights, gradients, m, v, {}, steps, rate, options_.beta1, options_.beta2, decay, options_.eps,
                      false, false);
  else
    at::_fused_adam_(weights, gradients, m, v, {}, steps, rate, options_.beta1, options_.beta2, decay, options_.eps,
                     false, false);
}

void Adam::step_eve(const std::vector<ParameterGroup>& groups, std::size_t group, double rate) {
  const double beta1 = options_.beta1, beta2 = options_.beta2;
  for (std::size_t i = 0; i < groups[group].parameters.size(); ++i) {
    const Tensor& weight = groups[group].parameters[i].tensor;
    if (!weight.grad().defined()) continue;
    seen(group, i);
    const Tensor gradient = kept(weight.grad(), group, i), m = states_[group].m[i], v = states_[group].v[i];
    states_[group].step[i].add_(1);
    if (gradient.numel() == 0) continue;
    const double step = states_[group].step[i].item<double>();
    m.mul_(beta1).add_(gradient, 1 - beta1);
    v.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    const Tensor denominator = (v.sqrt() * std::pow(1 - std::pow(beta2, step), -0.5)).add_(options_.eps);
    const Tensor data = kept(weight.detach(), group, i);
    // Single numbers are scales: they are not decayed.
    if (weight.numel() > 1 && !groups[group].undecayed.contains(groups[group].parameters[i].name)) {
      const double count = static_cast<double>(weight.numel());
      if (at::norm(weight.detach()).item<double>() > static_cast<float>(options_.target_rms * std::sqrt(count)))
        data.mul_(1 - options_.weight_decay);
    }
    data.addcdiv_(m, denominator, -rate / (1 - std::pow(beta1, step)));
  }
}

void Adam::save(const std::vector<ParameterGroup>& groups, weights::TensorMap& to) const {
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].parameters.size(); ++i) {
      const std::string& name = groups[g].parameters[i].name;
      for (const auto& [letter, kept_here] : {std::pair{"m.", states_[g].m[i]}, {"v.", states_[g].v[i]}})
        if (const Tensor all = whole(kept_here, groups[g].parameters[i], g, i); all.defined())
          to.insert(letter + name, nn::from_torch(all));
      to.insert("step." + name, nn::from_torch(states_[g].step[i]));
    }
}

void Adam::load(const std::vector<ParameterGroup>& groups, const weights::TensorMap& from, std::int64_t steps,
                const std::string& where) {
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].parameters.size(); ++i) {
      const std::string& name = groups[g].parameters[i].name;
      for (const auto& [letter, kept_here] : {std::pair{"m.", states_[g].m[i]}, {"v.", states_[g].v[i]}}) {
        const Tensor all = shares_ ? at::empty(groups[g].parameters[i].tensor.sizes(), cpu_like(kept_here)) : kept_here;
        take_tensor(from, letter + name, all, where);
        if (shares_) kept_here.copy_(kept(all, g, i));
      }
      if (from.find("step." + name))
        take_tensor(from, "step." + name, states_[g].step[i], where);
      else
        states_[g].step[i].fill_(steps);
      if (states_[g].step[i].item<std::int64_t>() > 0) seen(g, i);
    }
}

weights::Value Adam::torch_state(const std::vector<ParameterGroup>& groups,
                                 const std::vector<std::string>& names) const {
  if (shares_) throw std::logic_error("an optimiser's state that is shared out has no form in torch's files");
  weights::Value::Dict all;
  for (const auto& [g, i] : order_) {  // what never had a gradient has no state in torch either
    const auto place = std::find(names.begin(), names.end(), groups[g].parameters[i].name);
    if (place == names.end()) throw std::logic_error("the optimiser's names lack " + groups[g].parameters[i].name);
    weights::Value one = weights::Value::dict();
    if (options_.kind == "eve")
      one.put("step", states_[g].step[i].item<std::int64_t>());
    else
      one.put("step", nn::from_torch(states_[g].step[i]));
    one.put("exp_avg", nn::from_torch(states_[g].m[i]));
    one.put("exp_avg_sq", nn::from_torch(states_[g].v[i]));
    all.emplace_back(static_cast<std::int64_t>(place - names.begin()), std::move(one));
  }
  return weights::Value::dict(std::move(all));
}

std::int64_t Adam::load_torch(const std::vector<ParameterGroup>& groups, const weights::Value& state,
                              const std::vector<std::string>& names, const std::string& where) {
  if (shares_) throw std::logic_error("a state in torch's form is taken whole, not shared out");
  std::int64_t most = 0;
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].parameters.size(); ++i) {
      const std::string& name = groups[g].parameters[i].name;
      const auto place = std::find(names.begin(), names.end(), name);
      if (place == names.end()) throw DataError(fmt::format("{}: the optimiser did not know '{}'", where, name));
      const weights::Value* one = state.find(static_cast<std::int64_t>(place - names.begin()));
      if (!one) {  // had no gradient so far
        for (Tensor* t : {&states_[g].m[i], &states_[g].v[i], &states_[g].step[i]}) t->zero_();
        continue;
      }
      const std::string at = fmt::format("{}: state of '{}'", where, name);
      take_field(*one, "exp_avg", states_[g].m[i], at);
      take_field(*one, "exp_avg_sq", states_[g].v[i], at);
      const weights::Value& step = one->at("step");
      if (step.is_tensor())
        take_field(*one, "step", states_[g].step[i], at);
      else
        states_[g].step[i].fill_(step.as_int());
      seen(g, i);
      most = std::max(most, states_[g].step[i].item<std::int64_t>());
    }
  return most;
}

weights::Value::Dict Adam::torch_settings() const {
  using weights::Value;
  Value::Dict settings{{Value("betas"), Value::tuple({options_.beta1, options_.beta2})},
                       {Value("eps"), options_.eps},
                       {Value("weight_decay"), options_.weight_decay}};
  if (options_.kind == "eve") {
    settings.emplace_back("target_rms", options_.target_rms);
    return settings;
  }
  settings.emplace_back("amsgrad", false);
  settings.emplace_back("maximize", false);
  settings.emplace_back("foreach", Value());
  settings.emplace_back("capturable", false);
  settings.emplace_back("differentiable", false);
  settings.emplace_back("fused", Value());
  settings.emplace_back("decoupled_weight_decay", options_.kind == "adamw");
  return settings;
}

std::int64_t Adam::bytes() const {
  std::int64_t sum = 0;
  for (const State& state : states_)
    for (std::size_t i = 0; i < state.m.size(); ++i)
      sum += static_cast<std::int64_t>(state.m[i].nbytes() + state.v[i].nbytes());
  return sum;
}

}  // namespace timbre::train
