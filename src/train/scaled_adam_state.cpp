#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "train/scaled_adam.h"

/// ScaledAdam's state in our checkpoints and in those of the reference.
namespace timbre::train {

void ScaledAdam::save(const std::vector<ParameterGroup>&, weights::TensorMap& to) const {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    for (const Stack& stack : group.stacks) {
      const std::string& name = stack.members.front().name;
      to.insert("delta." + name, nn::from_torch(stack.delta));
      to.insert("exp_avg_sq." + name, nn::from_torch(stack.exp_avg_sq));
      if (!stack.sized()) continue;
      to.insert("param_rms." + name, nn::from_torch(stack.rms));
      to.insert("scale_exp_avg_sq." + name, nn::from_torch(stack.scale_exp_avg_sq));
      to.insert("scale_grads." + name, nn::from_torch(stack.scale_grads));
    }
    if (!group.norms.defined()) continue;
    to.insert(fmt::format("model_norms.{}", g), nn::from_torch(group.norms));
    const double clipped = group.clipped ? static_cast<double>(*group.clipped) : std::nan("");
    to.insert(fmt::format("model_clipping.{}", g),
              weights::Tensor::of<double>({2}, {group.threshold.value_or(std::nan("")), clipped}));
  }
}

void ScaledAdam::load(const std::vector<ParameterGroup>&, const weights::TensorMap& from, std::int64_t steps,
                      const std::string& where) {
  step_ = steps;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    for (Stack& stack : group.stacks) {
      const std::string& name = stack.members.front().name;
      take_tensor(from, "delta." + name, stack.delta, where);
      take_tensor(from, "exp_avg_sq." + name, stack.exp_avg_sq, where);
      if (!stack.sized()) continue;
      take_tensor(from, "param_rms." + name, stack.rms, where);
      take_tensor(from, "scale_exp_avg_sq." + name, stack.scale_exp_avg_sq, where);
      take_tensor(from, "scale_grads." + name, stack.scale_grads, where);
    }
    group.norms = Tensor();
    group.threshold.reset();
    group.clipped.reset();
    const std::string norms = fmt::format("model_norms.{}", g);
    if (!from.find(norms)) continue;
    group.norms = at::zeros({options_.scaled.clipping_update_period}, group.stacks.front().delta.options());
    take_tensor(from, norms, group.norms, where);
    const weights::Tensor* clipping = from.find(fmt::format("model_clipping.{}", g));
    if (!clipping || clipping->numel() != 2)
      throw DataError(fmt::format("{}: 'model_clipping.{}' is missing or not two numbers", where, g));
    const std::vector<double> values = clipping->to_f64();
    if (!std::isnan(values[0])) group.threshold = values[0];
    if (!std::isnan(values[1])) group.clipped = static_cast<std::int64_t>(values[1]);
  }
}

weights::Value ScaledAdam::torch_state(const std::vector<ParameterGroup>&,
                                       const std::vector<std::string>& names) const {
  using weights::Value;
  Value::Dict all;
  if (step_ == 0) return Value::dict();
  for (const Group& group : groups_)
    for (const Stack& stack : group.stacks) {
      const auto place = std::find(names.begin(), names.end(), stack.members.front().name);
      if (place == names.end()) throw std::logic_error("the optimiser's names lack " + stack.members.front().name);
      Value one = Value::dict();
      one.put("step", step_);
      one.put("delta", nn::from_torch(stack.delta));
      if (stack.sized()) {
        one.put("param_rms", nn::from_torch(stack.rms));
        one.put("scale_exp_avg_sq", nn::from_torch(stack.scale_exp_avg_sq));
        one.put("scale_grads", nn::from_torch(stack.scale_grads));
      }
      one.put("exp_avg_sq", nn::from_torch(stack.exp_avg_sq));
      if (&stack == &group.stacks.front() && group.norms.defined()) {
        one.put("model_norms", nn::from_torch(group.norms));
        if (group.threshold) one.put("model_norm_threshold", *group.threshold);
        if (group.clipped) one.put("num_clipped", *group.clipped);
      }
      all.emplace_back(static_cast<std::int64_t>(place - names.begin()), std::move(one));
    }
  return Value::dict(std::move(all));
}

std::int64_t ScaledAdam::load_torch(const std::vector<ParameterGroup>&, const weights::Value& state,
                                    const std::vector<std::string>& names, const std::string& where) {
  step_ = 0;
  for (Group& group : groups_)
    for (Stack& stack : group.stacks) {
      const std::string& name = stack.members.front().name;
      const auto place = std::find(names.begin(), names.end(), name);
      if (place == names.end()) throw DataError(fmt::format("{}: the optimiser did not know '{}'", where, name));
      const weights::Value* one = state.find(static_cast<std::int64_t>(place - names.begin()));
      if (!one && state.as_dict().empty()) return 0;  // written before its first step
      if (!one)
        throw DataError(fmt::format("{}: no optimiser state for '{}', the first parameter of its shape", where, name),
                        "train the parameters that the file's optimiser held, or start anew from its weights (--base)");
      const std::string at = fmt::format("{}: state of '{}'", where, name);
      take_field(*one, "delta", stack.delta, at);
      take_field(*one, "exp_avg_sq", stack.exp_avg_sq, at);
      if (stack.sized()) {
        take_field(*one, "param_rms", stack.rms, at);
        take_field(*one, "scale_exp_avg_sq", stack.scale_exp_avg_sq, at);
        take_field(*one, "scale_grads", stack.scale_grads, at);
      }
      step_ = one->at("step").as_int();
      if (&stack != &group.stacks.front()) continue;
      group.norms = Tensor();
      group.threshold.reset();
      group.clipped.reset();
      if (one->find("model_norms")) {
        group.norms = at::zeros({options_.scaled.clipping_update_period}, stack.delta.options().dtype(at::kFloat));
        take_field(*one, "model_norms", group.norms, at);
      }
      if (const weights::Value* threshold = one->find("model_norm_threshold")) group.threshold = threshold->as_real();
      if (const weights::Value* clipped = one->find("num_clipped")) group.clipped = clipped->as_int();
    }
  return step_;
}

weights::Value::Dict ScaledAdam::torch_settings() const {
  using weights::Value;
  const ScaledAdamOptions& s = options_.scaled;
  return {{Value("clipping_scale"), s.clipping_scale > 0 ? Value(s.clipping_scale) : Value()},
          {Value("betas"), Value::tuple({options_.beta1, options_.beta2})},
          {Value("scalar_lr_scale"), s.scalar_lr_scale},
          {Value("eps"), options_.eps},
          {Value("param_min_rms"), s.param_min_rms},
          {Value("param_max_rms"), s.param_max_rms},
          {Value("scalar_max"), s.scalar_max},
          {Value("size_update_period"), s.size_update_period},
          {Value("clipping_update_period"), s.clipping_update_period}};
}

}  // namespace timbre::train
