#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

#include <stdexcept>

#include "models/speaker_encoder/model.h"
#include "nn/init.h"

/// GE2E: Wan et al. 2018, arXiv 1710.10467 §2.1; angular prototypes: Chung et al. 2020, arXiv 2003.11982 §3.4.
namespace timbre::speaker_encoder {
namespace {

Tensor lengths(const Tensor& x) { return at::linalg_vector_norm(x, 2, {-1}, true); }

Tensor numbers_to(std::int64_t count, const Tensor& like) {
  return at::arange(count, at::TensorOptions(at::kLong).device(like.device()));
}

/// w · cos + b of every recording with every speaker's mean, [N, M, N]; its own speaker's mean is taken without it
/// (equations 8 and 9). The cosine is at least 1e-6.
Tensor similarity(const Tensor& x_NME, const Tensor& w, const Tensor& b) {
  const std::int64_t N = x_NME.size(0), M = x_NME.size(1);
  if (M < 2) throw std::logic_error("GE2E needs two recordings of each speaker");
  const Tensor sum_NE = x_NME.sum(1);
  const Tensor centre_NE = sum_NE / M;
  const Tensor own_NME = (sum_NE.unsqueeze(1) - x_NME) / (M - 1);
  const Tensor length_NM1 = lengths(x_NME);
  const Tensor all_NMN = at::matmul(x_NME, centre_NE.t()) / (length_NM1 * lengths(centre_NE).view({1, 1, N}));
  const Tensor own_NM1 = (x_NME * own_NME).sum(2, true) / (length_NM1 * lengths(own_NME));
  const Tensor mine_N1N = at::eye(N, at::TensorOptions(at::kBool).device(x_NME.device())).unsqueeze(1);
  return at::clamp(at::where(mine_N1N, own_NM1, all_NMN), 1e-6) * w + b;
}

}  // namespace

Tensor ge2e_softmax(const Tensor& x_NME, const Tensor& w, const Tensor& b) {
  const std::int64_t N = x_NME.size(0), M = x_NME.size(1);
  const Tensor rows = numbers_to(N, x_NME).repeat_interleave(M);
  return at::cross_entropy_loss(similarity(x_NME, w, b).reshape({N * M, N}), rows);
}

Tensor ge2e_contrast(const Tensor& x_NME, const Tensor& w, const Tensor& b) {
  const std::int64_t N = x_NME.size(0);
  const Tensor s_NMN = at::sigmoid(similarity(x_NME, w, b));
  const Tensor mine_N1N = at::eye(N, at::TensorOptions(at::kBool).device(x_NME.device())).unsqueeze(1);
  const Tensor own_NM = s_NMN.masked_fill(~mine_N1N, 0).sum(2);
  const Tensor other_NM = std::get<0>(at::max(s_NMN.masked_fill(mine_N1N, -1), 2));
  return (1 - own_NM + other_NM).mean();
}

Tensor angle_prototypes(const Tensor& x_NME, const Tensor& w, const Tensor& b) {
  const std::int64_t N = x_NME.size(0), M = x_NME.size(1);
  if (M < 2) throw std::logic_error("angular prototypes need two recordings of each speaker");
  const Tensor query_NE = x_NME.select(1, 0), anchor_NE = x_NME.narrow(1, 1, M - 1).mean(1);
  const Tensor unit_query = query_NE / at::clamp(lengths(query_NE), 1e-8);
  const Tensor unit_anchor = anchor_NE / at::clamp(lengths(anchor_NE), 1e-8);
  return at::cross_entropy_loss(at::matmul(unit_query, unit_anchor.t()) * w + b, numbers_to(N, x_NME));
}

Tensor softmax_over_speakers(const Tensor& x_NME, const Tensor& speakers_N, const nn::Linear& layer) {
  return at::cross_entropy_loss(layer.forward(x_NME.reshape({-1, x_NME.size(2)})),
                                speakers_N.repeat_interleave(x_NME.size(1)));
}

Criterion::Criterion(const std::string& kind, std::int64_t embedding, std::int64_t speakers) : kind_(kind) {
  w_ = parameter("w", nn::init_constant({}, 10.0));
  b_ = parameter("b", nn::init_constant({}, -5.0));
  if (kind == "softmaxproto") {
    fc_ = std::make_unique<nn::Linear>(embedding, speakers);
    child("fc", *fc_);
  }
}

Tensor Criterion::forward(const Tensor& x_NME, const Tensor& speakers_N) const {
  if (kind_ == "ge2e_softmax") return ge2e_softmax(x_NME, w_, b_);
  if (kind_ == "ge2e_contrast") return ge2e_contrast(x_NME, w_, b_);
  const Tensor angle = angle_prototypes(x_NME, w_, b_);
  return fc_ ? angle + softmax_over_speakers(x_NME, speakers_N, *fc_) : angle;
}

}  // namespace timbre::speaker_encoder
