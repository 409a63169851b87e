#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/verb.h"
#include "doctor/check.h"
#include "doctor/fix.h"
#include "report/doctor_page.h"

namespace timbre::cli {

namespace {

struct CheckVerb {
  std::string corpus, fix, html;
  doctor::CheckOptions options;
  doctor::RepairOptions repair;
};

config::Fields fields(CheckVerb& verb) {
  config::Fields f;
  f.add("corpus", verb.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.add("fix", verb.fix, "write a repaired corpus there; what cannot be repaired is left out, with the reason")
      .metavar("OUT");
  f.add("html", verb.html, "write the findings as a page, with players for the worst clips").metavar("FILE");
  f.group("", doctor::fields(verb.options));
  f.group("repair", doctor::fields(verb.repair), "--fix");
  return f;
}

/// What is fatal stays fatal, unless a repaired corpus was written without it.
bool is_fatal(const doctor::CheckReport& report, const CheckVerb& verb) {
  for (const doctor::Finding& f : report.findings) {
    const bool solved =
        !verb.fix.empty() && f.cure != doctor::Cure::leave &&
        std::find(verb.repair.leave.begin(), verb.repair.leave.end(), f.rule) == verb.repair.leave.end();
    if (f.severity == doctor::Severity::fatal && !solved) return true;
  }
  return false;
}

/// 3 when a finding is fatal: training on this corpus cannot work.
int run(const CheckVerb& verb, Context& context) {
  if (!verb.fix.empty() && !verb.options.audio)
    throw UsageError("--fix needs to look at the sound", "leave --no-audio out");
  const corpus::Corpus corpus = corpus::Corpus::open(verb.corpus);
  if (!verb.fix.empty()) doctor::require_place_for_fix(corpus, verb.fix);
  const doctor::Examination seen = doctor::examine(corpus, verb.options, context.events, !verb.fix.empty());
  nlohmann::json document;
  if (context.json)
    document = doctor::to_json(seen.report);
  else
    fmt::print(context.out, "{}", doctor::to_text(seen.report));
  if (!verb.html.empty()) {
    if (!context.dry_run) write_file_atomic(verb.html, report::doctor_page(corpus, seen));
    if (!context.json) log::note(fmt::format("{}{}", context.dry_run ? "would write " : "", verb.html));
    document["html"] = verb.html;
  }
  if (!verb.fix.empty()) {
    const doctor::FixReport fixed =
        doctor::fix_corpus(corpus, seen, verb.options, verb.repair, verb.fix, context.events, context.dry_run);
    if (context.json) {
      document["fixed"] = doctor::to_json(fixed);
      document["fixed"]["out"] = verb.fix;
    } else {
      fmt::print(context.out, "{}", doctor::to_text(fixed, verb.fix, context.dry_run));
      if (!context.dry_run) log::note(fmt::format("next: timbre check {}", verb.fix));
    }
  }
  const bool can_be_fixed = std::any_of(seen.report.findings.begin(), seen.report.findings.end(),
                                        [](const doctor::Finding& f) { return f.cure != doctor::Cure::leave; });
  if (verb.fix.empty() && can_be_fixed && !context.json)
    log::note(fmt::format("next: mend the source, or timbre check {} --fix OUT --dry-run", verb.corpus));
  if (context.json) fmt::print(context.out, "{}\n", document.dump(2));
  return is_fatal(seen.report, verb) ? 3 : 0;
}

}  // namespace

void register_check(Verbs& verbs) {
  Verb head;
  head.name = "check";
  head.summary = "Data: the doctor: what is wrong with this data, before any training time is spent";
  head.usage = "check CORPUS [--fix OUT] [--html FILE]";
  head.examples = {
      "timbre check corpora/en",
      "timbre check corpora/en --json",
      "timbre check corpora/en --html doctor.html",
      "timbre check corpora/en --no-audio --examples 20",
      "timbre check corpora/en --min-rate-hz 22050 --skip digits-left,duplicate-text",
      "timbre check corpora/en --fix corpora/en-fixed --repair.notch-hum --repair.leave unreadable-symbols"};
  head.writes = true;
  add_verb<CheckVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
