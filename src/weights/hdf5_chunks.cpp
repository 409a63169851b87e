#include <zlib.h>

#include <algorithm>

#include "weights/hdf5_objects.h"

/// Chunked datasets: a tree of pieces, each through the filters backwards.
namespace timbre::weights::hdf5 {
namespace {

constexpr unsigned kDeflate = 1, kShuffle = 2, kFletcher32 = 3;

class ChunkReader {
 public:
  ChunkReader(const Layout& layout, const Dataset& dataset, const std::string& name)
      : layout_(layout), dataset_(dataset), name_(name), element_(size_of(dataset.dtype)) {
    std::uint64_t numel = 1;
    for (const std::int64_t size : dataset.shape) numel *= static_cast<std::uint64_t>(size);
    chunk_bytes_ = element_;
    for (const std::int64_t size : dataset.chunk) {
      if (chunk_bytes_ > most_bytes_ / static_cast<std::uint64_t>(size)) too_large(chunk_bytes_);
      chunk_bytes_ *= static_cast<std::uint64_t>(size);
    }
    if (numel > most_bytes_ / element_) too_large(numel);
    out_.resize(static_cast<std::size_t>(numel * element_));
  }

  std::vector<std::byte> read() {
    if (dataset_.address != kNowhere && !out_.empty()) walk(dataset_.address, -1);
    return std::move(out_);
  }

 private:
  [[noreturn]] void too_large(std::uint64_t size) const {
    throw DataError(fmt::format("{}: dataset '{}' claims {} elements, more than a file of {} bytes can hold",
                                layout_.source.name, name_, size, layout_.source.bytes.size()));
  }

  void walk(std::uint64_t node, std::int64_t above) {
    Cursor head(layout_, layout_.at(node, 8 + 2 * layout_.offset_bytes, "chunk tree"), node, "chunk tree");
    if (text_of(head.take(4)) != "TREE") head.wrong("expected TREE");
    const auto type = head.number(1), level = head.number(1), count = head.number(2);
    if (type != 1) head.wrong("node type {}, expected 1", type);
    if (above >= 0 && static_cast<std::int64_t>(level) != above - 1)
      head.wrong("level {} below level {}", level, above);
    const std::size_t dimensions = dataset_.shape.size() + 1;
    const std::uint64_t body = node + 8 + 2 * layout_.offset_bytes;
    Cursor in(layout_, layout_.at(body, count * (8 + 8 * dimensions + layout_.offset_bytes), "chunk tree"), body,
              "chunk tree");
    for (std::uint64_t i = 0; i < count; ++i) {
      layout_.spend(1);
      const std::uint64_t bytes = in.number(4), mask = in.number(4);
      std::vector<std::uint64_t> first;
      for (std::size_t d = 0; d < dimensions; ++d) first.push_back(in.number(8));
      const std::uint64_t child = in.address();
      if (level > 0) {
        walk(child, static_cast<std::int64_t>(level));
        continue;
      }
      layout_.spend(bytes / 64);
      place(unpack(layout_.at(child, bytes, "chunk"), mask, child), first);
    }
  }

  std::vector<std::byte> unpack(Bytes packed, std::uint64_t mask, std::uint64_t address) const {
    std::vector<std::byte> data(packed.begin(), packed.end());
    for (std::size_t i = dataset_.filters.size(); i-- > 0;) {
      if (i < 32 && (mask >> i & 1)) continue;  // was not applied to this chunk
      const Dataset::Filter& filter = dataset_.filters[i];
      if (filter.id == kDeflate)
        data = inflated(data, address);
      else if (filter.id == kShuffle)
        data = unshuffled(data);
      else if (filter.id == kFletcher32)
        check_sum(data, address);
      else
        throw DataError(fmt::format("{}: dataset '{}' went through filter {}, which is not undone here",
                                    layout_.source.name, name_, filter.id),
                        "write it anew with compression=\"gzip\" or none");
    }
    if (data.size() != chunk_bytes_)
      broken(layout_.source.name, address, "dataset '{}': a chunk of {} bytes, expected {}", name_, data.size(),
             chunk_bytes_);
    return data;
  }

  std::vector<std::byte> inflated(const std::vector<std::byte>& packed, std::uint64_t address) const {
    constexpr std::uint64_t kChecksum = 4;  // fletcher32 may have been applied before
    std::vector<std::byte> out(static_cast<std::size_t>(chunk_bytes_ + kChecksum));
    uLongf size = out.size();
    const int status = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                                    reinterpret_cast<const Bytef*>(packed.data()), packed.size());
    if (status != Z_OK)
      broken(layout_.source.name, address, "dataset '{}': a chunk does not inflate to {} bytes (zlib {})", name_,
             chunk_bytes_, status);
    out.resize(size);
    return out;
  }

  /// Takes the Fletcher-32 sum off the end: of big-endian 16-bit words, an odd last byte as the high half of one
  /// (H5checksum.c). Stored little-endian.
  void check_sum(std::vector<std::byte>& data, std::uint64_t address) const {
    constexpr std::size_t kSum = 4;
    if (data.size() < kSum) broken(layout_.source.name, address, "dataset '{}': a chunk without its checksum", name_);
    std::uint32_t stored = 0;
    for (std::size_t i = kSum; i-- > 0;)
      stored = stored << 8 | std::to_integer<std::uint32_t>(data[data.size() - kSum + i]);
    data.resize(data.size() - kSum);
    std::uint64_t first = 0, second = 0;
    for (std::size_t i = 0; i < data.size(); i += 2) {
      const auto low = i + 1 < data.size() ? std::to_integer<std::uint64_t>(data[i + 1]) : 0;
      first = (first + (std::to_integer<std::uint64_t>(data[i]) << 8 | low)) % 65535;
      second = (second + first) % 65535;
    }
    // Ones' complement has two zeros, which sums of other orders may tell apart.
    const auto same = [](std::uint64_t a, std::uint64_t b) { return a % 65535 == b % 65535; };
    if (!same(first, stored & 0xFFFF) || !same(second, stored >> 16))
      broken(layout_.source.name, address, "dataset '{}': a chunk differs from its checksum", name_);
  }

  /// Byte k of all elements lies together.
  std::vector<std::byte> unshuffled(const std::vector<std::byte>& data) const {
    const std::size_t count = data.size() / element_;
    std::vector<std::byte> out(data);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t k = 0; k < element_; ++k) out[i * element_ + k] = data[k * count + i];
    return out;
  }

  /// Copies what of the chunk lies inside the data, row by row.
  void place(const std::vector<std::byte>& data, const std::vector<std::uint64_t>& first) {
    const std::size_t dimensions = dataset_.shape.size();
    const auto size = [&](std::size_t d) { return static_cast<std::uint64_t>(dataset_.shape[d]); };
    const auto chunk = [&](std::size_t d) { return static_cast<std::uint64_t>(dataset_.chunk[d]); };
    for (std::size_t d = 0; d < dimensions; ++d)
      if (first[d] >= size(d)) return;
    if (dimensions == 0) return void(std::copy(data.begin(), data.end(), out_.begin()));
    const std::size_t last = dimensions - 1;
    const std::uint64_t run = std::min(chunk(last), size(last) - first[last]) * element_;
    std::vector<std::uint64_t> at(dimensions, 0);
    while (true) {
      std::uint64_t from = 0, to = 0;
      for (std::size_t d = 0; d < dimensions; ++d) {
        from = from * chunk(d) + at[d];
        to = to * size(d) + first[d] + at[d];
      }
      std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(from * element_), run,
                  out_.begin() + static_cast<std::ptrdiff_t>(to * element_));
      std::size_t d = last;
      while (d-- > 0) {
        if (++at[d] < chunk(d) && first[d] + at[d] < size(d)) break;
        at[d] = 0;
      }
      if (d == static_cast<std::size_t>(-1)) return;
    }
  }

  const Layout& layout_;
  const Dataset& dataset_;
  const std::string& name_;
  std::size_t element_;
  /// Deflate packs at most 1032 to 1; chunks that were never written are zeros.
  const std::uint64_t most_bytes_ = layout_.source.bytes.size() * 1040 + (std::uint64_t{64} << 20);
  std::uint64_t chunk_bytes_ = 0;
  std::vector<std::byte> out_;
};

}  // namespace

std::vector<std::byte> read_chunks(const Layout& layout, const Dataset& dataset, const std::string& name) {
  return ChunkReader(layout, dataset, name).read();
}

}  // namespace timbre::weights::hdf5
