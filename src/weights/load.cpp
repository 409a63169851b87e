#include "weights/load.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "weights/npy.h"
#include "weights/torch_file.h"
#include "weights/zip_file.h"

namespace timbre::weights {
namespace {

namespace fs = std::filesystem;

/// Key of the metadata entry in which save() keeps the nesting and the scalars.
constexpr const char* kStructureKey = "timbre.structure";

constexpr std::string_view kFormatNames[] = {"safetensors",
                                             "sharded safetensors",
                                             "PyTorch checkpoint (zip)",
                                             "TorchScript module (zip)",
                                             "PyTorch checkpoint (before 1.6)",
                                             "tar archive",
                                             "pickle",
                                             "NumPy array",
                                             "NumPy archive (npz)",
                                             "unknown format"};

constexpr std::array<std::string_view, 8> kTorchExtensions{".pt", ".pth", ".bin", ".ckpt",
                                                           ".th", ".tar", ".pkl", ".pyth"};

bool is_torch_extension(const fs::path& path) {
  const std::string extension = ascii_lower(path.extension().string());
  return std::find(kTorchExtensions.begin(), kTorchExtensions.end(), extension) != kTorchExtensions.end();
}

Format format_of_zip(const Source& source) {
  try {
    const ZipReader zip(source);
    bool has_pickle = false, has_code = false, has_array = false;
    for (const auto& entry : zip.entries()) {
      has_pickle = has_pickle || entry.name.ends_with("data.pkl");
      has_code = has_code || entry.name.ends_with("constants.pkl");
      has_array = has_array || entry.name.ends_with(".npy");
    }
    if (has_pickle) return has_code ? Format::torch_script : Format::torch_zip;
    return has_array || zip.entries().empty() ? Format::npz : Format::unknown;
  } catch (const DataError&) {
    return Format::torch_zip;  // reading it says what is broken
  }
}

/// A pickle begins with PROTO, or (protocols 0 and 1) with an opcode that starts a value.
Format format_of_stream(Bytes bytes) {
  constexpr std::string_view kLegacyStart("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);
  const std::string_view text = text_of(bytes.first(std::min<std::size_t>(bytes.size(), 64)));
  if (text.starts_with(kLegacyStart)) return Format::torch_legacy;
  if (bytes.size() >= 2 && text[0] == '\x80' && text[1] >= 1 && text[1] <= 5) return Format::pickle;
  const bool is_old = !text.empty() && std::string_view("(]}clid").find(text[0]) != std::string_view::npos &&
                      text_of(bytes).ends_with('.');
  return is_old ? Format::pickle : Format::unknown;
}

bool is_safetensors(Bytes bytes) {
  if (bytes.size() < 10) return false;
  const auto length = little<std::uint64_t>(bytes, 0);
  return length <= 100'000'000 && text_of(bytes.subspan(8, 1)) == "{";
}

Format format_of_bytes(const Source& source) {
  const Bytes bytes = source.bytes;
  if (ZipReader::looks_like(bytes)) return format_of_zip(source);
  if (bytes.size() >= 6 && text_of(bytes.first(6)) == "\x93NUMPY") return Format::npy;
  if (bytes.size() >= 262 && text_of(bytes.subspan(257, 5)) == "ustar") return Format::torch_tar;
  if (is_safetensors(bytes)) return Format::safetensors;
  return format_of_stream(bytes);
}

bool is_index(const fs::path& path) { return path.string().ends_with(".safetensors.index.json"); }

/// A sharded "pytorch_model.bin.index.json": the maps of its files joined.
Value read_torch_index(const fs::path& path, const LoadOptions& options) {
  const nlohmann::ordered_json index = parse_json<nlohmann::ordered_json>(read_file(path), path.string());
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw DataError(fmt::format("{}: expected a JSON object with a 'weight_map'", path.string()));
  }
  std::map<std::string, Value> shards;
  Value out = Value::dict({}, true);
  TensorMap tensors;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string() || !is_safe_relative(shard.get<std::string>())) {
      throw DataError(
          fmt::format("{}: weight_map.{}: expected the name of a file beside the index", path.string(), name));
    }
    const std::string file = shard.get<std::string>();
    if (!fs::is_regular_file(path.parent_path() / file))
      throw DataError(fmt::format("{}: weight_map.{}: the file {} is missing", path.string(), name, file),
                      "fetch the whole folder again");
    auto found = shards.find(file);
    if (found == shards.end())
      found = shards.emplace(file, read_torch(path.parent_path() / file, {options.verify_crc})).first;
    tensors.insert(name, found->second.at(name).as_tensor());
  }
  return Value::state_dict(tensors);
}

/// The file of a folder that holds its weights.
fs::path weights_file_in(const fs::path& folder) {
  for (const char* name :
       {"model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin"}) {
    if (fs::is_regular_file(folder / name)) return folder / name;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() &&
        (extension == ".safetensors" || is_torch_extension(entry.path()) || is_index(entry.path()))) {
      found.push_back(entry.path());
    }
  }
  const auto index = std::find_if(found.begin(), found.end(), is_index);
  if (index != found.end()) return *index;
  if (found.size() == 1) return found[0];
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const auto& path : found) names.push_back(path.filename().string());
  if (names.empty())
    throw DataError(
        fmt::format("{}: the folder holds no weights (.safetensors, .pt, .pth, .bin, .ckpt, .th)", folder.string()));
  throw DataError(
      fmt::format("{}: the folder holds several weights files: {}", folder.string(), fmt::join(names, ", ")),
      "name one of them");
}

Value read_safetensors_value(const fs::path& path, const LoadOptions& options, Metadata& metadata) {
  const TensorMap tensors = read_safetensors(path, &metadata);
  const auto recorded = metadata.find(kStructureKey);
  if (recorded == metadata.end() || !options.rebuild_structure) return Value::state_dict(tensors);
  const auto structure = nlohmann::ordered_json::parse(recorded->second, nullptr, false);
  if (structure.is_discarded())
    throw DataError(fmt::format("{}: __metadata__.{} is not JSON", path.string(), kStructureKey));
  try {
    Value value = from_structure(structure, tensors);
    metadata.erase(kStructureKey);
    return value;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: __metadata__.{}: {}", path.string(), kStructureKey, error.what()));
  }
}

/// True when a flat file of tensors says everything.
bool is_flat(const Value& root) {
  if (!root.is_dict() || root.attributes()) return false;
  return std::all_of(root.as_dict().begin(), root.as_dict().end(),
                     [](const auto& e) { return e.first.is_text() && e.second.is_tensor(); });
}

}  // namespace

std::string_view name_of(Format format) { return kFormatNames[static_cast<std::size_t>(format)]; }

Format format_of(const fs::path& path) {
  if (is_index(path)) return Format::safetensors_index;
  const auto file = std::make_shared<MappedFile>(path);
  return format_of_bytes({file->bytes(), file, path.string()});
}

Loaded load(const fs::path& given, const LoadOptions& options) {
  Loaded out;
  out.path = fs::is_directory(given) ? weights_file_in(given) : given;
  const std::string name = out.path.string();
  if (name.ends_with(".bin.index.json")) {
    out.format = Format::torch_zip;
    out.root = read_torch_index(out.path, options);
    return out;
  }
  if (is_index(out.path)) {
    out.format = Format::safetensors_index;
    out.root = read_safetensors_value(out.path, options, out.metadata);
    return out;
  }
  const auto file = std::make_shared<MappedFile>(out.path);
  out.format = format_of_bytes({file->bytes(), file, name});
  switch (out.format) {
    case Format::safetensors:
    case Format::safetensors_index:
      out.root = read_safetensors_value(out.path, options, out.metadata);
      break;
    case Format::npy:
      out.root = parse_npy(file->bytes(), file, name);
      break;
    case Format::npz:
      out.root = parse_npz(file->bytes(), file, name);
      break;
    case Format::unknown:
      if (file->bytes().empty()) throw DataError(fmt::format("{}: the file is empty", name));
      throw DataError(
          fmt::format("{}: no weights file: its contents are neither safetensors, PyTorch, pickle nor NumPy", name));
    default:
      out.root = parse_torch(file->bytes(), file, name, {options.verify_crc});
      break;
  }
  return out;
}

TensorMap load_tensors(const fs::path& path) { return flatten_tensors(load(path).root); }

void save(const fs::path& path, const Value& root, const Metadata& metadata) {
  const std::string extension = ascii_lower(path.extension().string());
  if (is_torch_extension(path)) return write_torch_zip(path, root);
  const TensorMap tensors = flatten_tensors(root);
  if (extension == ".safetensors") {
    Metadata all = metadata;
    if (!is_flat(root)) all[kStructureKey] = to_structure(root).dump();
    return write_safetensors(path, tensors, all);
  }
  if (extension == ".npz") return write_npz(path, tensors);
  if (extension == ".npy") {
    if (tensors.size() != 1)
      throw UsageError(fmt::format("a .npy file holds one array, there are {}", tensors.size()), "write .npz instead");
    return write_npy(path, tensors.begin()->second);
  }
  throw UsageError(fmt::format("{}: cannot write the format '{}'", path.string(), extension),
                   "use .safetensors, .pt, .pth, .pth.tar, .bin, .ckpt, .th, .npz or .npy");
}

}  // namespace timbre::weights
