#include "train/run_log.h"

#include <chrono>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace timbre::train {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Drops what a killed process wrote after the checkpoint the run goes on from, and a half-written last line.
void trim_events(const fs::path& file, std::int64_t from_step) {
  if (!fs::exists(file)) return;
  std::istringstream lines(read_file(file));
  std::string kept, line;
  while (std::getline(lines, line)) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (event.is_discarded() || event.value("step", std::int64_t{0}) > from_step) continue;
    kept += line + "\n";
  }
  write_file_atomic(file, kept);
}

/// A tag as a file name.
std::string file_name(std::string tag) {
  for (char& c : tag)
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 32) c = '_';
  return tag;
}

}  // namespace

class RunLog::Samples : public SampleSink {
 public:
  Samples(RunLog& log, std::int64_t step)
      : log_(log), step_(step), folder_(log.run_ / "samples" / fmt::format("step_{:09}", step)) {}
  void audio(const std::string& tag, std::span<const float> samples_N, std::int64_t rate_hz) override {
    keep(tag + ".wav", wav_bytes(samples_N, rate_hz));
    log_.guarded([&] { log_.board_->audio(tag, samples_N, rate_hz, step_); });
  }
  void image(const std::string& tag, std::span<const unsigned char> png) override {
    keep(tag + ".png", {reinterpret_cast<const char*>(png.data()), png.size()});
    log_.guarded([&] { log_.board_->image(tag, png, step_); });
  }
  void text(const std::string& tag, const std::string& text) override {
    keep(tag + ".txt", text + "\n");
    log_.guarded([&] { log_.board_->text(tag, text, step_); });
  }

 private:
  void keep(const std::string& name, std::string_view bytes) {
    log_.guarded([&] {
      make_folders(folder_);
      write_file_atomic(folder_ / file_name(name), bytes);
    });
  }
  RunLog& log_;
  std::int64_t step_;
  fs::path folder_;
};

RunLog::RunLog(fs::path run, std::int64_t from_step, EventSink screen)
    : run_(std::move(run)), screen_(std::move(screen)) {
  if (mute()) return;
  make_folders(run_);
  trim_events(run_ / "events.jsonl", from_step);
  board_ = std::make_unique<TensorBoard>(run_ / "tb", from_step > 0 ? from_step + 1 : 0);
}

RunLog::~RunLog() {
  if (board_) guarded([&] { board_->flush(); });
}

void RunLog::guarded(const std::function<void()>& write) {
  if (mute()) return;
  try {
    write();
  } catch (const Error& e) {
    if (!told_) log::warn(fmt::format("the run's log is incomplete: {}", e.what()));
    told_ = true;
  }
}

void RunLog::event(const std::string& kind, std::int64_t step, nlohmann::json data) {
  if (!mute()) screen_({kind, data});
  data["kind"] = kind;
  data["step"] = step;
  data["time"] = now_s();
  guarded([&] { append_line(run_ / "events.jsonl", data.dump()); });
}

void RunLog::warn(std::int64_t step, const std::string& text) {
  if (mute()) return;
  log::warn(text);
  nlohmann::json line{{"kind", "warning"}, {"step", step}, {"time", now_s()}, {"text", text}};
  guarded([&] { append_line(run_ / "events.jsonl", line.dump()); });
}

void RunLog::metrics(const std::string& prefix, std::int64_t step, const std::map<std::string, double>& values) {
  nlohmann::json data = nlohmann::json::object();
  for (const auto& [name, value] : values) data[name] = value;
  event("metric", step, {{"set", prefix}, {"values", data}});
  guarded([&] {
    for (const auto& [name, value] : values) board_->scalar(prefix + "/" + name, value, step);
    board_->flush();
  });
}

void RunLog::progress(double done, double total, const std::string& note) {
  if (!mute()) emit_progress(screen_, "train", done, total, "steps", note);
}

SampleSink& RunLog::samples(std::int64_t step) {
  samples_ = std::make_unique<Samples>(*this, step);
  return *samples_;
}

}  // namespace timbre::train
