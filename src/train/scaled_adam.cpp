#include "train/scaled_adam.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "train/scaled_adam_kernel.h"

namespace timbre::train {
namespace {

/// Stacks of so many values at most go through LibTorch's operators in the reference's order: small models agree with
/// it to the last bit, and so do its messages, which print every digit. Larger ones take two passes of our own, whose
/// sums are more exact; what does not lie on the CPU takes the operators as well.
constexpr std::int64_t kFew = 4096;
/// Numbers a thread takes at once; sums are added up by piece, so the number of threads changes nothing.
constexpr std::int64_t kPiece = 1 << 16;

bool takes_operators(const Tensor& member, std::size_t count) {
  return !member.device().is_cpu() || member.scalar_type() != at::kFloat || !member.is_contiguous() ||
         member.numel() * static_cast<std::int64_t>(count) <= kFew;
}

std::vector<std::int64_t> inner_axes(const Tensor& stacked) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < stacked.dim(); ++axis) axes.push_back(axis);
  return axes;
}

std::vector<std::int64_t> with_ones(std::int64_t count, std::int64_t axes) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(axes + 1), 1);
  shape[0] = count;
  return shape;
}

Tensor mean_root(const Tensor& p) { return at::pow(p, 2).mean(inner_axes(p), true).sqrt(); }

/// As Python prints a float.
std::string as_python(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

/// Two digits at least in the exponent, as C has it.
std::string rounded(double value) { return fmt::format("{:.3e}", value); }

/// Runs `call(member, from, count)` over all members in pieces.
void in_pieces(
    std::size_t members, std::int64_t values,
    const std::function<void(std::size_t member, std::int64_t piece, std::int64_t from, std::int64_t count)>& call) {
  const std::int64_t pieces = (values + kPiece - 1) / kPiece, all = static_cast<std::int64_t>(members) * pieces;
  at::parallel_for(0, all, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t from = i % pieces * kPiece;
      call(static_cast<std::size_t>(i / pieces), i % pieces, from, std::min(kPiece, values - from));
    }
  });
}

}  // namespace

ScaledAdam::ScaledAdam(OptimOptions options, const std::vector<ParameterGroup>& groups) : options_(std::move(options)) {
  const at::NoGradGuard no_grad;
  for (const ParameterGroup& given : groups) {
    std::map<std::pair<int, std::vector<std::int64_t>>, std::vector<Named>> by_shape;
    for (const Named& named : given.parameters)
      by_shape[{static_cast<int>(named.tensor.scalar_type()), named.tensor.sizes().vec()}].push_back(named);
    Group group;
    for (auto& [key, members] : by_shape) {
      Stack stack;
      stack.members = members;
      for (const Named& named : members) stack.held.push_back(given.held.contains(named.name));
      const auto count = static_cast<std::int64_t>(members.size());
      std::vector<std::int64_t> shape = key.second;
      shape.insert(shape.begin(), count);
      const at::TensorOptions kind = members.front().tensor.options().requires_grad(false);
      stack.delta = at::zeros(shape, kind);
      stack.exp_avg_sq = at::zeros(shape, kind);
      if (stack.delta.numel() > 1) {
        const auto ones = with_ones(count, static_cast<std::int64_t>(key.second.size()));
        stack.rms = at::zeros(ones, kind);
        stack.scale_exp_avg_sq = at::zeros(ones, kind);
        std::vector<std::int64_t> periods = ones;
        periods.insert(periods.begin(), options_.scaled.size_update_period);
        stack.scale_grads = at::zeros(periods, kind);
      }
      group.stacks.push_back(std::move(stack));
    }
    groups_.push_back(std::move(group));
  }
}

ScaledAdam::Gathered ScaledAdam::gather(const Stack& stack) const {
  Gathered all;
  const std::size_t count = stack.members.size();
  if (takes_operators(stack.members.front().tensor, count)) {
    std::vector<Tensor> p, g;
    for (const Named& named : stack.members) {
      p.push_back(named.tensor.detach());
      g.push_back(named.tensor.grad().defined() ? named.tensor.grad() : at::zeros_like(p.back()));
    }
    all.p = at::stack(p);
    all.g = at::stack(g);
    return all;
  }
  const bool squares = (step_ + 1) % options_.scaled.size_update_period == 0 || step_ == 0;
  const std::int64_t values = stack.values(), pieces = (values + kPiece - 1) / kPiece;
  for (const Named& named : stack.members)
    all.sums_g.push_back(named.tensor.grad().defined() ? named.tensor.grad().contiguous() : Tensor());
  std::vector<kernel::Sums> sums(count * static_cast<std::size_t>(pieces));
  const std::vector<float> zeros(static_cast<std::size_t>(std::min(values, kPiece)), 0.0f);
  in_pieces(count, values, [&](std::size_t m, std::int64_t piece, std::int64_t from, std::int64_t n) {
    const Tensor& g = all.sums_g[m];
    if (!g.defined() && !squares) return;
    sums[m * static_cast<std::size_t>(pieces) + static_cast<std::size_t>(piece)] =
        kernel::scaled_sums(stack.members[m].tensor.const_data_ptr<float>() + from,
                            g.defined() ? g.const_data_ptr<float>() + from : zeros.data(), n, squares);
  });
  for (std::size_t m = 0; m < count; ++m) {
    kernel::Sums sum;
    for (std::size_t i = m * static_cast<std::size_t>(pieces); i < (m + 1) * static_cast<std::size_t>(pieces); ++i) {
      sum.gg += sums[i].gg;
      sum.pg += sums[i].pg;
      sum.pp += sums[i].pp;
    }
    all.gg.push_back(sum.gg);
    all.pg.push_back(sum.pg);
    all.pp.push_back(sum.pp);
  }
  return all;
}

void ScaledAdam::report_period(Group& group) {
  const std::int64_t period = options_.scaled.clipping_update_period;
  const Tensor sorted = std::get<0>(group.norms.sort()).to(at::kCPU, at::kDouble);
  std::string quartiles;
  double median = 0;
  for (std::int64_t n = 0; n < 5; ++n) {
    const double norm = sorted[std::min(period - 1, period / 4 * n)].item<double>();
    if (n == 2) median = norm;
    quartiles += (n ? " " : "") + rounded(norm);
  }
  group.threshold = options_.scaled.clipping_scale * median;
  const double percent =
      group.clipped ? static_cast<double>(*group.clipped) * 100.0 / static_cast<double>(period) : 0.0;
  group.clipped = 0;
  messages_.push_back(fmt::format("Clipping_scale={}, grad-norm quartiles {}, threshold={}, percent-clipped={:.1f}",
                                  as_python(options_.scaled.clipping_scale), quartiles, rounded(*group.threshold),
                                  percent));
}

double ScaledAdam::clip_factor(Group& group, const std::vector<Gathered>& gathered) {
  if (options_.scaled.clipping_scale <= 0 || step_ == 0) return 1.0;
  const std::int64_t period = options_.scaled.clipping_update_period;
  const at::TensorOptions kind = group.stacks.front().delta.options().dtype(at::kFloat);
  Tensor sum = at::zeros({}, kind);
  for (std::size_t i = 0; i < gathered.size(); ++i) {
    const Stack& stack = group.stacks[i];
    if (gathered[i].g.defined()) {
      const Tensor& g = gathered[i].g;
      sum += at::pow(stack.is_scalar() ? g : g * stack.rms, 2).sum();
      continue;
    }
    double squares = 0;
    for (std::size_t m = 0; m < stack.members.size(); ++m) {
      const double rms = stack.is_scalar() ? 1.0 : stack.rms.view(-1)[static_cast<std::int64_t>(m)].item<double>();
      squares += gathered[i].gg[m] * rms * rms;
    }
    sum += squares;
  }
  const Tensor norm = sum.sqrt();
  if (!group.norms.defined()) group.norms = at::zeros({period}, kind);
  group.norms[step_ % period].copy_(norm);
  if (step_ % period == 0) report_period(group);
  if (step_ < period) return 1.0;
  if (!group.threshold) {
    messages_.push_back("no threshold of the gradients' norm was saved: nothing is clipped until it is estimated anew");
    return 1.0;
  }
  const double factor = std::min(1.0, ((norm + 1.0e-20).reciprocal() * *group.threshold).item<double>());
  if (factor < 1.0) group.clipped = group.clipped.value_or(0) + 1;
  if (factor < 0.1)
    messages_.push_back(fmt::format("Scaling gradients by {}, model_norm_threshold={}", as_python(factor),
                                    as_python(*group.threshold)));
  return factor;
}

/// What the size learns: the factor on p that goes into delta, [N, 1…].
Tensor ScaledAdam::size_step(Stack& stack, double lr) {
  const double size_lr = lr * options_.scaled.scalar_lr_scale;
  const auto period = static_cast<double>(options_.scaled.size_update_period);
  const double beta2 = std::pow(options_.beta2, period);
  stack.scale_exp_avg_sq.mul_(beta2).add_(at::pow(stack.scale_grads, 2).mean(0), 1 - beta2);
  const double correction = 1 - std::pow(beta2, static_cast<double>((step_ + 1) / options_.scaled.size_update_period));
  const Tensor denominator = stack.scale_exp_avg_sq.sqrt() + options_.eps;
  Tensor step = stack.scale_grads.sum(0) * (-size_lr * std::sqrt(correction)) / denominator;
  step.masked_fill_(stack.rms < options_.scaled.param_min_rms, 0.0);
  step.masked_fill_(stack.rms > options_.scaled.param_max_rms, -size_lr * period);
  return step;
}

void ScaledAdam::step_few(Stack& stack, Gathered& gathered, double factor, double lr) {
  Tensor p = gathered.p;
  const Tensor g = gathered.g, clipped = factor != 1.0 ? g * factor : g;
  const std::int64_t period = options_.scaled.size_update_period, slot = step_ % period;
  const double beta1 = options_.beta1, beta2 = options_.beta2,
               correction = 1 - std::pow(beta2, static_cast<double>(step_ + 1));
  if (step_ == 0 && stack.sized()) stack.rms.copy_(mean_root(p));
  stack.delta.mul_(beta1);
  if (!stack.is_scalar()) {
    stack.scale_grads[slot].copy_((p * clipped).sum(inner_axes(p), true));
    if (slot == period - 1) {
      stack.rms.copy_(mean_root(p));
      if (step_ > 0) stack.delta.add_(p * size_step(stack, lr), 1 - beta1);
    }
  }
  stack.exp_avg_sq.mul_(beta2).addcmul_(g, g, 1 - beta2);
  if (stack.is_scalar()) {
    const Tensor denominator = (stack.exp_avg_sq / correction).sqrt() + options_.eps;
    stack.delta.add_(g / denominator, -(lr * options_.scaled.scalar_lr_scale) * (1 - beta1));
    p.clamp_(-options_.scaled.scalar_max, options_.scaled.scalar_max);
  } else {
    Tensor denominator = correction < 0.99 ? (stack.exp_avg_sq * (1.0 / correction)).sqrt() : stack.exp_avg_sq.sqrt();
    denominator += options_.eps;
    const Tensor alpha = stack.rms.clamp_min(options_.scaled.param_min_rms) * (-lr * (1 - beta1));
    stack.delta.add_(g / denominator * alpha);
  }
  for (std::size_t m = 0; m < stack.members.size(); ++m)
    if (stack.held[m]) stack.delta[static_cast<std::int64_t>(m)].zero_();
  p.add_(stack.delta);
  for (std::size_t m = 0; m < stack.members.size(); ++m)
    if (!stack.held[m]) stack.members[m].tensor.detach().copy_(p[static_cast<std::int64_t>(m)]);
}

void ScaledAdam::step_many(Stack& stack, Gathered& gathered, double factor, double lr) {
  const std::size_t count = stack.members.size();
  const std::int64_t period = options_.scaled.size_update_period, slot = step_ % period, values = stack.values();
  const double beta1 = options_.beta1, beta2 = options_.beta2,
               correction = 1 - std::pow(beta2, static_cast<double>(step_ + 1));
  float* rms = stack.rms.mutable_data_ptr<float>();
  float* now = stack.scale_grads[slot].mutable_data_ptr<float>();
  for (std::size_t m = 0; m < count; ++m) {
    now[m] = static_cast<float>(factor * gathered.pg[m]);
    if (step_ == 0 || slot == period - 1)
      rms[m] = static_cast<float>(std::sqrt(gathered.pp[m] / static_cast<double>(values)));
  }
  std::vector<float> shrink(count, 0.0f);
  if (slot == period - 1 && step_ > 0) {
    const Tensor step = size_step(stack, lr).contiguous();
    for (std::size_t m = 0; m < count; ++m)
      shrink[m] = static_cast<float>((1 - beta1) * static_cast<double>(step.const_data_ptr<float>()[m]));
  }
  float *delta = stack.delta.mutable_data_ptr<float>(), *moment = stack.exp_avg_sq.mutable_data_ptr<float>();
  in_pieces(count, values, [&](std::size_t m, std::int64_t, std::int64_t from, std::int64_t n) {
    if (stack.held[m]) return;
    const kernel::Update update{
        .beta1 = static_cast<float>(beta1),
        .beta2 = static_cast<float>(beta2),
        .left2 = static_cast<float>(1 - beta2),
        .correction = correction < 0.99 ? static_cast<float>(1.0 / correction) : 1.0f,
        .eps = static_cast<float>(options_.eps),
        .rate =
            static_cast<float>(lr * (1 - beta1) * std::max(static_cast<double>(rms[m]), options_.scaled.param_min_rms)),
        .shrink = shrink[m]};
    const std::int64_t at = static_cast<std::int64_t>(m) * values + from;
    const Tensor& g = gathered.sums_g[m];
    kernel::scaled_update(stack.members[m].tensor.mutable_data_ptr<float>() + from,
                          g.defined() ? g.const_data_ptr<float>() + from : nullptr, delta + at, moment + at, n, update);
  });
}

void ScaledAdam::step(const std::vector<ParameterGroup>& groups, double lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    std::vector<Gathered> gathered;
    for (const Stack& stack : group.stacks) gathered.push_back(gather(stack));
    const double factor = group.stacks.empty() ? 1.0 : clip_factor(group, gathered), rate = lr * groups[g].factor;
    for (std::size_t i = 0; i < group.stacks.size(); ++i)
      gathered[i].p.defined() ? step_few(group.stacks[i], gathered[i], factor, rate)
                              : step_many(group.stacks[i], gathered[i], factor, rate);
  }
  ++step_;
}

std::int64_t ScaledAdam::bytes() const {
  std::int64_t sum = 0;
  for (const Group& group : groups_)
    for (const Stack& stack : group.stacks) sum += static_cast<std::int64_t>(2 * stack.delta.nbytes());
  return sum;
}

}  // namespace timbre::train
