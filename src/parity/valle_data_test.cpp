#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "corpus/clips.h"
#include "parity/set_for_test.h"

namespace timbre::parity {
namespace {

TEST(ValleDataParity, ReadsLhotsesCodes) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  roles::ParityRun run(folder);
  compute(run);
  for (const char* start : {"cases.safetensors:codes.", "cases.json:/codes/"})
    EXPECT_GT(expect_entries(run, [&](const std::string& entry) { return entry.starts_with(start); }), 0) << start;
}

/// Samplers, neighbours, Python's generator, a padded batch: every entry that set.json asks for, and the shuffled runs
/// of lhotse 1.16, which it does not.
TEST(ValleDataParity, MakesLhotsesBatches) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  roles::ParityRun run(folder);
  compute(run);
  constexpr const char* kAsked[] = {"cases.json:/samplers/", "cases.json:/neighbours/", "cases.json:/python_random",
                                    "cases.json:/batch", "cases.safetensors:batch."};
  const int judged = expect_entries(run, [&](const std::string& entry) {
    return std::any_of(std::begin(kAsked), std::end(kAsked),
                       [&](const char* start) { return entry.starts_with(start); });
  });
  EXPECT_GT(judged, 20);
  testing_support::TempFolder out;
  run.dump(out.path());
  const auto cases = [](const std::filesystem::path& dir) {
    return nlohmann::json::parse(read_file(dir / "cases.json"));
  };
  const auto got = cases(out.path()).at("samplers").at("1.16.0"), want = cases(folder).at("samplers").at("1.16.0");
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(got.at(std::to_string(i)).at("result"), want[i].at("result")) << "run " << i;
}

/// Texts of all three back ends, the file of symbols, rows of texts: every entry.
TEST(ValleDataParity, ReadsTextsAsLifeitengsTokenizer) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  roles::ParityRun run(folder);
  compute(run);
  const int judged = expect_entries(run, [](const std::string& entry) {
    const auto has = [&](const char* part) { return entry.find(part) != std::string::npos; };
    return has(":/text/") || has("collater") || has("symbol");
  });
  EXPECT_GT(judged, 100);
}

}  // namespace
}  // namespace timbre::parity
