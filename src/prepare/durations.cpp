#include "prepare/durations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audio/timebase.h"
#include "base/error.h"

namespace timbre::prepare {

bool is_silence(const std::string& label) { return label.empty() || label == "sil" || label == "sp" || label == "spn"; }

FramedPhones frame_phones(std::span<const align::Interval> intervals, std::int64_t frames, std::int64_t rate_hz,
                          std::int64_t hop_samples) {
  const auto count = static_cast<std::int64_t>(intervals.size());
  if (count == 0) throw DataError("the alignment has no intervals");
  if (count > frames)
    throw DataError(fmt::format("{} phones do not fit into {} frames of {} samples", count, frames, hop_samples),
                    "the clip is cut short, or its text is another");
  // edge[i] = where phone i ends. Rising by at least one from the left, then bounded from the right.
  std::vector<std::int64_t> edge(intervals.size());
  for (std::int64_t i = 0, last = 0; i < count; ++i) {
    const auto wanted = audio::seconds_to_frames(intervals[static_cast<std::size_t>(i)].end_s, rate_hz, hop_samples);
    last = edge[static_cast<std::size_t>(i)] = std::max(wanted, last + 1);
  }
  edge.back() = frames;
  for (std::int64_t i = count - 2; i >= 0; --i) {
    auto& e = edge[static_cast<std::size_t>(i)];
    e = std::min(e, edge[static_cast<std::size_t>(i + 1)] - 1);
  }
  FramedPhones out;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    const std::string& label = intervals[i].label;
    out.phones.push_back(!label.empty() ? label : i == 0 || i + 1 == intervals.size() ? "sil" : "sp");
    out.durations_P.push_back(edge[i] - (i ? edge[i - 1] : 0));
  }
  return out;
}

TrimmedPhones trim_phones(std::span<const align::Interval> intervals, std::int64_t rate_hz, std::int64_t hop_samples) {
  std::size_t first = 0, end = intervals.size();
  while (first < end && is_silence(intervals[first].label)) ++first;
  while (end > first && is_silence(intervals[end - 1].label)) --end;
  if (first == end) throw DataError("the alignment holds nothing but silence");
  TrimmedPhones out;
  out.start_s = intervals[first].start_s;
  out.end_s = intervals[end - 1].end_s;
  if (out.start_s >= out.end_s) throw DataError(fmt::format("speech runs from {} s to {} s", out.start_s, out.end_s));
  for (const auto& interval : intervals.subspan(first, end - first)) {
    out.framed.phones.push_back(interval.label.empty() ? "sp" : interval.label);
    out.framed.durations_P.push_back(audio::duration_frames(interval.start_s, interval.end_s, rate_hz, hop_samples));
  }
  return out;
}

void fit_to_frames(FramedPhones& framed, std::int64_t frames) {
  constexpr std::int64_t kRounding = 2;
  auto excess = std::accumulate(framed.durations_P.begin(), framed.durations_P.end(), std::int64_t{0}) - frames;
  if (excess < 0 || excess > kRounding || frames < 1)
    throw DataError(fmt::format("its phones last {} frames, its audio {}", frames + excess, frames),
                    "is the TextGrid that of this clip?");
  for (auto duration = framed.durations_P.rbegin(); excess > 0 && duration != framed.durations_P.rend(); ++duration) {
    const std::int64_t taken = std::min(excess, *duration);
    *duration -= taken;
    excess -= taken;
  }
}

}  // namespace timbre::prepare
