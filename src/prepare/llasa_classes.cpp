#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audio/decode.h"
#include "audio/write.h"
#include "audio/wsola.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/threads.h"
#include "exchange/importer.h"
#include "exchange/lines.h"
#include "prepare/llasa_recipe.h"

/// Stage 2: slow, medium and fast clips of each speaker, and copies at another speed where they were asked for.
namespace timbre::prepare {

namespace {

using nlohmann::json;

/// Rates by speaker, in the order of rates.jsonl.
std::map<std::string, std::vector<RatedClip>> read_rates(const fs::path& file) {
  if (std::error_code absent; !fs::is_regular_file(file, absent))
    throw DataError(fmt::format("{}: there is no such file", file.string()), "make it: --stage 1");
  std::map<std::string, std::vector<RatedClip>> speakers;
  exchange::LineReader lines(file);
  for (std::string text; lines.next(text);) {
    const std::string where = fmt::format("{}, line {}", file.string(), lines.number());
    const json line = parse_json(text, where, "make it anew: --stage 1");
    if (line.is_object() && line.contains("left_out")) continue;
    const auto holds = [&](const char* key) { return line.is_object() && line.contains(key) && line[key].is_string(); };
    if (!holds("name") || !holds("speaker") || !line.contains("seconds_per_syllable") ||
        !line["seconds_per_syllable"].is_number())
      throw DataError(fmt::format("{}: expected name, speaker and seconds_per_syllable", where),
                      "make it anew: --stage 1");
    speakers[line["speaker"]].push_back({line["name"], line["seconds_per_syllable"]});
  }
  return speakers;
}

/// A copy to be made.
struct Copy {
  std::string name, of;
  double factor = 1;
};

/// Copies for one class of a speaker that has too few: of the medium clips whose rate is nearest, just over the
/// threshold; of all of them where the options say so. What would have to be stretched too far is not made.
std::vector<Copy> copies_for(const SpeakerSpeeds& speeds, SpeedClass wanted, const LlasaOptions& o) {
  constexpr double kClear = 1.1;  // over the threshold by so much: a copy must not be medium by a syllable
  const bool slow = wanted == SpeedClass::slow;
  const auto& have = slow ? speeds.slow : speeds.fast;
  const auto lacking = o.stretch_all ? static_cast<std::int64_t>(speeds.medium.size())
                                     : o.rules.min_clips - static_cast<std::int64_t>(have.size());
  std::vector<RatedClip> from = speeds.medium;
  std::stable_sort(from.begin(), from.end(), [&](const RatedClip& a, const RatedClip& b) {
    return slow ? a.seconds_per_syllable > b.seconds_per_syllable : a.seconds_per_syllable < b.seconds_per_syllable;
  });
  std::vector<Copy> copies;
  for (const RatedClip& clip : from) {
    if (static_cast<std::int64_t>(copies.size()) >= lacking) break;
    const double target_s = slow ? speeds.slow_s * kClear : speeds.fast_s / kClear;
    const double factor = target_s / clip.seconds_per_syllable;
    if (factor > o.most_stretch || factor < 1 / o.most_stretch) break;  // the others are farther away
    copies.push_back({clip.name + (slow ? "-slow" : "-fast"), clip.name, factor});
  }
  return copies;
}

class Stretcher {
 public:
  Stretcher(const LlasaJob& job, const std::map<std::string, LlasaClip>& clips) : job_(job), clips_(clips) {}

  /// Adds what the speaker lacks to its classes.
  void add_to(SpeakerSpeeds& speeds) {
    for (const SpeedClass wanted : {SpeedClass::slow, SpeedClass::fast}) {
      auto& list = wanted == SpeedClass::slow ? speeds.slow : speeds.fast;
      for (const Copy& copy : copies_for(speeds, wanted, job_.options)) {
        const auto of = std::find_if(speeds.medium.begin(), speeds.medium.end(),
                                     [&](const RatedClip& c) { return c.name == copy.of; });
        list.push_back({copy.name, of->seconds_per_syllable * copy.factor});
        copies_.push_back(copy);
      }
    }
    speeds.why_not = why_not_kept(speeds, job_.options.rules);
  }

  /// Writes the copies of speakers that are kept, and their list.
  json write(const std::vector<SpeakerSpeeds>& kept) {
    std::vector<Copy> wanted;
    for (const Copy& copy : copies_)
      if (std::any_of(kept.begin(), kept.end(),
                      [&](const SpeakerSpeeds& s) { return has(s.slow, copy) || has(s.fast, copy); }))
        wanted.push_back(copy);
    const fs::path folder = job_.out() / "stretched";
    if (!wanted.empty()) make_folders(folder);
    std::vector<std::string> lines(wanted.size());
    double longest = 1, shortest = 1;
    parallel_for(wanted.size(), [&](std::size_t i) {
      const Copy& copy = wanted[i];
      const audio::Clip clip = audio::decode_audio(clips_.at(copy.of).audio);
      const fs::path file = folder / (exchange::make_id(copy.name) + ".wav");
      audio::write_audio(file, audio::stretch(clip.samples_N, clip.rate_hz, copy.factor), clip.rate_hz);
      lines[i] =
          json{{"name", copy.name}, {"of", copy.of}, {"factor", copy.factor}, {"audio", file.string()}}.dump() + "\n";
    });
    std::string text;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      text += lines[i];
      longest = std::max(longest, wanted[i].factor);
      shortest = std::min(shortest, wanted[i].factor);
    }
    write_file_atomic(job_.stretched(), text);
    return {{"copies", wanted.size()}, {"longest", longest}, {"shortest", shortest}};
  }

 private:
  static bool has(const std::vector<RatedClip>& clips, const Copy& copy) {
    return std::any_of(clips.begin(), clips.end(), [&](const RatedClip& c) { return c.name == copy.name; });
  }
  const LlasaJob& job_;
  const std::map<std::string, LlasaClip>& clips_;
  std::vector<Copy> copies_;
};

std::string table(const std::vector<SpeakerSpeeds>& speakers) {
  constexpr std::size_t kShown = 20;
  std::size_t widest = 7;
  for (const SpeakerSpeeds& s : speakers) widest = std::max(widest, s.speaker.size());
  std::string text = fmt::format("{:<{}}  clips  slow  medium  fast  s/syllable  kept\n", "speaker", widest);
  for (std::size_t i = 0; i < std::min(kShown, speakers.size()); ++i) {
    const SpeakerSpeeds& s = speakers[i];
    text +=
        fmt::format("{:<{}}  {:>5}  {:>4}  {:>6}  {:>4}  {:>10.3f}  {}\n", s.speaker, widest, s.clips(), s.slow.size(),
                    s.medium.size(), s.fast.size(), s.median_s(), s.why_not.empty() ? "yes" : "no: " + s.why_not);
  }
  if (speakers.size() > kShown) text += fmt::format("… and {} more (classes.json)\n", speakers.size() - kShown);
  return text;
}

json to_json(const SpeakerSpeeds& s) {
  return {{"clips", s.clips()},       {"slow", s.slow.size()},     {"medium", s.medium.size()},
          {"fast", s.fast.size()},    {"slow_s", s.slow_s},        {"fast_s", s.fast_s},
          {"median_s", s.median_s()}, {"kept", s.why_not.empty()}, {"why_not", s.why_not}};
}

std::vector<std::string> names_of(const std::vector<RatedClip>& clips) {
  std::vector<std::string> names;
  for (const RatedClip& clip : clips) names.push_back(clip.name);
  return names;
}

/// Copies of an earlier run, with their codes.
void remove_copies(const LlasaJob& job) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(job.out() / "stretched", absent))
    fs::remove(job.out() / "vq_codes" / (entry.path().filename().string() + ".npy"), absent);
  fs::remove_all(job.out() / "stretched");
  fs::remove(job.stretched(), absent);
}

/// Lists that timbre did not make are not replaced.
void expect_own(const fs::path& folder, const fs::path& marker) {
  std::error_code absent;
  if (fs::is_directory(folder, absent) && !fs::is_empty(folder) && !fs::exists(marker))
    throw UsageError(fmt::format("{} is there already and was not made here", folder.string()),
                     "--stage 3 takes it as it is; --out another folder, or remove it, makes it anew");
}

}  // namespace

RecipeReport class_clips(const LlasaJob& job) {
  RecipeReport report;
  const LlasaOptions& o = job.options;
  SpeedRules own_rules = o.rules;
  config::Fields rules = fields(own_rules);
  auto rates = read_rates(job.rates());
  const json made_of = {{"inputs", {{"rates.jsonl", hash_file(job.rates())}}},
                        {"rules", config::to_json(rules)},
                        {"stretch", o.stretches() ? json(o.most_stretch) : json(nullptr)},
                        {"stretch_all", o.stretch_all}};
  const fs::path folder = job.out() / "speaker_withDifferent_speed", marker_file = job.out() / ".llasa.classes.done";
  const DoneMarker marker(marker_file, made_of);
  const fs::path document_file = job.out() / "classes.json";
  if (marker.done() && fs::is_regular_file(document_file)) {
    report.kept = true;
    report.counts = parse_json(read_file(document_file), document_file.string());
    return report;
  }
  expect_own(folder, marker_file);
  if (const std::string stale = marker.stale(); !stale.empty())
    report.lines.push_back("classes are made anew: " + stale);
  std::map<std::string, LlasaClip> clips;
  if (o.stretches()) clips = read_llasa_source(job).by_name(job);
  Stretcher stretcher(job, clips);
  std::vector<SpeakerSpeeds> speakers, kept;
  for (const auto& [speaker, own] : rates) {
    SpeakerSpeeds speeds = divide_by_speed(speaker, own, o.rules);
    if (o.stretch_all || (o.stretch && !speeds.why_not.empty())) stretcher.add_to(speeds);
    if (speeds.why_not.empty()) kept.push_back(speeds);
    speakers.push_back(std::move(speeds));
  }
  fs::remove_all(folder);
  remove_copies(job);
  json stretched;
  if (o.stretches()) stretched = stretcher.write(kept);
  json document = {{"speakers", json::object()}, {"kept", kept.size()}};
  for (const SpeakerSpeeds& s : speakers) document["speakers"][s.speaker] = to_json(s);
  if (!stretched.is_null()) document["stretched"] = stretched;
  write_file_atomic(document_file, document.dump(2) + "\n");
  report.lines.push_back(table(speakers));
  if (kept.empty())
    throw DataError(
        fmt::format("none of {} speakers has enough slow and fast clips:\n{}", speakers.size(), table(speakers)),
        "other thresholds (--slow, --fast), each speaker's own (--classes quantiles), or copies at another "
        "speed (--stretch)");
  for (const SpeakerSpeeds& s : kept)
    write_speed_lists(folder, {s.speaker, names_of(s.slow), names_of(s.medium), names_of(s.fast)});
  if (!stretched.is_null() && stretched["copies"] > 0)
    report.lines.push_back(fmt::format("{} copies at another speed, {:.2f} to {:.2f} times as long: {}",
                                       stretched["copies"].get<std::int64_t>(), stretched["shortest"].get<double>(),
                                       stretched["longest"].get<double>(), (job.out() / "stretched").string()));
  report.counts = std::move(document);
  marker.set();
  return report;
}

}  // namespace timbre::prepare
