#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "models/llasa/hf_folder.h"
#include "weights/tensor.h"

/// Rows of the embedding (and of an output matrix of its own) for tokens that a tokenizer got later.
namespace timbre::llasa {

/// What a new row is.
enum class NewRows : std::uint8_t {
  mean,    ///< the mean of all old rows
  spread,  ///< as transformers' mean_resizing has it: drawn around the mean with 1e-9 of the old rows' covariance
};
/// Throws UsageError with "did you mean".
NewRows new_rows_of(const std::string& name);

/// [rows, D] → [new_size, D] in the same number type. Throws UsageError when new_size is smaller.
weights::Tensor grown(const weights::Tensor& table_VD, std::int64_t new_size, NewRows how, std::uint64_t seed);

/// The same for whichever of the sources are such tables, made when they are written; `config` gets the new size.
void grow(Config& config, std::vector<Source>& sources, std::int64_t new_size, NewRows how, std::uint64_t seed);

}  // namespace timbre::llasa
