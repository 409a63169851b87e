#include <fmt/format.h>

#include <cmath>

#include "doctor/check.h"

/// Can the clips be read, and are they what was imported?
namespace timbre::doctor {

namespace {

/// A rule for one kind of damage the audio reader reports.
Rule damage_rule(const char* name, Severity severity, audio::DamageKind kind, const char* what, const char* remedy,
                 Cure cure = Cure::quarantine) {
  return {name, severity, true, what, remedy, cure, [kind](const Examined& e, Hits& hits) {
            for (std::size_t i = 0; i < e.facts.size(); ++i)
              for (const audio::Damage& damage : e.facts[i].damage)
                if (damage.kind == kind) hits.add(e.utterances[i], damage.text);
          }};
}

void find_changed(const Examined& e, Hits& hits) {
  for (std::size_t i = 0; i < e.facts.size(); ++i) {
    const corpus::Utterance& u = e.utterances[i];
    const ClipFacts& f = e.facts[i];
    if (f.file_bytes < 0) continue;
    if (u.audio_bytes >= 0 && f.file_bytes != u.audio_bytes)
      hits.add(u, fmt::format("{} bytes at import, now {}", u.audio_bytes, f.file_bytes));
    else if (f.readable && u.duration_s > 0 && std::abs(f.duration_s() - u.duration_s) > 0.05)
      hits.add(u, fmt::format("{:.3f} s in the manifest, {:.3f} s in the file", u.duration_s, f.duration_s()),
               std::abs(f.duration_s() - u.duration_s));
  }
}

void find_bad_samples(const Examined& e, Hits& hits) {
  for (std::size_t i = 0; i < e.facts.size(); ++i)
    if (e.facts[i].bad_samples)
      hits.add(e.utterances[i], fmt::format("{} samples are not numbers", e.facts[i].bad_samples),
               double(e.facts[i].bad_samples));
}

}  // namespace

std::vector<Rule> file_rules() {
  using enum Severity;
  using audio::DamageKind;
  return {
      damage_rule("missing-file", fatal, DamageKind::missing, "the clip's file is not there",
                  "bring the files back to their place, or import again with --audio copy"),
      damage_rule("undecodable", fatal, DamageKind::undecodable, "the clip cannot be decoded",
                  "replace the file, or leave the clip out of the source and import again"),
      damage_rule("empty", fatal, DamageKind::empty, "the clip holds no sound at all",
                  "replace the file, or leave the clip out and import again"),
      damage_rule("truncated", fatal, DamageKind::truncated, "the file ends before its sound does",
                  "copy the file again from where it came"),
      damage_rule("header-length", warning, DamageKind::header_length,
                  "the length in the header is not that of the sound",
                  "write the header anew: timbre import … --audio wav16", Cure::repair),
      {"bad-samples", fatal, true, "samples that are not numbers (NaN, infinite)",
       "convert the clip anew from its source", Cure::quarantine, find_bad_samples},
      {"changed-clip", warning, true, "the file is not the one that was imported",
       "import again into a new folder, so that columns fit the sound", Cure::repair, find_changed},
  };
}

}  // namespace timbre::doctor
