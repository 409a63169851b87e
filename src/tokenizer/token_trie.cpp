#include "tokenizer/token_trie.h"

#include <algorithm>
#include <cstring>

namespace timbre::tokenizer {

TokenTrie::TokenTrie() : values_(1, -1) {}

inline std::uint32_t TokenTrie::child_of(std::uint32_t node, unsigned char byte) const {
  if (node == 0) return roots_[byte];
  const std::uint32_t key = node << 8 | byte;
  const std::size_t mask = edges_.size() - 1;
  for (std::size_t at = place_of(key) & mask;; at = (at + 1) & mask) {
    if (edges_[at].key == key) return edges_[at].child;
    if (edges_[at].key == 0) return 0;
  }
}

void TokenTrie::grow() {
  std::vector<Edge> old(edges_.empty() ? 64 : edges_.size() * 4);
  old.swap(edges_);
  const std::size_t mask = edges_.size() - 1;
  for (const Edge& edge : old) {
    if (edge.key == 0) continue;
    std::size_t at = place_of(edge.key) & mask;
    while (edges_[at].key) at = (at + 1) & mask;
    edges_[at] = edge;
  }
}

std::uint32_t TokenTrie::make_child(std::uint32_t node, unsigned char byte) {
  const auto child = static_cast<std::uint32_t>(values_.size());
  values_.push_back(-1);
  if (node == 0) {
    roots_[byte] = child;
    only_first_ = only_first_ == -1 ? byte : 256;
    return child;
  }
  const std::uint32_t key = node << 8 | byte;
  const std::size_t mask = edges_.size() - 1;
  std::size_t at = place_of(key) & mask;
  while (edges_[at].key) at = (at + 1) & mask;
  edges_[at] = {key, child};
  ++edge_count_;
  return child;
}

void TokenTrie::add(std::string_view token, std::int32_t value) {
  while ((edge_count_ + token.size()) * 2 > edges_.size()) grow();
  const std::size_t shared =
      std::mismatch(token.begin(), token.end(), last_token_.begin(), last_token_.end()).first - token.begin();
  last_token_.assign(token.begin(), token.end());
  last_nodes_.resize(shared);
  std::uint32_t node = shared ? last_nodes_.back() : 0;
  for (std::size_t i = shared; i < token.size(); ++i) {
    const auto byte = static_cast<unsigned char>(token[i]);
    const std::uint32_t child = child_of(node, byte);
    node = child ? child : make_child(node, byte);
    last_nodes_.push_back(node);
  }
  values_[node] = value;
}

std::optional<TokenTrie::Match> TokenTrie::find(std::string_view text, std::size_t from) const {
  if (empty()) return std::nullopt;
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (only_first_ < 256) {
      const void* const next = std::memchr(text.data() + begin, only_first_, text.size() - begin);
      if (!next) return std::nullopt;
      begin = static_cast<const char*>(next) - text.data();
    }
    std::int32_t value = -1;
    std::size_t end = begin;
    std::uint32_t node = 0;
    for (std::size_t at = begin; at < text.size(); ++at) {
      node = child_of(node, static_cast<unsigned char>(text[at]));
      if (node == 0) break;
      if (values_[node] >= 0) {
        value = values_[node];
        end = at + 1;
      }
    }
    if (value >= 0) return Match{begin, end, value};
  }
  return std::nullopt;
}

}  // namespace timbre::tokenizer
