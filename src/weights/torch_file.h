#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weights/checkpoint_value.h"

/// Checkpoints as Python's torch.save writes them: the zip format of torch ≥ 1.6 and the older stream of pickles.
/// Nothing in them is ever imported or called; see pickle.h.
/// Non-goals: quantised, sparse and 8-bit float tensors (kept as opaque values, named).
namespace timbre::weights {

struct TorchReadOptions {
  bool verify_crc = true;  ///< check every record's CRC-32 (reads the whole file once)
};

/// Reads either format, or a plain pickle. Tensors point into the memory map where they are contiguous, and keep
/// sharing where they shared a storage; others are gathered. Throws DataError (file, record, byte, what).
Value read_torch(const std::filesystem::path& path, const TorchReadOptions& options = {});

/// The same from bytes that `owner` keeps alive; `name` is for messages.
Value parse_torch(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name,
                  const TorchReadOptions& options = {});

/// Writes a zip that Python's torch.load reads, weights_only=True included: none, booleans, integers, reals, complex,
/// texts, bytes, lists, tuples, sets, dicts, OrderedDicts and tensors. Tensors whose bytes overlap in memory share one
/// storage there too. Atomic. Throws UsageError naming the place of an opaque value (see plain_data()), SystemError.
void write_torch_zip(const std::filesystem::path& path, const Value& value);

}  // namespace timbre::weights
