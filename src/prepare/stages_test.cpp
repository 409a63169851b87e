// The built-in stages from end to end on real clips: front end, aligner, features, statistics.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "align/textgrid.h"
#include "audio/decode.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "prepare/export.h"
#include "prepare/run.h"
#include "prepare/toy_stages.h"
#include "support/golden.h"
#include "support/plugins.h"

namespace timbre::prepare {
namespace {

// The clips of golden/aligner as a corpus; with their TextGrids when asked for.
class Clips {
 public:
  Clips(const fs::path& golden, bool with_grids) {
    dir_ = fs::temp_directory_path() / ("timbre_clips_" + std::to_string(::getpid()) + (with_grids ? "_grids" : ""));
    fs::remove_all(dir_);
    corpus::CorpusWriter writer(dir_);
    for (const char* id : {"conf-getpin", "pbx-invalid", "tt-weasels"}) {
      corpus::Utterance u;
      u.id = id;
      const fs::path wav = golden / "clips" / (u.id + ".wav");
      const auto info = audio::probe_audio(wav);
      u.audio = fs::absolute(wav).string();
      u.text = std::string(trim(read_file(golden / "clips" / (u.id + ".lab"))));
      u.speaker = "Allison";
      u.duration_s = info.duration_s;
      u.rate_hz = info.rate_hz;
      u.channels = info.channels;
      if (with_grids) u.extra = {{"textgrid", fs::absolute(golden / "textgrid" / (u.id + ".TextGrid")).string()}};
      writer.add(u);
    }
    writer.finish({{"name", "clips"}});
  }
  ~Clips() { fs::remove_all(dir_); }
  corpus::Corpus open() const { return corpus::Corpus::open(dir_); }
  const fs::path& dir() const { return dir_; }

 private:
  fs::path dir_;
};

std::vector<ColumnRequest> wanted(const nlohmann::json& mel) {
  return {{"aligned_phonemes", {{"front_end", "arpabet:en"}}},
          {"durations"},
          {"mel", mel},
          {"pitch"},
          {"energy"},
          {"statistics"}};
}

void expect_consistent(const fs::path& dir) {
  const auto open = [&](const char* name) { return corpus::Column::open(dir, name); };
  const auto durations = open("durations"), phones = open("aligned_phonemes"), mel = open("mel"), pitch = open("pitch"),
             energy = open("energy");
  for (const auto& id : durations.ids()) {
    const auto durations_P = durations.get(id).to_i64();
    EXPECT_EQ(std::accumulate(durations_P.begin(), durations_P.end(), std::int64_t{0}), mel.get(id).shape.at(0)) << id;
    EXPECT_EQ(corpus::tensor_list(phones.get(id)).size(), durations_P.size()) << id;
    EXPECT_EQ(pitch.get(id).numel(), static_cast<std::int64_t>(durations_P.size())) << id;
    EXPECT_EQ(energy.get(id).numel(), static_cast<std::int64_t>(durations_P.size())) << id;
  }
}

TEST(Stages, TextGridsBecomeColumnsThatFit) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  const Clips clips(golden, true);
  const Report report = run_plan(clips.open(), wanted({{"rate_hz", 16000}}), {}, no_events());
  for (const auto& stage : report.stages) EXPECT_TRUE(stage.skipped.empty()) << stage.stage;
  expect_consistent(clips.dir());
  const auto phones = corpus::tensor_list(corpus::Column::open(clips.dir(), "aligned_phonemes").get("tt-weasels"));
  EXPECT_EQ(phones.front(), "sil");
  EXPECT_EQ(phones.at(1), "W");
  EXPECT_NE(std::find(phones.begin(), phones.end(), "sp"), phones.end());
  const auto pitch = corpus::Column::open(clips.dir(), "statistics").get("pitch").to_f64();
  EXPECT_GT(pitch[2], 150);  // a woman's voice, in Hz
  EXPECT_LT(pitch[2], 260);
}

// Three ways to the same voice: the corpus' mean pitch agrees within 5 %.
TEST(Stages, PitchMethodsAgree) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  const Clips clips(golden, true);
  std::vector<double> means;
  for (const char* method : {"dio", "harvest", "pyin"}) {
    auto columns = wanted({{"rate_hz", 16000}});
    columns[3].settings = {{"method", method}};
    run_plan(clips.open(), columns, {}, no_events());
    means.push_back(corpus::Column::open(clips.dir(), "statistics").get("pitch").to_f64()[2]);
  }
  EXPECT_NE(means[0], means[1]);
  EXPECT_NE(means[0], means[2]);
  EXPECT_NEAR(means[1], means[0], 0.05 * means[0]);
  EXPECT_NEAR(means[2], means[0], 0.05 * means[0]);
}

TEST(Stages, TrimmedAtAnotherRate) {
  TIMBRE_NEED_PLUGIN("soxr");
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  const Clips clips(golden, true);
  run_plan(clips.open(), wanted({{"rate_hz", 22050}, {"edges", "trim"}}), {}, no_events());
  expect_consistent(clips.dir());
  const auto phones = corpus::tensor_list(corpus::Column::open(clips.dir(), "aligned_phonemes").get("tt-weasels"));
  EXPECT_EQ(phones.front(), "W");
  EXPECT_EQ(phones.back(), "M");
  // 0.1 s to 2.94 s at 22,050 Hz and hop 256: round(253.2) − round(8.6).
  EXPECT_EQ(corpus::Column::open(clips.dir(), "mel").get("tt-weasels").shape, (std::vector<std::int64_t>{244, 80}));
}

TEST(Stages, AlignsWithoutTextGridsAndExportsThem) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  const Clips clips(golden, false);
  const Report report = run_plan(clips.open(), wanted({{"rate_hz", 16000}}), {}, no_events());
  for (const auto& stage : report.stages) EXPECT_TRUE(stage.skipped.empty()) << stage.stage;
  expect_consistent(clips.dir());
  const fs::path out = clips.dir() / "grids";
  exchange::Exporters exporters;
  register_column_exporters(exporters);
  const exchange::ExportRequest request{.corpus = clips.dir(), .out = out};
  EXPECT_EQ(exchange::export_corpus(exporters.make("textgrid"), request, no_events()).utterances, 3);
  const auto grid = align::read_textgrid(out / "Allison" / "conf-getpin.TextGrid");
  const auto* words = grid.find("words");
  ASSERT_NE(words, nullptr);
  std::vector<std::string> said;
  for (const auto& x : words->intervals)
    if (!x.label.empty()) said.push_back(ascii_lower(x.label));
  EXPECT_THAT(said, testing::ElementsAre("please", "enter", "the", "conference", "pin", "number"));
  EXPECT_DOUBLE_EQ(words->intervals.back().end_s, 2.38775);
  // Ten seconds of speech teach an aligner too little to judge its times; hmm_test.cpp does that on planted boundaries,
  // tests/prepare/aligner_accuracy.py on the corpus these clips come from.
}

// A corpus of one clip of a second, with a TextGrid of these phones; its alignment, or why there is none.
struct GridResult {
  std::vector<std::string> labels;
  std::vector<double> ends_s;
  std::string skipped;
};
GridResult align_by_grid(std::vector<align::Interval> phones, double end_s) {
  const fs::path dir = fs::temp_directory_path() / ("timbre_grid_" + std::to_string(::getpid()));
  fs::remove_all(dir);
  {
    corpus::CorpusWriter writer(dir);
    corpus::Utterance u{.id = "c", .audio = "c.wav", .text = "a b", .duration_s = 1.0, .rate_hz = 16000};
    u.extra = {{"textgrid", "c.TextGrid"}};
    align::TextGrid grid{.start_s = 0, .end_s = end_s};
    grid.tiers.push_back({.name = "phones", .start_s = 0, .end_s = end_s, .intervals = std::move(phones)});
    align::write_textgrid(writer.staging() / "c.TextGrid", grid);
    writer.add(u);
    writer.finish({{"name", "grid"}});
  }
  GridResult result;
  const Report report = run_plan(corpus::Corpus::open(dir), {{"alignment", {{"source", "textgrid"}}}}, {}, no_events());
  for (const auto& skipped : report.stages.back().skipped) result.skipped = skipped.reason;
  if (result.skipped.empty()) {
    result.labels = corpus::tensor_list(corpus::Column::open(dir, "alignment_phones").get("c"));
    const auto times = corpus::Column::open(dir, "alignment").get("c").to_f64();
    for (std::size_t i = 1; i < times.size(); i += 3) result.ends_s.push_back(times[i]);
    EXPECT_TRUE(std::isnan(corpus::Column::open(dir, "confidence").get("c").to_f64()[0]));
  }
  fs::remove_all(dir);
  return result;
}

TEST(Stages, TextGridsEndWithTheirClip) {
  const auto expect = [](const GridResult& got, std::vector<std::string> labels, std::vector<double> ends_s) {
    EXPECT_EQ(got.skipped, "");
    EXPECT_EQ(got.labels, labels);
    EXPECT_EQ(got.ends_s, ends_s);
  };
  // Up to two frame shifts belong to the last interval, more is silence.
  expect(align_by_grid({{0, 0.5, "a"}, {0.5, 0.99, "b"}}, 0.99), {"a", "b"}, {0.5, 1.0});
  expect(align_by_grid({{0, 0.5, "a"}, {0.5, 0.9, "b"}}, 0.9), {"a", "b", "sil"}, {0.5, 0.9, 1.0});
  // MFA 2 writes silence as "", at the ends and inside.
  expect(align_by_grid({{0, 0.1, ""}, {0.1, 0.5, "a"}, {0.5, 0.7, ""}, {0.7, 0.9, "b"}, {0.9, 1, ""}}, 1),
         {"sil", "a", "sp", "b", "sil"}, {0.1, 0.5, 0.7, 0.9, 1.0});
  // Silence beyond the clip is cut, a phone a little beyond it as well; one far beyond it is of another clip.
  expect(align_by_grid({{0, 0.5, "a"}, {0.5, 0.9, "b"}, {0.9, 3, ""}}, 3), {"a", "b", "sil"}, {0.5, 0.9, 1.0});
  expect(align_by_grid({{0, 0.5, "a"}, {0.5, 1.0, "b"}, {1.0, 3, "sil"}}, 3), {"a", "b"}, {0.5, 1.0});
  expect(align_by_grid({{0, 0.5, "a"}, {0.5, 1.05, "b"}}, 1.05), {"a", "b"}, {0.5, 1.0});
  EXPECT_THAT(align_by_grid({{0, 0.5, "a"}, {0.5, 2.0, "b"}}, 2).skipped,
              testing::HasSubstr("c.TextGrid: the phone \"b\" ends at 2.000 s, the clip at 1.000 s"));
}

TEST(Stages, VanishedClipsAreSkippedByName) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  const Clips clips(golden, true);
  std::string manifest = read_file(clips.dir() / "manifest.jsonl");
  manifest.replace(manifest.find("pbx-invalid.wav"), 15, "pbx-missing.wav");
  write_file_atomic(clips.dir() / "manifest.jsonl", manifest);
  const Report report = run_plan(clips.open(), {{"mel", {{"rate_hz", 16000}}}}, {}, no_events());
  ASSERT_EQ(report.stages.at(0).skipped.size(), 1u);
  EXPECT_EQ(report.stages[0].skipped[0].id, "pbx-invalid");
  EXPECT_THAT(report.stages[0].skipped[0].reason, testing::HasSubstr("pbx-missing.wav"));
  EXPECT_EQ(report.stages[0].made, 2);
}

}  // namespace
}  // namespace timbre::prepare
