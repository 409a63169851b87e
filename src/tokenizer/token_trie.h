#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace timbre::tokenizer {

/// Finds added tokens in a text: 66,000 of them, of which most share a beginning. A trie whose edges lie in one hash
/// table.
class TokenTrie {
 public:
  struct Match {
    std::size_t begin, end;
    std::int32_t value;
  };

  TokenTrie();
  /// A token with its value (not below 0); of two equal tokens the later one counts. Not empty.
  void add(std::string_view token, std::int32_t value);
  bool empty() const { return values_.size() == 1; }
  /// The match that begins first at or behind `from`, of several there the longest.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  struct Edge {
    std::uint32_t key = 0;  // parent node * 256 + byte; 0 = free, since the root's edges are not here
    std::uint32_t child = 0;
  };
  static std::uint32_t place_of(std::uint32_t key) { return key * 0x9E3779B1u >> 7; }
  std::uint32_t child_of(std::uint32_t node, unsigned char byte) const;
  std::uint32_t make_child(std::uint32_t node, unsigned char byte);
  void grow();

  std::array<std::uint32_t, 256> roots_{};  // children of the root; 0 = none
  std::vector<std::int32_t> values_;        // by node; -1 = no token ends here
  std::vector<Edge> edges_;
  std::size_t edge_count_ = 0;
  int only_first_ = -1;           // the one byte that tokens begin with; -1 = none yet, 256 = several
  std::vector<char> last_token_;  // the token added last with the nodes on its way: neighbours share most of it
  std::vector<std::uint32_t> last_nodes_;
};

}  // namespace timbre::tokenizer
