#include "exchange/cut_stats.h"

#include <gmock/gmock.h>

#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "support/golden.h"

namespace timbre::exchange::lhotse {
namespace {

using testing::HasSubstr;

CutStats::Json cut(double duration_s, std::vector<std::pair<double, double>> supervisions) {
  CutStats::Json line = {{"id", "c"}, {"start", 0}, {"duration", duration_s}, {"type", "MonoCut"}};
  line["supervisions"] = CutStats::Json::array();
  for (auto [start, duration] : supervisions)
    line["supervisions"].push_back({{"start", start}, {"duration", duration}});
  return line;
}

TEST(CutStats, TextsAreLhotsesToTheByte) {
  TIMBRE_GOLDEN_OR_SKIP(set, "valle_data");
  for (auto [cuts, text] : {std::pair("statistics_cuts.jsonl", "statistics_describe.txt"),
                            {"statistics_cuts_odd.jsonl", "statistics_odd_describe.txt"},
                            {"tokenized/cuts_train.jsonl.gz", "tokenized/describe_train.txt"},
                            {"tokenized/cuts_dev.jsonl.gz", "tokenized/describe_dev.txt"},
                            {"tokenized/cuts_test.jsonl.gz", "tokenized/describe_test.txt"}})
    EXPECT_EQ(cut_stats(set / cuts).text(), read_file(set / text)) << cuts;
}

TEST(CutStats, OverlapsCountOnceAsSpeechAndTwiceAsSpeaking) {
  CutStats stats;
  stats.add(cut(10, {{0, 4}, {2, 4}, {9, 5}}));
  EXPECT_DOUBLE_EQ(stats.json()["speech_s"], 7);
  EXPECT_DOUBLE_EQ(stats.json()["speaking_s"], 9);
  EXPECT_DOUBLE_EQ(stats.json()["silence_s"], 3);
}

TEST(CutStats, MixesAreAsLongAsTheirLastTrackAndMuteOnesAreNotHeard) {
  CutStats stats;
  CutStats::Json padding = {{"type", "PaddingCut"}, {"duration", 1}, {"num_samples", 24000}, {"num_frames", nullptr}};
  CutStats::Json spoken = cut(2, {{0, 2}}), muted = cut(9, {{0, 9}});
  spoken["features"] = {{"type", "fbank"}};
  stats.add({{"type", "MixedCut"},
             {"tracks",
              {{{"cut", padding}, {"offset", 0}},
               {{"cut", spoken}, {"offset", 1.5}},
               {{"cut", muted}, {"offset", 0}, {"mute", true}}}}});
  EXPECT_DOUBLE_EQ(stats.json()["duration_s"]["total"], 3.5);
  EXPECT_DOUBLE_EQ(stats.json()["speech_s"], 2);
  EXPECT_EQ(stats.json()["features"], 1);
  EXPECT_EQ(stats.json()["recordings"], 0);
}

TEST(CutStats, FaultsNameFileLineAndField) {
  const fs::path path = fs::temp_directory_path() / fmt::format("timbre-cuts-{}.jsonl", ::getpid());
  for (auto [second, said] :
       {std::pair(R"({"duration": "long"})", "line 2: field 'duration': expected a number"),
        {R"([])", "line 2: expected a cut"},
        {R"({"type": "MixedCut", "tracks": []})", "line 2: field 'tracks': expected at least one"},
        {R"({"type": "Photo"})", "line 2: field 'type': 'Photo'; expected MonoCut"},
        {R"({"duration")", "line 2"}}) {
    write_file_atomic(path, cut(1, {}).dump() + "\n" + second + "\n");
    try {
      cut_stats(path);
      ADD_FAILURE() << second;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      EXPECT_THAT(error.what(), HasSubstr(said));
    }
  }
  write_file_atomic(path, "");
  EXPECT_THROW(cut_stats(path).text(), DataError);
  fs::remove(path);
}

}  // namespace
}  // namespace timbre::exchange::lhotse
