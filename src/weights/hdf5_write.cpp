#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "weights/hdf5.h"

/// The oldest form of the format, which every reader knows: superblock 0, one root group as a B-tree of symbol nodes.
namespace timbre::weights {
namespace {

constexpr std::uint64_t kSuperblock = 96, kNowhere = ~std::uint64_t{0};
constexpr std::size_t kLeaf = 4, kInternal = 16;  // half of the entries of a symbol node, of a tree node: h5py's

/// At most the 8 bytes of `value`, little endian.
void number(std::string& to, std::uint64_t value, std::size_t bytes) {
  to.append(reinterpret_cast<const char*>(&value), bytes);
}

void pad(std::string& text, std::size_t step) { text.append((step - text.size() % step) % step, '\0'); }

void message(std::string& to, unsigned type, std::string body) {
  pad(body, 8);
  number(to, type, 2);
  number(to, body.size(), 2);
  number(to, 0, 4);
  to += body;
}

std::string object_header(std::size_t messages, const std::string& body) {
  std::string out;
  number(out, 1, 2);
  number(out, messages, 2);
  number(out, 1, 4);
  number(out, body.size(), 8);  // four bytes of size, four to the next multiple of eight
  return out + body;
}

/// Class, byte order, sign, sizes; and of floats where sign, exponent and mantissa lie.
std::string datatype(DType dtype, const std::string& name) {
  const auto bytes = static_cast<unsigned>(size_of(dtype));
  std::string out;
  const bool is_float = dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64;
  if (is_float) {
    const unsigned exponent_bits = bytes == 2 ? 5 : bytes == 4 ? 8 : 11, mantissa_bits = bytes * 8 - 1 - exponent_bits;
    number(out, 0x11, 1);
    number(out, 0x20 | (bytes * 8 - 1) << 8, 3);  // the first bit of the mantissa is implied; place of the sign
    number(out, bytes, 4);
    number(out, 0, 2);
    number(out, bytes * 8, 2);
    number(out, mantissa_bits, 1);
    number(out, exponent_bits, 1);
    number(out, 0, 1);
    number(out, mantissa_bits, 1);
    number(out, (1u << (exponent_bits - 1)) - 1, 4);
    return out;
  }
  const bool is_signed = dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32 || dtype == DType::i64;
  const bool is_unsigned = dtype == DType::u8 || dtype == DType::u16 || dtype == DType::u32 || dtype == DType::u64;
  if (!is_signed && !is_unsigned)
    throw UsageError(fmt::format("dataset '{}': {} numbers have no HDF5 type here", name, name_of(dtype)));
  number(out, 0x10, 1);
  number(out, is_signed ? 8 : 0, 3);
  number(out, bytes, 4);
  number(out, 0, 2);
  number(out, bytes * 8, 2);
  return out;
}

std::string dataspace(const std::vector<std::int64_t>& shape) {
  std::string out;
  number(out, 1, 1);
  number(out, shape.size(), 1);
  number(out, 0, 6);
  for (const std::int64_t size : shape) number(out, static_cast<std::uint64_t>(size), 8);
  return out;
}

/// One entry of a level of the tree under construction.
struct Node {
  std::uint64_t address;
  std::uint64_t last_name;  ///< heap offset of the greatest name below it
};

std::string tree_node(unsigned level, std::span<const Node> children, std::uint64_t left, std::uint64_t right,
                      std::uint64_t name_before) {
  std::string out = "TREE";
  number(out, 0, 1);
  number(out, level, 1);
  number(out, children.size(), 2);
  number(out, left, 8);
  number(out, right, 8);
  number(out, name_before, 8);
  for (const Node& child : children) {
    number(out, child.address, 8);
    number(out, child.last_name, 8);
  }
  out.resize(24 + 8 + 2 * kInternal * 16, '\0');
  return out;
}

}  // namespace

Hdf5Writer::Hdf5Writer(const std::filesystem::path& path)
    : path_(path), part_(path.string() + fmt::format(".{}.part", ::getpid())) {
  file_ = std::fopen(part_.c_str(), "wb");
  if (!file_) throw SystemError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
  write(std::string(kSuperblock, '\0'));
}

Hdf5Writer::~Hdf5Writer() {
  if (!file_) return;
  std::fclose(file_);
  ::unlink(part_.c_str());
}

void Hdf5Writer::write(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    throw SystemError(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
  at_ += bytes.size();
}

void Hdf5Writer::put(const std::string& dataset, const Tensor& tensor) {
  if (dataset.empty() || dataset == "." || dataset.find('/') != dataset.npos || dataset.find('\0') != dataset.npos)
    throw UsageError(fmt::format("'{}' is no name for an HDF5 dataset", dataset));
  if (headers_.contains(dataset)) throw UsageError(fmt::format("dataset '{}' was written before", dataset));
  std::string type = datatype(tensor.dtype, dataset);
  std::uint64_t data = kNowhere;
  if (tensor.numel() > 0) {
    write(std::string((8 - at_ % 8) % 8, '\0'));
    data = at_;
    const auto raw = tensor.raw();
    write(std::string(reinterpret_cast<const char*>(raw.data()), raw.size()));
  }
  write(std::string((8 - at_ % 8) % 8, '\0'));
  std::string fill, layout, body;
  for (const unsigned byte : {2, 2, 2, 1}) number(fill, byte, 1);  // version, late space, written if set, the default
  number(fill, 0, 4);
  number(layout, 3, 1);
  number(layout, 1, 1);
  number(layout, data, 8);
  number(layout, static_cast<std::uint64_t>(tensor.bytes()), 8);
  message(body, 1, dataspace(tensor.shape));
  message(body, 3, std::move(type));
  message(body, 5, fill);
  message(body, 8, layout);
  headers_.emplace(dataset, at_);
  write(object_header(4, body));
}

void Hdf5Writer::close() {
  write(std::string((8 - at_ % 8) % 8, '\0'));
  std::string names(8, '\0');  // the first one is empty: less than all others
  std::vector<Node> level;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> entries;  // name, header
  for (const auto& [name, header] : headers_) {
    entries.emplace_back(names.size(), header);
    names += name + '\0';
    pad(names, 8);
  }
  std::string out;
  const auto here = [&] { return at_ + out.size(); };
  for (std::size_t from = 0; from < entries.size() || from == 0; from += 2 * kLeaf) {
    const std::size_t count = std::min(2 * kLeaf, entries.size() - from);
    level.push_back({here(), count ? entries[from + count - 1].first : 0});
    std::string node = "SNOD";
    number(node, 1, 2);
    number(node, count, 2);
    for (std::size_t i = from; i < from + count; ++i) {
      number(node, entries[i].first, 8);
      number(node, entries[i].second, 8);
      node.append(24, '\0');
    }
    node.resize(8 + 2 * kLeaf * 40, '\0');
    out += node;
  }
  for (unsigned height = 0;; ++height) {
    std::vector<Node> above;
    const std::uint64_t node_bytes = 24 + 8 + 2 * kInternal * 16, start = here();
    const std::size_t nodes = (level.size() + 2 * kInternal - 1) / (2 * kInternal);
    for (std::size_t n = 0; n < nodes; ++n) {
      const std::size_t from = n * 2 * kInternal, count = std::min(2 * kInternal, level.size() - from);
      above.push_back({here(), level[from + count - 1].last_name});
      out +=
          tree_node(height, std::span(level).subspan(from, count), n == 0 ? kNowhere : start + (n - 1) * node_bytes,
                    n + 1 == nodes ? kNowhere : start + (n + 1) * node_bytes, n == 0 ? 0 : level[from - 1].last_name);
    }
    level = std::move(above);
    if (level.size() == 1) break;
  }
  const std::uint64_t tree = level.front().address, heap = here();
  out += "HEAP";
  number(out, 0, 4);
  number(out, names.size(), 8);
  number(out, 1, 8);  // nothing is free
  number(out, heap + 32, 8);
  out += names;
  const std::uint64_t root = here();
  std::string table, body;
  number(table, tree, 8);
  number(table, heap, 8);
  message(body, 17, table);
  out += object_header(1, body);
  write(out);
  std::string super("\x89HDF\r\n\x1a\n", 8);
  number(super, 0, 5);
  number(super, 8, 1);
  number(super, 8, 2);
  number(super, kLeaf, 2);
  number(super, kInternal, 2);
  number(super, 0, 4);
  for (const std::uint64_t value : {std::uint64_t{0}, kNowhere, at_, kNowhere}) number(super, value, 8);
  number(super, 0, 8);  // the root's entry: name, header, what is cached of it
  number(super, root, 8);
  number(super, 1, 8);
  number(super, tree, 8);
  number(super, heap, 8);
  const bool ok = std::fseek(file_, 0, SEEK_SET) == 0 &&
                  std::fwrite(super.data(), 1, super.size(), file_) == super.size() && std::fflush(file_) == 0 &&
                  ::fsync(::fileno(file_)) == 0;
  std::fclose(file_);
  file_ = nullptr;
  if (!ok || std::rename(part_.c_str(), path_.c_str()) != 0) {
    ::unlink(part_.c_str());
    throw SystemError(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
  }
}

}  // namespace timbre::weights
