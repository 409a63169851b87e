#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/parquet_abi.h"

/// Tables in Parquet files. Apache Arrow is loaded on first use (timbre_parquet.so).
namespace timbre::exchange::parquet {

namespace fs = std::filesystem;

using Cell = TimbreCell;
inline std::string_view bytes_of(const Cell& cell) { return {cell.bytes ? cell.bytes : "", cell.byte_count}; }
inline std::string_view path_of(const Cell& cell) { return {cell.path ? cell.path : "", cell.path_count}; }
Cell text_cell(std::string_view text);
/// `bytes` and `path` must outlive the cell.
Cell audio_cell(std::string_view bytes, std::string_view path);
Cell real_cell(double value);

struct Column {
  std::string name;
  std::string type;  ///< text, binary, integer, real, bool, audio; anything else cannot be read
};

struct Schema {
  std::int64_t rows = 0;
  std::vector<Column> columns;
  nlohmann::json huggingface;  ///< what the datasets library keeps about the columns; null when absent
};

/// Throws DataError when it is no Parquet file, SystemError when Arrow is missing.
Schema read_schema(const fs::path& path);

/// Calls `each` with row (from 0) and the cells of `columns`, a few rows at a time in memory. Throws as read_schema,
/// and what `each` throws.
void read_rows(const fs::path& path, const std::vector<std::string>& columns,
               const std::function<void(std::int64_t row, std::span<const Cell> cells)>& each);

/// Writes row groups of 100 rows or 64 MiB.
class Writer {
 public:
  /// `huggingface` goes into the schema's metadata, in JSON. Throws SystemError.
  Writer(const fs::path& path, const std::vector<Column>& columns, const std::string& huggingface);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  void append(std::span<const Cell> cells);
  /// What is not closed is not whole. Throws SystemError.
  void close();

 private:
  fs::path path_;
  void* writer_;
};

}  // namespace timbre::exchange::parquet
