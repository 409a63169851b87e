#include "weights/torch_file.h"

#include <algorithm>
#include <unordered_map>

#include "base/files.h"
#include "weights/pickle.h"
#include "weights/zip_file.h"

namespace timbre::weights {
namespace {

constexpr std::uint64_t kCopyFactor = 8, kCopyFloor = 1 << 20;
constexpr std::string_view kLegacyMagic = "119547037146038801333356";  // torch's own choice of a magic number
constexpr std::int64_t kLegacyProtocol = 1001;

std::uint64_t copy_budget_of(Bytes bytes) { return kCopyFloor + kCopyFactor * bytes.size(); }

/// Bytes of one element of a storage: what its type says, 1 for untyped and unknown ones.
std::uint64_t element_bytes(const StorageRef& storage) {
  return storage.dtype && !storage.is_untyped ? size_of(*storage.dtype) : 1;
}

std::uint64_t storage_bytes(const StorageRef& storage, const std::string& name) {
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(storage.elements), element_bytes(storage), &bytes)) {
    throw DataError(
        fmt::format("{}: storage '{}' of {} elements is larger than any memory", name, storage.key, storage.elements));
  }
  return bytes;
}

// ---- the zip format ----------------------------------------------------------------------------------------------

/// "archive/data.pkl" → "archive/". Throws when there is none.
std::string archive_prefix(const ZipReader& zip, const std::string& name) {
  constexpr std::string_view kPickle = "data.pkl";
  for (const auto& entry : zip.entries()) {
    if (!entry.name.ends_with(kPickle)) continue;
    const std::string prefix = entry.name.substr(0, entry.name.size() - kPickle.size());
    if (prefix.empty() || prefix.find('/') == prefix.size() - 1) return prefix;
  }
  throw DataError(fmt::format("{}: a zip archive of {} entries without data.pkl: no PyTorch checkpoint", name,
                              zip.entries().size()));
}

ByteOrder byte_order(ZipReader& zip, const std::string& prefix, const std::string& name) {
  const ZipEntry* entry = zip.find(prefix + "byteorder");
  if (!entry) return ByteOrder::little;  // older than torch 2.0, which wrote on little-endian machines only
  const Source record = zip.read(*entry);
  const std::string_view order = text_of(record.bytes);
  if (order == "little") return ByteOrder::little;
  if (order == "big") return ByteOrder::big;
  throw DataError(fmt::format("{}: the record byteorder says '{}', expected little or big", name, order.substr(0, 20)));
}

Value read_zip(const Source& source, const TorchReadOptions& options) {
  ZipReader zip(source);
  if (options.verify_crc) zip.verify();
  const std::string prefix = archive_prefix(zip, source.name);
  const ByteOrder order = byte_order(zip, prefix, source.name);
  const Source pickle = zip.read(*zip.find(prefix + "data.pkl"));
  const PickleOptions pickle_options{.allows_storages = true, .nested = {}};
  Pickled pickled = read_pickle(pickle, 0, pickle_options);
  const auto find = [&](const StorageRef& storage) -> StorageBytes {
    const ZipEntry* entry = zip.find(prefix + "data/" + storage.key);
    if (!entry)
      throw DataError(fmt::format("{}: the record data/{} is missing", source.name, storage.key.substr(0, 100)));
    const std::uint64_t wanted = storage_bytes(storage, source.name);
    if (entry->unpacked_bytes != wanted) {
      throw DataError(fmt::format("{}: the record data/{} has {} bytes, expected {} ({} of {})", source.name,
                                  storage.key, entry->unpacked_bytes, wanted, storage.class_name, storage.elements));
    }
    Source record = zip.read(*entry);
    return {record.bytes, std::move(record.owner)};
  };
  std::uint64_t copy_budget = copy_budget_of(source.bytes);
  pickled.resolve(find, order, copy_budget);
  return pickled.take();
}

// ---- the older stream of pickles ---------------------------------------------------------------------------------

bool is_legacy_magic(const Value& value) {
  return value.kind() == Value::Kind::big_integer && value.as_digits() == kLegacyMagic;
}

/// Five pickles (magic number, protocol, facts about the machine, the object, the storage keys), then for every key
/// its number of elements as 64 bits and its bytes.
class LegacyReader {
 public:
  explicit LegacyReader(const Source& source) : source_(source) {}

  Value read(std::size_t after_magic) {
    Pickled object = read_pickles(after_magic);
    std::uint64_t copy_budget = copy_budget_of(source_.bytes);
    object.resolve([&](const StorageRef& storage) { return bytes_of_storage(storage); }, order_, copy_budget);
    return object.take();
  }

  /// For a file whose object is one storage.
  StorageRef read_storage(std::size_t after_magic) {
    Pickled object = read_pickles(after_magic);
    if (object.storages().size() != 1)
      broken(source_.name, after_magic, "{} storages, expected one", object.storages().size());
    StorageRef storage = object.storages()[0];
    storage.own = bytes_of_storage(storage);
    return storage;
  }

 private:
  Pickled read_pickles(std::size_t at) {
    const auto next = [&](bool allows_storages) {
      const PickleOptions options{.allows_storages = allows_storages, .nested = {}};
      Pickled pickled = read_pickle(source_, at, options);
      at = pickled.consumed();
      return pickled;
    };
    const Value protocol = next(false).take();
    if (protocol.kind() != Value::Kind::integer || protocol.as_int() != kLegacyProtocol) {
      broken(source_.name, at, "the torch stream has another protocol than {}", kLegacyProtocol);
    }
    const Value machine = next(false).take();
    const Value* is_little = machine.find("little_endian");
    const bool is_big = is_little && is_little->kind() == Value::Kind::boolean && !is_little->as_bool();
    order_ = is_big ? ByteOrder::big : ByteOrder::little;
    Pickled object = next(true);
    const Value keys = next(false).take();
    if (keys.kind() != Value::Kind::list) broken(source_.name, at, "expected the list of storage keys");
    for (const StorageRef& storage : object.storages()) refs_.emplace(storage.key, &storage);
    read_storages(keys.as_list(), at);
    return object;
  }

  void read_storages(const Value::List& keys, std::size_t at) {
    ByteReader reader(source_.bytes, source_.name, at);
    for (const Value& key : keys) {
      if (!key.is_text()) broken(source_.name, reader.position(), "a storage key is a {}", key.kind_name());
      const auto ref = refs_.find(key.as_text());
      if (ref == refs_.end())
        broken(source_.name, reader.position(), "nothing uses the storage '{}'", key.as_text().substr(0, 100));
      const StorageRef& storage = *ref->second;
      const auto elements = reader.number<std::int64_t>("a storage's size");
      if (elements != storage.elements) {
        broken(source_.name, reader.position() - 8, "storage '{}' has {} elements, its pickle says {}", storage.key,
               elements, storage.elements);
      }
      if (!storage.dtype && !storage.is_untyped) {
        broken(source_.name, reader.position(), "storage '{}' is of the unknown type {}", storage.key,
               storage.class_name);
      }
      const Bytes bytes = reader.take(storage_bytes(storage, source_.name), fmt::format("storage '{}'", storage.key));
      if (!data_.emplace(storage.key, bytes).second)
        broken(source_.name, reader.position(), "storage '{}' comes twice", storage.key);
    }
    if (!reader.at_end()) broken(source_.name, reader.position(), "{} bytes follow the last storage", reader.left());
  }

  StorageBytes bytes_of_storage(const StorageRef& storage) const {
    const auto found = data_.find(storage.key);
    if (found == data_.end()) {
      throw DataError(fmt::format("{}: storage '{}' is not in the file", source_.name, storage.key.substr(0, 100)));
    }
    if (storage.view_key.empty()) return {found->second, source_.owner};
    const auto held = static_cast<std::int64_t>(found->second.size() / element_bytes(storage));
    if (storage.view_offset < 0 || storage.view_elements < 0 || storage.view_offset > held ||
        storage.view_elements > held - storage.view_offset) {
      throw DataError(fmt::format("{}: a view of storage '{}' ({} elements at {}) leaves its {} elements", source_.name,
                                  storage.key, storage.view_elements, storage.view_offset, held));
    }
    return {found->second.subspan(static_cast<std::size_t>(storage.view_offset) * element_bytes(storage),
                                  static_cast<std::size_t>(storage.view_elements) * element_bytes(storage)),
            source_.owner};
  }

  const Source& source_;
  ByteOrder order_ = ByteOrder::little;
  std::unordered_map<std::string, const StorageRef*> refs_;
  std::unordered_map<std::string, Bytes> data_;
};

/// A legacy torch stream, or one plain pickle.
Value read_stream(const Source& source) {
  PickleOptions options;
  options.nested = [](const Source& inner) {
    Pickled first = read_pickle(inner);
    const std::size_t consumed = first.consumed();
    if (!is_legacy_magic(first.take())) throw DataError(fmt::format("{}: no torch stream", inner.name));
    return LegacyReader(inner).read_storage(consumed);
  };
  Pickled first = read_pickle(source, 0, options);
  const std::size_t consumed = first.consumed();
  std::uint64_t copy_budget = copy_budget_of(source.bytes);
  const auto nowhere = [&](const StorageRef& storage) -> StorageBytes {
    throw DataError(fmt::format("{}: storage '{}' is not in the file", source.name, storage.key));
  };
  first.resolve(nowhere, ByteOrder::little, copy_budget);
  Value value = first.take();
  if (is_legacy_magic(value)) return LegacyReader(source).read(consumed);
  if (consumed != source.bytes.size())
    broken(source.name, consumed, "{} bytes follow the pickle", source.bytes.size() - consumed);
  return value;
}

bool is_tar(Bytes bytes) { return bytes.size() >= 512 && text_of(bytes.subspan(257, 5)) == "ustar"; }

}  // namespace

Value parse_torch(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name,
                  const TorchReadOptions& options) {
  const Source source{bytes, std::move(owner), name};
  if (bytes.empty()) throw DataError(fmt::format("{}: the file is empty", name));
  if (ZipReader::looks_like(bytes)) return read_zip(source, options);
  if (is_tar(bytes)) {
    throw DataError(
        fmt::format("{}: a tar archive, the format of torch before 0.1.10 or a packed folder: not supported", name),
        "load and save it once with a torch of 0.4 to 1.5, or unpack it");
  }
  return read_stream(source);
}

Value read_torch(const std::filesystem::path& path, const TorchReadOptions& options) {
  const auto file = std::make_shared<MappedFile>(path);
  return parse_torch(file->bytes(), file, path.string(), options);
}

}  // namespace timbre::weights
