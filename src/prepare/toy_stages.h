#pragma once
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "corpus/corpus.h"
#include "prepare/stage.h"

/// A corpus of texts and three stages for the tests of the planner and the runner.
namespace timbre::prepare::testing_support {

/// Removed at the end of the test.
class ToyCorpus {
 public:
  explicit ToyCorpus(int utterances) {
    static std::atomic<int> number{0};
    dir_ = fs::temp_directory_path() / ("timbre_toy_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    fs::remove_all(dir_);
    corpus::CorpusWriter writer(dir_);
    for (int i = 0; i < utterances; ++i) {
      corpus::Utterance u;
      u.id = "u" + std::to_string(i);
      u.audio = "audio/" + u.id + ".wav";
      u.text = std::string(static_cast<std::size_t>(i % 7 + 1), 'x');
      u.duration_s = 1;
      u.rate_hz = 16000;
      u.channels = 1;
      writer.add(u);
    }
    writer.finish({{"name", "toy"}});
  }
  ~ToyCorpus() { fs::remove_all(dir_); }
  corpus::Corpus open() const { return corpus::Corpus::open(dir_); }
  const fs::path& dir() const { return dir_; }

 private:
  fs::path dir_;
};

struct LengthSettings {
  std::int64_t times = 1;
};
inline config::Fields fields(LengthSettings& s) {
  config::Fields f;
  f.add("times", s.times, "factor").range(1, 100);
  return f;
}
struct NoSettings {};
inline config::Fields fields(NoSettings&) { return {}; }

/// Counts calls, so that tests see what was made and what was kept.
struct Calls {
  std::atomic<int> length{0}, twice{0}, total{0};
  std::atomic<bool>* stop_after_first = nullptr;
};

inline weights::Tensor number(double value) { return weights::Tensor::of<double>({1}, {value}); }

/// length: characters of the text × times, texts of 7 are skipped; twice: needs length; total: needs twice of all.
inline Stages toy_stages(Calls& calls) {
  Stages stages;
  stages.add({.name = "length",
              .summary = "",
              .makes = {"length"},
              .settings = [] { return settings_of_struct<LengthSettings>(fields); },
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{}; },
              .rows = [&calls](const StageJob& job) -> MakeRow {
                const auto times = options_from<LengthSettings>(job.settings, fields, "length").times;
                return [&calls, times](const corpus::Utterance& u) -> RowResult {
                  ++calls.length;
                  if (calls.stop_after_first) *calls.stop_after_first = true;
                  if (u.text.size() == 7) throw DataError("seven is too many");
                  return Row{{"length", number(static_cast<double>(u.text.size()) * static_cast<double>(times))}};
                };
              },
              .all = {}});
  stages.add({.name = "twice",
              .summary = "",
              .makes = {"twice"},
              .settings = [] { return settings_of_struct<NoSettings>(fields); },
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{"length"}; },
              .rows = [&calls](const StageJob& job) -> MakeRow {
                return [&calls, &job](const corpus::Utterance& u) -> RowResult {
                  ++calls.twice;
                  return Row{{"twice", number(2 * job.read("length", u.id).value().to_f64().at(0))}};
                };
              },
              .all = {}});
  stages.add({.name = "total",
              .summary = "",
              .makes = {"total"},
              .settings = [] { return settings_of_struct<NoSettings>(fields); },
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{"twice"}; },
              .rows = {},
              .whole_corpus = true,
              .all =
                  [&calls](const StageJob& job) {
                    ++calls.total;
                    double sum = 0;
                    for (const auto& u : job.corpus.utterances())
                      if (const auto value = job.read("twice", u.id)) sum += value->to_f64().at(0);
                    return std::map<std::string, Row>{{"all", Row{{"total", number(sum)}}}};
                  }});
  return stages;
}

}  // namespace timbre::prepare::testing_support
