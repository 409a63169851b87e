#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/string_ids.h"

namespace timbre::tokenizer {

/// Byte-pair encoding of one stretch of bytes.
class Bpe {
 public:
  struct Merge {
    std::int32_t left, right, made;
  };

  /// `vocabulary` holds bytes, every single byte among them; a merge's place is its rank. With `whole_first` a stretch
  /// that is a token as a whole is taken whole (ignore_merges).
  Bpe(StringIds vocabulary, std::vector<Merge> merges, bool whole_first);

  /// Appends the ids of a stretch.
  void append(std::string_view bytes, std::vector<std::int32_t>& ids) const;

  /// Whether merging makes one token of these bytes.
  bool merges_to_one(std::string_view bytes) const;

  const StringIds& vocabulary() const { return vocabulary_; }
  const std::vector<Merge>& merges() const { return merges_; }
  bool whole_first() const { return whole_first_; }

 private:
  struct Slot {
    std::uint64_t pair = ~0ull;
    std::uint32_t rank = 0;
    std::int32_t made = 0;
  };
  static constexpr std::uint32_t kNoRank = ~0u;

  static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  static std::uint64_t place_of(std::uint64_t pair) {
    pair *= 0x9E3779B97F4A7C15ull;
    pair ^= pair >> 32;
    return pair * 0xD6E8FEB86659FD93ull >> 32;
  }
  const Slot* find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t pair = pair_of(left, right);
    for (std::uint64_t at = place_of(pair) & mask_;; at = (at + 1) & mask_) {
      if (slots_[at].pair == pair) return &slots_[at];
      if (slots_[at].pair == ~0ull) return nullptr;
    }
  }
  void append_merged(std::string_view bytes, std::vector<std::int32_t>& ids) const;
  void append_short(std::string_view bytes, std::vector<std::int32_t>& ids) const;
  void append_long(std::string_view bytes, std::vector<std::int32_t>& ids) const;

  StringIds vocabulary_;
  std::vector<Merge> merges_;
  bool whole_first_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
};

}  // namespace timbre::tokenizer
