#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "corpus/stats.h"
#include "doctor/check.h"

/// Does it sound as a voice should learn it?
namespace timbre::doctor {

namespace {

using Test = void (*)(const corpus::Utterance&, const ClipFacts&, const CheckOptions&, Hits&);

/// A rule that looks at one readable clip at a time.
Rule clip_rule(const char* name, Severity severity, const char* what, const char* remedy, Cure cure, Test test) {
  return {name, severity, true, what, remedy, cure, [test](const Examined& e, Hits& hits) {
            for (std::size_t i = 0; i < e.facts.size(); ++i)
              if (e.facts[i].readable && e.facts[i].bad_samples == 0)
                test(e.utterances[i], e.facts[i], e.options, hits);
          }};
}

bool is_silent(const ClipFacts& f, const CheckOptions& o) { return f.speech_db < o.silent_db; }

void stereo(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions&, Hits& hits) {
  if (f.channels > 1) hits.add(u, fmt::format("{} channels", f.channels), double(f.channels));
}
void low_rate(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (double(f.rate_hz) < o.min_rate_hz) hits.add(u, fmt::format("{} Hz", f.rate_hz), -double(f.rate_hz));
}
void clipped(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  double share = double(f.clipped_samples) / double(f.samples);
  if (share > o.clipped_share)
    hits.add(u, fmt::format("{} samples ({:.2f} %) at the ceiling", f.clipped_samples, share * 100), share);
}
void silent(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (is_silent(f, o))
    hits.add(u, f.peak == 0 ? "digital silence" : fmt::format("loudest parts at {:.0f} dB", f.speech_db), -f.speech_db);
}
void quiet(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (!is_silent(f, o) && f.speech_db < o.quiet_db)
    hits.add(u, fmt::format("speech at {:.0f} dB", f.speech_db), -f.speech_db);
}
void dc_offset(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  constexpr double kShortest_s = 0.2;  // over less, a voice's own period has a mean
  if (f.duration_s() < kShortest_s) return;
  if (std::abs(f.dc_offset) > o.dc_offset) hits.add(u, fmt::format("mean {:+.3f}", f.dc_offset), std::abs(f.dc_offset));
}
void hum(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  const double beside_db = f.hum_db - f.speech_db;
  if (f.hum_hz > 0 && !is_silent(f, o) && beside_db > o.hum_db)
    hits.add(u, fmt::format("{} Hz and harmonics at {:.0f} dB, speech at {:.0f} dB", f.hum_hz, f.hum_db, f.speech_db),
             beside_db);
}
void edge_silence(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  double longest = std::max(f.leading_silence_s, f.trailing_silence_s);
  if (!is_silent(f, o) && longest > o.edge_silence_s)
    hits.add(u, fmt::format("{:.2f} s before, {:.2f} s after", f.leading_silence_s, f.trailing_silence_s), longest);
}
void inner_silence(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (!is_silent(f, o) && f.inner_silence_s > o.inner_silence_s)
    hits.add(u, fmt::format("{:.2f} s", f.inner_silence_s), f.inner_silence_s);
}
void too_short(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (f.duration_s() < o.min_duration_s) hits.add(u, fmt::format("{:.3f} s", f.duration_s()), -f.duration_s());
}
void too_long(const corpus::Utterance& u, const ClipFacts& f, const CheckOptions& o, Hits& hits) {
  if (f.duration_s() > o.max_duration_s) hits.add(u, fmt::format("{:.1f} s", f.duration_s()), f.duration_s());
}

/// Many robust deviations from the usual length (on a scale of ratios), and three times as long or short.
void duration_outliers(const Examined& e, Hits& hits) {
  constexpr std::size_t kEnough = 20;
  const double kFactor = std::log(3);
  std::vector<double> logs;
  for (const ClipFacts& f : e.facts)
    if (f.readable) logs.push_back(std::log(f.duration_s()));
  if (logs.size() < kEnough) return;
  const double usual = corpus::median(logs);
  for (double& x : logs) x = std::abs(x - usual);
  const double deviation = std::max(1.4826 * corpus::median(logs), 0.05);
  for (std::size_t i = 0; i < e.facts.size(); ++i) {
    if (!e.facts[i].readable) continue;
    const double far = std::abs(std::log(e.facts[i].duration_s()) - usual);
    if (far < e.options.outlier_deviations * deviation || far < kFactor) continue;
    hits.add(e.utterances[i], fmt::format("{:.2f} s, usual {:.2f} s", e.facts[i].duration_s(), std::exp(usual)), far);
  }
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
                Cure::quarantine, silent),
      clip_rule("stereo", warning, "several channels; every step mixes them to one",
                "check that both channels hold the same speaker, or import with --audio wav16", Cure::repair, stereo),
      clip_rule("low-rate", warning, "sampling rate too low for a clear voice",
                "look for the recordings at a higher rate; --min-rate-hz sets what is enough", Cure::quarantine,
                low_rate),
      clip_rule("clipped", warning, "the recording is overdriven",
                "record again with less gain, or leave the clips out", Cure::quarantine, clipped),
      clip_rule("quiet", warning, "speech is very quiet",
                "check the level of the source; features of such clips stand apart", Cure::repair, quiet),
      clip_rule("dc-offset", warning, "the wave does not lie around zero",
                "run a high-pass filter (20 Hz) over the source", Cure::repair, dc_offset),
      clip_rule("hum", warning, "mains hum under the speech",
                "record away from transformers and dimmers; --fix --repair.notch-hum filters it out", Cure::leave, hum),
      clip_rule("edge-silence", warning, "long silence at the start or the end",
                "trim the clips; the voice learns to wait", Cure::repair, edge_silence),
      clip_rule("inner-silence", warning, "long silence inside a clip",
                "cut the clips there, or check that the text is whole", Cure::repair, inner_silence),
      clip_rule("too-short", warning, "clips too short to learn from", "join them with others, or leave them out",
                Cure::quarantine, too_short),
      clip_rule("too-long", warning, "clips so long that batches and alignment suffer", "cut them at sentence ends",
                Cure::quarantine, too_long),
      {"duration-outlier", info, true, "clips far longer or shorter than the others",
       "listen: a cut in the wrong place, or two sentences in one clip?", Cure::leave, duration_outliers},
      {"duplicate-audio", warning, true, "one recording under two ids", "leave all but one out of the source",
       Cure::quarantine, duplicate_audio},
  };
}

}  // namespace timbre::doctor
