#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

#include "weights/tensor.h"

namespace timbre::voice {

/// What is said of a folder to be given away, besides what its voice.json says already ("" = as there).
struct PackOptions {
  weights::DType dtype = weights::DType::f16;  ///< every real number of the networks is rounded to this
  std::string name, licence, attribution;
  nlohmann::json scores;  ///< `timbre score --json`'s table, or null
  bool write = true;      ///< false: only read and count
};

struct Packed {
  std::int64_t parameters = 0;          ///< of all networks in the folder
  std::uint64_t bytes = 0, before = 0;  ///< of all files
  double largest_loss = 0;              ///< max |w - rounded w| over max |w| of its tensor
  std::string name;
};

/// Copies a trained folder (a voice, a vocoder, a codec; with what it carries inside) to `out`, with rounded weights
/// and a card, README.md, for people. Of absolute paths in voice.json only the file's name is kept. Networks that read
/// text (g2p) keep their weights: a rounded one could pronounce a word otherwise than in training. `out` appears whole
/// or not at all.
///
/// Throws UsageError when `source` is no trained folder or `out` exists, DataError naming the tensor that the number
/// type cannot hold or what voice.json lacks (name, licence), SystemError.
Packed pack(const std::filesystem::path& source, const std::filesystem::path& out, const PackOptions& options);

}  // namespace timbre::voice
