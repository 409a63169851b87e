#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weights/checkpoint_tree.h"
#include "weights/checkpoint_value.h"
#include "weights/safetensors.h"
#include "weights/tensor.h"

/// Any weights file by its contents, never by its extension.
namespace timbre::weights {

enum class Format {
  safetensors,
  safetensors_index,
  torch_zip,
  torch_script,
  torch_legacy,
  torch_tar,
  pickle,
  npy,
  npz,
  unknown
};
std::string_view name_of(Format format);
/// What the first bytes (and for a zip its list of names) say. Never throws for odd contents.
Format format_of(const std::filesystem::path& path);

struct Loaded {
  Format format = Format::unknown;
  std::filesystem::path path;  ///< the file that was read (inside the folder that was given)
  Value root;                  ///< the whole tree; a dict of tensors for the flat formats
  Metadata metadata;           ///< of safetensors
};

struct LoadOptions {
  bool verify_crc = true;
  /// Rebuild the nested tree that `convert` recorded in a safetensors file's metadata.
  bool rebuild_structure = true;
};

/// Reads a file, or a folder: model.safetensors.index.json, model.safetensors, pytorch_model.bin (or its index.json),
/// else its only weights file. Throws DataError (unknown or broken contents, several candidates), SystemError.
Loaded load(const std::filesystem::path& path, const LoadOptions& options = {});

/// All tensors by dotted name (see flatten_tensors()).
TensorMap load_tensors(const std::filesystem::path& path);

/// Writes by the extension of `path`: .safetensors (flat; scalars and nesting go into the metadata), .pt .pth .bin
/// .ckpt .th .tar (PyTorch zip), .npz (flat, tensors only), .npy (one tensor). Throws UsageError for another extension.
void save(const std::filesystem::path& path, const Value& root, const Metadata& metadata = {});

}  // namespace timbre::weights
