#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "weights/hdf5.h"
#include "weights/tensor.h"

/// Codes as lhotse keeps them beside its cuts: an array in an HDF5 file (numpy_hdf5) or a file of its own
/// (numpy_files), named by a cut's `features` or by a temporal array among its custom fields. Facts: lhotse 1.33,
/// `lhotse/features/io.py`, `lhotse/array.py`, `lhotse/features/base.py`.
namespace timbre::exchange::lhotse {

namespace fs = std::filesystem;

/// Where an array lies, and how its rows go with time.
struct StoredArray {
  std::string storage_type, storage_path, storage_key;
  double start_s = 0, frame_shift_s = 0;
  std::int64_t rate_hz = 0;  ///< of features; 0 for temporal arrays, which have none
};

/// The array of a cut: custom.`field` where there is one, else its features. Nothing when it has neither. Throws
/// DataError naming the field that is missing or wrong.
std::optional<StoredArray> stored_array(const nlohmann::json& cut, const std::string& field);

/// Rows of the stored array that belong to [start_s, start_s + duration_s): rounded as lhotse rounds them.
struct Rows {
  std::int64_t first = 0, count = 0;
};
Rows rows_of(const StoredArray& array, double start_s, double duration_s, std::int64_t stored_rows);

/// A whole file of arrays is absent or damaged: none of its cuts can be read.
class StoreError : public DataError {
  using DataError::DataError;
};

/// Reads arrays; files stay open. Safe from several threads.
class ArrayStore {
 public:
  /// `manifest`: paths are relative to where lhotse ran, most often some folders above it.
  explicit ArrayStore(fs::path manifest) : manifest_(std::move(manifest)) {}
  /// The whole array. Throws DataError: no such file or key, a storage that holds no codes (lilcom), not two
  /// dimensions.
  weights::Tensor read(const StoredArray& array);
  /// Rows and columns, without the values. Throws as read().
  std::vector<std::int64_t> shape(const StoredArray& array);
  /// Throws StoreError when the file that holds the array is absent or damaged as a whole.
  void expect_files(const StoredArray& array);
  /// Rows of a cut: of [cut.start, cut.start + cut.duration).
  weights::Tensor read_cut(const StoredArray& array, double start_s, double duration_s);

 private:
  fs::path find(const std::string& written);
  fs::path npy_path(const StoredArray& array);
  [[noreturn]] static void refuse_storage(const StoredArray& array);
  const weights::Hdf5File& file(const fs::path& path);
  fs::path manifest_;
  std::mutex guard_;
  std::map<std::string, fs::path> found_;  ///< by the path as written
  std::map<fs::path, std::unique_ptr<weights::Hdf5File>> open_;
};

}  // namespace timbre::exchange::lhotse
