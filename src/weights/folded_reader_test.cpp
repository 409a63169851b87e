#include "weights/folded_reader.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::weights {
namespace {

/// Two rows: (3, 4) with gain 10, and zeros.
TensorMap normed(const std::string& gain, const std::string& direction) {
  TensorMap map;
  map.insert(gain, Tensor::of<float>({2, 1, 1}, {10, 7}));
  map.insert(direction, Tensor::of<float>({2, 1, 2}, {3, 4, 0, 0}));
  return map;
}

TEST(FoldedReader, MultipliesTheNormOut) {
  const std::vector<float> want = {6, 8, 0, 0};
  for (const auto& map :
       {normed("net.conv.weight_g", "net.conv.weight_v"),
        normed("net.conv.parametrizations.weight.original0", "net.conv.parametrizations.weight.original1")}) {
    FoldedReader reader(map, "net.", "file");
    EXPECT_EQ(reader.weight("conv", {2, 1, 2}), want);
    reader.finish();
  }
  TensorMap plain;
  plain.insert("conv.weight", Tensor::of<float>({2, 1, 2}, {6, 8, 0, 0}));
  EXPECT_EQ(FoldedReader(plain, "", "file").weight("conv", {2, 1, 2}), want);
}

TEST(FoldedReader, NamesWhatIsMissingOrLeft) {
  TensorMap map = normed("conv.weight_g", "conv.weight_v");
  map.insert("extra.bias", Tensor::of<float>({1}, {0}));
  map.insert("window", Tensor::of<float>({1}, {0}));
  FoldedReader reader(map, "", "file");
  reader.weight("conv", {2, 1, 2});
  reader.ignore("window");
  try {
    reader.finish();
    FAIL() << "a tensor was left";
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(), "file: 1 tensors that the network has no place for: extra.bias");
  }
  EXPECT_THROW(reader.tensor("absent", {1}), DataError);
  EXPECT_THROW(reader.weight("conv", {2, 1, 3}), DataError);
}

}  // namespace
}  // namespace timbre::weights
