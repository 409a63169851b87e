#include "corpus/memmap_rows.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "weights/npy.h"
#include "weights/tensor.h"

namespace timbre::corpus {
namespace {

using testing::ElementsAre, testing::HasSubstr, testing::Not;

class MemmapRowsTest : public testing::Test {
 protected:
  MemmapRowsTest() {
    fs::remove_all(folder);
    write("train", {{5, 6, 7, 9}, {1, 2, 9, 0}, {3, 3, 3, 3}});
  }
  ~MemmapRowsTest() override { fs::remove_all(folder); }
  void write(const std::string& split, const std::vector<std::vector<std::int32_t>>& rows) {
    MemmapRowsWriter writer(folder, split, 4);
    for (const auto& row : rows) writer.add(row);
    writer.commit();
  }
  std::string fault() {
    try {
      MemmapRows::open(folder, "train");
      return "none";
    } catch (const DataError& error) {
      return error.what();
    }
  }
  const fs::path folder = fs::temp_directory_path() / testing::UnitTest::GetInstance()->current_test_info()->name();
  const fs::path memmap = folder / "train_input_ids.memmap", shape = folder / "train_input_ids_shape.npy";
};

TEST_F(MemmapRowsTest, RowsComeBackAsTheyWereWritten) {
  const MemmapRows rows = MemmapRows::open(folder, "train");
  EXPECT_EQ(rows.size(), 3);
  EXPECT_EQ(rows.length(), 4);
  EXPECT_THAT(rows.row(1), ElementsAre(1, 2, 9, 0));
  EXPECT_EQ(read_file(memmap).substr(0, 8), std::string("\5\0\0\0\6\0\0\0", 8));
  EXPECT_EQ(weights::read_npy(shape).describe(), "i64 [2]");
  EXPECT_TRUE(MemmapRows::present(folder, "train"));
  EXPECT_FALSE(MemmapRows::present(folder, "val"));
}

TEST_F(MemmapRowsTest, FingerprintIsOfShapeAndIds) {
  const RowFacts facts = MemmapRows::open(folder, "train").facts();
  write("val", {{5, 6, 7, 9}, {1, 2, 9, 0}, {3, 3, 3, 3}});
  EXPECT_EQ(MemmapRows::open(folder, "val").facts().fingerprint, facts.fingerprint);
  write("val", {{5, 6, 7, 9}, {1, 2, 9, 0}, {3, 3, 3, 4}});
  EXPECT_NE(MemmapRows::open(folder, "val").facts().fingerprint, facts.fingerprint);
  MemmapRowsWriter wide(folder, "val", 6);
  wide.add(std::vector<std::int32_t>{5, 6, 7, 9, 1, 2});
  wide.add(std::vector<std::int32_t>{9, 0, 3, 3, 3, 3});
  wide.commit();
  EXPECT_NE(MemmapRows::open(folder, "val").facts().fingerprint, facts.fingerprint);
}

TEST_F(MemmapRowsTest, IdsPastTheVocabularyAreNamedByRowAndPlace) {
  const MemmapRows rows = MemmapRows::open(folder, "train");
  const RowFacts facts = rows.facts();
  EXPECT_EQ(facts.largest, 9);
  rows.expect_vocabulary(facts, 10);
  try {
    rows.expect_vocabulary(facts, 9);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("row 0, place 3: id 9, and there are 9 ids (0 to 8)"));
  }
  write("train", {{5, 6, 7, 9}, {1, -100, 9, 0}});
  const MemmapRows negative = MemmapRows::open(folder, "train");
  try {
    negative.expect_vocabulary(negative.facts(), 10);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("row 1, place 1: id -100"));
  }
}

TEST_F(MemmapRowsTest, AMemmapAgainstItsShapeFileIsRefused) {
  fs::resize_file(memmap, 44);
  EXPECT_THAT(fault(),
              HasSubstr("train_input_ids.memmap holds 44 bytes, and train_input_ids_shape.npy says 3 rows of 4 "
                        "ids, which are 48 bytes"));
  const auto say = [&](const weights::Tensor& tensor) {
    weights::write_npy(shape, tensor);
    return fault();
  };
  using weights::Tensor;
  EXPECT_THAT(say(Tensor::of<std::int64_t>({2}, {-11, 1})), HasSubstr("-11 rows of 1 ids cannot be"));
  EXPECT_THAT(say(Tensor::of<std::int64_t>({2}, {std::int64_t{1} << 62, 8})), HasSubstr("cannot be"));
  EXPECT_THAT(say(Tensor::of<std::int64_t>({3}, {11, 1, 1})), HasSubstr("i64 [3], expected two whole numbers"));
  EXPECT_THAT(say(Tensor::of<double>({2}, {11, 1})), HasSubstr("f64 [2], expected two whole numbers"));
  EXPECT_EQ(say(Tensor::of<std::int32_t>({2}, {11, 1})), "none");
  write_file_atomic(shape, "\x93NUMPY");
  EXPECT_THAT(fault(), Not("none"));
  fs::remove(shape);
  EXPECT_THAT(fault(), HasSubstr("train_input_ids_shape.npy: there is no such file"));
}

TEST_F(MemmapRowsTest, NoRowsAreRefused) {
  write("train", {});
  EXPECT_THAT(fault(), HasSubstr("train_input_ids.memmap holds no rows"));
}

TEST_F(MemmapRowsTest, WithoutCommitTheOldRowsStay) {
  {
    MemmapRowsWriter writer(folder, "train", 4);
    writer.add(std::vector<std::int32_t>{1, 1, 1, 1});
  }
  EXPECT_EQ(MemmapRows::open(folder, "train").size(), 3);
}

}  // namespace
}  // namespace timbre::corpus
