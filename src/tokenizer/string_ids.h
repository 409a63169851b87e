#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::tokenizer {

/// Short byte strings to ids: one block of bytes, open addressing. Entries are numbered in the order they came.
class StringIds {
 public:
  /// Makes room; may be called again for more.
  void reserve(std::size_t strings, std::size_t bytes) {
    bytes_.reserve(bytes);
    ends_.reserve(strings);
    ids_.reserve(strings);
    std::size_t slots = 16;
    while (slots < strings * 2) slots *= 2;
    if (slots > slots_.size()) rebuild(slots);
  }

  /// False where the string has an id already.
  bool add(std::string_view string, std::int32_t id) {
    if ((ids_.size() + 1) * 2 > slots_.size()) rebuild(slots_.empty() ? 16 : slots_.size() * 2);
    const std::uint32_t hash = hash_of(string);
    std::size_t slot = hash & (slots_.size() - 1);
    for (; slots_[slot].entry; slot = (slot + 1) & (slots_.size() - 1))
      if (slots_[slot].hash == hash && string_at(slots_[slot].entry - 1) == string) return false;
    bytes_ += string;
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    ids_.push_back(id);
    slots_[slot] = {hash, static_cast<std::uint32_t>(ids_.size())};
    return true;
  }

  /// -1 where there is none.
  std::int32_t find(std::string_view string) const {
    if (slots_.empty()) return -1;
    const std::uint32_t hash = hash_of(string);
    for (std::size_t slot = hash & (slots_.size() - 1); slots_[slot].entry; slot = (slot + 1) & (slots_.size() - 1))
      if (slots_[slot].hash == hash && string_at(slots_[slot].entry - 1) == string) return ids_[slots_[slot].entry - 1];
    return -1;
  }

  std::size_t size() const { return ids_.size(); }
  std::string_view string_at(std::size_t entry) const {
    const std::uint32_t begin = entry ? ends_[entry - 1] : 0;
    return {bytes_.data() + begin, ends_[entry] - begin};
  }
  std::int32_t id_at(std::size_t entry) const { return ids_[entry]; }

 private:
  struct Slot {
    std::uint32_t hash = 0, entry = 0;  // entry + 1; 0 = free
  };

  static std::uint64_t mixed(std::uint64_t x) {
    x *= 0x9E3779B97F4A7C15ull;
    return x ^ x >> 29;
  }

  static std::uint32_t hash_of(std::string_view string) {
    const char* at = string.data();
    std::size_t left = string.size();
    std::uint64_t hash = left;
    const auto load = [&at](std::size_t n) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, n);
      return word;
    };
    for (; left >= 8; left -= 8, at += 8) hash = mixed(hash ^ load(8));
    if (left >= 4) {
      std::uint64_t word = load(4);
      at += left - 4;
      hash = mixed(hash ^ (word << 32 | load(4)));
    } else {
      std::uint64_t word = 0;
      for (; left; --left) word = word << 8 | static_cast<unsigned char>(*at++);
      hash = mixed(hash ^ word);
    }
    return static_cast<std::uint32_t>(mixed(hash) >> 32);
  }

  void rebuild(std::size_t slots) {
    slots_.assign(slots, Slot{});
    for (std::size_t entry = 0; entry < ids_.size(); ++entry) {
      const std::uint32_t hash = hash_of(string_at(entry));
      std::size_t slot = hash & (slots - 1);
      while (slots_[slot].entry) slot = (slot + 1) & (slots - 1);
      slots_[slot] = {hash, static_cast<std::uint32_t>(entry + 1)};
    }
  }

  std::vector<Slot> slots_;
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
  std::vector<std::int32_t> ids_;
};

}  // namespace timbre::tokenizer
