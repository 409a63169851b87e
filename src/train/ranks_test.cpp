#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/files.h"
#include "base/log.h"
#include "train/distributed.h"
#include "train/tiny_for_test.h"

namespace timbre::train {
namespace {

constexpr const char* kTask = "TIMBRE_TEST_RANK_TASK";

/// What the ranks of a test do: a JSON object in the environment, with these as defaults.
nlohmann::json defaults() {
  return {{"folder", ""},     {"items", 4},      {"accumulate", 1},    {"norm", false},
          {"shard", "auto"},  {"kind", "adamw"}, {"stop", 0},          {"resume", false},
          {"other_data", -1}, {"killed_in", 0},  {"slow_rank", false}, {"keep_order", true}};
}

constexpr std::int64_t kSteps = 20;

TrainOptions options(const nlohmann::json& task) {
  TrainOptions o = tiny_options();
  o.optim.kind = task.at("kind");
  o.batch.items = task.at("items");
  o.batch.order = "corpus";
  o.batch.shuffle = !task.at("keep_order").get<bool>();
  o.accumulate = task.at("accumulate");
  o.max_steps = kSteps;
  o.optim.eps = 1e-4;  // keeps Adam from enlarging roundings where a gradient is nearly 0
  o.optim.weight_decay = 0.01;
  o.optim.no_decay = {"*.bias"};
  o.optim.clip_norm = 0.05;  // every step is clipped
  o.shard_optimiser = task.at("shard");
  o.log_every_steps = 1;
  return o;
}

/// The tiny recipe, with what a test wants to happen to one rank.
class Wilful : public TinyRecipe {
 public:
  Wilful(nlohmann::json task, int rank)
      : TinyRecipe({.items = task.at("other_data") == rank ? 38 : 40,
                    .dropout = 0.0,
                    .equal_lengths = task.at("norm"),
                    .use_norm = task.at("norm")}),
        task_(std::move(task)),
        rank_(rank) {}
  std::vector<Term> losses(const batch::Batch& batch, const StepInfo& info) override {
    if (info.training && info.step == task_.at("killed_in")) {
      if (rank_ == 1) ::kill(::getpid(), SIGKILL);
      // It computes, and looks at no link.
      if (task_.at("slow_rank").get<bool>()) std::this_thread::sleep_for(std::chrono::seconds(60));
    }
    return TinyRecipe::losses(batch, info);
  }

 private:
  nlohmann::json task_;
  int rank_;
};

Checkpoint last_of(const fs::path& folder) {
  return load_checkpoint(list_checkpoints(folder / "checkpoints").back().second);
}

Outcome run(const nlohmann::json& task) {
  const Ranks ranks;
  Wilful recipe(task, ranks.rank());
  const fs::path folder = task.at("folder").get<std::string>();
  std::optional<Checkpoint> resume;
  if (task.at("resume").get<bool>()) resume = last_of(folder);
  Job job{.recipe = recipe, .options = options(task), .ranks = ranks, .run = folder, .resume = std::move(resume)};
  job.events = [&](const Event& event) {
    if (event.kind == "progress" && event.data.at("done") == task.at("stop").get<double>()) request_stop();
  };
  return train(job);
}

/// Not a test of its own: what each rank of the tests below runs. What it threw is in the file rank_N.
TEST(RanksChild, Train) {
  const char* text = std::getenv(kTask);
  if (!text) GTEST_SKIP() << "started by Ranks.*";
  const nlohmann::json task = nlohmann::json::parse(text);
  try {
    const Outcome outcome = run(task);
    EXPECT_EQ(outcome.step, task.at("stop") > 0 ? task.at("stop").get<std::int64_t>() : kSteps);
  } catch (const Error& problem) {
    write_file_atomic(fs::path(task.at("folder").get<std::string>()) / fmt::format("rank_{}", std::getenv("RANK")),
                      std::string(problem.what()));
    FAIL() << problem.what();
  }
}

/// Starts this program twice as ranks 0 and 1; returns the exit code.
int two_ranks(nlohmann::json task) {
  nlohmann::json all = defaults();
  all.update(task);
  std::error_code ignored;
  fs::create_directories(all.at("folder").get<std::string>(), ignored);
  ::setenv(kTask, all.dump().c_str(), 1);
  ::setenv("TIMBRE_THREADS", "1", 1);
  const int code = launch_ranks(2, {"--gtest_filter=RanksChild.Train"});
  ::unsetenv(kTask);
  return code;
}

void one_rank(nlohmann::json task) {
  nlohmann::json all = defaults();
  all.update(task);
  run(all);
}

/// Largest difference of any weight.
double difference(const fs::path& a, const fs::path& b) {
  const Checkpoint x = last_of(a), y = last_of(b);
  EXPECT_EQ(x.step, kSteps);
  EXPECT_EQ(y.step, kSteps);
  double worst = 0;
  for (const auto& [name, tensor] : x.model) {
    const auto p = tensor.to_f32(), q = y.model.at(name).to_f32();
    for (std::size_t i = 0; i < p.size(); ++i) worst = std::max(worst, static_cast<double>(std::abs(p[i] - q[i])));
  }
  return worst;
}

void expect_same_bits(const fs::path& a, const fs::path& b) {
  const Checkpoint x = last_of(a), y = last_of(b);
  EXPECT_EQ(x.step, y.step);
  for (const auto& [mine, other] :
       {std::pair{&x.model, &y.model}, {&x.optimizer, &y.optimizer}, {&x.average, &y.average}}) {
    ASSERT_EQ(mine->names(), other->names());
    for (const auto& [name, tensor] : *mine) EXPECT_TRUE(weights::same(tensor, other->at(name))) << name;
  }
}

nlohmann::json moments_of(const fs::path& folder) {
  std::istringstream lines(read_file(folder / "events.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (const auto event = nlohmann::json::parse(line); event.at("kind") == "forecast") return event.at("optimiser");
  return {};
}

/// As reported, step by step.
std::vector<double> losses_of(const fs::path& folder) {
  std::vector<double> all;
  std::istringstream lines(read_file(folder / "events.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (const auto event = nlohmann::json::parse(line); event.at("kind") == "metric" && event.at("set") == "train")
      all.push_back(event.at("values").at("loss").get<double>());
  return all;
}

// Bound: the gradients of both are the same sums in another order (relative roundings of about 1e-7 each); 20 Adam
// steps of rate 5e-3 with eps 1e-4 turn those into at most a few 1e-6 of weights of size 1.
constexpr double kBound = 2e-5;

std::string whole_path(const Scratch& folder) { return static_cast<const fs::path&>(folder).string(); }

TEST(Ranks, TwoGiveTheWeightsOfOneWithTheJoinedBatch) {
  const Scratch folder;
  ASSERT_EQ(two_ranks({{"folder", folder / "two"}}), 0);
  one_rank({{"folder", folder / "one"}, {"items", 8}});
  EXPECT_LT(difference(folder / "two", folder / "one"), kBound);
  const auto one = losses_of(folder / "one"), two = losses_of(folder / "two");
  ASSERT_EQ(one.size(), static_cast<std::size_t>(kSteps));
  ASSERT_EQ(two.size(), one.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(two[i], one[i], 1e-5) << i;
}

TEST(Ranks, BatchStatisticsAreThoseOfTheJoinedBatch) {
  const Scratch folder;
  ASSERT_EQ(two_ranks({{"folder", folder / "two"}, {"norm", true}}), 0);
  one_rank({{"folder", folder / "one"}, {"items", 8}, {"norm", true}});
  EXPECT_LT(difference(folder / "two", folder / "one"), kBound);
}

TEST(Ranks, SharedMomentsGiveTheSameBitsWithHalfTheMemory) {
  const Scratch folder;
  for (const char* kind : {"adamw", "eve"}) {
    const std::string name = kind;
    ASSERT_EQ(two_ranks({{"folder", folder / (name + "shared")}, {"kind", kind}}), 0);
    ASSERT_EQ(two_ranks({{"folder", folder / (name + "whole")}, {"kind", kind}, {"shard", "off"}}), 0);
    expect_same_bits(folder / (name + "shared"), folder / (name + "whole"));
    const nlohmann::json shared = moments_of(folder / (name + "shared")), whole = moments_of(folder / (name + "whole"));
    const auto all = whole.at("bytes").get<double>();
    EXPECT_EQ(shared.at("bytes"), all);
    for (const auto& bytes : whole.at("bytes_by_rank")) EXPECT_EQ(bytes, all);
    for (const auto& bytes : shared.at("bytes_by_rank")) EXPECT_LE(bytes.get<double>(), 0.55 * all);
  }
}

TEST(Ranks, GoOnToTheBit) {
  const Scratch folder;
  ASSERT_EQ(two_ranks({{"folder", folder / "whole"}, {"keep_order", false}}), 0);
  ASSERT_EQ(two_ranks({{"folder", folder / "parts"}, {"keep_order", false}, {"stop", 9}}), 0);
  ASSERT_EQ(last_of(folder / "parts").step, 9);
  ASSERT_EQ(two_ranks({{"folder", folder / "parts"}, {"keep_order", false}, {"resume", true}}), 0);
  expect_same_bits(folder / "whole", folder / "parts");
}

/// 40 utterances in batches of 4 are 10 an epoch: step 9 of two ranks is in the middle of the second.
TEST(Ranks, GoOnInAnotherNumberThroughTheSameBatches) {
  const Scratch folder;
  nlohmann::json task{{"folder", folder / "two"}, {"keep_order", false}};
  ASSERT_EQ(two_ranks(task), 0);
  task["folder"] = folder / "two_then_one";
  task["stop"] = 9;
  ASSERT_EQ(two_ranks(task), 0);
  task["stop"] = 13;
  task["resume"] = true;
  one_rank(task);
  EXPECT_EQ(last_of(folder / "two_then_one").step, 13);
  task["stop"] = 0;
  ASSERT_EQ(two_ranks(task), 0);  // and back
  EXPECT_LT(difference(folder / "two", folder / "two_then_one"), kBound);
}

TEST(Ranks, GoOnWhereOneBegan) {
  const Scratch folder;
  nlohmann::json task{{"folder", folder / "one"}, {"keep_order", false}, {"accumulate", 2}};
  one_rank(task);
  task["folder"] = folder / "one_then_two";
  task["stop"] = 9;
  one_rank(task);
  task["stop"] = 0;
  task["resume"] = true;
  ASSERT_EQ(two_ranks(task), 0);
  EXPECT_LT(difference(folder / "one", folder / "one_then_two"), kBound);
}

TEST(Ranks, DifferentDataAreRefusedByBothValues) {
  const Scratch folder;
  EXPECT_NE(two_ranks({{"folder", whole_path(folder)}, {"other_data", 1}}), 0);
  for (const char* rank : {"rank_0", "rank_1"}) {
    const std::string text = read_file(folder / rank);
    EXPECT_NE(text.find("rank 0 has 40 + 6 items"), std::string::npos) << text;
    EXPECT_NE(text.find("rank 1 has 38 + 6 items"), std::string::npos) << text;
  }
  EXPECT_TRUE(list_checkpoints(folder / "checkpoints").empty());
}

TEST(Ranks, ScaledAdamIsNotShared) {
  const Scratch folder;
  ASSERT_EQ(two_ranks({{"folder", folder / "auto"}, {"kind", "scaled_adam"}}), 0);
  EXPECT_EQ(moments_of(folder / "auto").at("shared"), false);
  EXPECT_NE(two_ranks({{"folder", folder / "on"}, {"kind", "scaled_adam"}, {"shard", "on"}}), 0);
  EXPECT_NE(read_file(folder / "on" / "rank_0").find("scaled_adam keeps its state"), std::string::npos);
}

TEST(Ranks, OneRankThatFailsEndsAll) { EXPECT_NE(two_ranks({{"folder", "/proc/no-such-folder"}}), 0); }

std::string warned;

TEST(Ranks, TheLauncherNamesTheRankThatWasKilled) {
  const Scratch folder;
  warned.clear();
  log::set_sink([](log::Level, std::string_view line) { warned += line; });
  const int code = two_ranks({{"folder", whole_path(folder)}, {"killed_in", 12}});
  log::set_sink(nullptr);
  EXPECT_EQ(code, 4);
  EXPECT_NE(warned.find("rank 1 was killed by signal 9"), std::string::npos) << warned;
  EXPECT_EQ(last_of(folder).step, 10);
  // And what was lost is made again to the bit.
  ASSERT_EQ(two_ranks({{"folder", whole_path(folder)}, {"resume", true}}), 0);
  const Scratch other;
  ASSERT_EQ(two_ranks({{"folder", whole_path(other)}}), 0);
  expect_same_bits(folder, other);
}

/// Without a launcher that ends the other: rank 0 must find out alone, in a step that lasts a minute as well.
void expect_rank_0_ends(bool slow_rank, const std::string& says) {
  const Scratch folder;
  nlohmann::json task = defaults();
  task.update({{"folder", whole_path(folder)}, {"killed_in", 12}, {"slow_rank", slow_rank}});
  ::setenv(kTask, task.dump().c_str(), 1);
  ::setenv("WORLD_SIZE", "2", 1);
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  ::setenv("MASTER_PORT", std::to_string(20000 + ::getpid() % 10000).c_str(), 1);
  const fs::path heard = folder / "heard";
  pid_t ranks[2];
  for (int rank = 0; rank < 2; ++rank) {
    ::setenv("RANK", std::to_string(rank).c_str(), 1);
    ranks[rank] = ::fork();
    if (ranks[rank] != 0) continue;
    if (rank == 0 && !std::freopen(heard.c_str(), "w", stderr)) ::_exit(99);
    ::execl("/proc/self/exe", "ranks", "--gtest_filter=RanksChild.Train", nullptr);
    ::_exit(127);
  }
  for (const char* name : {kTask, "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) ::unsetenv(name);
  int status = 0;
  ASSERT_EQ(::waitpid(ranks[1], &status, 0), ranks[1]);
  EXPECT_TRUE(WIFSIGNALED(status));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(::waitpid(ranks[0], &status, 0), ranks[0]);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));  // 1 s; a step lasts 60
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), slow_rank ? 4 : 1);  // 1: the test of the child failed by what was thrown
  const std::string text = slow_rank ? read_file(heard) : read_file(folder / "rank_0");
  EXPECT_NE(text.find(says), std::string::npos) << text;
  EXPECT_EQ(last_of(folder).step, 10);
}

TEST(Ranks, ABrokenLinkNamesTheRankThatIsGone) {
  expect_rank_0_ends(false, "rank 1 is gone: rank 0 cannot go on alone");
}

TEST(Ranks, OneThatComputesLearnsThatAnotherIsGone) {
  expect_rank_0_ends(true, "error: rank 1 is gone: rank 0 cannot go on without it");
}

}  // namespace
}  // namespace timbre::train
