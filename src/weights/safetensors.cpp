#include "weights/safetensors.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "weights/bytes.h"
#include "weights/strided.h"

namespace timbre::weights {
namespace {

namespace fs = std::filesystem;

struct NamedDType {
  std::string_view name;
  DType dtype;
};
constexpr std::array<NamedDType, kDTypes> kNames{{{"F64", DType::f64},
                                                  {"F32", DType::f32},
                                                  {"F16", DType::f16},
                                                  {"BF16", DType::bf16},
                                                  {"I64", DType::i64},
                                                  {"I32", DType::i32},
                                                  {"I16", DType::i16},
                                                  {"I8", DType::i8},
                                                  {"U8", DType::u8},
                                                  {"BOOL", DType::boolean},
                                                  {"C64", DType::c64},
                                                  {"C128", DType::c128},
                                                  {"U16", DType::u16},
                                                  {"U32", DType::u32},
                                                  {"U64", DType::u64}}};

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> offsets;
  bool has_shape = false;
};

/// Reads the header as a stream of JSON events: no tree is built, so depth and repeated names are seen as they come.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}
  std::vector<HeaderEntry> entries;
  Metadata metadata;

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_float(double, const std::string&) override { return refuse("a fraction"); }
  bool binary(binary_t&) override { return refuse("binary"); }
  bool number_integer(std::int64_t value) override { return number(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > INT64_MAX) fail("the number {} is too large", value);
    return number(static_cast<std::int64_t>(value));
  }

  bool string(std::string& value) override {
    if (depth_ == 2 && in_metadata_) {
      if (!metadata.emplace(field_, value).second) fail("the metadata key '{}' is given twice", field_);
      return true;
    }
    if (depth_ != 2 || field_ != "dtype") return refuse("text");
    entries.back().dtype = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (++depth_ > 2 || in_array_) return refuse("a nested object");
    if (depth_ == 2 && !in_metadata_) entries.push_back({name_, {}, {}, {}, false});
    fields_.clear();
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2) in_metadata_ = false;
    return true;
  }

  bool key(std::string& value) override {
    if (depth_ == 1) {
      if (!names_.insert(value).second) fail("the name '{}' is given twice", value);
      name_ = value;
      field_.clear();
      in_metadata_ = value == "__metadata__";
      return true;
    }
    field_ = value;
    if (in_metadata_) return true;
    if (value != "dtype" && value != "shape" && value != "data_offsets")
      fail("tensor '{}' has an unknown field '{}'", name_, value);
    if (!fields_.insert(value).second) fail("the field '{}' of tensor '{}' is given twice", value, name_);
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_array_ || in_metadata_ || (field_ != "shape" && field_ != "data_offsets"))
      return refuse("a list");
    in_array_ = true;
    if (field_ == "shape") entries.back().has_shape = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    broken(file_, kLengthBytes + position, "the header is not JSON: {}", error.what());
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw DataError(fmt::format("{}: header: {}", file_, fmt::format(format, std::forward<Args>(args)...)));
  }
  bool refuse(std::string_view found) const {
    fail("unexpected {} at '{}'{}{}", found, name_, field_.empty() ? "" : ".", field_);
  }
  bool number(std::int64_t value) {
    if (!in_array_) return refuse("a number");
    if (value < 0) fail("tensor '{}' has {} in its {}", name_, value, field_);
    auto& list = field_ == "shape" ? entries.back().shape : entries.back().offsets;
    list.push_back(value);
    return true;
  }

  const std::string& file_;
  int depth_ = 0;
  bool in_array_ = false, in_metadata_ = false;
  std::string name_, field_;
  std::set<std::string> names_, fields_;
};

DType dtype_of_header(const HeaderEntry& entry, const std::string& file) {
  for (const auto& known : kNames) {
    if (known.name == entry.dtype) return known.dtype;
  }
  throw DataError(
      fmt::format("{}: tensor '{}' has the number type '{}', which is not supported", file, entry.name, entry.dtype));
}

/// Checks one entry against the data and makes its tensor.
Tensor tensor_of(const HeaderEntry& entry, Bytes data, const std::shared_ptr<const void>& owner,
                 const std::string& file, std::uint64_t& copy_budget) {
  const std::string where = fmt::format("{}: tensor '{}'", file, entry.name);
  if (entry.dtype.empty() || !entry.has_shape || entry.offsets.size() != 2) {
    throw DataError(fmt::format("{}: expected dtype, shape and two data_offsets", where));
  }
  const DType dtype = dtype_of_header(entry, file);
  const std::int64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (begin > end || end > static_cast<std::int64_t>(data.size())) {
    throw DataError(
        fmt::format("{}: its bytes {} to {} lie outside of the file's {} data bytes: the file was cut off or changed",
                    where, begin, end, data.size()),
        "download or copy the file again");
  }
  const std::int64_t wanted = checked_numel(entry.shape, dtype, where) * static_cast<std::int64_t>(size_of(dtype));
  if (end - begin != wanted) {
    throw DataError(fmt::format("{}: {} {} takes {} bytes, its offsets give {}", where, entry.dtype,
                                shape_text(entry.shape), wanted, end - begin));
  }
  const StridedView view{dtype, entry.shape, row_major_strides(entry.shape), 0};
  return view_tensor(view, data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(wanted)), owner,
                     ByteOrder::little, copy_budget, where);
}

/// The format allows neither gaps nor overlaps nor bytes after the last tensor.
void check_coverage(const std::vector<HeaderEntry>& entries, std::size_t data_bytes, const std::string& file) {
  std::vector<const HeaderEntry*> order;
  order.reserve(entries.size());
  for (const auto& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offsets < b->offsets; });
  std::int64_t at = 0;
  for (const auto* entry : order) {
    if (entry->offsets[0] != at) {
      throw DataError(fmt::format("{}: tensor '{}' begins at data byte {}, expected {}: tensors {}", file, entry->name,
                                  entry->offsets[0], at, entry->offsets[0] < at ? "overlap" : "leave a gap"));
    }
    at = entry->offsets[1];
  }
  if (at != static_cast<std::int64_t>(data_bytes)) {
    throw DataError(
        fmt::format("{}: {} bytes follow the last tensor", file, static_cast<std::int64_t>(data_bytes) - at));
  }
}

TensorMap read_index(const fs::path& path, Metadata* metadata) {
  const std::string file = path.string();
  const nlohmann::ordered_json index = parse_json<nlohmann::ordered_json>(read_file(path), file);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw DataError(fmt::format("{}: expected a JSON object with a 'weight_map'", file));
  }
  std::map<std::string, TensorMap> shards;
  TensorMap out;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    // An index that names an index could name itself.
    if (!shard.is_string() || !is_safe_relative(shard.get<std::string>()) ||
        shard.get<std::string>().ends_with(".json")) {
      throw DataError(fmt::format("{}: weight_map.{}: expected the name of a file beside the index", file, name));
    }
    const fs::path shard_path = path.parent_path() / shard.get<std::string>();
    auto found = shards.find(shard_path.string());
    if (!fs::is_regular_file(shard_path))
      throw DataError(fmt::format("{}: weight_map.{}: the file {} is missing", file, name, shard_path.string()),
                      "fetch the whole folder again");
    if (found == shards.end())
      found = shards.emplace(shard_path.string(), read_safetensors(shard_path, metadata)).first;
    const Tensor* tensor = found->second.find(name);
    if (!tensor)
      throw DataError(fmt::format("{}: weight_map.{}: {} has no such tensor", file, name, shard_path.string()));
    out.insert(name, *tensor);
  }
  return out;
}

}  // namespace

TensorMap parse_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                            const std::string& name, Metadata* metadata) {
  ByteReader reader(bytes, name);
  const auto header_bytes = reader.number<std::uint64_t>("the header length");
  if (header_bytes > kMaxHeaderBytes || header_bytes > reader.left()) {
    broken(name, 0, "a header of {} bytes in a file of {}: not safetensors, or cut off", header_bytes, bytes.size());
  }
  const std::string_view header = text_of(reader.take(header_bytes, "the header"));
  const Bytes data = bytes.subspan(reader.position());
  HeaderReader parsed(name);
  nlohmann::json::sax_parse(header, &parsed);
  std::uint64_t copy_budget = data.size();
  TensorMap out;
  for (const auto& entry : parsed.entries) out.insert(entry.name, tensor_of(entry, data, owner, name, copy_budget));
  check_coverage(parsed.entries, data.size(), name);
  if (metadata) metadata->insert(parsed.metadata.begin(), parsed.metadata.end());
  return out;
}

TensorMap read_safetensors(const fs::path& path, Metadata* metadata) {
  if (path.extension() == ".json") return read_index(path, metadata);
  const auto file = std::make_shared<MappedFile>(path);
  return parse_safetensors(file->bytes(), file, path.string(), metadata);
}

std::int64_t Planned::bytes() const {
  std::int64_t n = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t side : shape) n *= side;
  return n;
}

void write_safetensors(const fs::path& path, const TensorMap& tensors, const Metadata& metadata) {
  std::vector<Planned> plan;
  std::vector<const Tensor*> made;
  for (const auto& [name, tensor] : tensors) {
    plan.push_back({name, tensor.dtype, tensor.shape});
    made.push_back(&tensor);
  }
  write_safetensors(
      path, plan, [&](std::size_t i) { return *made[i]; }, metadata);
}

void write_safetensors(const fs::path& path, const std::vector<Planned>& plan,
                       const std::function<Tensor(std::size_t)>& make, const Metadata& metadata) {
  std::vector<std::size_t> order(plan.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size_of(plan[a].dtype) > size_of(plan[b].dtype); });
  std::vector<std::int64_t> begin(plan.size());
  std::int64_t at = 0;
  for (const std::size_t i : order) {
    begin[i] = at;
    at += plan[i].bytes();
  }
  // Written by hand: a JSON object of 100,000 ordered names would be slow to build.
  std::string header = "{";
  const auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::strict);
  };
  if (!metadata.empty()) header += fmt::format("\"__metadata__\":{}", nlohmann::json(metadata).dump());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Planned& entry = plan[i];
    if (entry.name == "__metadata__") throw UsageError("a tensor cannot be called __metadata__ in a safetensors file");
    if (header.size() > 1) header += ',';
    const auto known =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return n.dtype == entry.dtype; });
    header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(entry.name),
                          known->name, fmt::join(entry.shape, ","), begin[i], begin[i] + entry.bytes());
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::string_view(reinterpret_cast<const char*>(&length), sizeof length));
  file.write(header);
  for (const std::size_t i : order) {
    const Tensor tensor = make(i);
    if (tensor.dtype != plan[i].dtype || tensor.shape != plan[i].shape)
      throw UsageError(fmt::format("{}: tensor '{}' was to be {} {}, it is {}", path.string(), plan[i].name,
                                   name_of(plan[i].dtype), shape_text(plan[i].shape), tensor.describe()));
    file.write(tensor.raw());
  }
  file.commit();
}

}  // namespace timbre::weights
