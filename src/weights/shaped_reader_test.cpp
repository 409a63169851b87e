#include "weights/shaped_reader.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::weights {
namespace {

TensorMap three() {
  TensorMap map;
  map.insert("a", Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
  map.insert("half", Tensor::of<F16>({3}, {to_f16(0.5f), to_f16(-2), to_f16(0)}));
  map.insert("steps", Tensor::of<std::int64_t>({}, {7}));
  return map;
}

TEST(ShapedReader, GivesTheFilesOwnNumbersAndConvertsOthers) {
  const TensorMap map = three();
  ShapedReader reader(map, "m.safetensors");
  EXPECT_EQ(static_cast<const void*>(reader.take("a", {2, 2}).data()), map.at("a").data);
  const auto half = reader.take("half", {3});
  EXPECT_EQ(std::vector<float>(half.begin(), half.end()), (std::vector<float>{0.5f, -2, 0}));
  EXPECT_THROW(reader.finish(), DataError);
  reader.ignore("steps");
  reader.finish();
}

TEST(ShapedReader, NamesEverythingThatDoesNotFit) {
  const TensorMap map = three();
  ShapedReader reader(map, "m.safetensors");
  EXPECT_EQ(reader.take("a", {4, 2}).size(), 8u);
  EXPECT_EQ(reader.take("b", {5}).size(), 5u);
  try {
    reader.finish();
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_EQ(std::string(problem.what()),
              "m.safetensors: the weights do not fit the model; 1 missing: b; 1 of another shape: a [2, 2] (expected "
              "[4, 2]); 2 unknown: half steps");
  }
}

}  // namespace
}  // namespace timbre::weights
