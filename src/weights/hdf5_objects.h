#pragma once
#include <optional>

#include "weights/bytes.h"
#include "weights/tensor.h"

/// The parts of an HDF5 file that hdf5.cpp walks over. Not for others.
namespace timbre::weights::hdf5 {

inline constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

/// The bytes and how wide numbers are in them.
struct Layout {
  Source source;
  std::uint64_t base = 0;         ///< added to every address
  std::size_t offset_bytes = 8;   ///< of an address
  std::size_t length_bytes = 8;   ///< of a size
  std::uint64_t root = kNowhere;  ///< object header of the root group
  /// What walking may still cost: addresses can be made to point at the same thing again and again.
  mutable std::uint64_t budget = 0;

  /// `count` bytes at address `at`. Throws DataError beyond the end.
  Bytes at(std::uint64_t address, std::uint64_t count, const char* what) const;
  /// As much as there is from address `at` on, at most `count`.
  Bytes from(std::uint64_t address, std::uint64_t count, const char* what) const;
  void spend(std::uint64_t steps) const;
};

/// Finds the superblock. Throws DataError for what is no HDF5 file.
Layout read_superblock(Source source);

/// Reads little-endian numbers of the file's widths.
class Cursor {
 public:
  Cursor(const Layout& layout, Bytes bytes, std::uint64_t address, const char* what)
      : layout_(layout), bytes_(bytes), address_(address), what_(what) {}
  std::uint64_t number(std::size_t bytes);
  std::uint64_t address() { return number(layout_.offset_bytes); }
  std::uint64_t length() { return number(layout_.length_bytes); }
  Bytes take(std::uint64_t count);
  void skip(std::uint64_t count) { take(count); }
  /// Forward to the next multiple of `step` from the beginning.
  void align(std::size_t step);
  std::uint64_t left() const { return bytes_.size() - position_; }
  template <class... Args>
  [[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) const {
    broken(layout_.source.name, address_ + position_, "{}: {}", what_,
           fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  const Layout& layout_;
  Bytes bytes_;
  std::uint64_t address_;
  const char* what_;
  std::size_t position_ = 0;
};

struct Message {
  unsigned type = 0;
  Bytes body;
  std::uint64_t address = 0;
};
/// All messages of an object header (versions 1 and 2), continuations included.
std::vector<Message> messages_of(const Layout& layout, std::uint64_t header);

/// What a dataset's header says.
struct Dataset {
  DType dtype = DType::f32;
  bool big_endian = false;
  std::vector<std::int64_t> shape;
  enum class Storage { compact, contiguous, chunked } storage = Storage::contiguous;
  Bytes compact;
  std::uint64_t address = kNowhere;  ///< of the data or of the chunks' tree
  std::vector<std::int64_t> chunk;   ///< shape of one
  struct Filter {
    unsigned id = 0;
    std::vector<std::uint32_t> values;
  };
  std::vector<Filter> filters;
};
/// Nothing when the object is no dataset (a group). Throws DataError naming what is not read here.
std::optional<Dataset> dataset_of(const Layout& layout, const std::vector<Message>& messages, const std::string& name);

/// The values of a chunked dataset, in the machine's byte order of the file.
std::vector<std::byte> read_chunks(const Layout& layout, const Dataset& dataset, const std::string& name);

/// Members of a group by name; nothing when the object is no group.
std::optional<std::vector<std::pair<std::string, std::uint64_t>>> members_of(const Layout& layout,
                                                                             const std::vector<Message>& messages);

}  // namespace timbre::weights::hdf5
