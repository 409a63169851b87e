// Writes the zip that torch.load reads: a protocol 2 pickle of the tree, and one record for each storage.

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "weights/bytes.h"
#include "weights/torch_file.h"
#include "weights/zip_file.h"

namespace timbre::weights {
namespace {

/// Module and class of the storage of each number type; the unsigned ones have only untyped storages.
struct TorchStorage {
  DType dtype;
  std::string_view class_name;
  std::string_view torch_name;
};
constexpr TorchStorage kStorages[] = {{DType::f64, "DoubleStorage", "float64"},
                                      {DType::f32, "FloatStorage", "float32"},
                                      {DType::f16, "HalfStorage", "float16"},
                                      {DType::bf16, "BFloat16Storage", "bfloat16"},
                                      {DType::i64, "LongStorage", "int64"},
                                      {DType::i32, "IntStorage", "int32"},
                                      {DType::i16, "ShortStorage", "int16"},
                                      {DType::i8, "CharStorage", "int8"},
                                      {DType::u8, "ByteStorage", "uint8"},
                                      {DType::boolean, "BoolStorage", "bool"},
                                      {DType::c64, "ComplexFloatStorage", "complex64"},
                                      {DType::c128, "ComplexDoubleStorage", "complex128"},
                                      {DType::u16, "", "uint16"},
                                      {DType::u32, "", "uint32"},
                                      {DType::u64, "", "uint64"}};

const TorchStorage& storage_type(DType dtype) {
  return *std::find_if(std::begin(kStorages), std::end(kStorages), [&](const auto& s) { return s.dtype == dtype; });
}

/// Tensors whose bytes overlap (or touch the same storage) become views of one storage.
class StoragePlan {
 public:
  struct Storage {
    const std::byte* begin;
    const std::byte* end;
    DType dtype;
    std::size_t number = 0;
    bool is_numbered = false;
  };

  void see(const Tensor& tensor) {
    if (tensor.bytes() > 0) seen_.push_back({tensor.data, tensor.data + tensor.bytes(), tensor.dtype});
  }

  /// Joins overlapping ranges of one number type.
  void settle() {
    std::sort(seen_.begin(), seen_.end(),
              [](const auto& a, const auto& b) { return std::tie(a.dtype, a.begin) < std::tie(b.dtype, b.begin); });
    for (const Storage& range : seen_) {
      const bool joins = !storages_.empty() && storages_.back().dtype == range.dtype &&
                         range.begin < storages_.back().end &&
                         static_cast<std::size_t>(range.begin - storages_.back().begin) % size_of(range.dtype) == 0;
      if (joins)
        storages_.back().end = std::max(storages_.back().end, range.end);
      else
        storages_.push_back(range);
    }
    seen_.clear();
  }

  /// The storage that holds the tensor; it gets its number at the first call.
  const Storage& of(const Tensor& tensor) {
    if (tensor.bytes() == 0) {
      empty_.push_back({nullptr, nullptr, tensor.dtype, order_.size(), true});
      order_.push_back({});
      return empty_.back();
    }
    const auto after = std::upper_bound(
        storages_.begin(), storages_.end(), std::pair(tensor.dtype, tensor.data),
        [](const auto& key, const Storage& s) { return std::tie(key.first, key.second) < std::tie(s.dtype, s.begin); });
    Storage& storage = *std::prev(after);
    if (!storage.is_numbered) {
      storage.is_numbered = true;
      storage.number = order_.size();
      order_.push_back({storage.begin, storage.end});
    }
    return storage;
  }

  const std::vector<Bytes>& in_order() const { return order_; }

 private:
  std::vector<Storage> seen_, storages_;
  std::vector<Storage> empty_;
  std::vector<Bytes> order_;
};

/// Decimal digits as the little-endian two's complement of the LONG opcodes.
std::string twos_complement(std::string_view digits) {
  const bool is_negative = digits.starts_with('-');
  std::string bytes;
  for (const char digit : digits.substr(is_negative ? 1 : 0)) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (char& byte : bytes) {
      carry += static_cast<unsigned char>(byte) * 10u;
      byte = static_cast<char>(carry & 0xff);
      carry >>= 8;
    }
    if (carry) bytes += static_cast<char>(carry);
  }
  bytes += '\0';  // room for the sign
  if (!is_negative) return bytes;
  unsigned carry = 1;
  for (char& byte : bytes) {
    carry += static_cast<unsigned char>(~byte);
    byte = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  return bytes;
}

/// Opcodes of protocol 2, with the memo torch's readers expect to find used.
class Pickler {
 public:
  explicit Pickler(StoragePlan& plan) : plan_(plan) {}

  std::string write(const Value& root) {
    out_ = "\x80\x02";
    value(root, "");
    out_ += '.';
    return std::move(out_);
  }

 private:
  void number(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  std::size_t memoize() {
    const std::size_t index = memo_size_++;
    out_ += index < 256 ? 'q' : 'r';
    number(index, index < 256 ? 1 : 4);
    return index;
  }
  void recall(std::size_t index) {
    out_ += index < 256 ? 'h' : 'j';
    number(index, index < 256 ? 1 : 4);
  }
  void class_name(std::string_view module, std::string_view name) {
    const std::string whole = fmt::format("c{}\n{}\n", module, name);
    const auto [found, is_new] = classes_.try_emplace(whole, memo_size_);
    if (!is_new) return recall(found->second);
    out_ += whole;
    memoize();
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value < 256) {
      out_ += 'K';
      number(static_cast<std::uint64_t>(value), 1);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      out_ += 'J';
      number(static_cast<std::uint32_t>(value), 4);
    } else {
      out_ += "\x8a\x08";
      number(static_cast<std::uint64_t>(value), 8);
    }
  }
  void real(double value) {
    out_ += 'G';
    number(__builtin_bswap64(std::bit_cast<std::uint64_t>(value)), 8);
  }
  void text(const std::string& value) {
    if (value.size() > UINT32_MAX) throw UsageError("a text of more than 4 GiB does not fit into a checkpoint");
    const auto [found, is_new] = texts_.try_emplace(value, memo_size_);
    if (!is_new) return recall(found->second);
    out_ += 'X';
    number(value.size(), 4);
    out_ += value;
    memoize();
  }
  void extents(const std::vector<std::int64_t>& values) {
    out_ += '(';
    for (const std::int64_t value : values) integer(value);
    out_ += 't';
  }

  void value(const Value& given, const std::string& path);
  void items(const Value::List& list, const std::string& path);
  void pairs(const Value::Dict& dict, const std::string& path);
  void sequence(const Value& given, const std::string& path);
  void dict(const Value& given, const std::string& path);
  void tensor(const Tensor& given);
  void bytes(const std::string& raw);

  StoragePlan& plan_;
  std::string out_;
  std::size_t memo_size_ = 0;
  std::unordered_map<std::string, std::size_t> classes_, texts_;
  std::unordered_map<const void*, std::size_t> objects_;
};

void Pickler::value(const Value& given, const std::string& path) {
  switch (given.kind()) {
    case Value::Kind::none:
      out_ += 'N';
      return;
    case Value::Kind::boolean:
      out_ += given.as_bool() ? '\x88' : '\x89';
      return;
    case Value::Kind::integer:
      return integer(given.as_int());
    case Value::Kind::real:
      return real(given.as_real());
    case Value::Kind::text:
      return text(given.as_text());
    default:
      break;
  }
  // Objects that the tree holds twice stay one object.
  if (const auto known = objects_.find(given.identity()); known != objects_.end()) return recall(known->second);
  switch (given.kind()) {
    case Value::Kind::big_integer: {
      const std::string bytes = twos_complement(given.as_digits());
      out_ += bytes.size() < 256 ? '\x8a' : '\x8b';
      number(bytes.size(), bytes.size() < 256 ? 1 : 4);
      out_ += bytes;
      break;
    }
    case Value::Kind::complex:
      class_name("__builtin__", "complex");
      real(given.as_complex().first);
      real(given.as_complex().second);
      out_ += "\x86R";
      break;
    case Value::Kind::bytes:
      bytes(given.as_bytes());
      break;
    case Value::Kind::list:
    case Value::Kind::tuple:
    case Value::Kind::set:
      return sequence(given, path);
    case Value::Kind::dict:
      return dict(given, path);
    case Value::Kind::tensor:
      tensor(given.as_tensor());
      break;
    default:
      throw UsageError(
          fmt::format("'{}' is an object of the class {}, which cannot be written", path, given.as_opaque().class_name),
          "turn it into plain data first (convert does)");
  }
  objects_[given.identity()] = memoize();
}

void Pickler::items(const Value::List& list, const std::string& path) {
  for (std::size_t i = 0; i < list.size(); ++i) value(list[i], fmt::format("{}.{}", path, i));
}

void Pickler::pairs(const Value::Dict& dict, const std::string& path) {
  if (dict.empty()) return;
  out_ += '(';
  for (const auto& [key, child] : dict) {
    value(key, path);
    value(child, key.is_text() ? (path.empty() ? key.as_text() : path + "." + key.as_text()) : path);
  }
  out_ += 'u';
}

void Pickler::sequence(const Value& given, const std::string& path) {
  if (given.kind() == Value::Kind::tuple) {
    out_ += '(';
    items(given.as_list(), path);
    out_ += 't';
    objects_[given.identity()] = memoize();
    return;
  }
  if (given.kind() == Value::Kind::set) class_name("__builtin__", "set");
  out_ += ']';
  if (given.kind() == Value::Kind::list) objects_[given.identity()] = memoize();
  if (!given.as_list().empty()) {
    out_ += '(';
    items(given.as_list(), path);
    out_ += 'e';
  }
  if (given.kind() == Value::Kind::set) {
    out_ += "\x85R";
    objects_[given.identity()] = memoize();
  }
}

void Pickler::dict(const Value& given, const std::string& path) {
  if (given.is_ordered_dict()) {
    class_name("collections", "OrderedDict");
    out_ += ")R";
  } else {
    out_ += '}';
  }
  objects_[given.identity()] = memoize();
  pairs(given.as_dict(), path);
  if (const Value* attributes = given.attributes(); attributes && given.is_ordered_dict()) {
    value(*attributes, path + ".(attributes)");
    out_ += 'b';
  }
}

void Pickler::bytes(const std::string& raw) {
  class_name("_codecs", "encode");
  std::string utf8;  // Latin-1 as text, since protocol 2 has no bytes
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xc0 | byte >> 6);
      utf8 += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  text(utf8);
  text("latin1");
  out_ += "\x86R";
}

void Pickler::tensor(const Tensor& given) {
  const TorchStorage& type = storage_type(given.dtype);
  const StoragePlan::Storage storage = plan_.of(given);
  const bool is_untyped = type.class_name.empty();
  const auto size = static_cast<std::int64_t>(size_of(given.dtype));
  class_name("torch._utils", is_untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
  out_ += "((";
  text("storage");
  class_name(is_untyped ? "torch.storage" : "torch", is_untyped ? "UntypedStorage" : type.class_name);
  text(std::to_string(storage.number));
  text("cpu");
  integer((storage.end - storage.begin) / (is_untyped ? 1 : size));
  out_ += "tQ";
  integer(given.bytes() == 0 ? 0 : (given.data - storage.begin) / size);
  extents(given.shape);
  std::vector<std::int64_t> strides(given.shape.size(), 1);
  for (std::size_t d = strides.size(); d-- > 1;)
    strides[d - 1] = strides[d] * std::max<std::int64_t>(given.shape[d], 1);
  extents(strides);
  out_ += '\x89';  // requires_grad
  class_name("collections", "OrderedDict");
  out_ += ")R";  // backward hooks
  if (is_untyped) class_name("torch", type.torch_name);
  out_ += "tR";
}

void see_tensors(const Value& value, StoragePlan& plan, std::unordered_map<const void*, bool>& seen) {
  if (!value.identity() || !seen.emplace(value.identity(), true).second) return;
  if (value.is_tensor()) plan.see(value.as_tensor());
  if (value.is_sequence()) {
    for (const Value& item : value.as_list()) see_tensors(item, plan, seen);
  }
  if (value.is_dict()) {
    for (const auto& [key, child] : value.as_dict()) {
      see_tensors(key, plan, seen);
      see_tensors(child, plan, seen);
    }
    if (value.attributes()) see_tensors(*value.attributes(), plan, seen);
  }
}

}  // namespace

void write_torch_zip(const std::filesystem::path& path, const Value& value) {
  StoragePlan plan;
  std::unordered_map<const void*, bool> seen;
  see_tensors(value, plan, seen);
  plan.settle();
  const std::string pickle = Pickler(plan).write(value);

  // The archive's inner folder is called like the file, as torch does it; any name is read.
  const std::string prefix = path.stem().empty() ? "archive/" : path.stem().string() + "/";
  ZipWriter zip(path);
  zip.add(prefix + "data.pkl", bytes_of(pickle));
  zip.add(prefix + ".format_version", bytes_of("1"));
  zip.add(prefix + ".storage_alignment", bytes_of("64"));
  zip.add(prefix + "byteorder", bytes_of("little"));
  const auto& records = plan.in_order();
  for (std::size_t i = 0; i < records.size(); ++i) zip.add(fmt::format("{}data/{}", prefix, i), records[i]);
  zip.add(prefix + "version", bytes_of("3\n"));
  // torch puts 40 digits here that tell archives apart.
  const std::string id = (hash_hex(pickle) + hash_hex(path.filename().string())).substr(0, 40);
  zip.add(prefix + ".data/serialization_id", bytes_of(id));
  zip.commit();
}

}  // namespace timbre::weights
