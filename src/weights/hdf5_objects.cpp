#include "weights/hdf5_objects.h"

#include <algorithm>

namespace timbre::weights::hdf5 {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
constexpr unsigned kDataspace = 1, kLinkInfo = 2, kDatatype = 3, kLink = 6, kLayout = 8, kFilters = 11, kContinue = 16,
                   kSymbolTable = 17;

void read_v1_messages(const Layout& layout, Cursor in, std::uint64_t address, std::vector<Message>& out,
                      std::vector<std::pair<std::uint64_t, std::uint64_t>>& more) {
  while (in.left() >= 8) {
    layout.spend(1);
    const auto type = static_cast<unsigned>(in.number(2));
    const std::uint64_t size = in.number(2);
    in.skip(4);
    const Bytes body = in.take(size);
    if (type == kContinue) {
      Cursor to(layout, body, address, "continuation");
      const std::uint64_t at = to.address();
      more.emplace_back(at, to.length());
    } else {
      out.push_back({type, body, address});
    }
  }
}

void read_v2_messages(const Layout& layout, Cursor in, std::uint64_t address, bool ordered, std::vector<Message>& out,
                      std::vector<std::pair<std::uint64_t, std::uint64_t>>& more) {
  while (in.left() >= (ordered ? 6u : 4u)) {
    layout.spend(1);
    const auto type = static_cast<unsigned>(in.number(1));
    const std::uint64_t size = in.number(2);
    in.skip(ordered ? 3 : 1);
    const Bytes body = in.take(size);
    if (type == kContinue) {
      Cursor to(layout, body, address, "continuation");
      const std::uint64_t at = to.address();
      more.emplace_back(at, to.length());
    } else {
      out.push_back({type, body, address});
    }
  }
}

std::vector<Message> v2_messages(const Layout& layout, std::uint64_t header) {
  constexpr std::uint64_t kPrefix = 34;  // as long as it can be
  const Bytes begin = layout.from(header, kPrefix, "object header");
  Cursor in(layout, begin, header, "object header");
  in.skip(4);
  if (const auto version = in.number(1); version != 2) in.wrong("version {}, expected 2", version);
  const auto flags = static_cast<unsigned>(in.number(1));
  if (flags & 0x20) in.skip(16);
  if (flags & 0x10) in.skip(4);
  const std::uint64_t size = in.number(std::size_t{1} << (flags & 3));
  const std::uint64_t at = header + (begin.size() - in.left());
  const bool ordered = (flags & 4) != 0;
  std::vector<Message> out;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> more;
  read_v2_messages(layout, Cursor(layout, layout.at(at, size, "object header"), at, "object header"), at, ordered, out,
                   more);
  for (std::size_t i = 0; i < more.size(); ++i) {
    const auto [block, length] = more[i];
    layout.spend(1 + length / 8);
    Bytes bytes = layout.at(block, length, "object header continuation");
    if (bytes.size() < 8 || text_of(bytes.first(4)) != "OCHK")
      broken(layout.source.name, block, "object header continuation: expected OCHK");
    bytes = bytes.subspan(4, bytes.size() - 8);
    read_v2_messages(layout, Cursor(layout, bytes, block + 4, "object header continuation"), block, ordered, out, more);
  }
  return out;
}

/// Dimensions of the dataspace message.
std::vector<std::int64_t> shape_of(const Layout& layout, const Message& message) {
  Cursor in(layout, message.body, message.address, "dataspace");
  const std::uint64_t version = in.number(1), dimensions = in.number(1);
  in.skip(1);
  if (version == 1)
    in.skip(5);
  else if (version == 2)
    in.skip(1);
  else
    in.wrong("version {}, expected 1 or 2", version);
  constexpr std::uint64_t kMost = 32;
  if (dimensions > kMost) in.wrong("{} dimensions, at most {} are allowed", dimensions, kMost);
  std::vector<std::int64_t> shape;
  std::uint64_t numel = 1;
  for (std::uint64_t i = 0; i < dimensions; ++i) {
    const std::uint64_t size = in.length();
    if (size > (std::uint64_t{1} << 48) || (size > 0 && numel > (std::uint64_t{1} << 48) / size))
      in.wrong("{} elements along dimension {} are more than any file holds", size, i);
    numel *= std::max<std::uint64_t>(size, 1);
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

void read_type(const Layout& layout, const Message& message, const std::string& name, Dataset& out) {
  Cursor in(layout, message.body, message.address, "datatype");
  const auto head = static_cast<unsigned>(in.number(1)), bits = static_cast<unsigned>(in.number(3));
  const std::uint64_t size = in.number(4);
  const unsigned type = head & 15;
  static constexpr const char* kNames[] = {
      "integers",     "floats",  "times",      "text",           "bit fields",
      "opaque bytes", "records", "references", "an enumeration", "text of varying length",
      "arrays"};
  if (type > 1) {
    const char* what = type < std::size(kNames) ? kNames[type] : "an unknown type";
    throw DataError(fmt::format("{}: dataset '{}' holds {}; expected numbers", layout.source.name, name, what),
                    type == 5 ? "opaque bytes are lilcom's compressed features; store codes with NumpyHdf5Writer" : "");
  }
  out.big_endian = bits & 1;
  const std::uint64_t bit_offset = in.number(2), precision = in.number(2);
  if (bit_offset != 0 || precision != size * 8)
    throw DataError(fmt::format("{}: dataset '{}' packs {} bits into {} bytes; expected whole numbers of bytes",
                                layout.source.name, name, precision, size));
  std::optional<DType> dtype;
  if (type == 1) {
    dtype = size == 2   ? std::optional(DType::f16)
            : size == 4 ? DType::f32
            : size == 8 ? std::optional(DType::f64)
                        : std::nullopt;
  } else {
    const bool is_signed = bits & 8;
    if (size == 1) dtype = is_signed ? DType::i8 : DType::u8;
    if (size == 2) dtype = is_signed ? DType::i16 : DType::u16;
    if (size == 4) dtype = is_signed ? DType::i32 : DType::u32;
    if (size == 8) dtype = is_signed ? DType::i64 : DType::u64;
  }
  if (!dtype)
    throw DataError(fmt::format("{}: dataset '{}' has {} of {} bytes", layout.source.name, name, kNames[type], size));
  out.dtype = *dtype;
}

void read_layout(const Layout& layout, const Message& message, const std::string& name, Dataset& out) {
  Cursor in(layout, message.body, message.address, "data layout");
  const std::uint64_t version = in.number(1);
  if (version != 3 && version != 4)
    throw DataError(
        fmt::format("{}: dataset '{}': data layout of version {}; expected 3 or 4", layout.source.name, name, version),
        "write it anew with h5py");
  const std::uint64_t kind = in.number(1);
  if (kind == 0) {
    out.storage = Dataset::Storage::compact;
    out.compact = in.take(in.number(2));
  } else if (kind == 1) {
    out.address = in.address();
  } else if (kind == 2 && version == 3) {
    out.storage = Dataset::Storage::chunked;
    const std::uint64_t dimensions = in.number(1);
    if (dimensions != out.shape.size() + 1)
      in.wrong("chunks of {} dimensions for data of {}", dimensions, out.shape.size());
    out.address = in.address();
    for (std::size_t i = 0; i < out.shape.size(); ++i) {
      out.chunk.push_back(static_cast<std::int64_t>(in.number(4)));
      if (out.chunk.back() < 1) in.wrong("a chunk without elements");
    }
    if (const std::uint64_t size = in.number(4); size != size_of(out.dtype))
      in.wrong("chunks of elements of {} bytes, the type has {}", size, size_of(out.dtype));
  } else {
    throw DataError(fmt::format("{}: dataset '{}' is stored in a way that is not read here (layout {} of version {})",
                                layout.source.name, name, kind, version),
                    "write it anew with h5py and without libver=\"latest\"");
  }
}

void read_filters(const Layout& layout, const Message& message, Dataset& out) {
  Cursor in(layout, message.body, message.address, "filters");
  const std::uint64_t version = in.number(1), count = in.number(1);
  if (version != 1 && version != 2) in.wrong("version {}, expected 1 or 2", version);
  if (version == 1) in.skip(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    Dataset::Filter filter;
    filter.id = static_cast<unsigned>(in.number(2));
    const std::uint64_t name = version == 1 || filter.id >= 256 ? in.number(2) : 0;
    in.skip(2);
    const std::uint64_t values = in.number(2);
    in.skip(version == 1 ? (name + 7) / 8 * 8 : name);
    for (std::uint64_t v = 0; v < values; ++v) filter.values.push_back(static_cast<std::uint32_t>(in.number(4)));
    if (version == 1 && values % 2 == 1) in.skip(4);
    out.filters.push_back(std::move(filter));
  }
}

/// The null-terminated text at `at` of a local heap.
std::string heap_text(const Layout& layout, std::uint64_t heap, std::uint64_t at) {
  Cursor in(layout, layout.at(heap, 8 + 2 * layout.length_bytes + layout.offset_bytes, "local heap"), heap,
            "local heap");
  if (text_of(in.take(4)) != "HEAP") in.wrong("expected HEAP");
  in.skip(4);
  const std::uint64_t size = in.length();
  in.length();
  const Bytes data = layout.at(in.address(), size, "local heap data");
  if (at >= data.size()) in.wrong("a name at byte {} of {}", at, data.size());
  const std::string_view text = text_of(data.subspan(static_cast<std::size_t>(at)));
  const std::size_t end = text.find('\0');
  if (end == text.npos) in.wrong("a name without end");
  layout.spend(1 + end / 8);
  return std::string(text.substr(0, end));
}

using Members = std::vector<std::pair<std::string, std::uint64_t>>;

void read_symbols(const Layout& layout, std::uint64_t node, std::uint64_t heap, Members& out) {
  Cursor head(layout, layout.at(node, 8, "symbol node"), node, "symbol node");
  if (text_of(head.take(4)) != "SNOD") head.wrong("expected SNOD");
  head.skip(2);
  const std::uint64_t count = head.number(2), entry_bytes = 2 * layout.offset_bytes + 24;
  Cursor in(layout, layout.at(node + 8, count * entry_bytes, "symbol node"), node + 8, "symbol node");
  for (std::uint64_t i = 0; i < count; ++i) {
    layout.spend(1);
    const std::uint64_t name = in.address(), header = in.address(), cache = in.number(4);
    in.skip(20);
    if (cache == 2) continue;  // a symbolic link
    out.emplace_back(heap_text(layout, heap, name), header);
  }
}

/// Level by level downwards, so that no tree can go round in circles.
void walk_groups(const Layout& layout, std::uint64_t node, std::uint64_t heap, std::int64_t above, Members& out) {
  Cursor head(layout, layout.at(node, 8 + 2 * layout.offset_bytes, "group tree"), node, "group tree");
  if (text_of(head.take(4)) != "TREE") head.wrong("expected TREE");
  const auto type = head.number(1), level = head.number(1), count = head.number(2);
  if (type != 0) head.wrong("node type {}, expected 0", type);
  if (above >= 0 && static_cast<std::int64_t>(level) != above - 1) head.wrong("level {} below level {}", level, above);
  const std::uint64_t body = node + 8 + 2 * layout.offset_bytes;
  Cursor in(layout, layout.at(body, count * (layout.length_bytes + layout.offset_bytes), "group tree"), body,
            "group tree");
  for (std::uint64_t i = 0; i < count; ++i) {
    layout.spend(1);
    in.length();
    const std::uint64_t child = in.address();
    if (level == 0)
      read_symbols(layout, child, heap, out);
    else
      walk_groups(layout, child, heap, static_cast<std::int64_t>(level), out);
  }
}

void read_link(const Layout& layout, const Message& message, Members& out) {
  Cursor in(layout, message.body, message.address, "link");
  if (const auto version = in.number(1); version != 1) in.wrong("version {}, expected 1", version);
  const auto flags = static_cast<unsigned>(in.number(1));
  const std::uint64_t type = flags & 8 ? in.number(1) : 0;
  if (flags & 4) in.skip(8);
  if (flags & 16) in.skip(1);
  const std::uint64_t length = in.number(std::size_t{1} << (flags & 3));
  std::string name(text_of(in.take(length)));
  if (type == 0) out.emplace_back(std::move(name), in.address());
}

}  // namespace

Bytes Layout::at(std::uint64_t address, std::uint64_t count, const char* what) const {
  const std::uint64_t size = source.bytes.size();
  if (address > size || base > size - address || count > size - address - base)
    broken(source.name, address, "{} of {} bytes is beyond the file's {}", what, count, size);
  return source.bytes.subspan(static_cast<std::size_t>(base + address), static_cast<std::size_t>(count));
}

Bytes Layout::from(std::uint64_t address, std::uint64_t count, const char* what) const {
  const Bytes none = at(address, 0, what);
  const auto begin = static_cast<std::uint64_t>(none.data() - source.bytes.data());
  return at(address, std::min<std::uint64_t>(count, source.bytes.size() - begin), what);
}

void Layout::spend(std::uint64_t steps) const {
  if (steps > budget) throw DataError(source.name + ": its parts point at each other without end");
  budget -= steps;
}

std::uint64_t Cursor::number(std::size_t bytes) {
  const Bytes taken = take(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, taken.data(), std::min<std::size_t>(bytes, 8));
  if (bytes < 8 && bytes > 0 && value == (~std::uint64_t{0} >> (64 - 8 * bytes)) && bytes == layout_.offset_bytes)
    return kNowhere;
  return value;
}

Bytes Cursor::take(std::uint64_t count) {
  if (count > left()) wrong("needs {} bytes, {} are left", count, left());
  const Bytes taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
  position_ += taken.size();
  return taken;
}

void Cursor::align(std::size_t step) { skip((step - position_ % step) % step); }

Layout read_superblock(Source source) {
  Layout layout;
  layout.source = std::move(source);
  layout.budget = layout.source.bytes.size() + 4096;
  const Bytes all = layout.source.bytes;
  std::uint64_t at = 0;
  while (at + 8 <= all.size() && text_of(all.subspan(at, 8)) != kSignature) at = at == 0 ? 512 : at * 2;
  if (at + 8 > all.size())
    throw DataError(layout.source.name + ": no HDF5 file: it does not begin with \\x89HDF",
                    "expected what h5py or lhotse's NumpyHdf5Writer wrote");
  Cursor in(layout, layout.from(at, 128, "superblock"), at, "superblock");
  in.skip(8);
  const std::uint64_t version = in.number(1);
  if (version > 3) in.wrong("version {}, known are 0 to 3", version);
  if (version < 2) in.skip(4);
  layout.offset_bytes = in.number(1);
  layout.length_bytes = in.number(1);
  for (const std::size_t width : {layout.offset_bytes, layout.length_bytes})
    if (width != 2 && width != 4 && width != 8) in.wrong("addresses of {} bytes", width);
  in.skip(version < 2 ? 9 : 1);
  if (version == 1) in.skip(4);
  layout.base = in.address();
  in.address();
  in.address();
  if (version < 2) {
    in.address();
    in.address();  // name of the root group
  }
  layout.root = in.address();
  return layout;
}

std::vector<Message> messages_of(const Layout& layout, std::uint64_t header) {
  layout.spend(1);
  const Bytes begin = layout.at(header, 4, "object header");
  if (text_of(begin) == "OHDR") return v2_messages(layout, header);
  Cursor in(layout, layout.at(header, 16, "object header"), header, "object header");
  if (const auto version = in.number(1); version != 1) in.wrong("version {}, expected 1 or OHDR", version);
  in.skip(7);
  std::vector<Message> out;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> more = {{header + 16, in.number(4)}};
  for (std::size_t i = 0; i < more.size(); ++i) {
    const auto [block, length] = more[i];
    layout.spend(1 + length / 8);
    read_v1_messages(layout, Cursor(layout, layout.at(block, length, "object header"), block, "object header"), block,
                     out, more);
  }
  return out;
}

std::optional<Dataset> dataset_of(const Layout& layout, const std::vector<Message>& messages, const std::string& name) {
  const auto find = [&](unsigned type) -> const Message* {
    const auto found = std::find_if(messages.begin(), messages.end(), [&](const Message& m) { return m.type == type; });
    return found == messages.end() ? nullptr : &*found;
  };
  const Message *space = find(kDataspace), *type = find(kDatatype), *storage = find(kLayout);
  if (!space || !type || !storage) return std::nullopt;
  Dataset out;
  out.shape = shape_of(layout, *space);
  read_type(layout, *type, name, out);
  read_layout(layout, *storage, name, out);
  if (const Message* filters = find(kFilters)) read_filters(layout, *filters, out);
  return out;
}

std::optional<Members> members_of(const Layout& layout, const std::vector<Message>& messages) {
  Members out;
  bool group = false;
  for (const Message& message : messages) {
    if (message.type == kSymbolTable) {
      Cursor in(layout, message.body, message.address, "symbol table");
      const std::uint64_t tree = in.address(), heap = in.address();
      if (tree != kNowhere) walk_groups(layout, tree, heap, -1, out);
      group = true;
    } else if (message.type == kLink) {
      read_link(layout, message, out);
      group = true;
    } else if (message.type == kLinkInfo) {
      Cursor in(layout, message.body, message.address, "link info");
      in.skip(1);
      const auto flags = in.number(1);
      if (flags & 1) in.skip(8);
      if (in.address() != kNowhere)
        throw DataError(layout.source.name + ": its group is kept in a fractal heap, which is not read here",
                        "write it anew with h5py and without libver=\"latest\"");
      group = true;
    }
  }
  if (!group) return std::nullopt;
  return out;
}

}  // namespace timbre::weights::hdf5
