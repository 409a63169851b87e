#include "weights/safetensors.h"

#include "weights/faults_for_test.h"

namespace timbre::weights {
namespace {

using planting::fault;
using planting::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

TensorMap parse(const std::string& bytes, Metadata* metadata = nullptr) {
  // In a heap block of exactly this size, so that a sanitizer sees every byte read beyond it.
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return parse_safetensors(*kept, kept, "x.safetensors", metadata);
}

std::string file_of(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", name, dtype, shape, begin, end);
}

TensorMap sample() {
  TensorMap map;
  map.insert("flags", Tensor::of_booleans({3}, {1, 0, 1}));
  map.insert("weight", Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
  map.insert("half", Tensor::of<BF16>({1}, {BF16{0x3f80}}));
  map.insert("long \"name\" né", Tensor::of<std::int64_t>({}, {-5}));
  map.insert("empty", Tensor::of<double>({0, 7}, {}));
  return map;
}

TEST(Safetensors, KeepsTensorsOrderAndMetadata) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", sample(), {{"format", "pt"}, {"note", "né"}});
  Metadata metadata;
  const TensorMap back = read_safetensors(folder / "a.safetensors", &metadata);
  EXPECT_THAT(back.names(), ElementsAre("flags", "weight", "half", "long \"name\" né", "empty"));
  for (const auto& [name, tensor] : sample()) EXPECT_TRUE(same(back.at(name), tensor)) << name;
  EXPECT_EQ(metadata, (Metadata{{"format", "pt"}, {"note", "né"}}));
}

TEST(Safetensors, EveryNumberTypeIsAligned) {
  const TemporaryFolder folder;
  TensorMap map;
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::vector<std::byte> bytes(size_of(dtype) * 3, std::byte{1});
    map.insert(std::string(name_of(dtype)), Tensor::of_bytes(dtype, {3}, bytes));
  }
  write_safetensors(folder / "all.safetensors", map);
  for (const auto& [name, tensor] : read_safetensors(folder / "all.safetensors")) {
    EXPECT_TRUE(same(tensor, map.at(name))) << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data) % std::min<std::size_t>(size_of(tensor.dtype), 8), 0u)
        << name;
  }
}

TEST(Safetensors, MisalignedTensorsAreCopied) {
  const std::string bytes = file_of("{" + entry("a", "U8", "1", 0, 1) + "," + entry("b", "F32", "1", 1, 5) + "}",
                                    std::string("\1\0\0\x80\x3f", 5));
  const TensorMap map = parse(bytes);
  EXPECT_EQ(map.at("b").as<float>()[0], 1.0f);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(map.at("b").data) % 4, 0u);
}

TEST(Safetensors, ShardsAreJoinedByTheirIndex) {
  const TemporaryFolder folder;
  TensorMap one, two;
  one.insert("a", Tensor::of<float>({1}, {1}));
  two.insert("b", Tensor::of<float>({1}, {2}));
  write_safetensors(folder / "1.safetensors", one);
  write_safetensors(folder / "2.safetensors", two);
  const auto index = folder / "model.safetensors.index.json";
  write_file_atomic(index, R"({"metadata":{},"weight_map":{"b":"2.safetensors","a":"1.safetensors"}})");
  EXPECT_THAT(read_safetensors(index).names(), ElementsAre("b", "a"));
  const auto message = [&](const std::string& text) {
    write_file_atomic(index, text);
    return fault([&](const std::string&) { read_safetensors(index); }, "");
  };
  EXPECT_THAT(message(R"({"weight_map":{"c":"1.safetensors"}})"), HasSubstr("weight_map.c"));
  EXPECT_THAT(message(R"({"weight_map":{"a":"../1.safetensors"}})"),
              HasSubstr("expected the name of a file beside the index"));
  EXPECT_THAT(message(R"({"weight_map":{"a":3}})"), HasSubstr("weight_map.a"));
  EXPECT_THAT(message("[[[["), HasSubstr("line 1, column 5: not valid JSON"));
  EXPECT_THAT(message("[]"), HasSubstr("weight_map"));
  // Would be read without end.
  EXPECT_THAT(message(R"({"weight_map":{"a":"model.safetensors.index.json"}})"), HasSubstr("weight_map.a"));
}

TEST(SafetensorsFaults, AreNamed) {
  const std::string f4(4, '\0'), f8(8, '\0');
  const auto message = [](const std::string& header, const std::string& data) {
    return fault([](const auto& b) { parse(b); }, file_of(header, data));
  };
  EXPECT_THAT(message("{" + entry("a", "F32", "1", 0, 4) + "," + entry("b", "F32", "1", 2, 6) + "}", f8),
              HasSubstr("overlap"));
  EXPECT_THAT(message("{" + entry("a", "F32", "1", 4, 8) + "}", f8), HasSubstr("gap"));
  EXPECT_THAT(message("{" + entry("a", "F32", "1", 0, 4) + "}", f8), HasSubstr("4 bytes follow the last tensor"));
  EXPECT_THAT(message("{" + entry("a", "F32", "2", 0, 8) + "}", f4), HasSubstr("outside of the file"));
  EXPECT_THAT(message("{" + entry("a", "F32", "2", 0, 4) + "}", f4), HasSubstr("takes 8 bytes, its offsets give 4"));
  EXPECT_THAT(message("{" + entry("a", "F8_E4M3", "4", 0, 4) + "}", f4), HasSubstr("'F8_E4M3'"));
  EXPECT_THAT(message("{" + entry("a", "F32", "1", 0, 4) + "," + entry("a", "F32", "1", 4, 8) + "}", f8),
              HasSubstr("'a' is given twice"));
  EXPECT_THAT(message(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", f4),
              HasSubstr("'dtype' of tensor 'a'"));
  EXPECT_THAT(message(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", f4), HasSubstr("-1"));
  EXPECT_THAT(
      message(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,4]}})", f4),
      HasSubstr("larger than any memory"));
  EXPECT_THAT(message(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", f4), HasSubstr("expected dtype, shape"));
  EXPECT_THAT(message(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", f4),
              HasSubstr("unknown field 'more'"));
  EXPECT_THAT(message("{\"__metadata__\":{\"a\":{}}}", ""), HasSubstr("nested object"));
  EXPECT_THAT(message("{\"a\":" + std::string(100000, '['), ""), HasSubstr("unexpected a list"));
  EXPECT_THAT(message("[]", ""), HasSubstr("unexpected a list"));
  EXPECT_THAT(message("{\"a\":nope}", ""), HasSubstr("not JSON"));
  EXPECT_THAT(fault([](const auto& b) { parse(b); }, "\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
              HasSubstr("a header of 9223372036854775807 bytes"));
}

TEST(SafetensorsFaults, NoByteCanBreakTheReader) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", sample(), {{"k", "v"}});
  const std::string bytes = read_file(folder / "a.safetensors");
  planting::expect_truncation_noticed([](const auto& b) { parse(b); }, bytes);
  EXPECT_GT(planting::mutate_every_byte([](const auto& b) { parse(b); }, bytes), 500);
}

TEST(SafetensorsFaults, AFailedWriteLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", sample());
  TensorMap refused;
  refused.insert("__metadata__", Tensor::of<float>({1}, {1}));
  EXPECT_THROW(write_safetensors(folder / "a.safetensors", refused), UsageError);
  EXPECT_EQ(read_safetensors(folder / "a.safetensors").size(), 5u);
  EXPECT_THROW(write_safetensors(folder / "no/a.safetensors", sample()), SystemError);
}

}  // namespace
}  // namespace timbre::weights
