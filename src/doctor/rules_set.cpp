#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/strings.h"
#include "corpus/split.h"
#include "doctor/check.h"

/// The corpus as a whole.
namespace timbre::doctor {

namespace {

void mixed_rates(const Examined& e, Hits& hits) {
  std::map<std::int64_t, std::int64_t> counts;
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    std::int64_t rate = e.facts.empty() ? e.utterances[i].rate_hz : e.facts[i].rate_hz;
    if (rate > 0) ++counts[rate];
  }
  if (counts.size() < 2) return;
  for (const auto& [rate, count] : counts)
    hits.add_corpus(fmt::format("{} clips at {} Hz", count, rate), double(count));
}

/// Hash of a text as heard; equal keys are taken as equal texts.
std::uint64_t key_hash(const corpus::Utterance& u) { return std::hash<std::string>{}(corpus::text_key(u.text)); }

void duplicate_text(const Examined& e, Hits& hits) {
  struct Seen {
    std::size_t first, count;
  };
  std::unordered_map<std::uint64_t, Seen> seen;
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    if (trim(e.utterances[i].text).empty()) continue;
    auto [it, is_new] = seen.emplace(key_hash(e.utterances[i]), Seen{i, 1});
    if (is_new) continue;
    ++it->second.count;
    const corpus::Utterance& first = e.utterances[it->second.first];
    hits.add(e.utterances[i], fmt::format("'{}', also {}", e.utterances[i].text, first.id), double(it->second.count));
  }
}

void split_leak(const Examined& e, Hits& hits) {
  std::unordered_map<std::uint64_t, std::size_t> held_out;
  for (std::size_t i = 0; i < e.utterances.size(); ++i)
    if (e.utterances[i].split == "valid" || e.utterances[i].split == "test")
      held_out.emplace(key_hash(e.utterances[i]), i);
  for (const corpus::Utterance& u : e.utterances) {
    if (u.split != "train") continue;
    if (auto it = held_out.find(key_hash(u)); it != held_out.end())
      hits.add(u, fmt::format("'{}' is also in {} ({})", u.text, e.utterances[it->second].split,
                              e.utterances[it->second].id));
  }
}

/// The same sound on the training side and held out.
void split_leak_audio(const Examined& e, Hits& hits) {
  std::unordered_map<std::uint64_t, std::size_t> held_out;
  for (std::size_t i = 0; i < e.facts.size(); ++i)
    if (e.facts[i].readable && (e.utterances[i].split == "valid" || e.utterances[i].split == "test"))
      held_out.emplace(e.facts[i].audio_hash, i);
  for (std::size_t i = 0; i < e.facts.size(); ++i) {
    if (!e.facts[i].readable || e.utterances[i].split != "train") continue;
    if (auto it = held_out.find(e.facts[i].audio_hash); it != held_out.end())
      hits.add(e.utterances[i], fmt::format("the same sound is in {} ({})", e.utterances[it->second].split,
                                            e.utterances[it->second].id));
  }
}

/// Nothing is left when all is held out by its source, or when all that is not has the text of something held out.
void no_training_side(const Examined& e, Hits& hits) {
  std::unordered_set<std::uint64_t> held_out;
  std::int64_t trained = 0, open = 0;
  for (const corpus::Utterance& u : e.utterances)
    if (u.split == "valid" || u.split == "test") held_out.insert(key_hash(u));
  for (const corpus::Utterance& u : e.utterances) {
    if (u.split == "valid" || u.split == "test") continue;
    ++open;
    trained += !held_out.contains(key_hash(u));
  }
  if (trained > 0) return;
  hits.add_corpus(open == 0 ? "every utterance is marked valid or test"
                            : "every utterance is marked valid or test, or has the text of one that is");
}

void disk_space(const Examined& e, Hits& hits) {
  if (e.needs.disk_bytes > e.needs.disk_free_bytes)
    hits.add_corpus(fmt::format("about {} are needed, {} are free", human_bytes(e.needs.disk_bytes),
                                human_bytes(e.needs.disk_free_bytes)));
}

void memory(const Examined& e, Hits& hits) {
  if (e.needs.memory_bytes > e.needs.memory_available_bytes)
    hits.add_corpus(fmt::format("about {} are needed, {} are available", human_bytes(e.needs.memory_bytes),
                                human_bytes(e.needs.memory_available_bytes)));
}

void little_data(const Examined& e, Hits& hits) {
  double total_s = 0;
  for (std::size_t i = 0; i < e.utterances.size(); ++i)
    total_s += e.facts.empty() ? e.utterances[i].duration_s : e.facts[i].duration_s();
  if (total_s < e.options.min_total_s)
    hits.add_corpus(fmt::format("{} in {} clips", human_seconds(total_s), e.utterances.size()));
}

void little_of_a_speaker(const Examined& e, Hits& hits) {
  std::map<std::string, std::int64_t> clips;
  for (const corpus::Utterance& u : e.utterances) ++clips[u.speaker];
  for (const auto& [speaker, count] : clips)
    if (clips.size() > 1 && count < e.options.min_speaker_clips)
      hits.add_corpus(fmt::format("{}: {} clips", speaker.empty() ? "(not named)" : speaker, count), -double(count));
}

void some_without_speaker(const Examined& e, Hits& hits) {
  std::int64_t named = 0;
  for (const corpus::Utterance& u : e.utterances) named += !u.speaker.empty();
  if (named == 0 || named == static_cast<std::int64_t>(e.utterances.size())) return;
  for (const corpus::Utterance& u : e.utterances)
    if (u.speaker.empty()) hits.add(u, "no speaker");
}

void changed_manifest(const Examined& e, Hits& hits) {
  if (!e.corpus.as_imported())
    hits.add_corpus("manifest.jsonl is not the one that was imported; all columns will be made again");
}

}  // namespace

std::vector<Rule> set_rules() {
  using enum Severity;
  return {
      {"no-training-side", fatal, false, "nothing is left to train on",
       "mark some utterances 'train' in the source, or none at all", Cure::leave, no_training_side},
      {"disk-space", warning, false, "the disk is too full to prepare this corpus",
       "free some space, or keep the corpus on another disk", Cure::leave, disk_space},
      {"memory", warning, false, "preparing or training may need more memory than there is",
       "use fewer threads (--threads), or cut very long clips", Cure::leave, memory},
      {"split-leak-audio", warning, true, "the same sound on the training side and held out", "leave one of them out",
       Cure::quarantine, split_leak_audio},
      {"split-leak", warning, false, "the same text on the training side and held out: scores will flatter",
       "leave one of them out, or import without the splits", Cure::repair, split_leak},
      {"mixed-rates", warning, false, "clips of several sampling rates; all are resampled to the model's",
       "low-rate clips sound dull: consider leaving them out", Cure::repair, mixed_rates},
      {"little-data", warning, false, "little data for a voice",
       "start from an existing voice (train --base VOICE) or record more; --min-total-s sets what is enough",
       Cure::leave, little_data},
      {"speaker-little-data", warning, false, "speakers with few clips", "leave them out, or record more of them",
       Cure::leave, little_of_a_speaker},
      {"speaker-missing", warning, false, "some clips have no speaker, others do", "name the speaker in the source",
       Cure::leave, some_without_speaker},
      {"changed-manifest", warning, false, "the manifest was edited after import", "import again into a new folder",
       Cure::repair, changed_manifest},
      {"duplicate-text", info, false, "texts that occur more than once",
       "fine for prompts; splits keep equal texts on one side", Cure::leave, duplicate_text},
  };
}

}  // namespace timbre::doctor
