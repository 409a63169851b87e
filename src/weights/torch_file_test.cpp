#include "weights/torch_file.h"

#include <zlib.h>

#include <nlohmann/json.hpp>

#include "support/golden.h"
#include "weights/checkpoint_tree.h"
#include "weights/faults_for_test.h"
#include "weights/zip_file.h"

namespace timbre::weights {
namespace {

using planting::fault;
using planting::TemporaryFolder;
using testing::HasSubstr;

Value parse(const std::string& bytes, bool verify_crc = true) {
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return parse_torch(*kept, kept, "x.pt", {verify_crc});
}

std::string message(const std::string& bytes) {
  return fault([](const std::string& b) { parse(b); }, bytes);
}

/// A zip of these entries, as ZipWriter makes it.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  const TemporaryFolder folder;
  ZipWriter zip(folder / "x.zip");
  for (const auto& [name, bytes] : entries) zip.add(name, bytes_of(bytes));
  zip.commit();
  return read_file(folder / "x.zip");
}

/// data.pkl of one tensor; every number as text of pickle opcodes.
std::string tensor_pickle(const std::string& elements, const std::string& offset, const std::string& shape,
                          const std::string& strides, const std::string& storage = "FloatStorage") {
  return "\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" +
         storage +
         "\nU\x01"
         "0U\x03"
         "cpu" +
         elements + "tQ" + offset + "(" + shape + "t(" + strides +
         "t\x89"
         "Nt"
         "R.";
}

std::string tensor_file(const std::string& elements, const std::string& offset, const std::string& shape,
                        const std::string& strides, const std::string& storage = "FloatStorage",
                        std::size_t bytes = 16) {
  return zip_of({{"a/data.pkl", tensor_pickle(elements, offset, shape, strides, storage)},
                 {"a/data/0", std::string(bytes, '\0')}});
}

/// A tree with everything that can be written.
Value sample() {
  const auto base = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor row{DType::f32, {3}, base.owner, base.data + 12};
  Value shared = Value::list({1, "two"});
  Value model = Value::dict({}, true);
  model.put("base", base);
  model.put("row", row);
  model.put("flags", Tensor::of_booleans({2}, {1, 0}));
  model.put("short", Tensor::of<BF16>({1}, {BF16{0x3f80}}));
  model.put("count", Tensor::of<std::uint16_t>({2}, {1, 65535}));
  model.put("empty", Tensor::of<double>({0, 3}, {}));
  model.set_attributes(Value::dict({{Value("_metadata"), Value::dict({}, true)}}));
  Value root = Value::dict();
  root.put("model", model);
  root.put("numbers",
           Value::tuple({0, 255, 256, -1, std::int64_t{1} << 40, std::int64_t{-1} << 63, 0.5, true, false, Value()}));
  root.put("big", Value::big_integer("-1208925819614629174706176"));
  root.put("raw", Value::bytes_of(std::string("\0\x7f\x80\xff", 4)));
  root.put("again", Value::list({shared, shared}));
  root.put("set", Value::set({3, 4}));
  root.put("z", Value::complex(1, -2));
  root.put("nested", Value::dict({{Value(7), Value::dict({{Value::tuple({1, 2}), Value("x")}})}}));
  return root;
}

TEST(TorchFile, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  write_torch_zip(folder / "a.pt", sample());
  const Value back = read_torch(folder / "a.pt");
  EXPECT_TRUE(same(back, sample())) << to_json(back).dump();
  EXPECT_EQ(back.at("again").as_list()[0].identity(), back.at("again").as_list()[1].identity());
}

TEST(TorchFile, SharedStoragesAreWrittenOnceAndAligned) {
  const TemporaryFolder folder;
  write_torch_zip(folder / "a.pt", sample());
  const Value back = read_torch(folder / "a.pt");
  const Tensor& base = back.at("model").at("base").as_tensor();
  EXPECT_EQ(back.at("model").at("row").as_tensor().data, base.data + 12);
  const std::string bytes = read_file(folder / "a.pt");
  const ZipReader zip({bytes_of(bytes), nullptr, "a.pt"});
  int records = 0;
  for (const auto& entry : zip.entries()) {
    EXPECT_EQ(entry.data_at % 64, 0u) << entry.name;
    records += entry.name.starts_with("a/data/") ? 1 : 0;
  }
  EXPECT_EQ(records, 5);  // base+row, flags, short, count, empty
  for (const char* name : {"a/data.pkl", "a/byteorder", "a/version", "a/.format_version"})
    EXPECT_TRUE(zip.find(name)) << name;
}

TEST(TorchFile, EqualTreesGiveEqualFiles) {
  const TemporaryFolder folder;
  write_torch_zip(folder / "a.pt", sample());
  const std::string first = read_file(folder / "a.pt");
  write_torch_zip(folder / "a.pt", sample());
  EXPECT_EQ(read_file(folder / "a.pt"), first);
}

TEST(TorchFile, OpaqueObjectsAreNotWritten) {
  const TemporaryFolder folder;
  Value::Opaque object;
  object.class_name = "argparse.Namespace";
  try {
    write_torch_zip(folder / "a.pt", Value::dict({{Value("args"), Value::opaque(object)}}));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'args' is an object of the class argparse.Namespace"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "a.pt"));
}

TEST(TorchFile, StridesAreHonoured) {
  const auto values = [](const std::string& file) { return parse(file).as_tensor().to_f32().size(); };
  EXPECT_EQ(values(tensor_file("K\x04", "K" + std::string(1, '\0'), "K\x02K\x02", "K\x01K\x02")), 4u);
  EXPECT_EQ(values(tensor_file("K\x04", "K\x01", "K\x03", "K\x01")), 3u);
  EXPECT_EQ(values(tensor_file("K\x04", "K\x03", "K\x05", "K" + std::string(1, '\0'))), 5u);
}

TEST(TorchFile, BothFormatsOfTorchGiveTheSameTree) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const auto expected = nlohmann::json::parse(read_file(folder / "expected.json"));
  for (const char* name : {"zip.pt", "legacy.pt"}) {
    const Value root = read_torch(folder / name);
    const TensorMap tensors = flatten_tensors(root);
    EXPECT_EQ(tensors.size(), expected.size());
    for (const auto& [key, want] : expected.items()) {
      EXPECT_EQ(tensors.at(key).to_f64(), want["values"].get<std::vector<double>>()) << name << " " << key;
      EXPECT_EQ(tensors.at(key).shape, want["shape"].get<std::vector<std::int64_t>>()) << name << " " << key;
    }
    EXPECT_EQ(tensors.at("model.half").dtype, DType::bf16);
    EXPECT_EQ(root.find_path("optimizer.param_groups.0.lr")->as_real(), 0.125);  // a NumPy scalar
    EXPECT_EQ(root.find_path("optimizer.state.0.step")->as_int(), 3);
    EXPECT_EQ(root.at("big").as_digits(), "1208925819614629174706176");
    EXPECT_EQ(root.at("raw").as_bytes(), std::string("\0\xff", 2));
    EXPECT_TRUE(root.at("model").is_ordered_dict());
    EXPECT_THAT(opaque_classes(root), testing::ElementsAre("argparse.Namespace", "pathlib.PosixPath"));
    if (std::string(name) != "zip.pt") continue;  // the old stream does not align its storages: they are copied out
    const Tensor& weight = root.at("model").at("weight").as_tensor();
    EXPECT_EQ(root.at("model").at("row").as_tensor().data, weight.data + 16) << "the storage is shared";
  }
}

TEST(TorchFile, ReadsMing024sCheckpoints) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "fastspeech2_ming024");
  const Value root = read_torch(folder / "model_a" / "5.pth.tar");
  const TensorMap model = flatten_tensors(root.at("model"));
  EXPECT_EQ(model.size(), 155u);
  EXPECT_TRUE(model.contains("encoder.src_word_emb.weight"));
  EXPECT_GT(flatten_tensors(root.at("optimizer")).size(), 100u);
}

TEST(TorchFile, ReadsEncodecsCheckpoints) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "codebook_io");
  EXPECT_EQ(flatten_tensors(read_torch(folder / "encodec_24khz.th")).size(), 252u);
  EXPECT_EQ(flatten_tensors(read_torch(folder / "encodec_48khz.th")).size(), 224u);
}

TEST(TorchFileFaults, TensorsThatLeaveTheirStorageAreNamed) {
  const std::string zero("K\0", 2);
  EXPECT_THAT(message(tensor_file("K\x04", "K\x02", "K\x03", "K\x01")),
              HasSubstr("reaches element 5, the storage has 4"));
  EXPECT_THAT(message(tensor_file("K\x04", zero, "K\x02K\x02", "K\x03K\x01")), HasSubstr("reaches element 5"));
  EXPECT_THAT(message(tensor_file("K\x04", zero, "K\x02", "J\xff\xff\xff\xff")), HasSubstr("negative stride"));
  EXPECT_THAT(message(tensor_file("K\x04", "J\xff\xff\xff\xff", "K\x02", "K\x01")), HasSubstr("negative offset"));
  EXPECT_THAT(message(tensor_file("K\x04", zero, "K\x02", "K\x01K\x01")), HasSubstr("2 strides for 1 dimensions"));
  EXPECT_THAT(message(tensor_file("K\x05", zero, "K\x02", "K\x01")), HasSubstr("data/0 has 16 bytes, expected 20"));
  const std::string huge("\x8a\x08\0\0\0\0\0\0\0\x40", 10);
  EXPECT_THAT(message(tensor_file("K\x04", zero, huge, zero)), HasSubstr("larger than any memory"));
  EXPECT_THAT(message(tensor_file("K\x04", zero, "J" + std::string("\0\0\0\x40", 4), zero)),
              HasSubstr("far more than the file holds"));
  EXPECT_THAT(message(tensor_file("K\x04", zero, "K\x03", huge)), HasSubstr("overflow"));
  EXPECT_THAT(message(tensor_file(huge, zero, "K\x02", "K\x01")), HasSubstr("larger than any memory"));
  EXPECT_THAT(message(zip_of({{"a/data.pkl", tensor_pickle("K\x04", zero, "K\x04", "K\x01")}})),
              HasSubstr("record data/0 is missing"));
  EXPECT_THAT(message(zip_of({{"a/b", "x"}})), HasSubstr("without data.pkl"));
  EXPECT_EQ(parse(tensor_file("K\x10", zero, "K\x04", "K\x01", "QInt8Storage")).kind(), Value::Kind::opaque);
}

TEST(TorchFileFaults, ZipArchivesAreChecked) {
  const std::string good = zip_of({{"a/data.pkl", "\x80\x02]."}, {"a/data/0", "0123456789abcdef"}});
  EXPECT_EQ(parse(good).kind(), Value::Kind::list);
  const auto directory_field = [&](const std::string& name, int field, std::uint32_t value, int bytes) {
    std::string changed = good;
    const std::size_t at = changed.rfind(name) - 46;  // the directory comes last
    for (int i = 0; i < bytes; ++i)
      changed[at + static_cast<std::size_t>(field + i)] = static_cast<char>(value >> (8 * i));
    return changed;
  };
  std::string flipped = good;
  flipped[flipped.find("0123456789")] = 'X';
  EXPECT_THAT(message(flipped), HasSubstr("checksum"));
  EXPECT_NO_THROW(parse(flipped, false));
  EXPECT_THAT(message(directory_field("a/data/0", 20, 1000, 4)), HasSubstr("two sizes"));
  EXPECT_THAT(message(directory_field("a/data/0", 10, 14, 2)), HasSubstr("compression method 14"));
  EXPECT_THAT(message(directory_field("a/data/0", 8, 1, 2)), HasSubstr("encrypted"));
  EXPECT_THAT(message(directory_field("a/data/0", 42, 0, 4)), HasSubstr("another name"));
  EXPECT_THAT(message(directory_field("a/data/0", 42, 0x7fffffff, 4)), HasSubstr("outside of the file"));
  EXPECT_THAT(message(directory_field("a/data/0", 0, 0, 4)), HasSubstr("no zip directory entry"));
  EXPECT_THAT(message(zip_of({{"a/data.pkl", "N."}, {"a/data.pkl", "N."}})),
              HasSubstr("two entries are named 'a/data.pkl'"));
  EXPECT_THAT(message(good.substr(0, good.size() - 1)), HasSubstr("no directory at its end"));
  EXPECT_THAT(message(good.substr(0, 40)), HasSubstr("cut off"));
}

TEST(TorchFileFaults, OverlappingEntriesAreRefused) {
  // The second entry's local header lies within the first entry's data.
  const std::string inner = zip_of({{"b", "N."}});
  const std::string header = inner.substr(0, inner.find("PK\1\2"));
  std::string outer = zip_of({{"a", header}, {"b", "N."}});
  const std::size_t entry_b = outer.rfind("PK\1\2"), inside = outer.find("PK\3\4", 4);
  for (int i = 0; i < 4; ++i) outer[entry_b + 42 + static_cast<std::size_t>(i)] = static_cast<char>(inside >> (8 * i));
  EXPECT_THAT(message(outer), HasSubstr("entries 'a' and 'b' overlap"));
}

TEST(TorchFileFaults, OtherFilesAreToldApart) {
  EXPECT_THAT(message(""), HasSubstr("empty"));
  std::string tar(1024, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(message(tar), HasSubstr("a tar archive"));
  EXPECT_THAT(message("N.x"), HasSubstr("1 bytes follow the pickle"));
}

TEST(TorchFileFaults, LegacyStreamsAreChecked) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const std::string good = read_file(folder / "legacy.pt");
  EXPECT_THAT(message(good + "x"), HasSubstr("1 bytes follow the last storage"));
  EXPECT_THAT(message(good.substr(0, good.size() - 1)), HasSubstr("storage '"));
  planting::expect_truncation_noticed([](const auto& b) { parse(b); }, good);
}

TEST(TorchFileFaults, NoByteCanBreakTheReader) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  for (const char* name : {"zip.pt", "legacy.pt"}) {
    const std::string bytes = read_file(folder / name);
    planting::expect_truncation_noticed([](const auto& b) { parse(b); }, bytes);
    EXPECT_GT(planting::mutate_every_byte([](const auto& b) { parse(b); }, bytes), 1000);
    planting::mutate_every_byte([](const auto& b) { parse(b, false); }, bytes);  // past the checksums
  }
}

}  // namespace
}  // namespace timbre::weights
