#include "weights/npy.h"

#include <nlohmann/json.hpp>

#include "support/golden.h"
#include "weights/checkpoint_tree.h"
#include "weights/faults_for_test.h"

namespace timbre::weights {
namespace {

using planting::fault;
using planting::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(const std::string& header, const std::string& data) {
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header + data;
}

Value parse(const std::string& bytes) {
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return parse_npy(*kept, kept, "x.npy");
}

Value parse_archive(const std::string& bytes) {
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return parse_npz(*kept, kept, "x.npz");
}

std::string message(const std::string& header, const std::string& data) {
  return fault([](const std::string& b) { parse(b); }, npy(header, data));
}

TEST(Npy, KeepsEveryNumberTypeAndShape) {
  const TemporaryFolder folder;
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::vector<std::byte> bytes(size_of(dtype) * 6, std::byte{1});
    for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{6}, {2, 3}, {1, 6, 1}}) {
      const Tensor tensor = Tensor::of_bytes(dtype, shape, bytes);
      if (dtype == DType::bf16) {
        EXPECT_THROW(write_npy(folder / "a.npy", tensor), UsageError);
        continue;
      }
      write_npy(folder / "a.npy", tensor);
      EXPECT_TRUE(same(read_npy(folder / "a.npy"), tensor)) << tensor.describe();
    }
  }
  const Tensor scalar = Tensor::of<double>({}, {2.5});
  write_npy(folder / "s.npy", scalar);
  EXPECT_TRUE(same(read_npy(folder / "s.npy"), scalar));
}

TEST(Npy, ReadsFortranOrderAndBigEndian) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const Tensor array = read_npy(folder / "fortran_big_endian.npy");
  EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_THAT(array.to_f32(), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Npy, ReadsCodesAsExtractionStoresThem) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "codebook_io");
  const auto cases = nlohmann::json::parse(read_file(folder / "cases.json"));
  const auto codes = cases["npy"]["codes"].get<std::vector<std::int64_t>>();
  EXPECT_EQ(read_npy(folder / "codes_int32.npy").to_i64(), codes);
  EXPECT_EQ(read_npy(folder / "codes_int64.npy").to_i64(), codes);
  const Tensor fortran = read_npy(folder / "codes_fortran_2d_int16.npy");
  EXPECT_EQ(fortran.shape, (std::vector<std::int64_t>{8, 5}));
}

TEST(Npy, ReadsTextsAndObjectsAsValues) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  EXPECT_EQ(to_json(read_npy_value(folder / "texts.npy")).dump(), R"(["a","né"])");
  EXPECT_EQ(to_json(read_npy_value(folder / "objects.npy")).dump(), R"(["a",null,3])");
  EXPECT_THROW(read_npy(folder / "texts.npy"), DataError);
}

TEST(Npz, ReadsStoredAndDeflatedArchives) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const TensorMap stored = read_npz(folder / "stored.npz"), deflated = read_npz(folder / "deflated.npz");
  EXPECT_THAT(stored.names(), ElementsAre("a", "b"));
  EXPECT_THAT(stored.at("a").to_i64(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(stored.at("b").to_f64()[0], 2.5);
  EXPECT_THAT(deflated.at("a").to_i64(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(deflated.at("zeros").numel(), 10000);
}

TEST(Npz, IsWrittenAndReadBack) {
  const TemporaryFolder folder;
  TensorMap map;
  map.insert("b", Tensor::of<float>({2}, {1, 2}));
  map.insert("a/c", Tensor::of<std::int64_t>({}, {7}));
  write_npz(folder / "x.npz", map);
  const TensorMap back = read_npz(folder / "x.npz");
  EXPECT_THAT(back.names(), ElementsAre("b", "a/c"));
  EXPECT_TRUE(same(back.at("b"), map.at("b")) && same(back.at("a/c"), map.at("a/c")));
}

TEST(NpyFaults, AreNamed) {
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234"),
              HasSubstr("does not take the 4 bytes"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "12345"),
              HasSubstr("does not take the 5 bytes"));
  EXPECT_THAT(message("{'descr': '<f4', 'shape': (1,), }", "1234"),
              HasSubstr("expected descr, fortran_order and shape"));
  EXPECT_THAT(message("{'descr': '<f4', 'descr': '<f4', }", ""), HasSubstr("'descr' is unknown or comes twice"));
  EXPECT_THAT(message("{'descr': [('a', '<f4')], }", ""), HasSubstr("records"));
  EXPECT_THAT(message("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (), }", "12345678"),
              HasSubstr("'<M8[ns]' is not supported"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': Maybe, }", ""), HasSubstr("True or False"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", ""), HasSubstr("expected a size"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': True, 'shape': (4611686018427387904, 16), }", ""),
              HasSubstr("larger than any memory"));
  EXPECT_THAT(message("{'descr': '<U999999999', 'fortran_order': False, 'shape': (4611686018427387904,), }", ""),
              HasSubstr("does not take"));
  EXPECT_THAT(message("{'descr': '<f4", ""), HasSubstr("text without an end"));
  EXPECT_THAT(message(std::string(60000, '('), ""), HasSubstr("expected '{'"));
  EXPECT_THAT(fault([](const std::string& b) { parse(b); }, std::string("\x93NUMPY\2\0\xff\xff\xff\x7f", 12)),
              HasSubstr("the header needs 2147483647 bytes"));
}

TEST(NpyFaults, NoByteCanBreakTheReaders) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  for (const char* name : {"fortran_big_endian.npy", "texts.npy", "objects.npy"}) {
    const std::string bytes = read_file(folder / name);
    planting::expect_truncation_noticed([](const auto& b) { parse(b); }, bytes);
    planting::mutate_every_byte([](const auto& b) { parse(b); }, bytes);
  }
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string bytes = read_file(folder / name);
    planting::expect_truncation_noticed([](const auto& b) { parse_archive(b); }, bytes);
    EXPECT_GT(planting::mutate_every_byte([](const auto& b) { parse_archive(b); }, bytes), 500);
  }
}

}  // namespace
}  // namespace timbre::weights
