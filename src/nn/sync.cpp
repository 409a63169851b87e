#include "nn/sync.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rsqrt.h>
#include <torch/csrc/autograd/custom_function.h>

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

AllReduceSum all_reduce_sum;

/// A sum over ranks: forward and backward alike, since each rank's loss depends on every rank's rows.
struct SumOverRanks : Function<SumOverRanks> {
  static Tensor forward(AutogradContext*, const Tensor& x) {
    Tensor sum = x.detach().clone();
    if (all_reduce_sum) all_reduce_sum(sum);
    return sum;
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    Tensor sum = gradients[0].contiguous().clone();
    if (all_reduce_sum) all_reduce_sum(sum);
    return {sum};
  }
};

}  // namespace

void set_all_reduce(AllReduceSum sum) { all_reduce_sum = std::move(sum); }
const AllReduceSum& all_reduce() { return all_reduce_sum; }

SyncedNorm synced_batch_norm(const Tensor& rows_NC, const Tensor& weight_C, const Tensor& bias_C, double eps) {
  Tensor count = at::full({}, static_cast<double>(rows_NC.size(0)), at::TensorOptions(at::kDouble));
  if (all_reduce_sum) all_reduce_sum(count);
  SyncedNorm result;
  result.count = count.item<double>();
  // Two passes: the variance from centred rows does not cancel.
  const Tensor mean_C = SumOverRanks::apply(rows_NC.sum(0)) / result.count;
  const Tensor centred = rows_NC - mean_C;
  const Tensor variance_C = SumOverRanks::apply((centred * centred).sum(0)) / result.count;
  result.out_NC = centred * (at::rsqrt(variance_C + eps) * weight_C) + bias_C;
  result.mean_C = mean_C.detach();
  result.variance_C = variance_C.detach();
  return result;
}

}  // namespace timbre::nn
