#pragma once
#include "nn/shapes.h"

/// How layers that look at the whole batch reach the other ranks. The loop sets it; one rank alone needs none.
namespace timbre::nn {

/// Adds the tensor up over all ranks, in place. Empty = there is one rank.
using AllReduceSum = std::function<void(Tensor&)>;

/// Sets the function for this process; pass {} to unset.
void set_all_reduce(AllReduceSum sum);
const AllReduceSum& all_reduce();

/// Batch normalisation of rows_NC in training mode with the statistics of the rows of all ranks together. The gradient
/// crosses ranks as well. Returns the output; mean_C, variance_C (biased) and the count of all rows come back for the
/// running values.
struct SyncedNorm {
  Tensor out_NC, mean_C, variance_C;
  double count = 0;
};
SyncedNorm synced_batch_norm(const Tensor& rows_NC, const Tensor& weight_C, const Tensor& bias_C, double eps);

}  // namespace timbre::nn
