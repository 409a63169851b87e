#include "corpus/shard.h"

#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::corpus {

Shard Shard::parse(std::string_view text) {
  auto parts = split(text, '/');
  std::optional<std::int64_t> index, count;
  if (parts.size() == 2) index = parse_int(parts[0]), count = parse_int(parts[1]);
  if (!index || !count || *count < 1 || *index < 0 || *index >= *count)
    throw UsageError(fmt::format("--shard {}: expected INDEX/COUNT with 0 ≤ INDEX < COUNT", text),
                     "for example --shard 0/4");
  return {*index, *count};
}

}  // namespace timbre::corpus
