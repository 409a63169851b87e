#include "prepare/ming024_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "support/golden.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

// Bounds of golden/fastspeech2_ming024/set.json.
double bound_of(const std::string& kind, double want, double deviation) {
  if (kind == "mel") return 2e-3;
  if (kind == "energy") return 1e-4 * std::abs(want) + 1e-4 / deviation;
  return 1e-3 / deviation;  // pitch: 1e-3 Hz before scaling
}

void expect_dataset(const fs::path& golden, const std::string& dataset) {
  const fs::path folder = golden / "data" / "preprocessed_data" / dataset;
  const Ming024Data got = prepare_ming024({golden / "data" / "config" / ("preprocess_" + dataset + ".yaml"),
                                           golden / "data" / "raw_data" / dataset, folder / "TextGrid"});
  const auto cases = nlohmann::json::parse(read_file(golden / "cases.json"));
  EXPECT_EQ(nlohmann::json(got.lines_in_order), cases.at("preprocess_" + dataset).at("lines_in_order"));
  EXPECT_EQ(got.speakers, nlohmann::json::parse(read_file(folder / "speakers.json")));
  const auto stats = nlohmann::json::parse(read_file(folder / "stats.json"));
  for (const char* feature : {"pitch", "energy"})
    for (int i = 0; i < 4; ++i) {
      const double want = stats.at(feature).at(i);
      EXPECT_NEAR(got.stats.at(feature).at(i).get<double>(), want, 1e-4 * std::abs(want))
          << feature << " statistic " << i;
    }
  EXPECT_EQ(got.arrays.size(), 4 * got.lines_in_order.size());
  for (const auto& [name, tensor] : got.arrays) {
    const auto want = weights::read_npy(folder / name);
    ASSERT_EQ(tensor.describe(), want.describe()) << name;
    const std::string kind = name.substr(0, name.find('/'));
    if (kind == "duration") {
      EXPECT_TRUE(weights::same(tensor, want)) << name;
      continue;
    }
    const double deviation = kind == "mel" ? 1.0 : stats.at(kind).at(3).get<double>();
    const auto a = tensor.to_f64(), b = want.to_f64();
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], bound_of(kind, b[i], deviation)) << name << " at " << i;
  }
}

TEST(Ming024Folder, EqualsTheReferenceAtPhonemeLevel) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "fastspeech2_ming024");
  expect_dataset(golden, "Phon");
}

TEST(Ming024Folder, EqualsTheReferenceAtFrameLevel) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "fastspeech2_ming024");
  expect_dataset(golden, "Frame");
}

TEST(Ming024Folder, WritesWhatItMadeAndSplitsBySeed) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "fastspeech2_ming024");
  const fs::path data_dir = golden / "data";
  const Ming024Data data =
      prepare_ming024({data_dir / "config" / "preprocess_Phon.yaml", data_dir / "raw_data" / "Phon",
                       data_dir / "preprocessed_data" / "Phon" / "TextGrid"});
  const fs::path out = fs::path(testing::TempDir()) / "ming024_out";
  fs::remove_all(out);
  write_ming024_folder(data, out, 5);
  for (const auto& [name, tensor] : data.arrays)
    EXPECT_TRUE(weights::same(weights::read_npy(out / name), tensor)) << name;
  const std::string train = read_file(out / "train.txt"), val = read_file(out / "val.txt");
  EXPECT_EQ(std::count(val.begin(), val.end(), '\n'), data.val_size);
  for (const auto& line : data.lines_in_order) EXPECT_NE((train + val).find(line + "\n"), std::string::npos);
  EXPECT_THROW(write_ming024_folder(data, out, 5), UsageError);
  fs::remove_all(out);
}

TEST(Ming024Folder, ConfigErrorsNameTheFile) {
  const fs::path config = fs::path(testing::TempDir()) / "broken_preprocess.yaml";
  write_file_atomic(config, "preprocessing:\n  audio: {sampling_rate: fast}\n");
  try {
    prepare_ming024({config, config.parent_path(), config.parent_path()});
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("broken_preprocess.yaml"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace timbre::prepare
