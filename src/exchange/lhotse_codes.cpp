#include "exchange/lhotse_codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "exchange/lhotse_manifest.h"
#include "weights/npy.h"

namespace timbre::exchange::lhotse {

using nlohmann::json;

namespace {

template <class T>
T field_of(const json& object, const char* name, const char* where, const char* expected) {
  const auto found = object.find(name);
  try {
    if (found != object.end() && !found->is_null()) return found->get<T>();
  } catch (const json::exception&) {  // said below
  }
  throw DataError(fmt::format("{}.{}: expected {}", where, name, expected));
}

StoredArray storage_of(const json& object, const char* where) {
  return {.storage_type = field_of<std::string>(object, "storage_type", where, "a text"),
          .storage_path = field_of<std::string>(object, "storage_path", where, "a path"),
          .storage_key = field_of<std::string>(object, "storage_key", where, "a text")};
}

void take_times(const json& object, const char* where, StoredArray& to) {
  to.start_s = field_of<double>(object, "start", where, "seconds");
  to.frame_shift_s = field_of<double>(object, "frame_shift", where, "seconds above 0");
  if (!(to.frame_shift_s > 0) || !std::isfinite(to.start_s))
    throw DataError(fmt::format("{}.frame_shift: expected seconds above 0", where));
}

/// round(x) of Python: to the nearest, halves to the even one.
double python_round(double x) { return std::nearbyint(x); }

/// Whole numbers that no manifest can make overflow.
std::int64_t whole(double x) { return static_cast<std::int64_t>(std::clamp(x, -1e15, 1e15)); }

/// lhotse.utils.compute_num_frames: samples over samples of a frame, rounded half up.
std::int64_t feature_frames(double seconds, const StoredArray& array) {
  const std::int64_t samples = whole(python_round(seconds * static_cast<double>(array.rate_hz)));
  const std::int64_t hop = whole(python_round(array.frame_shift_s * static_cast<double>(array.rate_hz)));
  return hop > 0 ? std::max<std::int64_t>(0, samples + hop / 2) / hop : 0;
}

/// lhotse.array.seconds_to_frames: rounded to 8 digits, then half up.
std::int64_t array_frames(double seconds, const StoredArray& array, std::int64_t most) {
  const double frames = std::clamp(seconds / array.frame_shift_s, 0.0, 1e15);
  return std::min(whole(std::floor(to_8_digits(frames) + 0.5)), most);
}

}  // namespace

std::optional<StoredArray> stored_array(const json& cut, const std::string& field) {
  const auto custom = cut.find("custom");
  if (custom != cut.end() && custom->is_object())
    if (const auto found = custom->find(field); found != custom->end() && found->is_object()) {
      const std::string where = "custom." + field;
      const auto array = found->find("array");
      if (array == found->end() || !array->is_object())
        throw DataError(where + ": no 'array'; expected a temporal array, frames × codebooks");
      StoredArray out = storage_of(*array, (where + ".array").c_str());
      take_times(*found, where.c_str(), out);
      return out;
    }
  const auto features = cut.find("features");
  if (features == cut.end() || !features->is_object()) return std::nullopt;
  StoredArray out = storage_of(*features, "features");
  take_times(*features, "features", out);
  out.rate_hz = field_of<std::int64_t>(*features, "sampling_rate", "features", "samples a second");
  if (out.rate_hz < 1) throw DataError("features.sampling_rate: expected samples a second");
  return out;
}

Rows rows_of(const StoredArray& array, double start_s, double duration_s, std::int64_t stored_rows) {
  constexpr double kSame_s = 1e-3;
  if (start_s < array.start_s - kSame_s)
    throw DataError(fmt::format("the cut begins at {} s, its array at {} s", start_s, array.start_s));
  const double offset_s =
      std::abs(start_s - array.start_s) <= 1e-9 * std::max(std::abs(start_s), std::abs(array.start_s))
          ? 0.0
          : std::max(0.0, start_s - array.start_s);
  const auto frames = [&](double seconds) {
    return array.rate_hz > 0 ? feature_frames(seconds, array) : array_frames(seconds, array, stored_rows);
  };
  const std::int64_t first = std::min(frames(offset_s), stored_rows);
  return {first, std::min(frames(duration_s), stored_rows - first)};
}

fs::path ArrayStore::find(const std::string& written) {
  const std::scoped_lock lock(guard_);
  if (const auto known = found_.find(written); known != found_.end()) return known->second;
  fs::path at = written;
  std::error_code missing;
  if (!fs::exists(at, missing) && !at.is_absolute()) {
    fs::path folder = fs::absolute(manifest_).parent_path();
    for (int up = 0; up < 4; ++up, folder = folder.parent_path())
      if (fs::exists(folder / written, missing)) {
        at = folder / written;
        break;
      }
  }
  return found_.emplace(written, std::move(at)).first->second;
}

const weights::Hdf5File& ArrayStore::file(const fs::path& path) {
  const std::scoped_lock lock(guard_);
  auto& file = open_[path];
  if (file) return *file;
  if (std::error_code unreadable; !fs::is_regular_file(path, unreadable))
    throw StoreError(fmt::format("{}: there is no such file", path.string()),
                     "call from the folder that lhotse ran in, or name the manifest beside its data");
  try {
    file = std::make_unique<weights::Hdf5File>(path);
  } catch (const DataError& problem) {
    throw StoreError(problem.what(), problem.next());
  }
  return *file;
}

fs::path ArrayStore::npy_path(const StoredArray& array) {
  const fs::path folder = find(array.storage_path);
  if (fs::path(array.storage_key).is_absolute() || array.storage_key.find("..") != std::string::npos)
    throw DataError(fmt::format("storage_key '{}' leads out of {}", array.storage_key, folder.string()));
  fs::path path = folder / array.storage_key;
  if (std::error_code unreadable; !fs::is_regular_file(path, unreadable))
    throw DataError(fmt::format("{}: there is no such file", path.string()));
  return path;
}

void ArrayStore::refuse_storage(const StoredArray& array) {
  throw DataError(fmt::format("codes in storage '{}'; expected numpy_hdf5 or numpy_files", array.storage_type),
                  array.storage_type.find("lilcom") != std::string::npos
                      ? "lilcom keeps approximate numbers, which are no codes: store them with NumpyHdf5Writer"
                      : "store them anew with lhotse's NumpyHdf5Writer");
}

void ArrayStore::expect_files(const StoredArray& array) {
  if (array.storage_type == "numpy_hdf5") file(find(array.storage_path));
}

std::vector<std::int64_t> ArrayStore::shape(const StoredArray& array) {
  std::vector<std::int64_t> shape;
  if (array.storage_type == "numpy_hdf5")
    shape = file(find(array.storage_path)).shape(array.storage_key).shape;
  else if (array.storage_type == "numpy_files")
    shape = weights::read_npy(npy_path(array)).shape;
  else
    refuse_storage(array);
  if (shape.size() != 2)
    throw DataError(fmt::format("{}: '{}' is {}; expected frames × codebooks", array.storage_path, array.storage_key,
                                weights::shape_text(shape)));
  return shape;
}

weights::Tensor ArrayStore::read(const StoredArray& array) {
  weights::Tensor tensor;
  if (array.storage_type == "numpy_hdf5")
    tensor = file(find(array.storage_path)).read(array.storage_key);
  else if (array.storage_type == "numpy_files")
    tensor = weights::read_npy(npy_path(array));
  else
    refuse_storage(array);
  if (tensor.shape.size() != 2)
    throw DataError(fmt::format("{}: '{}' is {}; expected frames × codebooks", array.storage_path, array.storage_key,
                                tensor.describe()));
  return tensor;
}

weights::Tensor ArrayStore::read_cut(const StoredArray& array, double start_s, double duration_s) {
  weights::Tensor all = read(array);
  const Rows rows = rows_of(array, start_s, duration_s, all.shape[0]);
  const auto row_bytes = static_cast<std::size_t>(all.shape[1]) * weights::size_of(all.dtype);
  all.data += static_cast<std::size_t>(rows.first) * row_bytes;
  all.shape[0] = rows.count;
  return all;
}

}  // namespace timbre::exchange::lhotse
