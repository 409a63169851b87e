#include "train/shares.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "nn/init.h"

namespace timbre::train {
namespace {

std::vector<ParameterGroup> groups_of(const std::vector<std::vector<std::int64_t>>& sizes) {
  std::vector<ParameterGroup> groups;
  for (const auto& group : sizes) {
    groups.push_back({"*", 1.0, {}});
    for (const std::int64_t size : group) groups.back().parameters.push_back({"p", at::zeros({size})});
  }
  return groups;
}

TEST(Shares, HoldEveryNumberOnceAndAlike) {
  for (const auto& sizes : std::vector<std::vector<std::vector<std::int64_t>>>{
           {{96, 16, 16, 16}, {32, 2}},              // the tests' network
           {{193800 * 8, 8, 64, 64, 3}, {1, 1, 1}},  // one matrix that is nearly all
           {{5, 7}},
           {{1000003}}}) {
    const auto groups = groups_of(sizes);
    std::int64_t all = 0;
    for (const auto& group : sizes)
      for (const std::int64_t size : group) all += size;
    for (const int world : {1, 2, 3, 8}) {
      const auto pieces = Shares::deal(groups, world);
      std::vector<std::int64_t> kept(static_cast<std::size_t>(world), 0);
      for (std::size_t g = 0; g < sizes.size(); ++g)
        for (std::size_t p = 0; p < sizes[g].size(); ++p) {
          std::int64_t next = 0;
          for (int rank = 0; rank < world; ++rank) {
            const Shares::Piece piece = pieces[static_cast<std::size_t>(rank)][g][p];
            ASSERT_EQ(piece.begin, next);
            ASSERT_GE(piece.size(), 0);
            if (piece.size() > 0) EXPECT_EQ(piece.begin % Shares::kAlign, 0);
            next = piece.end;
            kept[static_cast<std::size_t>(rank)] += piece.size();
          }
          EXPECT_EQ(next, sizes[g][p]);
        }
      for (const std::int64_t one : kept)
        EXPECT_LE(std::abs(one - all / world), Shares::kAlign) << "of " << all << " over " << world;
    }
  }
}

/// The promise of kAlign: LibTorch's update of a stretch is that of the same stretch of the whole.
TEST(Shares, CutsChangeNoNumber) {
  const nn::InitSeed seed(8);
  for (const auto kind : {at::kFloat, at::kBFloat16}) {
    constexpr std::int64_t kSize = 1003;
    const Tensor start = nn::init_normal({kSize}, 0, 1).to(kind);
    Tensor whole = start.clone(), m = at::zeros_like(whole), v = at::zeros_like(whole), parts = start.clone();
    const std::vector<Tensor> gradients{nn::init_normal({kSize}, 0, 1).to(kind),
                                        nn::init_normal({kSize}, 0, 1e-3).to(kind)};
    const auto step = [](Tensor w, Tensor g, Tensor a, Tensor b, std::int64_t count) {
      at::_fused_adamw_({w}, {g}, {a}, {b}, {}, {at::ones({}) * count}, 1e-3, 0.9, 0.95, 0.01, 1e-8, false, false);
    };
    for (std::size_t i = 0; i < gradients.size(); ++i)
      step(whole, gradients[i], m, v, static_cast<std::int64_t>(i) + 1);
    for (const std::int64_t cut : {std::int64_t{32}, std::int64_t{96}, std::int64_t{512}, std::int64_t{992}}) {
      parts.copy_(start);
      for (const Shares::Piece piece : {Shares::Piece{0, cut}, Shares::Piece{cut, kSize}}) {
        const Tensor mine = Shares::cut(parts, piece);
        Tensor m_mine = at::zeros_like(mine), v_mine = at::zeros_like(mine);
        for (std::size_t i = 0; i < gradients.size(); ++i)
          step(mine, Shares::cut(gradients[i], piece), m_mine, v_mine, static_cast<std::int64_t>(i) + 1);
        EXPECT_TRUE(m_mine.equal(Shares::cut(m, piece))) << cut;
        EXPECT_TRUE(v_mine.equal(Shares::cut(v, piece))) << cut;
      }
      EXPECT_TRUE(parts.equal(whole)) << cut;
    }
  }
}

}  // namespace
}  // namespace timbre::train
