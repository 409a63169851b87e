#include "tokenizer/bpe.h"

#include <algorithm>
#include <queue>
#include <utility>

namespace timbre::tokenizer {
namespace {

constexpr std::size_t kShort = 64;  // bytes up to which looking through all pairs beats a heap

}  // namespace

Bpe::Bpe(StringIds vocabulary, std::vector<Merge> merges, bool whole_first)
    : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), whole_first_(whole_first) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = vocabulary_.find({&c, 1});
  }
  std::size_t slots = 16;
  while (slots < merges_.size() * 2) slots *= 2;
  slots_.resize(slots);
  mask_ = slots - 1;
  for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
    const Merge& merge = merges_[rank];
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    std::uint64_t at = place_of(pair) & mask_;
    while (slots_[at].pair != pair && slots_[at].pair != ~0ull) at = (at + 1) & mask_;
    slots_[at] = {pair, static_cast<std::uint32_t>(rank), merge.made};  // of two equal merges the later one counts
  }
}

void Bpe::append(std::string_view bytes, std::vector<std::int32_t>& ids) const {
  if (bytes.size() == 1) {
    ids.push_back(byte_ids_[static_cast<unsigned char>(bytes[0])]);
    return;
  }
  if (whole_first_) {
    if (const std::int32_t id = vocabulary_.find(bytes); id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  append_merged(bytes, ids);
}

void Bpe::append_merged(std::string_view bytes, std::vector<std::int32_t>& ids) const {
  if (bytes.size() <= kShort)
    append_short(bytes, ids);
  else
    append_long(bytes, ids);
}

bool Bpe::merges_to_one(std::string_view bytes) const {
  std::vector<std::int32_t> ids;
  append_merged(bytes, ids);
  return ids.size() == 1;
}

/// Joins the pair of the lowest rank, of equal ones the leftmost, until there is none.
void Bpe::append_short(std::string_view bytes, std::vector<std::int32_t>& ids) const {
  std::int32_t parts[kShort], made[kShort] = {};
  std::uint32_t ranks[kShort];  // of the pair that begins at a part
  std::size_t count = bytes.size();
  for (std::size_t i = 0; i < count; ++i) parts[i] = byte_ids_[static_cast<unsigned char>(bytes[i])];
  const auto look_up = [&](std::size_t i) {
    const Slot* const found = i + 1 < count ? find(parts[i], parts[i + 1]) : nullptr;
    ranks[i] = found ? found->rank : kNoRank;
    if (found) made[i] = found->made;
  };
  for (std::size_t i = 0; i < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == kNoRank) break;
    parts[best] = made[best];
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      parts[i] = parts[i + 1];
      ranks[i] = ranks[i + 1];
      made[i] = made[i + 1];
    }
    look_up(best);
    if (best) look_up(best - 1);
  }
  ids.insert(ids.end(), parts, parts + count);
}

/// The same with a heap: n log n for stretches of any length.
void Bpe::append_long(std::string_view bytes, std::vector<std::int32_t>& ids) const {
  struct Part {
    std::int32_t id, before, behind;  // -1 = none; id -1 = joined to the part before
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t at, left, right, made;
    bool operator<(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto count = static_cast<std::int32_t>(bytes.size());
  std::vector<Part> parts(bytes.size());
  for (std::int32_t i = 0; i < count; ++i)
    parts[i] = {byte_ids_[static_cast<unsigned char>(bytes[i])], i - 1, i + 1 < count ? i + 1 : -1};
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::int32_t at) {
    if (at < 0 || parts[at].behind < 0) return;
    const std::int32_t right = parts[parts[at].behind].id;
    if (const Slot* const found = find(parts[at].id, right))
      queue.push({found->rank, at, parts[at].id, right, found->made});
  };
  for (std::int32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Part& part = parts[best.at];
    if (part.id != best.left || part.behind < 0 || parts[part.behind].id != best.right) continue;  // out of date
    const Part right = parts[part.behind];
    parts[part.behind].id = -1;
    part.id = best.made;
    part.behind = right.behind;
    if (right.behind >= 0) parts[right.behind].before = best.at;
    offer(best.at);
    offer(part.before);
  }
  for (std::int32_t i = 0; i >= 0; i = parts[i].behind) ids.push_back(parts[i].id);
}

}  // namespace timbre::tokenizer
