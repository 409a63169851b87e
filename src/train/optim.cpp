#include "train/optim.h"

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "train/adam.h"
#include "train/scaled_adam.h"
#include "train/shares.h"

namespace timbre::train {

std::vector<ParameterGroup> make_groups(const std::vector<Named>& parameters, const std::vector<std::string>& group_lr,
                                        const std::set<std::string>& held, const std::vector<std::string>& no_decay) {
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
        if (held.contains(parameter.name)) group.held.insert(parameter.name);
        if (std::any_of(no_decay.begin(), no_decay.end(),
                        [&](const std::string& pattern) { return nn::matches(pattern, parameter.name); }))
          group.undecayed.insert(parameter.name);
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

void take_tensor(const weights::TensorMap& from, const std::string& name, const Tensor& to, const std::string& where) {
  const at::NoGradGuard no_grad;
  const weights::Tensor* found = from.find(name);
  if (!found || at::IntArrayRef(found->shape) != to.sizes())
    throw DataError(fmt::format("{}: '{}' is {}, expected {}", where, name,
                                found ? weights::shape_text(found->shape) : "missing", nn::shape_text(to.sizes())));
  to.copy_(nn::to_torch(*found));
}

void take_field(const weights::Value& state, std::string_view key, const Tensor& to, const std::string& where) {
  const at::NoGradGuard no_grad;
  const weights::Value* found = state.find(key);
  if (!found || !found->is_tensor() || at::IntArrayRef(found->as_tensor().shape) != to.sizes())
    throw DataError(fmt::format("{}: '{}' is {}, expected a tensor {}", where, key,
                                !found               ? std::string("missing")
                                : found->is_tensor() ? weights::shape_text(found->as_tensor().shape)
                                                     : std::string(found->kind_name()),
                                nn::shape_text(to.sizes())));
  to.copy_(nn::to_torch(found->as_tensor()));
}

std::unique_ptr<UpdateRule> make_rule(const OptimOptions& options, const std::vector<ParameterGroup>& groups,
                                      const Shares* shares) {
  if (options.kind != "scaled_adam") return std::make_unique<Adam>(options, groups, shares);
  if (shares) throw std::logic_error("ScaledAdam's state cannot be shared out");
  return std::make_unique<ScaledAdam>(options, groups);
}

Optimiser::Optimiser(OptimOptions options, std::vector<ParameterGroup> groups, const Ranks* ranks)
    : groups_(std::move(groups)),
      shares_(ranks ? std::make_shared<const Shares>(groups_, *ranks) : nullptr),
      rule_(make_rule(options, groups_, shares_.get())) {}

void Optimiser::step(double lr) {
  const at::NoGradGuard no_grad;
  ++steps_;
  rule_->step(groups_, lr);
  if (shares_) shares_->exchange(groups_);
}

void Optimiser::zero_gradients() {
  for (const ParameterGroup& group : groups_)
    for (const Named& named : group.parameters) named.tensor.mutable_grad() = Tensor();
}

void Optimiser::load(const weights::TensorMap& from, std::int64_t steps, const std::string& where) {
  rule_->load(groups_, from, steps, where);
  steps_ = steps;
}

weights::Value Optimiser::torch_state(const std::vector<std::string>& names, double lr,
                                      std::optional<double> base_lr) const {
  using weights::Value;
  Value::Dict settings = rule_->torch_settings();
  settings.insert(settings.begin(), {Value("lr"), Value(lr)});
  if (base_lr) settings.emplace_back("base_lr", *base_lr);
  Value::List indices;
  for (std::size_t i = 0; i < names.size(); ++i) indices.emplace_back(static_cast<std::int64_t>(i));
  settings.emplace_back("params", Value::list(std::move(indices)));
  Value all = Value::dict();
  all.put("state", rule_->torch_state(groups_, names));
  all.put("param_groups", Value::list({Value::dict(std::move(settings))}));
  return all;
}

void Optimiser::load_torch(const weights::Value& state, const std::vector<std::string>& names,
                           const std::string& where) {
  const weights::Value* groups = state.find("param_groups");
  if (!groups || !groups->is_sequence() || groups->as_list().size() != 1)
    throw DataError(fmt::format("{}: the optimiser's state has {} parameter groups, expected 1", where,
                                groups && groups->is_sequence() ? groups->as_list().size() : 0));
  const std::size_t saved = groups->as_list().front().at("params").as_list().size();
  if (saved != names.size())
    throw DataError(
        fmt::format("{}: the optimiser's state is of {} parameters, this run's has {}", where, saved, names.size()),
        "choose the training stage and the freezing that the file was written with");
  steps_ = rule_->load_torch(groups_, state.at("state"), names, where);
}

Average::Average(nn::Module& model, double decay, std::optional<at::ScalarType> kind)
    : live_(model.named_state()), decay_(decay) {
  for (const Named& named : live_) {
    const Tensor copy = named.tensor.detach().clone();
    held_.push_back({named.name, kind && copy.is_floating_point() ? copy.to(*kind) : copy});
  }
}

void Average::update(double share) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (live_[i].tensor.is_floating_point())
      held_[i].tensor.lerp_(live_[i].tensor.to(held_[i].tensor.scalar_type()), share);
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
