#pragma once
#include <nlohmann/json.hpp>

#include <functional>
#include <string>

/// Progress is data: train, prepare and score emit events; the command line draws them, a run folder keeps
/// them as JSON lines, a later server streams them.
namespace timbre {

struct Event {
  /// "progress" {task, done, total, unit, note}, "metric" {…}, "warning" {text}, "note" {text}, "done" {…} …
  std::string kind;
  nlohmann::json data;
};

/// Called from one thread at a time.
using EventSink = std::function<void(const Event&)>;

/// A sink that drops everything.
EventSink no_events();

inline void emit_progress(const EventSink& sink, const std::string& task, double done, double total,
                          const std::string& unit = "", const std::string& note = "") {
  sink({"progress", {{"task", task}, {"done", done}, {"total", total}, {"unit", unit}, {"note", note}}});
}

}  // namespace timbre
