#include "weights/load.h"

#include <nlohmann/json.hpp>

#include "support/golden.h"
#include "weights/convert.h"
#include "weights/describe.h"
#include "weights/faults_for_test.h"
#include "weights/npy.h"
#include "weights/torch_file.h"

namespace timbre::weights {
namespace {

using planting::fault;
using planting::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

Value nested() {
  Value root = Value::dict();
  root.put("model", Value::state_dict([] {
             TensorMap map;
             map.insert("layer.weight", Tensor::of<float>({2}, {1, 2}));
             map.insert("layer.bias", Tensor::of<float>({1}, {3}));
             return map;
           }()));
  root.put("step", 42);
  root.put("lr", Value::list({0.5, std::numeric_limits<double>::infinity()}));
  root.put("raw", Value::bytes_of("\xff"));
  root.put("name", "né");
  root.put("$odd", Value::tuple({Value(), true, Value::big_integer("99999999999999999999")}));
  root.put("by_number", Value::dict({{Value(0), Tensor::of<std::int64_t>({}, {5})}}));
  return root;
}

std::string message(const std::filesystem::path& path) {
  return fault([&](const std::string&) { load(path); }, "");
}

TEST(Load, KnowsFormatsByContents) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  EXPECT_EQ(format_of(folder / "zip.pt"), Format::torch_zip);
  EXPECT_EQ(format_of(folder / "legacy.pt"), Format::torch_legacy);
  for (int protocol = 0; protocol < 6; ++protocol)
    EXPECT_EQ(format_of(folder / fmt::format("protocol{}.pkl", protocol)), Format::pickle);
  EXPECT_EQ(format_of(folder / "texts.npy"), Format::npy);
  EXPECT_EQ(format_of(folder / "deflated.npz"), Format::npz);
  EXPECT_EQ(format_of(folder / "expected.json"), Format::unknown);
}

TEST(Load, NestingAndScalarsSurviveSafetensors) {
  const TemporaryFolder folder;
  save(folder / "a.safetensors", nested(), {{"note", "kept"}});
  const Loaded loaded = load(folder / "a.safetensors");
  EXPECT_TRUE(same(loaded.root, nested())) << to_json(loaded.root).dump();
  EXPECT_EQ(loaded.metadata, (Metadata{{"note", "kept"}}));
  EXPECT_THAT(load_tensors(folder / "a.safetensors").names(),
              ElementsAre("model.layer.weight", "model.layer.bias", "by_number.0"));
  LoadOptions flat;
  flat.rebuild_structure = false;
  EXPECT_TRUE(load(folder / "a.safetensors", flat).root.find("model.layer.weight"));
}

TEST(Load, AForeignStructureCannotHurt) {
  const TemporaryFolder folder;
  TensorMap map;
  map.insert("a", Tensor::of<float>({1}, {1}));
  const auto with = [&](const std::string& structure) {
    write_safetensors(folder / "a.safetensors", map, {{"timbre.structure", structure}});
    return message(folder / "a.safetensors");
  };
  EXPECT_THAT(with(R"({"$tensor":"b"})"), HasSubstr("no tensor 'b'"));
  EXPECT_THAT(with(R"({"$tensor":7})"), HasSubstr("structure is broken"));
  EXPECT_THAT(with(R"({"$eval":"x"})"), HasSubstr("unknown tag '$eval'"));
  EXPECT_THAT(with(R"({"$dict":[[1]]})"), HasSubstr("structure is broken"));
  EXPECT_THAT(with(R"({"$bytes":"xy"})"), HasSubstr("hexadecimal"));
  EXPECT_THAT(with(std::string(100000, '[') + std::string(100000, ']')), HasSubstr("levels deep"));
  EXPECT_THAT(with("{"), HasSubstr("not JSON"));
}

TEST(Load, SavesByExtension) {
  const TemporaryFolder folder;
  for (const char* name : {"a.pt", "a.pth.tar", "a.bin", "a.ckpt", "a.th"}) {
    save(folder / name, nested());
    EXPECT_EQ(format_of(folder / name), Format::torch_zip);
    EXPECT_TRUE(same(load(folder / name).root, nested()));
  }
  save(folder / "a.npz", nested());
  EXPECT_EQ(load_tensors(folder / "a.npz").size(), 3u);
  EXPECT_THROW(save(folder / "a.npy", nested()), UsageError);
  EXPECT_THROW(save(folder / "a.xyz", nested()), UsageError);
}

TEST(Load, FindsTheWeightsOfAFolder) {
  const TemporaryFolder folder;
  TensorMap map;
  map.insert("a", Tensor::of<float>({1}, {1}));
  EXPECT_THAT(message(folder.path()), HasSubstr("holds no weights"));
  write_torch_zip(folder / "x.pt", Value::state_dict(map));
  EXPECT_EQ(load(folder.path()).format, Format::torch_zip);
  write_torch_zip(folder / "y.pt", Value::state_dict(map));
  EXPECT_THAT(message(folder.path()), HasSubstr("several weights files: x.pt, y.pt"));
  write_safetensors(folder / "model.safetensors", map);
  EXPECT_EQ(load(folder.path()).path, folder / "model.safetensors");
}

TEST(Load, ReadsAShardedTorchModel) {
  const TemporaryFolder folder;
  TensorMap map;
  map.insert("a", Tensor::of<float>({1}, {1}));
  write_torch_zip(folder / "1.bin", Value::state_dict(map));
  write_file_atomic(folder / "pytorch_model.bin.index.json", R"({"weight_map":{"a":"1.bin"}})");
  EXPECT_TRUE(load_tensors(folder.path()).contains("a"));
  write_file_atomic(folder / "pytorch_model.bin.index.json", R"({"weight_map":{"b":"1.bin"}})");
  EXPECT_THAT(message(folder.path()), HasSubstr("no key 'b'"));
}

TEST(Load, ReadsShardedGoldenModels) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_lm");
  const TensorMap whole = load_tensors(folder / "fp32"), sharded = load_tensors(folder / "sharded");
  EXPECT_EQ(sharded.size(), 20u);
  EXPECT_EQ(whole.size(), 20u);
}

TEST(Load, OtherFilesAreRefused) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "a.pt", "hello, this is no checkpoint");
  EXPECT_THAT(message(folder / "a.pt"), HasSubstr("no weights file"));
  write_file_atomic(folder / "e.pt", "");
  EXPECT_THAT(message(folder / "e.pt"), HasSubstr("empty"));
  EXPECT_THROW(load(folder / "missing.pt"), SystemError);
}

TEST(Load, EveryGoldenCheckpointIsRead) {
  const auto root = timbre::testing_support::golden("checkpoint_files");
  if (root.empty()) GTEST_SKIP() << "no golden data";
  int read = 0;
  for (const std::filesystem::path& base : {root.parent_path(), std::filesystem::path("../shared/golden")}) {
    if (!std::filesystem::exists(base)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(base)) {
      const std::string extension = entry.path().extension().string();
      const bool is_ours = extension == ".pt" || extension == ".pth" || extension == ".th" || extension == ".ckpt" ||
                           extension == ".bin" || extension == ".safetensors" || extension == ".npz" ||
                           entry.path().string().ends_with(".pth.tar");
      if (!entry.is_regular_file() || !is_ours) continue;
      EXPECT_NO_THROW(load(entry.path())) << entry.path();
      ++read;
    }
  }
  EXPECT_GE(read, 4);
}

TEST(Convert, SaysWhatBecameOfWhat) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const TemporaryFolder out;
  const Converted done = convert_weights(folder / "legacy.pt", out / "a.pt", {});
  EXPECT_EQ(done.from, Format::torch_legacy);
  EXPECT_THAT(done.replaced, ElementsAre("args: argparse.Namespace → its state", "path: pathlib.PosixPath → its text"));
  const Value back = load(out / "a.pt").root;
  EXPECT_EQ(back.at("args").at("hop").as_int(), 256);
  EXPECT_EQ(back.at("path").as_text(), "a/b");
  ConvertOptions flat;
  flat.flat = true;
  flat.dtype = "f32";
  EXPECT_THAT(convert_weights(folder / "legacy.pt", out / "a.npz", flat).dropped, testing::Contains("word"));
  EXPECT_EQ(read_npz(out / "a.npz").at("model.half").dtype, DType::f32);
}

TEST(Describe, NamesEverything) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  const auto description = describe(load(folder / "zip.pt"));
  EXPECT_EQ(description["tensors"].size(), 7u);
  EXPECT_EQ(description["values"]["optimizer.param_groups.0.lr"], 0.125);
  EXPECT_EQ(description["opaque_classes"], (nlohmann::ordered_json{"argparse.Namespace", "pathlib.PosixPath"}));
  const std::string text = describe_text(description);
  EXPECT_THAT(text, HasSubstr("model.half        bf16  [2]"));
  EXPECT_THAT(text, HasSubstr("classes we do not know, kept as plain data: argparse.Namespace, pathlib.PosixPath"));
}

}  // namespace
}  // namespace timbre::weights
