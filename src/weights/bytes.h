#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

/// Reading of foreign bytes that cannot run over an end.
namespace timbre::weights {

using Bytes = std::span<const std::byte>;

/// A file's bytes, who keeps them alive and how messages call it.
struct Source {
  Bytes bytes;
  std::shared_ptr<const void> owner;
  std::string name;
};

/// "FILE: byte 123: what". All complaints about a broken file go through here.
template <class... Args>
[[noreturn]] void broken(const std::string& name, std::uint64_t offset, fmt::format_string<Args...> format,
                         Args&&... args) {
  throw DataError(fmt::format("{}: byte {}: {}", name, offset, fmt::format(format, std::forward<Args>(args)...)));
}

/// Little-endian integer at a place that the caller has checked.
template <class T>
T little(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

/// A position that moves forward through bytes and throws DataError at their end.
class ByteReader {
 public:
  ByteReader(Bytes bytes, const std::string& name, std::size_t position = 0)
      : bytes_(bytes), name_(name), position_(position) {}

  Bytes take(std::uint64_t count, std::string_view what) {
    if (count > bytes_.size() - position_) {
      broken(name_, position_, "{} needs {} bytes, the file has {} left", what, count, bytes_.size() - position_);
    }
    const Bytes taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }
  template <class T>
  T number(std::string_view what) {
    return little<T>(take(sizeof(T), what), 0);
  }
  /// Up to and without the next line feed, which is skipped.
  std::string_view line(std::string_view what) {
    const std::string_view rest = text_of(bytes_.subspan(position_));
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) broken(name_, position_, "{} has no end of line", what);
    position_ += end + 1;
    return rest.substr(0, end);
  }
  bool at_end() const { return position_ == bytes_.size(); }
  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }
  const std::string& name() const { return name_; }
  Bytes all() const { return bytes_; }

 private:
  Bytes bytes_;
  const std::string& name_;
  std::size_t position_;
};

}  // namespace timbre::weights
