#include "codecs/encodec/quantizer.h"

#include <cmath>

#include "base/cpu_levels.h"
#include "base/error.h"
#include "kernels/elementwise.h"
#include "kernels/vectors-inl.h"

namespace timbre::encodec {
namespace {

using kernels::inl::V16;

/// Index of the smallest of (norm − dots[i]) + squares[i]; size is a multiple of 16. The sum is in the reference's
/// order, so that equal distances are equal here too.
TIMBRE_INLINE std::int64_t nearest_body(const float* dots, const float* squares, float norm, std::int64_t size) {
  V16 least = V16{} + INFINITY;
  for (std::int64_t i = 0; i < size; i += 16) {
    const V16 d = (norm - kernels::inl::load<V16>(dots + i)) + kernels::inl::load<V16>(squares + i);
    least = d < least ? d : least;
  }
  float best = least[0];
  for (int i = 1; i < 16; ++i) best = least[i] < best ? least[i] : best;
  for (std::int64_t i = 0; i < size; ++i)
    if ((norm - dots[i]) + squares[i] == best) return i;
  return 0;
}
TIMBRE_FOR_EACH_CPU(std::int64_t, nearest, (const float* dots, const float* squares, float norm, std::int64_t size),
                    (dots, squares, norm, size))

constexpr std::int64_t kFrames = 48;  ///< coded at once: their distances stay in the cache

}  // namespace

Quantizer::Quantizer(const Config& config, const weights::TensorMap& map, const std::string& where)
    : dimension_(config.dimension), size_(config.codebook_size) {
  for (std::int64_t q = 0; q < config.codebooks; ++q) {
    const std::string name = fmt::format("quantizer.vq.layers.{}._codebook.embed", q);
    const weights::Tensor* embed = map.find(name);
    if (!embed || embed->shape != std::vector<std::int64_t>{size_, dimension_})
      throw DataError(fmt::format("{}: {} is {}, expected [{}, {}]", where, name,
                                  embed ? weights::shape_text(embed->shape) : "missing", size_, dimension_));
    Book book{embed->to_f32(), {}, {}};
    const std::int64_t padded = (size_ + 15) / 16 * 16;
    book.squares_V.assign(static_cast<std::size_t>(padded), INFINITY);  // what fills up the last 16 is never nearest
    for (std::int64_t v = 0; v < size_; ++v) {
      double sum = 0;
      for (std::int64_t d = 0; d < dimension_; ++d) {
        const double e = book.vectors_VD[static_cast<std::size_t>(v * dimension_ + d)];
        sum += e * e;
      }
      if (!std::isfinite(sum)) throw DataError(fmt::format("{}: row {} of {} holds NaN or infinity", where, v, name));
      book.squares_V[static_cast<std::size_t>(v)] = static_cast<float>(sum);
    }
    book.packed = kernels::Packed(book.vectors_VD, {}, size_, dimension_);
    books_.push_back(std::move(book));
  }
}

void Quantizer::encode(const Rows& x_FD, std::int64_t codebooks, std::vector<std::int32_t>& codes_FQ) const {
  const std::size_t begin = codes_FQ.size();
  codes_FQ.resize(begin + static_cast<std::size_t>(x_FD.count() * codebooks));
  const std::int64_t padded = (size_ + 15) / 16 * 16;
  Aligned<float> rest, dots(static_cast<std::size_t>(kFrames * padded));
  for (std::int64_t first = 0; first < x_FD.count(); first += kFrames) {
    const std::int64_t frames = std::min(kFrames, x_FD.count() - first);
    rest.assign(x_FD.row(first), x_FD.row(first) + frames * dimension_);
    for (std::int64_t q = 0; q < codebooks; ++q) {
      const Book& book = books_[static_cast<std::size_t>(q)];
      kernels::scale(rest.data(), 2.0f, 0.0f, frames * dimension_);
      kernels::linear(rest.data(), frames, book.packed, dots.data(), {}, 0, padded);
      kernels::scale(rest.data(), 0.5f, 0.0f, frames * dimension_);
      for (std::int64_t f = 0; f < frames; ++f) {
        float* x = rest.data() + f * dimension_;
        float norm = 0;
        for (std::int64_t d = 0; d < dimension_; ++d) norm += x[d] * x[d];
        const std::int64_t code = nearest(dots.data() + f * padded, book.squares_V.data(), norm, padded);
        codes_FQ[begin + static_cast<std::size_t>((first + f) * codebooks + q)] = static_cast<std::int32_t>(code);
        const float* vector = book.vectors_VD.data() + code * dimension_;
        for (std::int64_t d = 0; d < dimension_; ++d) x[d] -= vector[d];
      }
    }
  }
}

void Quantizer::decode(std::span<const std::int32_t> codes_FQ, std::int64_t codebooks, Rows& x_FD,
                       std::int64_t first_frame) const {
  const std::int64_t frames = static_cast<std::int64_t>(codes_FQ.size()) / codebooks;
  for (std::size_t i = 0; i < codes_FQ.size(); ++i)
    if (codes_FQ[i] < 0 || codes_FQ[i] >= size_)
      throw DataError(fmt::format("frame {}, codebook {}: code {} is out of range, expected 0 to {}",
                                  first_frame + static_cast<std::int64_t>(i) / codebooks,
                                  static_cast<std::int64_t>(i) % codebooks, codes_FQ[i], size_ - 1));
  x_FD.append_zeros(frames);
  for (std::int64_t f = 0; f < frames; ++f) {
    float* x = x_FD.row(x_FD.count() - frames + f);
    for (std::int64_t q = 0; q < codebooks; ++q) {
      const std::int64_t code = codes_FQ[static_cast<std::size_t>(f * codebooks + q)];
      const float* vector = books_[static_cast<std::size_t>(q)].vectors_VD.data() + code * dimension_;
      for (std::int64_t d = 0; d < dimension_; ++d) x[d] += vector[d];
    }
  }
}

}  // namespace timbre::encodec
