#pragma once
#include <string>

#include "base/event.h"

/// Progress for people, on stderr: one bar that is redrawn on a terminal, sparse plain lines anywhere else.
namespace timbre::cli {

enum class Canvas { none, lines, terminal };

/// What stderr is, unless -q.
Canvas canvas_of_stderr(bool quiet);

/// A sink that draws events. While a bar stands, log lines are put above it. One at a time in a process.
EventSink make_drawing(Canvas canvas);

/// Ends a standing bar with a newline and gives log its own stderr back; before the process ends or an error is shown.
void finish_drawing();

/// One task's progress and the time that is left, from the speed of the last part of the way.
class Pace {
 public:
  /// Tells that `done` of `total` was reached at `now_s` (any monotonic clock).
  void reach(double done, double total, double now_s);
  /// Seconds to the end, negative while unknown.
  double left_s() const;

 private:
  double first_s_ = -1, last_s_ = 0, first_done_ = 0, done_ = 0, total_ = 0, rate_ = 0;
};

/// When a log gets its next line: at the start, the end, and after 10 s or (not within 1 s) 10 % more.
class Sparse {
 public:
  bool due(double done, double total, double now_s);

 private:
  double shown_s_ = -1e9, shown_done_ = 0;
};

/// "pitch  312/568 clips  55 %  1 min 12 s left  note"; the bar stands between task and counts when `width` > 0.
std::string progress_line(const Event& event, double left_s, int bar_columns);

}  // namespace timbre::cli
