#pragma once
#include <cstdint>
#include <string_view>

namespace timbre::corpus {

/// Worker `index` of `count`: takes the utterances whose position in the manifest is index modulo count.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
  bool has(std::int64_t position) const { return position % count == index; }
  /// "3/64"; the index counts from 0. Throws UsageError.
  static Shard parse(std::string_view text);
};

}  // namespace timbre::corpus
