#include "nn/fsq.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/round.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "base/error.h"

namespace timbre::nn {
namespace {

Tensor row(const std::vector<float>& values, const Tensor& like) { return at::tensor(values).to(like.device()); }

Tensor integers(const std::vector<std::int64_t>& values, const Tensor& like) {
  return at::tensor(values, at::kLong).to(like.device());
}

void expect_codes(const Tensor& codes_BT, std::int64_t size) {
  if (codes_BT.numel() == 0) return;
  const Tensor bad = codes_BT.lt(0).logical_or(codes_BT.ge(size)).flatten();
  if (!bad.any().item<bool>()) return;
  const auto at = bad.to(at::kByte).argmax().item<std::int64_t>();
  throw DataError(fmt::format("code {} at position {} is out of range: the codebook has {} entries, 0 to {}",
                              codes_BT.flatten()[at].item<std::int64_t>(), at, size, size - 1));
}

}  // namespace

Fsq::Fsq(std::int64_t width, FsqOptions options) : codebook_(std::move(options.levels)), bounds_(options.bounds) {
  if (bounds_ < 1) throw UsageError(fmt::format("bounds {} of a finite scalar quantiser: 1 or 2 expected", bounds_));
  const std::int64_t K = codebook_.dims();
  if (width != K) {
    project_in_ = std::make_unique<Linear>(width, K);
    project_out_ = std::make_unique<Linear>(K, width);
    child("project_in", *project_in_);
    child("project_out", *project_out_);
  }
  for (const std::int64_t levels : codebook_.levels()) {
    // In single precision step by step, as the reference's tables.
    const float half = static_cast<float>(levels - 1) * 1.001f / 2;
    const float offset = levels % 2 == 0 ? 0.5f : 0.0f;
    half_.push_back(half);
    offset_.push_back(offset);
    shift_.push_back(std::atanh(offset / half));
    width_.push_back(static_cast<float>(levels / 2));
  }
}

Tensor Fsq::bound(const Tensor& z_BTK) const {
  return at::tanh(z_BTK + row(shift_, z_BTK)) * row(half_, z_BTK) - row(offset_, z_BTK);
}

Tensor Fsq::round(const Tensor& bounded_BTK) const {
  const Tensor rounded = bounded_BTK + (at::round(bounded_BTK) - bounded_BTK).detach();
  // The sum above may miss the whole number by a bit of bounded_BTK; the values must be the grid's to the bit.
  const Tensor through =
      bounded_BTK.requires_grad() ? rounded + (at::round(rounded) - rounded).detach() : at::round(bounded_BTK);
  return through / row(width_, bounded_BTK);
}

Tensor Fsq::codes_of(const Tensor& vectors_BTK) const {
  const Tensor width_K = row(width_, vectors_BTK);
  const Tensor digits = at::round(vectors_BTK.detach() * width_K + width_K).to(at::kLong);
  return (digits * integers(codebook_.steps(), vectors_BTK)).sum(-1);
}

Fsq::Result Fsq::forward(const Tensor& x_BTD) const {
  Result out;
  const Tensor x = x_BTD.to(at::kFloat);
  out.projected_BTK = project_in_ ? project_in_->forward(x) : x;
  out.bounded_BTK = out.projected_BTK;
  for (std::int64_t i = 0; i < bounds_; ++i) out.bounded_BTK = bound(out.bounded_BTK);
  out.vectors_BTK = round(out.bounded_BTK);
  out.codes_BT = codes_of(out.vectors_BTK);
  out.out_BTD = project_out_ ? project_out_->forward(out.vectors_BTK) : out.vectors_BTK;
  return out;
}

Tensor Fsq::vectors(const Tensor& codes_BT) const {
  expect_codes(codes_BT, codebook_.size());
  const Tensor digits = codes_BT.unsqueeze(-1)
                            .div(integers(codebook_.steps(), codes_BT), "floor")
                            .remainder(integers(codebook_.levels(), codes_BT));
  const Tensor width_K = row(width_, codes_BT);
  return (digits.to(at::kFloat) - width_K) / width_K;
}

Tensor Fsq::decode(const Tensor& codes_BT) const {
  const Tensor vectors_BTK = vectors(codes_BT);
  return project_out_ ? project_out_->forward(vectors_BTK) : vectors_BTK;
}

}  // namespace timbre::nn
