#include "prepare/speed_classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::prepare {

namespace {

std::vector<double> sorted_rates(const std::vector<RatedClip>& clips) {
  std::vector<double> rates;
  for (const RatedClip& clip : clips) rates.push_back(clip.seconds_per_syllable);
  std::sort(rates.begin(), rates.end());
  return rates;
}

/// Between the two values around place share · (n − 1), as numpy.quantile.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(place));
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - static_cast<double>(low));
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + ".wav\n";
  return text;
}

std::vector<std::string> read_list(const fs::path& file) {
  if (std::error_code absent; !fs::is_regular_file(file, absent))
    throw DataError(
        fmt::format("{}: there is no such list; a speaker has slow.txt, medium.txt and fast.txt", file.string()),
        "make the lists anew: --stage 2");
  std::vector<std::string> names;
  for (const std::string& raw : split(read_file(file), '\n')) {
    const std::string line(trim(raw));
    if (!line.empty()) names.push_back(line.substr(0, line.find(".wav")));
  }
  return names;
}

}  // namespace

config::Fields fields(SpeedRules& o) {
  config::Fields f;
  f.add("classes", o.classes,
        "what is slow and fast: by thresholds for everybody, or by quantiles of each speaker's own clips")
      .choices({"thresholds", "quantiles"});
  f.add("slow", o.slow_s, "thresholds: slow is more voice than this for a syllable").range(0.01, 10).metavar("SECONDS");
  f.add("fast", o.fast_s, "thresholds: fast is less").range(0.01, 10).metavar("SECONDS");
  f.add("slow_share", o.slow_share, "quantiles: this part of a speaker's clips is slow").range(0, 0.5);
  f.add("fast_share", o.fast_share, "quantiles: this part is fast").range(0, 0.5);
  f.add("min_clips", o.min_clips, "a speaker is kept with so many slow clips and so many fast ones")
      .range(1, 1e6)
      .metavar("N");
  return f;
}

std::vector<std::string> problems(const SpeedRules& rules) {
  if (rules.classes == "thresholds" && rules.fast_s >= rules.slow_s)
    return {fmt::format("--fast {} is not below --slow {}: both are seconds of voice for a syllable", rules.fast_s,
                        rules.slow_s)};
  return {};
}

SpeedClass classify(double seconds_per_syllable, double slow_s, double fast_s) {
  if (seconds_per_syllable > slow_s) return SpeedClass::slow;
  return seconds_per_syllable < fast_s ? SpeedClass::fast : SpeedClass::medium;
}

double SpeakerSpeeds::median_s() const {
  std::vector<RatedClip> all = slow;
  all.insert(all.end(), medium.begin(), medium.end());
  all.insert(all.end(), fast.begin(), fast.end());
  return all.empty() ? 0 : quantile(sorted_rates(all), 0.5);
}

SpeakerSpeeds divide_by_speed(const std::string& speaker, const std::vector<RatedClip>& clips,
                              const SpeedRules& rules) {
  SpeakerSpeeds speeds;
  speeds.speaker = speaker;
  speeds.slow_s = rules.slow_s;
  speeds.fast_s = rules.fast_s;
  if (rules.classes == "quantiles" && !clips.empty()) {
    const std::vector<double> rates = sorted_rates(clips);
    speeds.slow_s = quantile(rates, 1 - rules.slow_share);
    speeds.fast_s = quantile(rates, rules.fast_share);
  }
  for (const RatedClip& clip : clips) {
    const SpeedClass of = classify(clip.seconds_per_syllable, speeds.slow_s, speeds.fast_s);
    (of == SpeedClass::slow ? speeds.slow : of == SpeedClass::fast ? speeds.fast : speeds.medium).push_back(clip);
  }
  speeds.why_not = why_not_kept(speeds, rules);
  return speeds;
}

std::string why_not_kept(const SpeakerSpeeds& speeds, const SpeedRules& rules) {
  const auto lacking = [&](const std::vector<RatedClip>& clips, const char* name) {
    if (static_cast<std::int64_t>(clips.size()) >= rules.min_clips) return std::string();
    return fmt::format("{} {}", clips.size(), name);
  };
  const std::string slow = lacking(speeds.slow, "slow"), fast = lacking(speeds.fast, "fast");
  if (slow.empty() && fast.empty()) return {};
  return fmt::format("{}{}{}, at least {} are asked for", slow, !slow.empty() && !fast.empty() ? " and " : "", fast,
                     rules.min_clips);
}

std::string speaker_in_name(const std::string& name) { return name.substr(0, name.find('_')); }

void write_speed_lists(const fs::path& folder, const SpeedLists& lists) {
  const bool usable = !lists.speaker.empty() && lists.speaker != "." && is_safe_relative(lists.speaker) &&
                      lists.speaker.find('/') == std::string::npos;
  if (!usable)
    throw DataError(fmt::format("a speaker called '{}' cannot have a folder of that name", lists.speaker),
                    "name the speakers otherwise in the source");
  const fs::path own = folder / lists.speaker;
  make_folders(own);
  write_file_atomic(own / "slow.txt", list_text(lists.slow));
  write_file_atomic(own / "fast.txt", list_text(lists.fast));
  write_file_atomic(own / "medium.txt", list_text(lists.medium));
}

std::vector<SpeedLists> read_speed_lists(const fs::path& folder) {
  std::vector<SpeedLists> all;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (!entry.is_directory()) continue;
    const fs::path& own = entry.path();
    all.push_back({own.filename().string(), read_list(own / "slow.txt"), read_list(own / "medium.txt"),
                   read_list(own / "fast.txt")});
  }
  if (all.empty())
    throw DataError(fmt::format("{}: no speakers' folders with slow.txt, medium.txt, fast.txt", folder.string()),
                    "make them: --stage 2");
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.speaker < b.speaker; });
  return all;
}

}  // namespace timbre::prepare
