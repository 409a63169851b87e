#pragma once
#include "nn/shapes.h"

/// What a generator and its discriminators play for.
namespace timbre::nn {

/// What one discriminator says of a batch.
struct Verdict {
  Tensor score;                  ///< any shape: one number a place; 1 = real, 0 = made (least squares)
  std::vector<Tensor> features;  ///< output of every layer, the score's last; any layout, the same for all batches
};

/// Least squares (Mao et al. 2017, as HiFi-GAN has it) or hinge (as Vocos and EnCodec have it).
enum class Adversarial { kLeastSquares, kHinge };

/// Σ over discriminators of mean (1 - real)² + mean fake²; hinge: mean max(0, 1 - real) + mean max(0, 1 + fake).
Tensor discriminator_loss(const std::vector<Verdict>& real, const std::vector<Verdict>& fake,
                          Adversarial kind = Adversarial::kLeastSquares);
/// Σ over discriminators of mean (1 - fake)²; hinge: mean max(0, 1 - fake).
Tensor generator_loss(const std::vector<Verdict>& fake, Adversarial kind = Adversarial::kLeastSquares);
/// Σ over discriminators and layers of mean |real - fake| (Larsen et al. 2016; HiFi-GAN weighs it by 2).
Tensor feature_loss(const std::vector<Verdict>& real, const std::vector<Verdict>& fake);

}  // namespace timbre::nn
