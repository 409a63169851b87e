#include "doctor/fix.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "audio/decode.h"
#include "audio/resample.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "corpus/split.h"
#include "doctor/repair_sound.h"
#include "doctor/tidy_text.h"

namespace timbre::doctor {

using nlohmann::json;

config::Fields fields(RepairOptions& o) {
  config::Fields f;
  f.add("rate_hz", o.rate_hz, "all clips at this rate; 0 = the commonest, where there are several").range(0, 384000);
  f.add("margin_s", o.margin_s, "silence left at an end that is trimmed").range(0, 10);
  f.add("inner_s", o.inner_s, "what is left of a silence inside that was too long").range(0, 100);
  f.add("level_db", o.level_db, "speech level that quiet clips are raised to, dB of full scale").range(-100, 0);
  f.add("notch_hum", o.notch_hum, "filter out mains hum and its harmonics");
  f.add("leave", o.leave, "rules whose clips stay as they are").metavar("RULE,…");
  return f;
}

namespace {

/// What is to be done with one utterance.
struct Plan {
  std::vector<std::string> repairs;  ///< rules, in the order of reports
  std::string quarantine, detail;    ///< rule; "" = it stays
  std::vector<std::string> also;     ///< further rules that would have left it out
  bool has(std::string_view rule) const { return std::find(repairs.begin(), repairs.end(), rule) != repairs.end(); }
};

/// Repairs that change the samples, so that the clip is decoded and written anew.
bool changes_sound(const Plan& plan) {
  static const std::set<std::string, std::less<>> kSound = {
      "header-length", "stereo", "quiet", "dc-offset", "hum", "edge-silence", "inner-silence", "mixed-rates"};
  return std::any_of(plan.repairs.begin(), plan.repairs.end(), [](const auto& rule) { return kSound.contains(rule); });
}

/// Repairs that move sounds in time: marks of the source (TextGrids) no longer fit.
bool moves_sound(const Plan& plan) { return plan.has("edge-silence") || plan.has("inner-silence"); }

class Fixer {
 public:
  Fixer(const corpus::Corpus& corpus, const Examination& seen, const CheckOptions& check, const RepairOptions& options)
      : corpus_(corpus), seen_(seen), check_(check), options_(options), plans_(corpus.utterances().size()) {
    if (seen.facts.size() != corpus.utterances().size())
      throw UsageError("--fix needs to look at the sound", "leave --no-audio out");
    for (const std::string& rule : options.leave) require_rule(rule);
    report_.utterances = static_cast<std::int64_t>(plans_.size());
    choose_rate();
    for (std::size_t r = 0; r < seen.rules.size(); ++r) plan_rule(seen.rules[r], seen.hits[r]);
    plan_duplicates();
    plan_rates();
    for (const corpus::Utterance& u : corpus.utterances())
      if (u.split == "valid" || u.split == "test") held_out_.emplace(corpus::text_key(u.text), u.split);
  }

  FixReport dry_run() {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (plans_[i].quarantine.empty()) report_.duration_s += seen_.facts[i].duration_s();
      count(plans_[i]);
    }
    require_some();
    return report_;
  }

  FixReport run(const fs::path& out, const EventSink& events) {
    for (const Plan& plan : plans_)
      if (plan.quarantine.empty()) ++planned_;
    if (planned_ == 0) require_some();
    corpus::CorpusWriter writer(out);
    make_folders(writer.staging() / "audio");
    constexpr std::size_t kPortion = 256;
    const auto& all = corpus_.utterances();
    for (std::size_t from = 0; from < all.size(); from += kPortion) {
      const std::size_t size = std::min(kPortion, all.size() - from);
      std::vector<corpus::Utterance> made(size);
      parallel_for(size, [&](std::size_t i) {
        if (plans_[from + i].quarantine.empty()) made[i] = make(from + i, writer.staging());
      });
      for (std::size_t i = 0; i < size; ++i) record(from + i, made[i], writer);
      emit_progress(events, "fix", double(from + size), double(all.size()), "clips");
    }
    require_some();
    writer.finish(about());
    return report_;
  }

 private:
  void require_rule(const std::string& name) const {
    std::vector<std::string> names;
    for (const Rule& rule : all_rules()) names.push_back(rule.name);
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw UsageError(fmt::format("--repair.leave {}: no such rule", name), did_you_mean(name, names));
  }

  bool is_left(const std::string& rule) const {
    return std::find(options_.leave.begin(), options_.leave.end(), rule) != options_.leave.end();
  }

  void require_some() const {
    if (report_.kept > 0) return;
    std::vector<std::string> why;
    for (const auto& [rule, count] : report_.quarantined_by) why.push_back(fmt::format("{} ({})", rule, count));
    if (why.empty())
      for (const Finding& finding : seen_.report.findings)
        why.push_back(fmt::format("{} ({})", finding.rule, finding.count));
    throw DataError(fmt::format("{}: nothing would be left of it: {}", corpus_.dir().string(), join(why, ", ")),
                    "leave single rules out with --repair.leave RULE,…");
  }

  /// The rate that most clips have.
  void choose_rate() {
    std::map<std::int64_t, std::int64_t> clips;
    for (const ClipFacts& f : seen_.facts)
      if (f.readable) ++clips[f.rate_hz];
    report_.rate_hz = options_.rate_hz;
    if (report_.rate_hz > 0 || clips.size() < 2 || is_left("mixed-rates")) return;
    std::int64_t most = 0;
    for (const auto& [rate, count] : clips)
      if (count >= most) most = count, report_.rate_hz = rate;
  }

  void plan_rule(const Rule& rule, const std::vector<Hit>& hits) {
    // These are planned by what they mean for each clip, below.
    if (rule.name == "duplicate-audio" || rule.name == "mixed-rates") return;
    Cure cure = rule.cure;
    if (rule.name == "hum" && options_.notch_hum) cure = Cure::repair;
    if (rule.name == "low-rate" && report_.rate_hz > 0 && double(report_.rate_hz) < check_.min_rate_hz)
      cure = Cure::leave;  // that rate was asked for
    if (is_left(rule.name)) cure = Cure::leave;
    // These were found in the part of a clip that its wrong header admits to.
    static const std::set<std::string, std::less<>> kOfLength = {"pace-outlier", "phone-pace-outlier", "too-short"};
    for (const Hit& hit : hits) {
      Plan& plan = plans_[hit.place];
      if (kOfLength.contains(rule.name) && plan.has("header-length")) continue;
      if (cure == Cure::leave)
        ++report_.left_by[rule.name];
      else if (cure == Cure::repair)
        plan.repairs.push_back(rule.name);
      else
        quarantine(plan, rule.name, hit.detail);
    }
  }

  static void quarantine(Plan& plan, const std::string& rule, const std::string& detail) {
    if (plan.quarantine.empty())
      plan.quarantine = rule, plan.detail = detail;
    else
      plan.also.push_back(rule);
  }

  /// One sound with one text counts once; with several texts nobody knows which is right.
  void plan_duplicates() {
    if (is_left("duplicate-audio") ||
        std::none_of(seen_.rules.begin(), seen_.rules.end(), [](auto& r) { return r.name == "duplicate-audio"; }))
      return;
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_sound;
    for (std::size_t i = 0; i < plans_.size(); ++i)
      if (seen_.facts[i].readable && seen_.facts[i].speech_db >= check_.silent_db)
        by_sound[seen_.facts[i].audio_hash].push_back(i);
    const auto& all = corpus_.utterances();
    for (const auto& [hash, places] : by_sound) {
      if (places.size() < 2) continue;
      const std::string text = corpus::text_key(all[places[0]].text);
      const bool one_text = std::all_of(places.begin(), places.end(),
                                        [&](std::size_t i) { return corpus::text_key(all[i].text) == text; });
      for (std::size_t k = one_text ? 1 : 0; k < places.size(); ++k)
        quarantine(plans_[places[k]], "duplicate-audio",
                   one_text ? fmt::format("same sound and text as {}", all[places[0]].id)
                            : fmt::format("same sound as {}, with another text", all[places[k == 0 ? 1 : 0]].id));
    }
  }

  void plan_rates() {
    if (report_.rate_hz == 0) return;
    for (std::size_t i = 0; i < plans_.size(); ++i)
      if (seen_.facts[i].readable && seen_.facts[i].rate_hz != report_.rate_hz)
        plans_[i].repairs.push_back("mixed-rates");
  }

  void count(const Plan& plan) {
    if (!plan.quarantine.empty()) {
      ++report_.quarantined;
      ++report_.quarantined_by[plan.quarantine];
      return;
    }
    ++report_.kept;
    report_.changed += !plan.repairs.empty();
    for (const std::string& rule : plan.repairs) ++report_.repaired_by[rule];
  }

  /// Writes the clip of one utterance into the new corpus; may still find that it has to be left out.
  corpus::Utterance make(std::size_t place, const fs::path& staging) {
    const corpus::Utterance& source = corpus_.utterances()[place];
    Plan& plan = plans_[place];
    corpus::Utterance made = source;
    if (plan.has("untidy-text")) made.text = tidy_text(made.text);
    if (plan.has("split-leak")) made.split = held_out_side(source);
    const fs::path from = corpus_.audio_path(source);
    fix_marks(made, plan);
    if (!changes_sound(plan)) {
      const ClipFacts& facts = seen_.facts[place];
      made.audio = "audio/" + made.id + from.extension().string();
      copy_contents(from, staging / made.audio);
      made.duration_s = facts.duration_s(), made.rate_hz = facts.rate_hz, made.channels = facts.channels;
    } else {
      made.audio = "audio/" + made.id + ".wav";
      const std::vector<float> wave_N = repaired(place, made);
      const ClipFacts facts = measure_samples(wave_N, made.rate_hz);
      if (recheck(plan, made, facts)) audio::write_staged_wav(staging / made.audio, wave_N, made.rate_hz);
    }
    if (plan.quarantine.empty()) made.audio_bytes = static_cast<std::int64_t>(fs::file_size(staging / made.audio));
    return made;
  }

  std::vector<float> repaired(std::size_t place, corpus::Utterance& made) const {
    const Plan& plan = plans_[place];
    const ClipFacts& facts = seen_.facts[place];
    audio::Clip clip = audio::decode_audio(corpus_.audio_path(corpus_.utterances()[place]),
                                           audio::DecodeOptions{.resample_to_hz = std::nullopt,
                                                                .keep_truncated = is_left("truncated"),
                                                                .past_header = plan.has("header-length")});
    std::vector<float>& wave_N = clip.samples_N;
    if (plan.has("dc-offset")) remove_offset(wave_N);
    if (plan.has("hum")) notch_hum(wave_N, clip.rate_hz, facts.hum_hz);
    if (plan.has("inner-silence"))
      shorten_silences(wave_N, clip.rate_hz, check_.inner_silence_s,
                       std::min(options_.inner_s, check_.inner_silence_s));
    if (plan.has("edge-silence")) trim_edges(wave_N, clip.rate_hz, std::min(options_.margin_s, check_.edge_silence_s));
    if (plan.has("quiet")) set_level(wave_N, facts.speech_db, options_.level_db);
    made.rate_hz = clip.rate_hz;
    if (plan.has("mixed-rates")) {
      wave_N = audio::resample(wave_N, clip.rate_hz, report_.rate_hz);
      made.rate_hz = report_.rate_hz;
    }
    made.channels = 1;
    made.duration_s = static_cast<double>(wave_N.size()) / static_cast<double>(made.rate_hz);
    return std::move(wave_N);
  }

  /// The rules about single clips once more, on what was made of one: false (and quarantined) when a repair did not
  /// help or did harm.
  bool recheck(Plan& plan, const corpus::Utterance& made, const ClipFacts& facts) const {
    static const PreparedFacts kNothing;
    const Examined examined{corpus_, {&made, 1}, {&facts, 1}, check_, kNothing, seen_.report.needs};
    for (const Rule& rule : sound_rules()) {
      const bool wanted = rule.cure == Cure::quarantine || plan.has(rule.name);
      const bool skipped =
          std::none_of(seen_.rules.begin(), seen_.rules.end(), [&](auto& r) { return r.name == rule.name; });
      if (!wanted || skipped || is_left(rule.name)) continue;
      Hits hits(1);
      rule.run(examined, hits);
      if (hits.count() == 0) continue;
      plan.quarantine = rule.name;
      plan.detail = fmt::format("after the repair of {}: {}", join(plan.repairs, ", "), hits.worst()[0].detail);
      return false;
    }
    return true;
  }

  /// The side that its text is held out on by the source.
  std::string held_out_side(const corpus::Utterance& u) const { return held_out_.at(corpus::text_key(u.text)); }

  /// TextGrids stay where they are; where sounds moved they would lie.
  void fix_marks(corpus::Utterance& made, const Plan& plan) const {
    if (!made.extra.is_object() || !made.extra.contains("textgrid")) return;
    if (moves_sound(plan))
      made.extra.erase("textgrid");
    else
      made.extra["textgrid"] =
          fs::absolute(corpus_.dir() / made.extra["textgrid"].get<std::string>()).lexically_normal().string();
  }

  void record(std::size_t place, const corpus::Utterance& made, corpus::CorpusWriter& writer) {
    const Plan& plan = plans_[place];
    count(plan);
    if (plan.quarantine.empty()) {
      report_.duration_s += made.duration_s;
      writer.add(made);
      return;
    }
    const corpus::Utterance& source = corpus_.utterances()[place];
    json line = {{"file", (corpus_.dir() / "manifest.jsonl").string()},
                 {"line", place + 1},
                 {"id", source.id},
                 {"reason", plan.quarantine},
                 {"detail", plan.detail},
                 {"audio", fs::absolute(corpus_.audio_path(source)).lexically_normal().string()},
                 {"text", source.text}};
    if (!plan.also.empty()) line["also"] = plan.also;
    writer.reject(line);
  }

  json about() const {
    nlohmann::json about = corpus::derived_about(corpus_);
    RepairOptions options = options_;
    about["fixed_from"] = {{"corpus", fs::absolute(corpus_.dir()).lexically_normal().string()},
                           {"manifest_hash", corpus_.hash()},
                           {"repair", config::to_json(fields(options))},
                           {"done", to_json(report_)}};
    return about;
  }

  const corpus::Corpus& corpus_;
  const Examination& seen_;
  const CheckOptions& check_;
  const RepairOptions& options_;
  std::vector<Plan> plans_;
  std::unordered_map<std::string, std::string> held_out_;  ///< key of a text → side
  std::int64_t planned_ = 0;
  FixReport report_;
};

}  // namespace

void require_place_for_fix(const corpus::Corpus& corpus, const fs::path& out) {
  const std::string source = fs::weakly_canonical(corpus.dir()).string(), target = fs::weakly_canonical(out).string();
  if (target == source || target.starts_with(source + "/"))
    throw UsageError(
        fmt::format("--fix {}: lies in the corpus that is to be repaired, which is never changed", out.string()),
        "give another folder");
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw UsageError(fmt::format("--fix {}: exists and is not an empty folder", out.string()),
                     "give another folder, or remove that one first");
}

FixReport fix_corpus(const corpus::Corpus& corpus, const Examination& seen, const CheckOptions& check,
                     const RepairOptions& options, const fs::path& out, const EventSink& events, bool dry_run) {
  require_place_for_fix(corpus, out);
  Fixer fixer(corpus, seen, check, options);
  return dry_run ? fixer.dry_run() : fixer.run(out, events);
}

json to_json(const FixReport& r) {
  return {{"utterances", r.utterances},   {"kept", r.kept},
          {"changed", r.changed},         {"quarantined", r.quarantined},
          {"duration_s", r.duration_s},   {"rate_hz", r.rate_hz},
          {"repaired_by", r.repaired_by}, {"quarantined_by", r.quarantined_by},
          {"left_by", r.left_by}};
}

std::string to_text(const FixReport& r, const fs::path& out, bool dry_run) {
  std::string text =
      fmt::format("\n{} {}: {} of {} utterances, {}; {} changed, {} left out\n", dry_run ? "would write" : "wrote",
                  out.string(), r.kept, r.utterances, human_seconds(r.duration_s), r.changed, r.quarantined);
  const auto table = [&](const char* what, const std::map<std::string, std::int64_t>& counts) {
    for (const auto& [rule, count] : counts) text += fmt::format("  {:<12} {:>7}  {}\n", what, count, rule);
  };
  table("repaired", r.repaired_by);
  table("left out", r.quarantined_by);
  table("as they were", r.left_by);
  if (r.quarantined > 0 && !dry_run) text += fmt::format("  which and why: {}\n", (out / "rejected.jsonl").string());
  return text;
}

}  // namespace timbre::doctor
