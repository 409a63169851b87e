#pragma once
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "weights/checkpoint_tree.h"

/// What every fuzz target of the weights readers does with a tree that was accepted: walk all of it.
namespace timbre::fuzz {

/// Reads every element of every tensor, so that a sanitizer sees a view that leaves its storage.
inline unsigned touch(const weights::Value& root) {
  unsigned sum = 0;
  weights::visit_leaves(root, [&](const std::string&, const weights::Value& leaf) {
    if (!leaf.is_tensor()) return;
    for (const std::byte b : leaf.as_tensor().raw()) sum += static_cast<unsigned>(b);
  });
  (void)weights::to_json(root).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  (void)weights::opaque_classes(root);
  std::vector<std::string> replaced;
  const weights::Value plain = weights::plain_data(root, replaced);
  (void)weights::same(plain, root);
  return sum;
}

/// The input in a heap block of its own size, aligned as a memory map is.
inline std::shared_ptr<const std::vector<std::byte>> kept(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  return std::make_shared<const std::vector<std::byte>>(bytes, bytes + size);
}

}  // namespace timbre::fuzz
