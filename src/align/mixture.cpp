#include "align/mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "align/mixture_kernel.h"

namespace timbre::align {

static_assert(FrameBlocks::kBlock == kernel::kLanes);

MixtureTable::MixtureTable(const std::vector<std::vector<Gaussian>>& states) {
  first_.push_back(0);
  for (const auto& state : states) {
    for (const auto& g : state) {
      width_ = static_cast<std::int64_t>(g.mean_D.size());
      double constant = std::log(g.weight) - 0.5 * static_cast<double>(width_) * std::log(2 * std::numbers::pi);
      for (std::size_t d = 0; d < g.mean_D.size(); ++d) {
        constant -= 0.5 * (std::log(g.variance_D[d]) + g.mean_D[d] * g.mean_D[d] / g.variance_D[d]);
        terms_.push_back(static_cast<float>(g.mean_D[d] / g.variance_D[d]));
        terms_.push_back(static_cast<float>(-0.5 / g.variance_D[d]));
      }
      constant_.push_back(static_cast<float>(constant));
    }
    first_.push_back(static_cast<std::int64_t>(constant_.size()));
  }
}

void MixtureTable::score(const FrameBlocks& x, std::span<const std::int32_t> wanted, std::vector<float>& out_FU) const {
  const auto columns = wanted.size();
  out_FU.resize(static_cast<std::size_t>(x.frames) * columns);
  float block[FrameBlocks::kBlock];
  for (std::int64_t b = 0; b < x.blocks(); ++b) {
    const float* x_DK = x.values_BDK.data() + b * x.width * FrameBlocks::kBlock;
    const std::int64_t first_frame = b * FrameBlocks::kBlock;
    const std::int64_t here = std::min(FrameBlocks::kBlock, x.frames - first_frame);
    for (std::size_t u = 0; u < columns; ++u) {
      const std::int64_t g = first_[static_cast<std::size_t>(wanted[u])],
                         end = first_[static_cast<std::size_t>(wanted[u]) + 1];
      kernel::score_block(x_DK, width_, constant_.data() + g, terms_.data() + g * width_ * 2, end - g, block);
      for (std::int64_t k = 0; k < here; ++k)
        out_FU[static_cast<std::size_t>(first_frame + k) * columns + u] = block[k];
    }
  }
}

std::int64_t MixtureTable::posteriors(const FrameBlocks& x, std::int64_t frame, std::int32_t state,
                                      std::vector<double>& out) const {
  const std::int64_t first = first_[static_cast<std::size_t>(state)],
                     count = first_[static_cast<std::size_t>(state) + 1] - first;
  out.assign(static_cast<std::size_t>(count), 1.0);
  if (count == 1) return 1;
  double best = -1e300;
  for (std::int64_t g = 0; g < count; ++g) {
    const float* term = terms_.data() + (first + g) * width_ * 2;
    double sum = constant_[static_cast<std::size_t>(first + g)];
    for (std::int64_t d = 0; d < width_; ++d) {
      const float v = x.at(frame, d);
      sum += static_cast<double>(v * (term[2 * d] + v * term[2 * d + 1]));
    }
    out[static_cast<std::size_t>(g)] = sum;
    best = std::max(best, sum);
  }
  double total = 0;
  for (auto& p : out) total += p = std::exp(p - best);
  for (auto& p : out) p /= total;
  return count;
}

}  // namespace timbre::align
