#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "align/textgrid.h"

/// From times to frames. Frame f of a spectrogram belongs to the phone whose rounded edges enclose f; an edge is
/// rounded to frames once (audio/timebase.h, ties to even) and shared by both neighbours, so durations always add up.
namespace timbre::prepare {

/// Phones and their durations in frames.
struct FramedPhones {
  std::vector<std::string> phones;
  std::vector<std::int64_t> durations_P;
};

/// The whole clip, silences included: durations add up to `frames`, every phone has at least one (a phone of none takes
/// one from its neighbours, the nearest first). Intervals must follow each other. Throws DataError when there are more
/// phones than frames.
FramedPhones frame_phones(std::span<const align::Interval> intervals, std::int64_t frames, std::int64_t rate_hz,
                          std::int64_t hop_samples);

/// ming024's rule: sil, sp and spn are dropped at both ends and kept inside; each phone lasts round(end) − round(start)
/// frames, which may be none. `start_s` … `end_s` is what is left of the clip.
struct TrimmedPhones {
  FramedPhones framed;
  double start_s = 0, end_s = 0;
};
/// Throws DataError when nothing but silence is left.
TrimmedPhones trim_phones(std::span<const align::Interval> intervals, std::int64_t rate_hz, std::int64_t hop_samples);

/// Takes what the sum of the durations has too much off the last phones that have frames. Edges of a phone are rounded
/// one by one, samples are cut whole, so that a spectrogram without a frame for its last samples may have up to two
/// frames fewer. Throws DataError for more than two, and where frames are left over.
void fit_to_frames(FramedPhones& framed, std::int64_t frames);

/// True for sil, sp, spn and "" (how MFA 2 writes silence).
bool is_silence(const std::string& label);

}  // namespace timbre::prepare
