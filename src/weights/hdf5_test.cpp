#include "weights/hdf5.h"

#include "weights/faults_for_test.h"

namespace timbre::weights {
namespace {

using planting::fault;
using planting::TemporaryFolder;
using testing::HasSubstr;

const std::filesystem::path kSeeds = "fuzz/corpus/hdf5";  // by h5py 3.16

Hdf5File open_bytes(const std::string& bytes) {
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return Hdf5File(*kept, kept, "x.h5");
}

void read_all(const std::string& bytes) {
  const Hdf5File file = open_bytes(bytes);
  for (const std::string& name : file.names()) file.read(name);
}

/// Element i of every dataset in the seeds is (131·i + 17·k) mod 1024.
std::vector<double> expected(std::int64_t count, int k = 0) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>((131 * i + 17 * k) % 1024));
  return values;
}

TEST(Hdf5, ReadsWhatH5pyWrote) {
  const Hdf5File file(kSeeds / "h5py.h5");
  for (int i = 0; i < 40; ++i) {
    const Tensor codes = file.read(fmt::format("cut-{}", i));
    EXPECT_EQ(codes.describe(), fmt::format("i64 [{}, 8]", 3 + i % 5));
    EXPECT_EQ(codes.to_f64(), expected(codes.numel(), i));
  }
  for (const auto& [name, described] : std::map<std::string, std::string>{{"group/inner/x", "i16 [4, 2]"},
                                                                          {"f16", "f16 [5]"},
                                                                          {"f64be", "f64 [2, 3]"},
                                                                          {"chunked", "i32 [50, 8]"},
                                                                          {"plain_chunks", "u16 [7, 5, 3]"},
                                                                          {"empty", "i64 [0, 8]"}}) {
    const Tensor tensor = file.read(name);
    EXPECT_EQ(tensor.describe(), described) << name;
    EXPECT_EQ(tensor.to_f64(), expected(tensor.numel())) << name;
  }
  EXPECT_EQ(file.read("scalar").to_i64(), std::vector<std::int64_t>{7});
  const auto half = file.read("half_written").to_f64();  // one chunk of four is there, the others are zeros
  auto wanted = expected(20);
  wanted.resize(80, 0.0);
  EXPECT_EQ(half, wanted);
  EXPECT_EQ(file.names().size(), 40u + 6 + 2 + 3);
  const Hdf5File latest(kSeeds / "latest.h5");
  EXPECT_EQ(latest.read("a").to_f64(), expected(48));
  EXPECT_EQ(latest.read("g/b").describe(), "f32 [6]");
}

TEST(Hdf5, ChecksChunksThatCarrySums) {
  std::string bytes = read_file(kSeeds / "checksums.h5");
  const auto values = [&](const char* name) { return open_bytes(bytes).read(name).to_f64(); };
  EXPECT_EQ(values("plain")[29], 29.0 * 1000003);
  EXPECT_EQ(values("odd"), (std::vector<double>{0, 37, 74, 111, 148, 185, 222}));
  EXPECT_EQ(values("packed")[29], 29.0);
  const std::string odd{0, 37, 74, 111};
  const std::size_t at = bytes.find(odd);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 2] ^= 1;
  EXPECT_THROW(values("odd"), DataError);
  EXPECT_EQ(values("packed")[29], 29.0);
}

TEST(Hdf5, SaysWhatItDoesNotRead) {
  const Hdf5File file(kSeeds / "h5py.h5");
  for (const auto& [name, why] : std::map<std::string, std::string>{{"text", "holds text"},
                                                                    {"opaque", "opaque bytes"},
                                                                    {"lzf", "filter 32000"},
                                                                    {"cut-4O", "did you mean 'cut-4'"}}) {
    try {
      file.read(name);
      ADD_FAILURE() << name;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(why));
    }
  }
  EXPECT_THAT(fault([](const std::string&) { Hdf5File(kSeeds / "dense.h5"); }, ""), HasSubstr("fractal heap"));
  EXPECT_THAT(fault(read_all, "nothing of the kind"), HasSubstr("no HDF5 file"));
}

TEST(Hdf5, WritesAndReadsBackAllNumberTypesAndManyDatasets) {
  const TemporaryFolder folder;
  std::map<std::string, Tensor> all;
  for (int i = 0; i < 1500; ++i)  // three levels of the index
    all.emplace(fmt::format("cut-{}", i),
                Tensor::of<std::int64_t>({1 + i % 3, 2}, std::vector<std::int64_t>(2 + i % 3 * 2, i)));
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    const Tensor tensor = Tensor::of_bytes(dtype, {3}, std::vector<std::byte>(size_of(dtype) * 3, std::byte{1}));
    Hdf5Writer refuses(folder / "one.h5");
    if (dtype == DType::bf16 || dtype == DType::c64 || dtype == DType::c128 || dtype == DType::boolean)
      EXPECT_THROW(refuses.put("x", tensor), UsageError);
    else
      all.emplace(std::string(name_of(dtype)), tensor);
  }
  all.emplace("empty", Tensor::of<std::int64_t>({0, 8}, {}));
  Hdf5Writer writer(folder / "all.h5");
  for (const auto& [name, tensor] : all) writer.put(name, tensor);
  EXPECT_THROW(writer.put("cut-1", all.at("cut-1")), UsageError);
  EXPECT_THROW(writer.put("a/b", all.at("cut-1")), UsageError);
  EXPECT_FALSE(std::filesystem::exists(folder / "all.h5"));
  writer.close();
  const Hdf5File file(folder / "all.h5");
  ASSERT_EQ(file.names().size(), all.size());
  for (const auto& [name, tensor] : all) EXPECT_TRUE(same(file.read(name), tensor)) << name;
  Hdf5Writer(folder / "nothing.h5").close();
  EXPECT_TRUE(Hdf5File(folder / "nothing.h5").names().empty());
}

TEST(Hdf5, DamageIsAnErrorOrAnotherValue) {
  const std::string bytes = read_file(kSeeds / "latest.h5");
  planting::mutate_every_byte(read_all, bytes);
  const std::string old = read_file(kSeeds / "h5py.h5");
  for (std::size_t size = 0; size < old.size(); size += 997)
    EXPECT_THROW(read_all(old.substr(0, size)), DataError) << size;
}

}  // namespace
}  // namespace timbre::weights
