#pragma once
#include <optional>
#include <vector>

#include "nn/shapes.h"

/// The pieces of a decoder layer, each one node of the graph. Gradients of matrices are added straight into .grad(),
/// so that neither a tied matrix nor an accumulated micro-batch costs another pass over it; their functions return no
/// gradient for them, and torch::autograd::grad() does not see it.
/// N: tokens of all rows, one after the other. O: outputs.
namespace timbre::llasa {

using nn::Tensor;

/// Products in bfloat16 where autocast asks for it (`--precision bf16`): operands are rounded, the rest stays single.
bool products_in_bf16(const Tensor& x);

/// x_ND · weightᵀ for up to three matrices [O, D] over the same rows. Matrices that need no gradient get none.
std::vector<Tensor> linears(const Tensor& x_ND, const std::vector<Tensor>& weights_OD);
inline Tensor linear_of(const Tensor& x_ND, const Tensor& weight_OD) { return linears(x_ND, {weight_OD}).front(); }

/// weight · x / √(mean x² + eps) (Zhang & Sennrich 2019), in single precision.
Tensor rms_norm(const Tensor& x_ND, const Tensor& weight_D, double eps);

/// silu(gate) · up (Shazeer 2020).
Tensor swiglu(const Tensor& gate_NO, const Tensor& up_NO);

/// Rows of the table: ids_N int64 → [N, D] in single precision.
Tensor embed(const Tensor& ids_N, const Tensor& table_VD);

/// Adds `lhsᵀ · rhs` to weight.grad().
void add_product_to_grad(const Tensor& weight_OD, const Tensor& lhs_NO, const Tensor& rhs_ND);

}  // namespace timbre::llasa
