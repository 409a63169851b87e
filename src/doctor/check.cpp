#include "doctor/check.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/strings.h"
#include "base/threads.h"
#include "corpus/columns.h"

namespace timbre::doctor {

using nlohmann::json;

config::Fields fields(CheckOptions& o) {
  config::Fields f;
  f.add("audio", o.audio, "look at the sound; --no-audio checks manifest and texts alone");
  f.add("min_rate_hz", o.min_rate_hz, "lower sampling rates are reported").range(0, 1e6);
  f.add("clipped_share", o.clipped_share, "share of samples at the ceiling that counts as overdriven").range(0, 1);
  f.add("silent_db", o.silent_db, "speech level below which a clip is silent, dB of full scale").range(-200, 0);
  f.add("quiet_db", o.quiet_db, "speech level below which a clip is quiet").range(-200, 0);
  f.add("dc_offset", o.dc_offset, "mean sample that counts as offset").range(0, 1);
  f.add("hum_db", o.hum_db, "mains hum louder than this beside the speech is reported, dB").range(-200, 0);
  f.add("edge_silence_s", o.edge_silence_s, "longest silence at either end").range(0, 1e6);
  f.add("inner_silence_s", o.inner_silence_s, "longest silence inside").range(0, 1e6);
  f.add("min_duration_s", o.min_duration_s, "shorter clips are reported").range(0, 1e6);
  f.add("max_duration_s", o.max_duration_s, "longer clips are reported").range(0, 1e6);
  f.add("outlier_deviations", o.outlier_deviations, "robust deviations of pace that make an outlier").range(1, 100);
  f.add("min_confidence", o.min_confidence, "probability that the text is what is said, below which it is reported")
      .range(0, 1);
  f.add("min_total_s", o.min_total_s, "less speech than this is reported").range(0, 1e9);
  f.add("min_speaker_clips", o.min_speaker_clips, "fewer clips of a speaker are reported").range(0, 1e9);
  f.add("examples", o.examples, "worst examples shown for each rule").range(0, 10000);
  f.add("skip", o.skip, "rules to leave out").metavar("RULE,…");
  return f;
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::fatal:
      return "fatal";
  }
  return "";
}

std::string_view to_string(Cure cure) {
  switch (cure) {
    case Cure::repair:
      return "repair";
    case Cure::quarantine:
      return "quarantine";
    case Cure::leave:
      return "leave";
  }
  return "";
}

void Hits::keep(Example example) {
  auto worse = [](const Example& a, const Example& b) { return a.badness > b.badness; };
  if (static_cast<std::int64_t>(kept_.size()) == keep_ && (kept_.empty() || !worse(example, kept_.back()))) return;
  kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), example, worse), std::move(example));
  if (static_cast<std::int64_t>(kept_.size()) > keep_) kept_.pop_back();
}

void Hits::add(const corpus::Utterance& utterance, std::string detail, double badness) {
  ++count_;
  if (every_) every_->push_back({static_cast<std::size_t>(&utterance - utterances_.data()), detail});
  keep({utterance.id, std::move(detail), badness});
}

void Hits::add_corpus(std::string detail, double badness) {
  ++count_;
  keep({"", std::move(detail), badness});
}

std::vector<Rule> all_rules() {
  std::vector<Rule> all;
  for (auto part : {file_rules(), sound_rules(), text_rules(), fit_rules(), set_rules()})
    for (Rule& rule : part) all.push_back(std::move(rule));
  return all;
}

bool CheckReport::fatal() const {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::fatal; });
}

std::vector<Rule> chosen_rules(const CheckOptions& options) {
  std::vector<Rule> rules = all_rules();
  std::vector<std::string> names;
  names.reserve(rules.size());
  for (const Rule& rule : rules) names.push_back(rule.name);
  for (const std::string& name : options.skip)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw UsageError(fmt::format("--skip {}: no such rule; there are {}", name, join(names, ", ")),
                       did_you_mean(name, names));
  std::erase_if(rules, [&](const Rule& rule) {
    return (rule.needs_audio && !options.audio) ||
           std::find(options.skip.begin(), options.skip.end(), rule.name) != options.skip.end();
  });
  return rules;
}

namespace {

std::vector<ClipFacts> measure_all(const corpus::Corpus& corpus, const EventSink& events) {
  const auto& utterances = corpus.utterances();
  std::vector<ClipFacts> facts(utterances.size());
  // In portions, so that progress is told from one thread.
  constexpr std::size_t kPortion = 256;
  for (std::size_t from = 0; from < utterances.size(); from += kPortion) {
    std::size_t count = std::min(kPortion, utterances.size() - from);
    if (count == 1)
      facts[from] = measure_clip(corpus.audio_path(utterances[from]));
    else
      parallel_for(count,
                   [&](std::size_t i) { facts[from + i] = measure_clip(corpus.audio_path(utterances[from + i])); });
    emit_progress(events, "check", double(from + count), double(utterances.size()), "clips");
  }
  return facts;
}

/// Long texts are cut for people; --json has all of it.
std::string shortened(const std::string& detail) {
  constexpr std::size_t kMost = 140;
  std::u32string points = to_code_points(detail);
  return points.size() <= kMost ? detail : to_utf8(std::u32string_view(points).substr(0, kMost)) + " …";
}

/// What FastSpeech 2's columns take (mel of 80 bins by far the most), and what decoding, aligning and training hold at
/// once: measured on the demo's corpus, rounded up.
Needs estimate_needs(const corpus::Corpus& corpus, double duration_s, double longest_samples) {
  constexpr double kColumns_bytes_per_s = 32e3, kProgram_bytes = 600e6, kUtterance_bytes = 1000, kCopies = 8;
  const Machine machine = this_machine();
  Needs needs;
  needs.disk_bytes = duration_s * kColumns_bytes_per_s;
  needs.disk_free_bytes = static_cast<double>(free_disk_bytes(corpus.dir()));
  needs.memory_bytes = kProgram_bytes + kUtterance_bytes * static_cast<double>(corpus.utterances().size()) +
                       kCopies * sizeof(float) * longest_samples * thread_count();
  needs.memory_available_bytes = static_cast<double>(machine.memory_available_bytes);
  return needs;
}

}  // namespace

PreparedFacts read_prepared(const corpus::Corpus& corpus) {
  PreparedFacts prepared;
  const auto& utterances = corpus.utterances();
  const auto there = [&](const char* name) { return fs::is_directory(corpus.dir() / "columns" / name); };
  if (there("phonemes")) {
    const corpus::Column column = corpus::Column::open(corpus.dir(), "phonemes");
    prepared.front_end = column.settings().value("front_end", "");
    for (const corpus::Utterance& u : utterances)
      prepared.phones.push_back(
          column.has(u.id) ? static_cast<std::int32_t>(corpus::tensor_list(column.get(u.id)).size()) : -1);
  }
  if (there("confidence")) {
    const corpus::Column column = corpus::Column::open(corpus.dir(), "confidence");
    for (const corpus::Utterance& u : utterances) {
      const double value = column.has(u.id) ? column.get(u.id).as<double>()[0] : 0;
      // Probabilities never reach 0 or 1: anything else was left by a version that measured otherwise.
      prepared.confidence.push_back(value > 0 && value < 1 ? static_cast<float>(value)
                                                           : std::numeric_limits<float>::quiet_NaN());
    }
    prepared.misaligned.resize(utterances.size());
    for (const Skipped& skipped : column.skipped())
      if (const auto place = corpus.find(skipped.id); place >= 0)
        prepared.misaligned[static_cast<std::size_t>(place)] = skipped.reason;
  }
  return prepared;
}

Examination examine(const corpus::Corpus& corpus, const CheckOptions& options, const EventSink& events,
                    bool keep_hits) {
  auto start = std::chrono::steady_clock::now();
  Examination seen;
  seen.rules = chosen_rules(options);
  if (options.audio) seen.facts = measure_all(corpus, events);
  CheckReport& report = seen.report;
  report.corpus = corpus.dir().string();
  report.audio = options.audio;
  report.utterances = static_cast<std::int64_t>(corpus.utterances().size());
  double longest_samples = 0;
  for (std::size_t i = 0; i < corpus.utterances().size(); ++i) {
    const corpus::Utterance& u = corpus.utterances()[i];
    report.duration_s += options.audio ? seen.facts[i].duration_s() : u.duration_s;
    longest_samples = std::max(longest_samples, options.audio ? static_cast<double>(seen.facts[i].samples)
                                                              : u.duration_s * static_cast<double>(u.rate_hz));
  }
  report.needs = estimate_needs(corpus, report.duration_s, longest_samples);
  const PreparedFacts prepared = read_prepared(corpus);
  const Examined examined{corpus, corpus.utterances(), seen.facts, options, prepared, report.needs};
  seen.hits.resize(seen.rules.size());
  for (std::size_t r = 0; r < seen.rules.size(); ++r) {
    const Rule& rule = seen.rules[r];
    if (std::string why = rule.missing ? rule.missing(examined) : ""; !why.empty()) {
      report.not_run.emplace_back(rule.name, why);
      continue;
    }
    ++report.rules_run;
    Hits hits(options.examples, corpus.utterances(), keep_hits ? &seen.hits[r] : nullptr);
    rule.run(examined, hits);
    if (hits.count())
      report.findings.push_back(
          {rule.name, rule.what, rule.remedy, rule.severity, rule.cure, hits.count(), hits.worst()});
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return seen;
}

CheckReport check_corpus(const corpus::Corpus& corpus, const CheckOptions& options, const EventSink& events) {
  return examine(corpus, options, events, false).report;
}

json to_json(const CheckReport& report) {
  json findings = json::array();
  for (const Finding& f : report.findings) {
    json worst = json::array();
    for (const Example& e : f.worst) {
      json example = {{"detail", e.detail}};
      if (!e.id.empty()) example["id"] = e.id;
      worst.push_back(example);
    }
    findings.push_back({{"rule", f.rule},
                        {"severity", to_string(f.severity)},
                        {"count", f.count},
                        {"what", f.what},
                        {"remedy", f.remedy},
                        {"fix", to_string(f.cure)},
                        {"worst", worst}});
  }
  json not_run = json::object();
  for (const auto& [rule, why] : report.not_run) not_run[rule] = why;
  const Needs& n = report.needs;
  return {{"corpus", report.corpus},
          {"utterances", report.utterances},
          {"duration_s", report.duration_s},
          {"rules", report.rules_run},
          {"not_run", not_run},
          {"audio", report.audio},
          {"seconds", report.seconds},
          {"needs",
           {{"disk_bytes", n.disk_bytes},
            {"disk_free_bytes", n.disk_free_bytes},
            {"memory_bytes", n.memory_bytes},
            {"memory_available_bytes", n.memory_available_bytes}}},
          {"fatal", report.fatal()},
          {"findings", findings}};
}

std::string to_text(const CheckReport& report) {
  std::string text = fmt::format("{}: {} utterances, {}; {} rules in {:.1f} s\n", report.corpus, report.utterances,
                                 human_seconds(report.duration_s), report.rules_run, report.seconds);
  const Needs& n = report.needs;
  text += fmt::format("to prepare and train: about {} of disk ({} free), {} of memory ({} available)\n",
                      human_bytes(n.disk_bytes), human_bytes(n.disk_free_bytes), human_bytes(n.memory_bytes),
                      human_bytes(n.memory_available_bytes));
  std::map<Severity, std::int64_t> counts;
  for (const Finding& f : report.findings) {
    ++counts[f.severity];
    text += fmt::format("\n{:<8} {} ({}): {}\n", to_string(f.severity), f.rule, f.count, f.what);
    for (const Example& e : f.worst)
      text += e.id.empty() ? fmt::format("           {}\n", shortened(e.detail))
                           : fmt::format("           {}: {}\n", e.id, shortened(e.detail));
    if (f.count > static_cast<std::int64_t>(f.worst.size()) && !f.worst.empty())
      text += fmt::format("           … {} more\n", f.count - static_cast<std::int64_t>(f.worst.size()));
    text += fmt::format("         → {}\n", f.remedy);
  }
  if (!report.not_run.empty()) text += "\n";
  for (const auto& [rule, why] : report.not_run) text += fmt::format("not run  {}: {}\n", rule, why);
  const auto counted = [](std::int64_t count, const char* noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
  };
  text += report.findings.empty()
              ? "\nnothing found: ready to prepare\n"
              : fmt::format("\n{} fatal, {}, {}\n", counts[Severity::fatal],
                            counted(counts[Severity::warning], "warning"), counted(counts[Severity::info], "remark"));
  return text;
}

}  // namespace timbre::doctor
