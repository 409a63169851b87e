#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace timbre {

/// Working memory of a network: pieces are taken one after the other and given back together. It grows until the
/// longest input was seen; from then on nothing is allocated.
class Scratch {
 public:
  /// `count` floats, 64-byte aligned, not cleared; valid until clear() or the end of the Scope they were taken in.
  float* take(std::size_t count) {
    const std::size_t size = (count + 15) / 16 * 16;
    while (block_ < blocks_.size() && used_ + size > blocks_[block_].size) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.push_back(Block(std::max(size, kFirst << block_)));
    float* at = blocks_[block_].floats.get() + used_;
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
    block_ = used_ = 0;
  }

  /// Gives back at its end what was taken since its beginning.
  class Scope {
   public:
    explicit Scope(Scratch& scratch) : scratch_(scratch), block_(scratch.block_), used_(scratch.used_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      scratch_.block_ = block_;
      scratch_.used_ = used_;
    }

   private:
    Scratch& scratch_;
    std::size_t block_, used_;
  };

 private:
  static constexpr std::size_t kFirst = std::size_t{1} << 18;

  struct Free {
    void operator()(float* floats) const { ::operator delete (floats, std::align_val_t{64}); }
  };
  struct Block {
    explicit Block(std::size_t count)
        : floats(static_cast<float*>(::operator new (count * sizeof(float), std::align_val_t{64}))), size(count) {}
    std::unique_ptr<float, Free> floats;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;  // where the next piece comes from
};

}  // namespace timbre
