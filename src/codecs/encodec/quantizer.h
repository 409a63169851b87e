#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/encodec/config.h"
#include "codecs/encodec/rows.h"
#include "kernels/conv.h"
#include "weights/tensor.h"

namespace timbre::encodec {

/// Residual vector quantiser (paper §3.2): each codebook codes what the ones before it left over. Nearest by Euclidean
/// distance, the first of equals.
class Quantizer {
 public:
  /// Reads quantizer.vq.layers.N._codebook.embed. Throws DataError naming the tensor.
  Quantizer(const Config& config, const weights::TensorMap& tensors, const std::string& where);

  std::int64_t codebooks() const { return static_cast<std::int64_t>(books_.size()); }
  /// Appends frames × codebooks to codes_FQ.
  void encode(const Rows& x_FD, std::int64_t codebooks, std::vector<std::int32_t>& codes_FQ) const;
  /// Appends the sums of the codes' vectors. Throws DataError naming frame and codebook of a code that is out of range;
  /// frames are counted from `first_frame`.
  void decode(std::span<const std::int32_t> codes_FQ, std::int64_t codebooks, Rows& x_FD,
              std::int64_t first_frame = 0) const;

 private:
  struct Book {
    std::vector<float> vectors_VD;
    kernels::Packed packed;
    std::vector<float> squares_V;  ///< ‖e‖²
  };
  std::int64_t dimension_, size_;
  std::vector<Book> books_;
};

}  // namespace timbre::encodec
