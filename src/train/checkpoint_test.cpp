#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "train/forecast.h"
#include "train/tiny_for_test.h"

namespace timbre::train {
namespace {

Checkpoint example(std::int64_t step, std::size_t size = 100) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.model.insert("w", weights::Tensor::of<float>({static_cast<std::int64_t>(size)},
                                                          std::vector<float>(size, static_cast<float>(step))));
  checkpoint.optimizer.insert("m.w", weights::Tensor::of<float>({1}, {0.5f}));
  checkpoint.state = {{"x", 0.1 + 0.2}, {"about", {{"name", "ä"}}}};
  return checkpoint;
}

TEST(Checkpoint, ComesBackWhole) {
  const Scratch folder;
  const fs::path path = save_checkpoint(folder, example(7));
  EXPECT_EQ(path.filename(), "step_000000007");
  const Checkpoint back = load_checkpoint(path);
  EXPECT_EQ(back.step, 7);
  EXPECT_TRUE(weights::same(back.model.at("w"), example(7).model.at("w")));
  EXPECT_EQ(back.state.at("x"), 0.1 + 0.2);
  EXPECT_TRUE(back.average.empty());
}

TEST(Checkpoint, ABrokenOneNamesFileAndTheOneBefore) {
  const Scratch folder;
  fs::create_directories(folder / "checkpoints");
  save_checkpoint(folder / "checkpoints", example(1));
  const fs::path path = save_checkpoint(folder / "checkpoints", example(2));
  fs::resize_file(path / "model.safetensors", fs::file_size(path / "model.safetensors") - 10);
  try {
    load_checkpoint(path);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("step_000000002/model.safetensors: its contents do not match the hash in "
                                             "state.json (truncated or changed)"));
    EXPECT_THAT(e.next(), testing::HasSubstr("--from step_000000001"));
  }
  std::ofstream(path / "state.json", std::ios::app) << "x";
  EXPECT_THROW(load_checkpoint(path), DataError);
  fs::remove(path / "state.json");
  EXPECT_THROW(load_checkpoint(path), DataError);
}

TEST(Checkpoint, AFlippedDigitInTheStateIsFound) {
  const Scratch folder;
  const fs::path path = save_checkpoint(folder, example(3));
  std::string text = read_file(path / "state.json");
  const std::size_t at = text.find("\"step\": 3");
  ASSERT_NE(at, std::string::npos);
  text[at + 8] = '4';
  write_file_atomic(path / "state.json", text);
  EXPECT_THROW(load_checkpoint(path), DataError);
}

TEST(Checkpoint, RotationKeepsNewestAndProtected) {
  const Scratch folder;
  for (int step = 0; step <= 6; ++step) save_checkpoint(folder, example(step));
  rotate_checkpoints(folder, 2, {"step_000000003", "step_000000000"});
  std::vector<std::int64_t> left;
  for (const auto& [step, path] : list_checkpoints(folder)) left.push_back(step);
  EXPECT_EQ(left, (std::vector<std::int64_t>{0, 3, 5, 6}));
}

TEST(Checkpoint, LeftoversOfAKilledProcessAreNotCheckpoints) {
  const Scratch folder;
  save_checkpoint(folder, example(1));
  fs::create_directory(folder / ".unfinished-2-999");
  write_file_atomic(folder / ".unfinished-2-999" / "model.safetensors", "half");
  EXPECT_EQ(list_checkpoints(folder).size(), 1u);
  remove_leftovers(folder);
  EXPECT_FALSE(fs::exists(folder / ".unfinished-2-999"));
  EXPECT_EQ(list_checkpoints(folder).size(), 1u);
}

/// While it lives, no file can grow beyond `bytes`: writes fail as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_{};
};

TEST(Checkpoint, AFullDiskLosesNothing) {
  const Scratch folder;
  const fs::path first = save_checkpoint(folder, example(1));
  {
    const FullDisk full(2000);
    EXPECT_THROW(save_checkpoint(folder, example(2, 100000)), SystemError);
  }
  EXPECT_EQ(list_checkpoints(folder).size(), 1u);
  EXPECT_EQ(load_checkpoint(first).step, 1);
  for (const auto& entry : fs::directory_iterator(folder))
    EXPECT_EQ(entry.path().filename(), "step_000000001");  // nothing half-written stays
  save_checkpoint(folder, example(2, 100000));
  EXPECT_EQ(list_checkpoints(folder).size(), 2u);
}

TEST(Checkpoint, AReadOnlyFolderIsSaid) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const Scratch folder;
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THROW(save_checkpoint(folder, example(1)), SystemError);
  fs::permissions(folder, fs::perms::owner_all);
}

TEST(Forecast, RefusesWhatCannotFit) {
  Forecast forecast;
  forecast.memory_bytes = 8e9;
  forecast.disk_bytes = 2e9;
  EXPECT_NO_THROW(require_room(forecast, 9e9, 3e9, "run"));
  try {
    require_room(forecast, 4e9, 3e9, "run");
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("of memory"));
    EXPECT_THAT(e.next(), testing::HasSubstr("--batch.units"));
  }
  EXPECT_THROW(require_room(forecast, 9e9, 1e9, "run"), SystemError);
}

TEST(Forecast, CostIsALine) {
  const CostLine line = fit_cost({{100, 1.2}, {200, 2.2}, {300, 3.2}});
  EXPECT_NEAR(line.fixed_s, 0.2, 1e-9);
  EXPECT_NEAR(line.at(400), 4.2, 1e-9);
  EXPECT_NEAR(fit_cost({{100, 1.0}, {100, 3.0}}).at(200), 4.0, 1e-9);
  EXPECT_GE(fit_cost({{100, 1.0}, {200, 3.0}}).fixed_s, 0);
}

}  // namespace
}  // namespace timbre::train
