#include "weights/zip_file.h"

#include <zlib.h>

#include <algorithm>
#include <numeric>

#include "base/threads.h"

namespace timbre::weights {
namespace {

constexpr std::uint32_t kLocalMagic = 0x04034b50, kEntryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr std::uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr std::size_t kAlignment = 64;
constexpr std::uint32_t kAbsent32 = 0xffffffffu;

/// CRC-32 of any length: zlib counts in 32 bits.
std::uint32_t crc_of(Bytes bytes, std::uint32_t before = 0) {
  uLong crc = before;
  while (!bytes.empty()) {
    const Bytes part = bytes.first(std::min<std::size_t>(bytes.size(), 1u << 30));
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
    bytes = bytes.subspan(part.size());
  }
  return static_cast<std::uint32_t>(crc);
}

/// The zip64 extra field replaces, in this order, whichever 32-bit fields hold 0xffffffff.
void read_zip64_extra(Bytes extra, ZipEntry& entry, bool want_unpacked, bool want_stored, bool want_offset,
                      const std::string& name, std::uint64_t at) {
  ByteReader fields(extra, name);
  while (fields.left() >= 4) {
    const auto id = fields.number<std::uint16_t>("an extra field");
    const auto size = fields.number<std::uint16_t>("an extra field");
    if (size > fields.left())
      broken(name, at, "an extra field of {} bytes in {} bytes of extra fields", size, extra.size());
    const Bytes body = fields.take(size, "an extra field");
    if (id != 1) continue;
    ByteReader numbers(body, name);
    if (want_unpacked) entry.unpacked_bytes = numbers.number<std::uint64_t>("a zip64 size");
    if (want_stored) entry.stored_bytes = numbers.number<std::uint64_t>("a zip64 size");
    if (want_offset) entry.header_at = numbers.number<std::uint64_t>("a zip64 offset");
    return;
  }
  if (want_unpacked || want_stored || want_offset) broken(name, at, "entry '{}' has no zip64 sizes", entry.name);
}

}  // namespace

bool ZipReader::looks_like(Bytes bytes) {
  if (bytes.size() < kEndBytes) return false;
  const auto magic = little<std::uint32_t>(bytes, 0);
  return magic == kLocalMagic || magic == kEndMagic;
}

ZipReader::ZipReader(Source source)
    : source_(std::move(source)), inflate_budget_(source_.bytes.size() * 64 + (256u << 20)) {
  const Directory directory = find_directory();
  directory_at_ = directory.at;
  // An entry takes at least kEntryBytes, so a false count cannot make us allocate.
  if (directory.count > directory.bytes / kEntryBytes) {
    broken(source_.name, directory.at, "a directory of {} bytes cannot hold {} entries", directory.bytes,
           directory.count);
  }
  entries_.reserve(static_cast<std::size_t>(directory.count));
  ByteReader reader(source_.bytes.first(static_cast<std::size_t>(directory.at + directory.bytes)), source_.name,
                    static_cast<std::size_t>(directory.at));
  for (std::uint64_t i = 0; i < directory.count; ++i) read_entry(reader);
  refuse_overlaps();
}

ZipReader::Directory ZipReader::find_directory() const {
  const Bytes bytes = source_.bytes;
  if (bytes.size() >= kEndBytes) {
    // The end record is followed by a comment of up to 65,535 bytes, whose length it states.
    const std::size_t lowest = bytes.size() - std::min<std::size_t>(bytes.size(), kEndBytes + 0xffff);
    for (std::size_t at = bytes.size() - kEndBytes + 1; at-- > lowest;) {
      if (little<std::uint32_t>(bytes, at) != kEndMagic) continue;
      if (at + kEndBytes + little<std::uint16_t>(bytes, at + 20) != bytes.size()) continue;
      Directory found{little<std::uint32_t>(bytes, at + 16), little<std::uint32_t>(bytes, at + 12),
                      little<std::uint16_t>(bytes, at + 10)};
      const bool is_large = found.at == kAbsent32 || found.bytes == kAbsent32 || found.count == 0xffff;
      const bool has_locator =
          at >= kLocator64Bytes && little<std::uint32_t>(bytes, at - kLocator64Bytes) == kLocator64Magic;
      if (is_large && has_locator) found = zip64_directory(at);
      if (found.at > at || found.bytes > at - found.at) {
        broken(source_.name, at, "the zip directory ({} bytes at {}) lies outside of the file", found.bytes, found.at);
      }
      return found;
    }
  }
  throw DataError(fmt::format("{}: the zip archive has no directory at its end ({} bytes): it was cut off",
                              source_.name, bytes.size()),
                  "download or copy the file again");
}

ZipReader::Directory ZipReader::zip64_directory(std::uint64_t end_record_at) const {
  const auto at = little<std::uint64_t>(source_.bytes, static_cast<std::size_t>(end_record_at) - kLocator64Bytes + 8);
  if (at > end_record_at || end_record_at - at < kEnd64Bytes ||
      little<std::uint32_t>(source_.bytes, static_cast<std::size_t>(at)) != kEnd64Magic) {
    broken(source_.name, end_record_at, "the zip64 end record is not at {}", at);
  }
  const auto field = [&](std::size_t offset) {
    return little<std::uint64_t>(source_.bytes, static_cast<std::size_t>(at) + offset);
  };
  return {field(48), field(40), field(32)};
}

void ZipReader::read_entry(ByteReader& reader) {
  const std::size_t at = reader.position();
  const Bytes head = reader.take(kEntryBytes, "a zip directory entry");
  if (little<std::uint32_t>(head, 0) != kEntryMagic) broken(source_.name, at, "no zip directory entry");
  const auto flags = little<std::uint16_t>(head, 8);
  const auto method = little<std::uint16_t>(head, 10);
  ZipEntry entry;
  entry.crc = little<std::uint32_t>(head, 16);
  entry.stored_bytes = little<std::uint32_t>(head, 20);
  entry.unpacked_bytes = little<std::uint32_t>(head, 24);
  entry.header_at = little<std::uint32_t>(head, 42);
  entry.name = text_of(reader.take(little<std::uint16_t>(head, 28), "an entry's name"));
  const Bytes extra = reader.take(little<std::uint16_t>(head, 30), "an entry's extra fields");
  reader.take(little<std::uint16_t>(head, 32), "an entry's comment");
  read_zip64_extra(extra, entry, entry.unpacked_bytes == kAbsent32, entry.stored_bytes == kAbsent32,
                   entry.header_at == kAbsent32, source_.name, at);
  if (flags & 1) broken(source_.name, at, "entry '{}' is encrypted", entry.name);
  if (method != 0 && method != 8)
    broken(source_.name, at, "entry '{}' uses compression method {}, expected stored or deflated", entry.name, method);
  entry.is_deflated = method == 8;
  if (!entry.is_deflated && entry.stored_bytes != entry.unpacked_bytes) {
    broken(source_.name, at, "stored entry '{}' has two sizes, {} and {}", entry.name, entry.stored_bytes,
           entry.unpacked_bytes);
  }
  place_entry(entry);
  if (!place_.emplace(entry.name, entries_.size()).second)
    broken(source_.name, at, "two entries are named '{}'", entry.name);
  has_checksums_ = has_checksums_ || entry.crc != 0;
  entries_.push_back(std::move(entry));
}

void ZipReader::place_entry(ZipEntry& entry) const {
  const Bytes bytes = source_.bytes;
  if (entry.header_at > directory_at_ || directory_at_ - entry.header_at < kLocalBytes) {
    broken(source_.name, entry.header_at, "entry '{}' begins outside of the file", entry.name);
  }
  const auto at = static_cast<std::size_t>(entry.header_at);
  if (little<std::uint32_t>(bytes, at) != kLocalMagic)
    broken(source_.name, at, "entry '{}' has no local header here", entry.name);
  const std::size_t name_bytes = little<std::uint16_t>(bytes, at + 26);
  entry.data_at = entry.header_at + kLocalBytes + name_bytes + little<std::uint16_t>(bytes, at + 28);
  if (entry.data_at > directory_at_ || directory_at_ - entry.data_at < entry.stored_bytes) {
    broken(source_.name, at, "entry '{}' of {} bytes runs over the end of the data at {}", entry.name,
           entry.stored_bytes, directory_at_);
  }
  if (text_of(bytes.subspan(at + kLocalBytes, name_bytes)) != entry.name) {
    broken(source_.name, at, "the local header of entry '{}' has another name", entry.name);
  }
}

void ZipReader::refuse_overlaps() const {
  std::vector<std::size_t> order(entries_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return entries_[a].header_at < entries_[b].header_at; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const ZipEntry& before = entries_[order[i - 1]];
    const ZipEntry& after = entries_[order[i]];
    if (before.data_at + before.stored_bytes > after.header_at) {
      broken(source_.name, after.header_at, "entries '{}' and '{}' overlap", before.name, after.name);
    }
  }
}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = place_.find(std::string(name));
  return found == place_.end() ? nullptr : &entries_[found->second];
}

Source ZipReader::read(const ZipEntry& entry) {
  std::string name = fmt::format("{}({})", source_.name, entry.name);
  if (!entry.is_deflated) {
    return {
        source_.bytes.subspan(static_cast<std::size_t>(entry.data_at), static_cast<std::size_t>(entry.stored_bytes)),
        source_.owner, std::move(name)};
  }
  std::shared_ptr<const void> owner;
  const Bytes bytes = inflate(entry, owner);
  return {bytes, std::move(owner), std::move(name)};
}

Bytes ZipReader::inflate(const ZipEntry& entry, std::shared_ptr<const void>& owner) {
  if (entry.unpacked_bytes > inflate_budget_) {
    broken(source_.name, entry.data_at, "entry '{}' would unpack {} bytes into {}, far more than the file holds",
           entry.name, entry.stored_bytes, entry.unpacked_bytes);
  }
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw SystemError("zlib cannot start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, ::inflateEnd);
  // Grows with what comes out rather than with what the directory promises.
  auto out = std::make_shared<std::vector<std::byte>>();
  Bytes in =
      source_.bytes.subspan(static_cast<std::size_t>(entry.data_at), static_cast<std::size_t>(entry.stored_bytes));
  std::vector<std::byte> block(1 << 16);
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0 && !in.empty()) {
      const Bytes part = in.first(std::min<std::size_t>(in.size(), 1u << 30));
      stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
      in = in.subspan(part.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = block.size() - stream.avail_out;
    if (made > entry.unpacked_bytes - out->size()) {
      broken(source_.name, entry.data_at, "entry '{}' unpacks to more than its {} bytes", entry.name,
             entry.unpacked_bytes);
    }
    out->insert(out->end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(made));
  }
  if (status != Z_STREAM_END || out->size() != entry.unpacked_bytes) {
    broken(source_.name, entry.data_at, "entry '{}' is broken: {} of {} bytes unpacked", entry.name, out->size(),
           entry.unpacked_bytes);
  }
  if (has_checksums_ && crc_of(*out) != entry.crc)
    broken(source_.name, entry.data_at, "entry '{}' has a wrong checksum", entry.name);
  inflate_budget_ -= out->size();
  owner = out;
  return *out;
}

void ZipReader::verify() const {
  if (!has_checksums_) return;
  parallel_for(entries_.size(), [&](std::size_t i) {
    const ZipEntry& entry = entries_[i];
    if (entry.is_deflated) return;
    const Bytes bytes =
        source_.bytes.subspan(static_cast<std::size_t>(entry.data_at), static_cast<std::size_t>(entry.stored_bytes));
    const std::uint32_t crc = crc_of(bytes);
    if (crc == entry.crc) return;
    throw DataError(
        fmt::format("{}: byte {}: entry '{}' has the checksum {:08x}, expected {:08x}: its bytes were changed",
                    source_.name, entry.data_at, entry.name, crc, entry.crc),
        "download or copy the file again");
  });
}

namespace {

void append(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint64_t clipped(std::uint64_t value) { return std::min<std::uint64_t>(value, kAbsent32); }

/// The fields that a local header and a directory entry have in common, from "version needed" on.
void append_shared_fields(std::string& out, const ZipEntry& entry, bool is_large, std::size_t extra_bytes) {
  append(out, is_large ? 45 : 20, 2);
  append(out, 0x800, 2);  // names are UTF-8
  append(out, 0, 2);      // stored
  append(out, 0, 2);      // time and date: none, so that equal contents give equal files
  append(out, 0x21, 2);
  append(out, entry.crc, 4);
  append(out, is_large ? kAbsent32 : entry.stored_bytes, 4);
  append(out, is_large ? kAbsent32 : entry.unpacked_bytes, 4);
  append(out, entry.name.size(), 2);
  append(out, extra_bytes, 2);
}

}  // namespace

void ZipWriter::add(const std::string& name, const std::array<Bytes, 2>& pieces) {
  const std::uint64_t size = pieces[0].size() + pieces[1].size();
  ZipEntry entry{name, false, crc_of(pieces[1], crc_of(pieces[0])), size, size, file_.position(), 0};
  const bool is_large = size >= kAbsent32;
  std::string extra;
  if (is_large) {
    append(extra, 1, 2);
    append(extra, 16, 2);
    append(extra, entry.unpacked_bytes, 8);
    append(extra, entry.stored_bytes, 8);
  }
  // A padding field, "FB" as torch names it, moves the data to the next multiple of the alignment.
  const std::uint64_t unpadded = entry.header_at + kLocalBytes + name.size() + extra.size() + 4;
  const std::size_t padding = static_cast<std::size_t>((kAlignment - unpadded % kAlignment) % kAlignment);
  extra += "FB";
  append(extra, padding, 2);
  extra.append(padding, 'Z');
  std::string head;
  append(head, kLocalMagic, 4);
  append_shared_fields(head, entry, is_large, extra.size());
  file_.write(head);
  file_.write(name);
  file_.write(extra);
  entry.data_at = file_.position();
  for (const Bytes piece : pieces) file_.write(piece);
  entries_.push_back(std::move(entry));
}

void ZipWriter::commit() {
  const std::uint64_t directory_at = file_.position();
  for (const ZipEntry& entry : entries_) {
    const bool is_large = entry.stored_bytes >= kAbsent32;
    const bool is_far = entry.header_at >= kAbsent32;
    std::string extra;
    if (is_large || is_far) {
      append(extra, 1, 2);
      append(extra, (is_large ? 16 : 0) + (is_far ? 8 : 0), 2);
      if (is_large) append(extra, entry.unpacked_bytes, 8);
      if (is_large) append(extra, entry.stored_bytes, 8);
      if (is_far) append(extra, entry.header_at, 8);
    }
    std::string head;
    append(head, kEntryMagic, 4);
    append(head, 45, 2);  // made by: version 4.5
    append_shared_fields(head, entry, is_large, extra.size());
    append(head, 0, 2);  // comment
    append(head, 0, 2);  // disk
    append(head, 0, 2);  // internal attributes
    append(head, 0, 4);  // external attributes
    append(head, clipped(entry.header_at), 4);
    file_.write(head);
    file_.write(entry.name);
    file_.write(extra);
  }
  const std::uint64_t end_at = file_.position();
  const std::uint64_t count = entries_.size(), directory_bytes = end_at - directory_at;
  std::string tail;
  if (count >= 0xffff || directory_at >= kAbsent32 || directory_bytes >= kAbsent32) {
    append(tail, kEnd64Magic, 4);
    append(tail, kEnd64Bytes - 12, 8);
    append(tail, 45, 2);
    append(tail, 45, 2);
    append(tail, 0, 8);  // disks
    append(tail, count, 8);
    append(tail, count, 8);
    append(tail, directory_bytes, 8);
    append(tail, directory_at, 8);
    append(tail, kLocator64Magic, 4);
    append(tail, 0, 4);
    append(tail, end_at, 8);
    append(tail, 1, 4);
  }
  append(tail, kEndMagic, 4);
  append(tail, 0, 4);  // disks
  append(tail, std::min<std::uint64_t>(count, 0xffff), 2);
  append(tail, std::min<std::uint64_t>(count, 0xffff), 2);
  append(tail, clipped(directory_bytes), 4);
  append(tail, clipped(directory_at), 4);
  append(tail, 0, 2);  // comment
  file_.write(tail);
  file_.commit();
}

}  // namespace timbre::weights
