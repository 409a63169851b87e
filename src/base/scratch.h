#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace timbre {

/// Working memory of a network: pieces are taken one after the other and given back all at once. It grows until the
/// longest input was seen; from then on nothing is allocated.
class Scratch {
 public:
  /// `count` floats, 64-byte aligned, not cleared; valid until clear().
  float* take(std::size_t count) {
    const std::size_t size = (count + 15) / 16 * 16;
    if (blocks_.empty() || used_ + size > blocks_.back().size) {
      blocks_.push_back(Block(std::max(size, blocks_.empty() ? std::size_t{1} << 14 : 2 * blocks_.back().size)));
      used_ = 0;
    }
    float* at = blocks_.back().floats.get() + used_;
    used_ += size;
    return at;
  }
  /// Gives all pieces back; what had to be taken in several blocks will be one.
  void clear() {
    if (blocks_.size() > 1) {
      std::size_t all = 0;
      for (const Block& block : blocks_) all += block.size;
      blocks_.clear();
      blocks_.push_back(Block(all));
    }
    used_ = 0;
  }

 private:
  struct Free {
    void operator()(float* floats) const { ::operator delete(floats, std::align_val_t{64}); }
  };
  struct Block {
    explicit Block(std::size_t count)
        : floats(static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t{64}))), size(count) {}
    std::unique_ptr<float, Free> floats;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace timbre
