#pragma once
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "weights/checkpoint_value.h"
#include "weights/tensor.h"

/// NumPy's .npy (format versions 1–3) and .npz (zip of .npy, stored or deflated).
namespace timbre::weights {

/// One array; Fortran order and big-endian numbers are turned into row-major little endian. Throws DataError,
/// also for arrays that are not numbers (text, objects, records): see read_npy_value().
Tensor read_npy(const std::filesystem::path& path);

/// Also text arrays (as lists of text) and pickled object arrays (by the restricted interpreter of pickle.h).
Value read_npy_value(const std::filesystem::path& path);

/// The same from bytes that `owner` keeps alive; `name` is for messages.
Value parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name);

/// Format version 1, C order. Atomic. bf16 has no NumPy type: UsageError.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

/// All numeric arrays by name (without ".npy"). Others are DataError: see read_npz_value().
TensorMap read_npz(const std::filesystem::path& path);

/// All arrays as a dict: tensors, lists of text, object arrays.
Value read_npz_value(const std::filesystem::path& path);
Value parse_npz(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name);

/// Stored (not compressed), 64-byte aligned. Atomic. Arrays named in `fortran` are written column-major.
void write_npz(const std::filesystem::path& path, const TensorMap& tensors, const std::set<std::string>& fortran = {});

}  // namespace timbre::weights
