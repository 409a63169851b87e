#include "cli/draw.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>

#include "base/log.h"
#include "base/strings.h"

namespace timbre::cli {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string number(double value) {
  return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}", value);
}

/// The first `columns` code points.
std::string clipped(const std::string& text, std::size_t columns) {
  const std::u32string points = to_code_points(text);
  return points.size() <= columns ? text : to_utf8(std::u32string_view(points).substr(0, columns));
}

/// The one bar of this process. Guarded, since log lines come from any thread.
class Drawing {
 public:
  void start(Canvas canvas) {
    const std::scoped_lock lock(mutex_);
    canvas_ = canvas;
    if (canvas_ == Canvas::terminal) log::set_sink(&Drawing::log_line);
  }

  void finish() {
    const std::scoped_lock lock(mutex_);
    end_bar();
    if (canvas_ == Canvas::terminal) log::set_sink(nullptr);
    canvas_ = Canvas::none;
  }

  void progress(const Event& event) {
    const std::scoped_lock lock(mutex_);
    const std::string task = event.data.value("task", "");
    const double done = event.data.value("done", 0.0), total = event.data.value("total", 0.0), now = now_s();
    Task& state = tasks_[task];
    state.pace.reach(done, total, now);
    const bool complete = total > 0 && done >= total;
    if (canvas_ == Canvas::lines) {
      if (state.sparse.due(done, total, now)) put(progress_line(event, state.pace.left_s(), 0) + "\n");
    } else if (canvas_ == Canvas::terminal) {
      if (standing_ && task != standing_task_) end_bar();
      if (!complete && task == standing_task_ && standing_ && now - drawn_s_ < 0.1) return;
      const int columns = terminal_columns();
      put("\r\033[K" + clipped(progress_line(event, state.pace.left_s(), columns >= 70 ? 20 : 0),
                               static_cast<std::size_t>(columns - 1)));
      standing_ = true;
      standing_task_ = task;
      drawn_s_ = now;
      if (complete) end_bar();
    }
    if (complete) tasks_.erase(task);
  }

  static Drawing& instance() {
    static Drawing drawing;
    return drawing;
  }

 private:
  struct Task {
    Pace pace;
    Sparse sparse;
  };

  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }

  void end_bar() {
    if (standing_) put("\n");
    standing_ = false;
  }

  /// A log line takes the bar's row; the bar is drawn again below it with the next event.
  static void log_line(log::Level, std::string_view line) {
    Drawing& self = instance();
    const std::scoped_lock lock(self.mutex_);
    put((self.standing_ ? "\r\033[K" : "") + std::string(line) + "\n");
    self.standing_ = false;
  }

  std::mutex mutex_;
  Canvas canvas_ = Canvas::none;
  std::map<std::string, Task> tasks_;
  bool standing_ = false;
  std::string standing_task_;
  double drawn_s_ = 0;
};

/// {"step": 5, "loss": 0.25} → "step 5  loss 0.25".
std::string words_of(const nlohmann::json& data) {
  if (data.contains("text") && data["text"].is_string()) return data["text"].get<std::string>();
  std::vector<std::string> words;
  if (data.is_object())
    for (const auto& [key, value] : data.items()) {
      if (value.is_number_float()) {
        words.push_back(fmt::format("{} {:.4g}", key, value.get<double>()));
      } else if (value.is_primitive()) {
        words.push_back(key + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
      }
    }
  return join(words, "  ");
}

}  // namespace

Canvas canvas_of_stderr(bool quiet) {
  if (quiet) return Canvas::none;
  return isatty(STDERR_FILENO) != 0 ? Canvas::terminal : Canvas::lines;
}

EventSink make_drawing(Canvas canvas) {
  Drawing::instance().start(canvas);
  return [](const Event& event) {
    if (event.kind == "progress") {
      Drawing::instance().progress(event);
    } else if (event.kind == "warning") {
      log::warn(words_of(event.data));
    } else if (event.kind == "note" || event.kind == "done") {
      log::note(words_of(event.data));
    } else {
      log::detail(event.kind + ": " + words_of(event.data));
    }
  };
}

void finish_drawing() { Drawing::instance().finish(); }

void Pace::reach(double done, double total, double now_s) {
  total_ = total;
  if (first_s_ < 0 ||
      done < done_) {  // begins, or begins again; what a resumed task had done before says nothing of its speed
    first_s_ = last_s_ = now_s;
    first_done_ = done_ = done;
    rate_ = 0;
    return;
  }
  const double step_s = now_s - last_s_;
  if (step_s >= 0.05 && done > done_) {  // gathers until then: the rate of a single fast item would be noise
    const double rate = (done - done_) / step_s;
    const double weight =
        rate_ > 0 ? 1 - std::exp(-step_s / 15) : 1;  // forgets over 15 s, so that a slow start is forgotten
    rate_ += weight * (rate - rate_);
    last_s_ = now_s;
    done_ = done;
  }
}

double Pace::left_s() const {
  if (rate_ <= 0 || total_ <= 0 || last_s_ - first_s_ < 0.5) return -1;
  const double whole = (done_ - first_done_) / (last_s_ - first_s_);
  return std::max(0.0, total_ - done_) / (0.5 * (whole + rate_));
}

bool Sparse::due(double done, double total, double now) {
  const bool start = shown_s_ < -1e8;
  const bool more = now - shown_s_ >= 10 || (total > 0 && done - shown_done_ >= 0.1 * total && now - shown_s_ >= 1);
  if (!start && !more && !(total > 0 && done >= total)) return false;
  shown_s_ = now;
  shown_done_ = done;
  return true;
}

std::string progress_line(const Event& event, double left_s, int bar_columns) {
  const double done = event.data.value("done", 0.0), total = event.data.value("total", 0.0);
  const std::string unit = event.data.value("unit", ""), note = event.data.value("note", "");
  std::string line = event.data.value("task", "");
  const double part = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0;
  if (bar_columns > 0 && total > 0) {
    const int full = static_cast<int>(part * bar_columns);
    line += fmt::format("  [{}{}]", std::string(static_cast<std::size_t>(full), '='),
                        std::string(static_cast<std::size_t>(bar_columns - full), ' '));
  }
  line += "  " + number(done) + (total > 0 ? "/" + number(total) : "") + (unit.empty() ? "" : " " + unit);
  if (total > 0) line += fmt::format("  {:.0f} %", std::floor(100 * part));
  if (left_s >= 0 && done < total) line += "  " + human_seconds(left_s) + " left";
  if (!note.empty()) line += "  " + note;
  return line;
}

}  // namespace timbre::cli
