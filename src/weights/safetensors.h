#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "weights/tensor.h"

/// The safetensors format: 8 bytes of header length (little endian), a JSON header, the tensors without gaps.
/// Non-goals: the 8-bit float types (a clear error).
namespace timbre::weights {

using Metadata = std::map<std::string, std::string>;

/// Reads one file, or a sharded set by its "*.safetensors.index.json". The tensors point into the memory map,
/// in the order of the header. `metadata` gets "__metadata__" when it is not null.
/// Throws DataError (file, tensor, byte, what is wrong), SystemError when it cannot be opened.
TensorMap read_safetensors(const std::filesystem::path& path, Metadata* metadata = nullptr);

/// The same from bytes that `owner` keeps alive; `name` is for messages.
TensorMap parse_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                            const std::string& name, Metadata* metadata = nullptr);

/// Writes atomically. The header keeps the order of the map; the data lie by falling element size so that every
/// tensor is aligned. Throws SystemError.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors, const Metadata& metadata = {});

/// A tensor of a file to be written.
struct Planned {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::int64_t bytes() const;
};

/// The same file from tensors that are made one after the other: `make(i)` is asked once for the i-th of `plan`, in the
/// order of the file, and let go when it is written. Throws UsageError when it gives another type or shape.
void write_safetensors(const std::filesystem::path& path, const std::vector<Planned>& plan,
                       const std::function<Tensor(std::size_t)>& make, const Metadata& metadata = {});

}  // namespace timbre::weights
