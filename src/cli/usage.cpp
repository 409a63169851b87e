#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>

namespace timbre::cli {
namespace {

constexpr const char* kWhat = "timbre: from a folder of recordings to a voice that speaks";

/// When a verb gives no usage of its own: its name, its places in order, and [OPTIONS].
std::string usage_of(const Verb& verb) {
  if (!verb.usage.empty()) return verb.usage;
  std::string usage = verb.name;
  for (const config::Field& field : verb.fields.list()) {
    if (!field.is_positional()) continue;
    const std::string word = config::shown_name(field) + (field.is_list() ? " …" : "");
    usage += field.is_required() ? " " + word : " [" + word + "]";
  }
  return usage + " [OPTIONS]";
}

}  // namespace

config::Fields fields(CommonOptions& o, bool writes) {
  config::Fields f;
  f.add("help", o.help, "this page").letter('h');
  f.add("version", o.version, "the version of the program");
  f.add("json", o.json, "one JSON document on standard output and nothing else there");
  f.add("verbose", o.verbose, "say more").letter('v');
  f.add("quiet", o.quiet, "only warnings and errors").letter('q');
  f.add("threads", o.threads, "worker threads; 0 = TIMBRE_THREADS, else the cores this process may use").range(0, 4096);
  if (writes) f.add("dry_run", o.dry_run, "say what would be written, write nothing");
  f.add("print_config", o.print_config, "print all options as resolved, as a commented run file, and stop");
  f.add("print_schema", o.print_schema, "print the JSON schema of the options and stop");
  return f;
}

std::string program_help(const Verbs& verbs) {
  std::size_t widest = 0;
  for (const auto& [name, entry] : verbs.all()) widest = std::max(widest, name.size());
  std::string out = fmt::format("{}\n\nUsage: timbre VERB [OPTIONS]\n", kWhat);
  for (const char* group : kGroups) {
    std::string lines;
    for (const auto& [name, entry] : verbs.all())
      if (entry.group == group) lines += fmt::format("  {:<{}}  {}\n", name, widest, entry.summary);
    if (!lines.empty()) out += fmt::format("\n{}\n{}", group, lines);
  }
  out += "\nEvery verb: --help --json -v -q --threads N; --dry-run where it writes.\n";
  out += "Exit codes: 0 done, 1 a check did not hold, 2 usage, 3 data, 4 system, 70 a bug of ours.\n";
  return out;
}

std::string verb_help(const Verb& verb, const std::string& summary, const config::Fields& common,
                      const std::string& paragraphs) {
  std::string out = fmt::format("timbre {}: {}\n\nUsage: timbre {}\n", verb.name, summary, usage_of(verb));
  if (!paragraphs.empty()) out += "\n" + paragraphs;
  const std::string own = config::help_text(verb.fields);
  if (!own.empty()) out += "\n" + own;
  out += "\nEvery verb:\n" + config::help_text(common);
  if (!verb.examples.empty()) {
    out += "\nExamples:\n";
    for (const std::string& example : verb.examples) out += "  " + example + "\n";
  }
  return out;
}

std::string version_text() { return "timbre " TIMBRE_VERSION; }

}  // namespace timbre::cli
