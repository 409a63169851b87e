#include "corpus/code_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace timbre::corpus {

CodeBatch pad_codes(std::span<const weights::Tensor> codes_FQ, float padding) {
  std::int64_t longest = 0, codebooks = -1;
  std::vector<std::int64_t> lens;
  for (const weights::Tensor& codes : codes_FQ) {
    if (codes.shape.size() != 2) throw DataError(codes.describe() + "; expected codes, frames × codebooks");
    if (codebooks < 0) codebooks = codes.shape[1];
    if (codes.shape[1] != codebooks)
      throw DataError(fmt::format("a batch of clips with {} and {} codebooks", codebooks, codes.shape[1]));
    lens.push_back(codes.shape[0]);
    longest = std::max(longest, codes.shape[0]);
  }
  if (lens.empty()) throw DataError("a batch without clips");
  const auto count = static_cast<std::int64_t>(lens.size());
  std::vector<float> all(static_cast<std::size_t>(count * longest * codebooks), padding);
  for (std::size_t b = 0; b < lens.size(); ++b) {
    const std::vector<float> values = codes_FQ[b].to_f32();
    std::copy(values.begin(), values.end(), all.begin() + static_cast<std::ptrdiff_t>(b) * longest * codebooks);
  }
  return {weights::Tensor::of<float>({count, longest, codebooks}, std::move(all)),
          weights::Tensor::of<std::int64_t>({count}, std::move(lens))};
}

}  // namespace timbre::corpus
