#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "corpus/columns.h"
#include "weights/tensor.h"

/// The part files of a column: names, indexes, locks. Used by columns.cpp alone.
namespace timbre::corpus {

/// One part as its index tells it.
struct Part {
  fs::path index, tensors;
  ColumnKey key;
  nlohmann::json settings;
  std::vector<std::string> ids;
  std::vector<Skipped> skipped;
  std::int64_t bytes = 0;  ///< of the tensor file; 0 = the part has skips only and no tensor file
};

/// columns/<name>; throws UsageError for a name that is not [a-z0-9_.]+.
fs::path column_folder(const fs::path& corpus, const std::string& name);

/// All parts of a column in the order of their names; none when the folder is missing. An index that cannot be read is
/// given as a part with an empty key, so that it counts as stale.
std::vector<Part> read_parts(const fs::path& folder);

/// "" or what is wrong with the tensor file.
std::string part_fault(const Part& part);

/// Removes index, then tensors; absent files are fine (another worker was first).
void remove_part(const Part& part);

/// Holds a shard of a column for this process. Throws SystemError when another process has it.
class ShardLock {
 public:
  ShardLock(const fs::path& folder, Shard shard);
  ~ShardLock();
  ShardLock(const ShardLock&) = delete;
  ShardLock& operator=(const ShardLock&) = delete;

 private:
  fs::path path_;
  int file_ = -1;
};

/// Appends numbered parts of one shard.
class PartWriter {
 public:
  PartWriter(const fs::path& folder, ColumnKey key, Shard shard, nlohmann::json settings);
  /// Tensor file first, then the index that makes it count. Throws SystemError; nothing half written counts.
  void write(const weights::TensorMap& values, const std::vector<Skipped>& skipped);

 private:
  fs::path folder_;
  ColumnKey key_;
  Shard shard_;
  nlohmann::json settings_;
  std::int64_t next_ = 0;
};

}  // namespace timbre::corpus
