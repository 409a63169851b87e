#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "corpus/check.h"

/// Does it sound as a voice should learn it?
namespace timbre::corpus {

namespace {

using Test = void (*)(const Utterance&, const ClipFacts&, const CheckOptions&, Hits&);

/// A rule that looks at one readable clip at a time.
Rule clip_rule(const char* name, Severity severity, const char* what, const char* remedy, Test test) {
  return {name, severity, true, what, remedy, [test](const Examined& e, Hits& hits) {
            for (std::size_t i = 0; i < e.facts.size(); ++i)
              if (e.facts[i].readable && e.facts[i].bad_samples == 0)
                test(e.utterances[i], e.facts[i], e.options, hits);
          }};
}

bool is_silent(const ClipFacts& f, const CheckOptions& o) { return f.speech_db < o.silent_db; }

void stereo(const Utterance& u, const ClipFacts& f, const CheckOptions&, Hits& hits) {
  if (f.channels > 1) hits.add(u, fmt::format("{} channels", f.channels), double(f.channels));
}
void low_rate(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (double(f.rate_hz) < o.min_rate_hz) hits.add(u, fmt::format("{} Hz", f.rate_hz), -double(f.rate_hz));
}
void clipped(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  double share = double(f.clipped_samples) / double(f.samples);
  if (share > o.clipped_share)
    hits.add(u, fmt::format("{} samples ({:.2f} %) at the ceiling", f.clipped_samples, share * 100), share);
}
void silent(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (is_silent(f, o))
    hits.add(u, f.peak == 0 ? "digital silence" : fmt::format("loudest parts at {:.0f} dB", f.speech_db), -f.speech_db);
}
void quiet(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (!is_silent(f, o) && f.speech_db < o.quiet_db)
    hits.add(u, fmt::format("speech at {:.0f} dB", f.speech_db), -f.speech_db);
}
void dc_offset(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (std::abs(f.dc_offset) > o.dc_offset) hits.add(u, fmt::format("mean {:+.3f}", f.dc_offset), std::abs(f.dc_offset));
}
void edge_silence(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  double longest = std::max(f.leading_silence_s, f.trailing_silence_s);
  if (!is_silent(f, o) && longest > o.edge_silence_s)
    hits.add(u, fmt::format("{:.2f} s before, {:.2f} s after", f.leading_silence_s, f.trailing_silence_s), longest);
}
void inner_silence(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (!is_silent(f, o) && f.inner_silence_s > o.inner_silence_s)
    hits.add(u, fmt::format("{:.2f} s", f.inner_silence_s), f.inner_silence_s);
}
void too_short(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (f.duration_s() < o.min_duration_s) hits.add(u, fmt::format("{:.3f} s", f.duration_s()), -f.duration_s());
}
void too_long(const Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (f.duration_s() > o.max_duration_s) hits.add(u, fmt::format("{:.1f} s", f.duration_s()), f.duration_s());
}

/// The same samples under two ids: one of the texts is wrong, or a clip counts twice.
void duplicate_audio(const Examined& e, Hits& hits) {
  std::unordered_map<std::uint64_t, std::size_t> first;
  for (std::size_t i = 0; i < e.facts.size(); ++i) {
    if (!e.facts[i].readable || is_silent(e.facts[i], e.options)) continue;
    auto [it, is_new] = first.emplace(e.facts[i].audio_hash, i);
    if (is_new) continue;
    bool same_text = e.utterances[it->second].text == e.utterances[i].text;
    hits.add(e.utterances[i],
             fmt::format("same sound as {}{}", e.utterances[it->second].id, same_text ? "" : ", with another text"),
             same_text ? 0 : 1);
  }
}

}  // namespace

std::vector<Rule> sound_rules() {
  using enum Severity;
  return {
      clip_rule("silent", fatal, "nothing is to be heard", "leave the clips out of the source and import again",
                silent),
      clip_rule("stereo", warning, "several channels; every step mixes them to one",
                "check that both channels hold the same speaker, or import with --audio wav16", stereo),
      clip_rule("low-rate", warning, "sampling rate too low for a clear voice",
                "look for the recordings at a higher rate; --min-rate-hz sets what is enough", low_rate),
      clip_rule("clipped", warning, "the recording is overdriven",
                "record again with less gain, or leave the clips out", clipped),
      clip_rule("quiet", warning, "speech is very quiet",
                "check the level of the source; features of such clips stand apart", quiet),
      clip_rule("dc-offset", warning, "the wave does not lie around zero",
                "run a high-pass filter (20 Hz) over the source", dc_offset),
      clip_rule("edge-silence", warning, "long silence at the start or the end",
                "trim the clips; the voice learns to wait", edge_silence),
      clip_rule("inner-silence", warning, "long silence inside a clip",
                "cut the clips there, or check that the text is whole", inner_silence),
      clip_rule("too-short", warning, "clips too short to learn from", "join them with others, or leave them out",
                too_short),
      clip_rule("too-long", warning, "clips so long that batches and alignment suffer", "cut them at sentence ends",
                too_long),
      {"duplicate-audio", warning, true, "one recording under two ids", "leave all but one out of the source",
       duplicate_audio},
  };
}

}  // namespace timbre::corpus
