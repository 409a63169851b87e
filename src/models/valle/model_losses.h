#pragma once
#include "nn/shapes.h"

/// Cross entropy and the Top-10 accuracy of lifeiteng's trainer. V = codes and the end.
namespace timbre::valle {

using nn::Tensor;

/// Σ −log p(target) over all positions but those whose target is `ignored` (−1: over all, padding too, as the
/// reference's AR part counts). A scalar with gradient.
Tensor cross_entropy_sum(const Tensor& logits_BTV, const Tensor& target_BT, std::int64_t ignored);

/// Share of the positions whose target is not `ignored` and among the ten largest logits; 0 when there are none.
double top10_accuracy(const Tensor& logits_BTV, const Tensor& target_BT, std::int64_t ignored);

}  // namespace timbre::valle
