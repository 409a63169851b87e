#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "base/mean.h"
#include "base/threads.h"
#include "exchange/lines.h"
#include "prepare/llasa_recipe.h"
#include "prepare/speaking_rate.h"

/// Stage 1: how fast each clip is spoken.
namespace timbre::prepare {

namespace {

using nlohmann::json;

constexpr std::size_t kPartClips = 256;

/// A line of rates.jsonl before the voice is measured: syllables, or why the clip is left out.
json described(const LlasaClip& clip, const LlasaOptions& options, SyllableCounter& counter) {
  json line = {{"name", clip.name}, {"speaker", clip.speaker}};
  const std::int64_t words = count_words(clip.text);
  if (clip.audio.empty()) {
    line["left_out"] = "no recording in wav/";
  } else if (words < options.min_words) {
    line["left_out"] =
        fmt::format("{} {}, at least {} are asked for", words, words == 1 ? "word" : "words", options.min_words);
  } else {
    try {
      line["syllables"] = counter.count(clip.text, clip.language);
      if (line["syllables"] == 0) line["left_out"] = "no syllable in its caption";
    } catch (const UsageError& problem) {  // a language or a script that nobody here reads
      line["left_out"] = problem.what();
    }
  }
  return line;
}

void measure(const LlasaClip& clip, json& line) {
  if (line.contains("left_out")) return;
  try {
    const double speech_s = voiced_seconds(clip.audio);
    line["speech_s"] = speech_s;
    if (speech_s > 0)
      line["seconds_per_syllable"] = speech_s / line["syllables"].get<double>();
    else
      line["left_out"] = "no voice is heard in it";
  } catch (const DataError& problem) {
    line["left_out"] = problem.what();
  }
}

std::string part_text(const LlasaJob& job, std::span<const LlasaClip> clips, SyllableCounter& counter) {
  std::vector<json> lines;
  for (const LlasaClip& clip : clips) lines.push_back(described(clip, job.options, counter));
  parallel_for(clips.size(), [&](std::size_t i) { measure(clips[i], lines[i]); });
  std::string text;
  for (const json& line : lines) text += line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return text;
}

/// Counts what the lines of rates.jsonl say; the rates of those that have one.
std::vector<double> count(RecipeReport& report, const std::string& text) {
  std::vector<double> rates;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const json line =
        json::parse(text.begin() + static_cast<std::ptrdiff_t>(at), text.begin() + static_cast<std::ptrdiff_t>(end));
    if (line.contains("left_out"))
      report.left_out.push_back({line["name"], line["left_out"]});
    else
      rates.push_back(1 / line.at("seconds_per_syllable").get<double>());
  }
  report.counts["rated"] = rates.size();
  return rates;
}

/// ": 4.12 syllables a second on average (95 % interval 3.80 to 4.44)".
std::string average(const std::vector<double>& rates) {
  if (rates.size() < 2) return "";
  const Mean mean = mean_of(rates);
  return fmt::format(": {:.2f} syllables a second on average (95 % interval {:.2f} to {:.2f})", mean.value,
                     mean.value - mean.half_width, mean.value + mean.half_width);
}

}  // namespace

RecipeReport rate_clips(const LlasaJob& job) {
  RecipeReport report;
  const LlasaSource source = read_llasa_source(job);
  const json made_of = {{"inputs", source.made_of},
                        {"syllables", job.options.syllables},
                        {"language", job.options.language},
                        {"min_words", job.options.min_words}};
  const fs::path parts = job.out() / "rates";
  const DoneMarker done(job.out() / ".llasa.rates.done", made_of), part_marker(parts / "made_of.json", made_of);
  if (done.done() && fs::is_regular_file(job.rates())) {
    report.kept = true;
    count(report, read_file(job.rates()));
    return report;
  }
  if (const std::string stale = done.stale(); !stale.empty()) report.lines.push_back("rates are made anew: " + stale);
  for (const std::string& note : source.notes) report.lines.push_back(note);
  if (!part_marker.done()) fs::remove_all(parts);
  make_folders(parts);
  part_marker.set();
  SyllableCounter counter(syllable_rule(job.options.syllables));
  std::string all;
  for (std::size_t from = 0, part = 0; from < source.clips.size(); from += kPartClips, ++part) {
    const std::span<const LlasaClip> own(source.clips.data() + from, std::min(kPartClips, source.clips.size() - from));
    const fs::path file = parts / fmt::format("{:05}.jsonl", part);
    if (std::error_code absent; !fs::is_regular_file(file, absent)) {
      job.expect_going_on();
      write_file_atomic(file, part_text(job, own, counter));
    }
    all += read_file(file);
    emit_progress(job.events, "rates", static_cast<double>(from + own.size()), static_cast<double>(source.clips.size()),
                  "clips");
  }
  for (const Skipped& s : source.left_out)
    all += json{{"name", s.id}, {"left_out", s.reason}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  write_file_atomic(job.rates(), all);
  done.set();
  fs::remove_all(parts);
  const std::vector<double> rates = count(report, all);
  report.lines.push_back(fmt::format("{} of {} clips have a rate{}", rates.size(),
                                     source.clips.size() + source.left_out.size(), average(rates)));
  return report;
}

}  // namespace timbre::prepare
