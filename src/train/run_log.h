#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <memory>

#include "base/event.h"
#include "train/recipe.h"
#include "train/tensorboard.h"

namespace timbre::train {

/// What a run leaves for people and tools: events.jsonl (one event a line, with time and step), tb/, samples/. Failing
/// to write any of these is a warning, told once; training and its checkpoints go on.
class RunLog {
 public:
  /// Writes into `run`; lines of steps beyond `from_step` (left by a process that was killed after its last checkpoint)
  /// are dropped. An empty path keeps nothing: other ranks, --dry-run.
  RunLog(std::filesystem::path run, std::int64_t from_step, EventSink screen);
  ~RunLog();

  /// To events.jsonl and to the screen.
  void event(const std::string& kind, std::int64_t step, nlohmann::json data);
  void warn(std::int64_t step, const std::string& text);
  /// One "metric" event and a TensorBoard scalar each, under `prefix`/.
  void metrics(const std::string& prefix, std::int64_t step, const std::map<std::string, double>& values);
  /// Screen only.
  void progress(double done, double total, const std::string& note);
  /// Where a recipe's samples of this step go: samples/step_…/ and TensorBoard. Valid until the next call.
  SampleSink& samples(std::int64_t step);
  /// True when nothing is kept.
  bool mute() const { return run_.empty(); }

 private:
  class Samples;
  void guarded(const std::function<void()>& write);
  std::filesystem::path run_;
  EventSink screen_;
  std::unique_ptr<TensorBoard> board_;
  std::unique_ptr<Samples> samples_;
  bool told_ = false;
};

}  // namespace timbre::train
