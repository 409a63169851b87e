#pragma once
/// The precompiled header of every LibTorch file: the tensor class, its operators and the gradient switch.
/// Operations come one by one from <ATen/ops/x.h>; <torch/torch.h> costs 28 s a file against 3 s this way.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
