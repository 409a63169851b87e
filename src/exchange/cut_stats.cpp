#include "exchange/cut_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/sums.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"

namespace timbre::exchange::lhotse {

namespace {

using Json = CutStats::Json;

/// Samples of 48 kHz, to which lhotse rounds lengths of supervisions before it adds them.
double in_samples(double seconds) { return std::round(to_8_digits(seconds * 48000)); }

double number(const Json& object, const char* field) {
  const auto it = object.find(field);
  if (it == object.end() || !it->is_number()) throw DataError(fmt::format("field '{}': expected a number", field));
  return it->get<double>();
}

/// A list that may be absent.
const Json& list(const Json& object, const char* field) {
  static const Json kNone = Json::array();
  const auto it = object.find(field);
  if (it == object.end() || it->is_null()) return kNone;
  if (!it->is_array()) throw DataError(fmt::format("field '{}': expected a list", field));
  return *it;
}

bool given(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it != object.end() && !it->is_null();
}

struct Segment {
  double start_s, duration_s;
  Json custom;
  double end_s() const { return to_8_digits(start_s + duration_s); }
};

struct CutSpan {
  double duration_s = 0;
  bool recording = false, features = false, padding = false;
  std::vector<Segment> supervisions;
  Json custom;
};

CutSpan simple_cut(const Json& line) {
  CutSpan cut;
  cut.duration_s = number(line, "duration");
  cut.padding = line.value("type", "") == "PaddingCut";
  cut.recording = given(line, cut.padding ? "num_samples" : "recording");
  cut.features = given(line, cut.padding ? "num_frames" : "features");
  if (given(line, "custom")) cut.custom = line["custom"];
  if (cut.padding) return cut;
  for (const Json& s : list(line, "supervisions")) {
    if (!s.is_object()) throw DataError("field 'supervisions': expected objects");
    cut.supervisions.push_back({number(s, "start"), number(s, "duration"), s.value("custom", Json())});
  }
  return cut;
}

/// The tracks that are heard, laid over one another. Recording and features are those of the first that is not padding.
CutSpan mixed_cut(const Json& line) {
  const Json& tracks = list(line, "tracks");
  const bool all_mute = std::all_of(tracks.begin(), tracks.end(), [](const Json& t) { return t.value("mute", false); });
  CutSpan mixed;
  bool none_yet = true;
  for (const Json& track : tracks) {
    if (!given(track, "cut")) throw DataError("field 'tracks': expected objects with a cut");
    if (track.value("mute", false) && !all_mute) continue;
    const double offset_s = given(track, "offset") ? number(track, "offset") : 0;
    CutSpan cut = simple_cut(track["cut"]);
    mixed.duration_s = std::max(mixed.duration_s, offset_s + cut.duration_s);
    if (none_yet || (mixed.padding && !cut.padding))
      mixed.recording = cut.recording, mixed.features = cut.features, mixed.padding = cut.padding;
    none_yet = false;
    for (Segment& s : cut.supervisions) {
      s.start_s = to_8_digits(s.start_s + offset_s);
      mixed.supervisions.push_back(std::move(s));
    }
    if (cut.custom.is_object()) mixed.custom.update(cut.custom);
  }
  if (tracks.empty()) throw DataError("field 'tracks': expected at least one");
  mixed.duration_s = to_8_digits(mixed.duration_s);
  return mixed;
}

/// Seconds in which anybody speaks. Marks before the cut and after it are left out, as the reference does: a
/// supervision that began earlier counts from its end on only.
double speech_s(const CutSpan& cut) {
  struct Mark {
    double at_s;
    int kind;  ///< 0 edge of the cut, 1 an end, 2 a start: of one time in this order
  };
  if (cut.supervisions.empty()) return 0;
  std::vector<Mark> marks = {{0, 0}, {cut.duration_s, 0}};
  for (const Segment& s : cut.supervisions) {
    marks.push_back({s.start_s, 2});
    marks.push_back({s.end_s(), 1});
  }
  std::stable_sort(marks.begin(), marks.end(),
                   [](const Mark& a, const Mark& b) { return a.at_s != b.at_s ? a.at_s < b.at_s : a.kind < b.kind; });
  const auto is_edge = [](const Mark& m) { return m.kind == 0; };
  const auto first = std::find_if(marks.begin(), marks.end(), is_edge);
  const auto last = std::find_if(first + 1, marks.end(), is_edge);
  std::vector<std::pair<double, double>> spoken;
  int speakers = 0;
  double from_s = 0;
  for (auto mark = first + 1; mark <= last; ++mark) {
    if (speakers >= 1 && from_s != mark->at_s) {
      if (!spoken.empty() && spoken.back().second == from_s)
        spoken.back().second = mark->at_s;
      else
        spoken.emplace_back(from_s, mark->at_s);
    }
    if (mark->kind != 0) speakers += mark->kind == 2 ? 1 : -1;
    from_s = mark->at_s;
  }
  double sum = 0;
  for (const auto& [start, end] : spoken) sum += end - start;
  return sum;
}

}  // namespace

void CutStats::count(Counts& counts, const Json& custom) {
  if (!custom.is_object()) return;
  for (const auto& item : custom.items()) {
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == item.key(); });
    if (found == counts.end())
      counts.emplace_back(item.key(), 1);
    else
      ++found->second;
  }
}

void CutStats::add(const Json& line) {
  if (!line.is_object()) throw DataError("expected a cut, an object");
  const std::string type = line.value("type", given(line, "tracks") ? "MixedCut" : "MonoCut");
  if (type != "MonoCut" && type != "MultiCut" && type != "PaddingCut" && type != "MixedCut")
    throw DataError(fmt::format("field 'type': '{}'; expected MonoCut, MultiCut, MixedCut or PaddingCut", type));
  const CutSpan cut = type == "MixedCut" ? mixed_cut(line) : simple_cut(line);
  durations_s_.push_back(cut.duration_s);
  count(cut_custom_, cut.custom);
  recordings_ += cut.recording;
  features_ += cut.features;
  for (const Segment& s : cut.supervisions) {
    ++supervisions_;
    count(supervision_custom_, s.custom);
    const double before_s = std::abs(std::min(0.0, s.start_s)), after_s = std::max(0.0, s.end_s() - cut.duration_s);
    speaking_s_.push_back((in_samples(s.duration_s) + in_samples(-after_s) + in_samples(-before_s)) / 48000);
  }
  speech_s_.push_back(speech_s(cut));
}

CutStats::Counts CutStats::most_common(Counts counts) {
  std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return counts;
}

void CutStats::need_cuts() const {
  if (durations_s_.empty()) throw DataError("no cuts to describe");
}

CutStats::Totals CutStats::totals() const {
  const auto sum = [](const std::vector<double>& v) { return pairwise_sum(v.data(), v.size()); };
  return {sum(durations_s_), sum(speech_s_), sum(speaking_s_)};
}

std::string CutStats::text() const {
  need_cuts();
  std::string text = "Cut statistics:\n" + corpus::describe_table(corpus::describe(durations_s_), recordings_,
                                                                  features_, supervisions_ ? supervisions_ : -1);
  const auto fields = [&](const char* title, const Counts& counts) {
    if (!counts.empty()) text += fmt::format("{} custom fields:\n", title);
    for (const auto& [name, times] : most_common(counts)) text += fmt::format("- {} (in {} cuts)\n", name, times);
  };
  fields("CUT", cut_custom_);
  fields("SUPERVISION", supervision_custom_);
  const Totals total = totals();
  const auto row = [&](const char* what, double seconds) {
    return std::vector<std::string>{fmt::format("Total {} duration", what), corpus::clock_text(seconds),
                                    fmt::format("{:.2f}% of recording", seconds / total.recording_s * 100)};
  };
  return text + "Speech duration statistics:\n" +
         corpus::fancy_grid({row("speech", total.speech_s), row("speaking time", total.speaking_s),
                             row("silence", total.silence_s())});
}

nlohmann::json CutStats::json() const {
  need_cuts();
  const auto fields = [](const Counts& counts) {
    nlohmann::json all = nlohmann::json::object();
    for (const auto& [name, times] : counts) all[name] = times;
    return all;
  };
  const Totals total = totals();
  return {{"duration_s", corpus::to_json(corpus::describe(durations_s_))},
          {"recordings", recordings_},
          {"features", features_},
          {"supervisions", supervisions_},
          {"cut_custom", fields(cut_custom_)},
          {"supervision_custom", fields(supervision_custom_)},
          {"speech_s", total.speech_s},
          {"speaking_s", total.speaking_s},
          {"silence_s", total.silence_s()}};
}

CutStats cut_stats(const std::filesystem::path& manifest) {
  CutStats stats;
  LineReader lines(manifest);
  for (std::string line; lines.next(line);) {
    if (trim(line).empty()) continue;
    const std::string where = fmt::format("{}, line {}", manifest.string(), lines.number());
    const Json cut = parse_json<Json>(line, where);
    try {
      stats.add(cut);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: {}", where, error.what()), error.next());
    } catch (const Json::exception& error) {
      throw DataError(fmt::format("{}: {}", where, error.what()));
    }
  }
  return stats;
}

}  // namespace timbre::exchange::lhotse
