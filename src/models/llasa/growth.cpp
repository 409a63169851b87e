#include "models/llasa/growth.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/rng.h"
#include "models/llasa/layout.h"
#include "weights/convert.h"

namespace timbre::llasa {
namespace {

constexpr double kSpread = 1e-9;  // of the covariance, as transformers has it

std::vector<double> mean_of(const std::vector<float>& table, std::size_t rows, std::size_t width) {
  std::vector<double> out(width);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t i = 0; i < width; ++i) out[i] += static_cast<double>(table[r * width + i]);
  for (double& value : out) value /= static_cast<double>(rows);
  return out;
}

}  // namespace

NewRows new_rows_of(const std::string& name) {
  if (name == "mean") return NewRows::mean;
  if (name == "spread") return NewRows::spread;
  throw UsageError(fmt::format("new rows '{}': expected mean or spread", name), did_you_mean(name, {"mean", "spread"}));
}

weights::Tensor grown(const weights::Tensor& table_VD, std::int64_t new_size, NewRows how, std::uint64_t seed) {
  if (table_VD.shape.size() != 2 || table_VD.shape[0] < 1) throw UsageError("only tables of rows can grow");
  const auto rows = static_cast<std::size_t>(table_VD.shape[0]), width = static_cast<std::size_t>(table_VD.shape[1]);
  if (new_size < table_VD.shape[0])
    throw UsageError(fmt::format("a vocabulary of {} cannot shrink to {}", rows, new_size));
  const std::vector<float> table = table_VD.to_f32();
  const std::vector<double> mean = mean_of(table, rows, width);
  std::vector<float> added;
  Philox draws(seed);
  for (std::int64_t k = table_VD.shape[0]; k < new_size; ++k) {
    std::vector<double> row = mean;
    if (how == NewRows::spread) {
      // Σ z_r (row_r − mean) with normal z has rows times their covariance: no D × D matrix is needed.
      const double by = std::sqrt(kSpread / static_cast<double>(rows));
      for (std::size_t r = 0; r < rows; ++r) {
        const double z = by * draws.normal();
        for (std::size_t i = 0; i < width; ++i) row[i] += z * (static_cast<double>(table[r * width + i]) - mean[i]);
      }
    }
    for (const double value : row) added.push_back(static_cast<float>(value));
  }
  const weights::Tensor tail = weights::reals_as(
      weights::Tensor::of<float>({new_size - table_VD.shape[0], table_VD.shape[1]}, std::move(added)), table_VD.dtype);
  std::vector<std::byte> bytes(table_VD.raw().begin(), table_VD.raw().end());
  bytes.insert(bytes.end(), tail.raw().begin(), tail.raw().end());
  return weights::Tensor::of_bytes(table_VD.dtype, {new_size, table_VD.shape[1]}, bytes);
}

void grow(Config& config, std::vector<Source>& sources, std::int64_t new_size, NewRows how, std::uint64_t seed) {
  if (new_size < config.vocab_size)
    throw UsageError(fmt::format("a vocabulary of {} cannot shrink to {}", config.vocab_size, new_size));
  config.vocab_size = new_size;
  for (Source& source : sources) {
    if (source.name != kEmbedding && source.name != kHead) continue;
    source.shape[0] = new_size;
    source.make = [make = source.make, new_size, how, seed] { return grown(make(), new_size, how, seed); };
  }
}

}  // namespace timbre::llasa
