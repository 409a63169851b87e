#pragma once
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weights/tensor.h"

/// HDF5 as far as h5py and lhotse write it: groups of datasets of numbers, stored whole or in chunks that may be
/// deflated, shuffled and checksummed; what was never written is zero, whatever the fill value. Source: "HDF5 File
/// Format Specification Version 3.0", The HDF Group.
///
/// Our own and not libhdf5, since every byte here is foreign: that library is no parser for hostile files, and Debian's
/// build of it brings curl and OpenSSL along.
/// Non-goals: text, compound and reference types, attributes, groups with a fractal heap (libver="latest" with more
/// than eight members), szip: all named in the error.
namespace timbre::weights {

/// An open file. Reading is safe from several threads.
class Hdf5File {
 public:
  /// Maps it. Throws DataError (file, byte, what is wrong), SystemError when it cannot be opened.
  explicit Hdf5File(const std::filesystem::path& path);
  /// From bytes that `owner` keeps alive; `name` is for messages.
  Hdf5File(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name);
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;

  /// Paths of all datasets ("cut-1", "group/cut-2"), sorted.
  std::vector<std::string> names() const;
  bool has(const std::string& dataset) const;
  /// Element type and shape, without the values.
  struct Shape {
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
  };
  Shape shape(const std::string& dataset) const;
  /// Throws DataError for an absent name (with "did you mean") or damage. Contiguous data stay in the map.
  Tensor read(const std::string& dataset) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes a flat file of contiguous datasets, as lhotse's NumpyHdf5Writer makes it with h5py: values go to disk as they
/// come, the index is kept until close().
class Hdf5Writer {
 public:
  /// Under a temporary name beside `path`. Throws SystemError.
  explicit Hdf5Writer(const std::filesystem::path& path);
  /// Without close() nothing stays.
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// Throws UsageError for an empty name, one with '/' (a group) or one that was put before, bf16, complex and boolean
  /// numbers; SystemError when the disk is full.
  void put(const std::string& dataset, const Tensor& tensor);
  /// Writes the index and makes the file real.
  void close();

 private:
  void write(const std::string& bytes);
  std::filesystem::path path_, part_;
  std::FILE* file_ = nullptr;
  std::uint64_t at_ = 0;
  std::map<std::string, std::uint64_t> headers_;  ///< object header of each dataset
};

}  // namespace timbre::weights
