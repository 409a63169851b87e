#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

/// Training rows of token ids as zhenye234/LLaSA_training and its speed-control fork leave them, so that either program
/// reads what the other wrote:
///
///   <split>_input_ids.memmap      N × L numbers, int32, little endian, row by row, without a header
///   <split>_input_ids_shape.npy   the two numbers N and L (int64)
///
/// A split is "train" or "val". Non-goals: what the ids mean (tokenizer/speech_rows.h), changing rows in place.
namespace timbre::corpus {

/// What one pass over all ids tells.
struct RowFacts {
  /// Of the shape and of every id in order: equal on two machines that see the same rows, whatever the files are
  /// called.
  std::string fingerprint;
  std::int64_t smallest = 0, largest = 0;             ///< ids
  std::int64_t largest_row = 0, largest_place = 0;    ///< where `largest` stands first
  std::int64_t smallest_row = 0, smallest_place = 0;  ///< where `smallest` stands first
};

/// The rows of one split, memory-mapped: any number of them costs no memory, and processes share the pages.
class MemmapRows {
 public:
  /// Throws DataError when a file is missing or damaged, when the memmap has another size than the shape file says
  /// (naming both), and when there is no row at all; SystemError when a file cannot be read.
  static MemmapRows open(const std::filesystem::path& folder, const std::string& split);
  /// Whether the split's memmap is there: trainers do without "val".
  static bool present(const std::filesystem::path& folder, const std::string& split);

  std::int64_t size() const { return rows_; }      ///< N
  std::int64_t length() const { return length_; }  ///< L
  std::span<const std::int32_t> row(std::int64_t i) const {
    return ids_.subspan(static_cast<std::size_t>(i * length_), static_cast<std::size_t>(length_));
  }
  /// Reads everything once (about 2 s for a gigabyte).
  RowFacts facts() const;
  /// Throws DataError naming row, place and id where an id is negative or not below `vocabulary`: rows of another
  /// tokenizer.
  void expect_vocabulary(const RowFacts& facts, std::int64_t vocabulary) const;
  const std::filesystem::path& path() const { return file_->path(); }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::span<const std::int32_t> ids_;
  std::int64_t rows_ = 0, length_ = 0;
};

/// Writes both files of a split; they appear when commit() returns, or never.
class MemmapRowsWriter {
 public:
  /// `length` is L. Throws SystemError.
  MemmapRowsWriter(const std::filesystem::path& folder, const std::string& split, std::int64_t length);
  /// Throws std::logic_error for a row of another length, SystemError when the disk is full.
  void add(std::span<const std::int32_t> row);
  std::int64_t size() const { return rows_; }
  void commit();

 private:
  std::filesystem::path memmap_, shape_;
  std::unique_ptr<AtomicFile> file_;
  std::int64_t rows_ = 0, length_ = 0;
};

}  // namespace timbre::corpus
