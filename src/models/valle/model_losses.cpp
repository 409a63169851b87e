#include "models/valle/model_losses.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/gather.h>

namespace timbre::valle {

Tensor cross_entropy_sum(const Tensor& logits_BTV, const Tensor& target_BT, std::int64_t ignored) {
  return at::cross_entropy_loss(logits_BTV.flatten(0, 1), target_BT.flatten(), {}, at::Reduction::Sum,
                                ignored < 0 ? -100 : ignored);
}

double top10_accuracy(const Tensor& logits_BTV, const Tensor& target_BT, std::int64_t ignored) {
  const at::NoGradGuard no_grad;
  const Tensor counted_BT = target_BT != ignored;
  // A target that is ignored may be no class at all (the end, for NAR heads): any class stands in for it.
  const Tensor index_BT1 = target_BT.masked_fill(counted_BT.logical_not(), 0).unsqueeze(2);
  const Tensor better_BT = (logits_BTV.detach() > logits_BTV.detach().gather(2, index_BT1)).sum(2);
  const auto hits = (better_BT < 10).logical_and(counted_BT).sum().item<std::int64_t>();
  const auto count = counted_BT.sum().item<std::int64_t>();
  return count == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(count);
}

}  // namespace timbre::valle
