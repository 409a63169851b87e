#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/files.h"
#include "weights/bytes.h"

/// Zip archives as checkpoints and .npz use them: stored or deflated entries, zip64, no encryption, no spanning.
/// (libarchive reads streams and hides where an entry's bytes lie; memory maps need to know.)
namespace timbre::weights {

/// One entry, its place checked against the file and against every other entry.
struct ZipEntry {
  std::string name;
  bool is_deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t stored_bytes = 0;    ///< in the file
  std::uint64_t unpacked_bytes = 0;  ///< after inflating
  std::uint64_t header_at = 0;       ///< offset of the local header
  std::uint64_t data_at = 0;         ///< offset of the first stored byte
};

class ZipReader {
 public:
  /// Reads the directory. Throws DataError: no directory, truncated, overlapping or duplicate entries, encryption …
  explicit ZipReader(Source source);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when absent.
  const ZipEntry* find(std::string_view name) const;
  /// The entry's bytes: inside the file when stored, inflated into a new buffer otherwise (at most what the directory
  /// says, and no more than 64 times the archive plus 256 MiB over all calls).
  Source read(const ZipEntry& entry);
  /// Compares the CRC-32 of every stored entry, on all threads. Archives whose checksums are all 0 were written with
  /// checksums off (a torch option) and pass. Inflated entries are checked by read().
  void verify() const;
  /// True when the bytes begin like a zip archive.
  static bool looks_like(Bytes bytes);

 private:
  struct Directory {
    std::uint64_t at, bytes, count;
  };
  Directory find_directory() const;
  Directory zip64_directory(std::uint64_t end_record_at) const;
  void read_entry(ByteReader& reader);
  void place_entry(ZipEntry& entry) const;
  void refuse_overlaps() const;
  Bytes inflate(const ZipEntry& entry, std::shared_ptr<const void>& owner);

  Source source_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, std::size_t> place_;
  std::uint64_t inflate_budget_;
  std::uint64_t directory_at_ = 0;
  bool has_checksums_ = false;
};

/// Writes stored entries, each 64-byte aligned as torch does, zip64 where sizes need it.
class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path) : file_(path) {}
  void add(const std::string& name, Bytes bytes) { add(name, {bytes, Bytes()}); }
  /// An entry in two pieces (a header and the array it describes).
  void add(const std::string& name, const std::array<Bytes, 2>& pieces);
  void commit();

 private:
  AtomicFile file_;
  std::vector<ZipEntry> entries_;
};

}  // namespace timbre::weights
