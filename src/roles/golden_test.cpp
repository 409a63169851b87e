#include "roles/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "weights/npy.h"
#include "weights/safetensors.h"

namespace timbre::roles {
namespace {

using nlohmann::json;
using weights::Tensor;

TEST(GlobMatch, ReadsPatternsAsPythonDoes) {
  EXPECT_TRUE(glob_match("cases.safetensors:*.in.*", "cases.safetensors:a.gt.in.texts"));
  EXPECT_TRUE(glob_match("data/*/mel/*", "data/x/y/mel/z.npy:-"));
  EXPECT_TRUE(glob_match("?.gt.grad_norm", "a.gt.grad_norm"));
  EXPECT_TRUE(glob_match("lr/[hwa]*", "lr/warm"));
  EXPECT_FALSE(glob_match("lr/[hwa]*", "lr/step"));
  EXPECT_TRUE(glob_match("x[!a-c]", "xd"));
  EXPECT_FALSE(glob_match("x[!a-c]", "xb"));
  EXPECT_TRUE(glob_match("a*b*c", "a1b2b3c"));
  EXPECT_FALSE(glob_match("a*b*c", "a1b2b3"));
  EXPECT_FALSE(glob_match("", "x"));
  EXPECT_TRUE(glob_match("[x", "[x"));
}

Numbers numbers(std::vector<double> values) { return {{static_cast<std::int64_t>(values.size())}, std::move(values)}; }

TEST(JudgeNumbers, AddsAbsoluteAndRelativeBounds) {
  const Bound bound{.abs = 0.1, .rel = 0.01};
  EXPECT_EQ(judge_numbers("x", numbers({10.19, 0}), numbers({10, 0}), bound).status, "ok");
  const ParityRow row = judge_numbers("x", numbers({10, 0.21}), numbers({10, 0}), bound);
  EXPECT_EQ(row.status, "out");
  EXPECT_NEAR(row.error, 0.21, 1e-12);
  EXPECT_EQ(row.text.substr(0, 3), "[1]");
}

TEST(JudgeNumbers, CountsTiesAndShares) {
  EXPECT_EQ(judge_numbers("x", numbers({1, 2, 3}), numbers({1, 2, 4}), {.exact = true}).status, "out");
  EXPECT_EQ(judge_numbers("x", numbers({1, 2, 3}), numbers({1, 2, 4}), {.exact = true, .ties = 1}).status, "ok");
  EXPECT_EQ(judge_numbers("x", numbers({1, 2, 9, 4}), numbers({1, 2, 3, 4}), {.abs = 0.1, .share = 0.75}).status, "ok");
  EXPECT_EQ(judge_numbers("x", numbers({1, 2, 9, 9}), numbers({1, 2, 3, 4}), {.abs = 0.1, .share = 0.75}).status,
            "out");
}

TEST(JudgeNumbers, KeepsNanAndInfinityInTheirPlaces) {
  const double nan = std::nan(""), inf = INFINITY;
  EXPECT_EQ(judge_numbers("x", numbers({nan, inf}), numbers({nan, inf}), {.abs = 1}).status, "ok");
  EXPECT_EQ(judge_numbers("x", numbers({0, inf}), numbers({nan, inf}), {.abs = 1}).status, "out");
  EXPECT_EQ(judge_numbers("x", numbers({nan}), numbers({0}), {.abs = 1}).status, "out");
  EXPECT_EQ(judge_numbers("x", numbers({nan}), numbers({0}), {.exact = true}).status, "out");
  EXPECT_EQ(judge_numbers("x", numbers({-inf}), numbers({inf}), {.abs = 1}).status, "out");
}

TEST(NumbersOf, TakesRectangularListsOnly) {
  EXPECT_EQ(numbers_of(json::parse("[[1,2],[3,4]]"))->shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(numbers_of(json(true))->values, std::vector<double>{1});
  EXPECT_FALSE(numbers_of(json::parse("[[1,2],[3]]")));
  EXPECT_FALSE(numbers_of(json::parse("[1,\"a\"]")));
  EXPECT_FALSE(numbers_of(json::parse("[1,[2]]")));
  EXPECT_EQ(numbers_of(json::parse("[]"))->shape, std::vector<std::int64_t>{0});
}

class ParityRunTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre_golden_" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    make_folders(dir_ / "set/arrays");
    write("set/set.json", R"({"set": "twice", "inputs": ["t.safetensors:in", "c.json:/given", "*.txt:-"],
      "bounds": [{"match": "t.safetensors:out", "abs": 0.01}, {"match": "c.json:/list/*/double", "exact": true},
                 {"match": "arrays/*", "exact": true}, {"match": "text.bytes:-", "exact": true}],
      "unreachable": [{"match": "c.json:/list/1/*", "why": "nobody knows"}]})");
    weights::TensorMap map;
    map.insert("in", Tensor::of<float>({2}, {1, 2}));
    map.insert("out", Tensor::of<float>({2}, {2, 4}));
    weights::write_safetensors(dir_ / "set/t.safetensors", map);
    weights::write_npy(dir_ / "set/arrays/a.npy", Tensor::of<std::int64_t>({2}, {5, 6}));
    write("set/c.json", R"({"given": 3, "list": [{"double": 6}, {"double": 0}]})");
    write("set/text.bytes", "abc");
    write("set/README.md", "ignored");
  }
  void TearDown() override { fs::remove_all(dir_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  fs::path dir_;
};

TEST_F(ParityRunTest, RefusesToReadOutputs) {
  const ParityRun run(dir_ / "set");
  EXPECT_EQ(run.input("t.safetensors", "in").to_f32(), (std::vector<float>{1, 2}));
  EXPECT_THROW(run.input("t.safetensors", "out"), std::logic_error);
  EXPECT_THROW(run.input("arrays/a.npy", "-"), std::logic_error);
  EXPECT_THROW(run.input_path("text.bytes"), std::logic_error);
  EXPECT_EQ(run.input_json("c.json", "/given"), 3);
  EXPECT_THROW(run.input_json("c.json", "/list/0/double"), std::logic_error);
  EXPECT_THROW(run.input("t.safetensors", "none"), DataError);
}

TEST_F(ParityRunTest, JudgesWhatWasPutAndNamesWhatIsMissing) {
  ParityRun run(dir_ / "set");
  run.put("t.safetensors", "out", Tensor::of<float>({2}, {2, 4.02f}));
  run.put_json("c.json", "/list/0/double", 6);
  run.put_bytes("text.bytes", "abc");
  run.skip("arrays/*", "no time");
  std::map<std::string, std::string> status, text;
  for (const auto& row : run.judge()) {
    status[row.entry] = row.status;
    text[row.entry] = row.text;
  }
  EXPECT_EQ(status, (std::map<std::string, std::string>{{"t.safetensors:out", "out"},
                                                        {"c.json:/list/0/double", "ok"},
                                                        {"text.bytes:-", "ok"},
                                                        {"arrays/a.npy:-", "skipped"}}));
  EXPECT_EQ(text["arrays/a.npy:-"], "no time");
}

TEST_F(ParityRunTest, DumpsUnderTheSameNames) {
  ParityRun run(dir_ / "set");
  run.put("t.safetensors", "out", Tensor::of<float>({2}, {2, 4}));
  run.put("arrays/a.npy", "-", Tensor::of<std::int64_t>({2}, {5, 6}));
  run.put_json("c.json", "/list/0/double", 6);
  run.put_bytes("text.bytes", "abc");
  run.dump(dir_ / "out");
  EXPECT_EQ(weights::read_safetensors(dir_ / "out/t.safetensors").at("out").to_f32(), (std::vector<float>{2, 4}));
  EXPECT_EQ(weights::read_npy(dir_ / "out/arrays/a.npy").to_i64(), (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(json::parse(read_file(dir_ / "out/c.json")), json::parse(R"({"list": {"0": {"double": 6}}})"));
  EXPECT_EQ(read_file(dir_ / "out/text.bytes"), "abc");
}

TEST_F(ParityRunTest, NamesAFolderThatIsNoSet) {
  try {
    ParityRun run(dir_);
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find("no set.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace timbre::roles
