#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "cli/draw.h"
#include "cli/faults.h"
#include "cli/usage.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

enum ExitCode : int { kOk = 0, kCheckFailed = 1, kUsage = 2, kData = 3, kSystem = 4, kBug = 70 };

/// What an exception is to the user.
struct Failure {
  ExitCode code;
  const char* kind;
  std::string message;
  std::string next;
};

/// LibTorch's messages carry a C++ backtrace below their first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Called inside a catch block. The order is from the particular to the general.
Failure failure_of_current_exception() {
  try {
    throw;
  } catch (const CheckFailed& e) {
    return {kCheckFailed, "check", e.what(), e.next()};
  } catch (const UsageError& e) {
    return {kUsage, "usage", e.what(), e.next()};
  } catch (const DataError& e) {
    return {kData, "data", e.what(), e.next()};
  } catch (const SystemError& e) {
    return {kSystem, "system", e.what(), e.next()};
  } catch (const std::bad_alloc&) {
    return {kSystem, "system", "out of memory",
            "close other programs, or make the work smaller (smaller batches, fewer --threads)"};
  } catch (const std::system_error& e) {  // std::filesystem::filesystem_error is one
    return {kSystem, "system", e.what(), ""};
  } catch (const std::exception& e) {
    const std::string message = log::level() >= log::Level::verbose ? std::string(e.what()) : first_line(e.what());
    if (message.find("can't allocate memory") != std::string::npos)
      return {kSystem, "system", "out of memory: " + message, "make the batches smaller"};
    return {kBug, "bug", "a bug in timbre: " + message,
            "report the command line with what it printed under -v, and `timbre --version`"};
  } catch (...) {
    return {kBug, "bug", "a bug in timbre: an exception of unknown type", "report the command line"};
  }
}

int report(const Failure& failure, bool json) {
  std::fflush(stdout);
  std::string text = "error: " + failure.message + "\n";
  if (!failure.next.empty()) text += "next: " + failure.next + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
  if (json) {
    const nlohmann::json document{{"error",
                                   {{"kind", failure.kind},
                                    {"exit_code", static_cast<int>(failure.code)},
                                    {"message", failure.message},
                                    {"next", failure.next}}}};
    std::puts(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
  return failure.code;
}

/// The command line taken apart: flags before the verb count as the verb's.
struct Call {
  std::string verb;
  std::vector<std::string> words;
  bool help = false, version = false, json = false;
};

Call take_apart(const std::vector<std::string>& words) {
  Call call;
  bool flags = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (call.verb.empty() && (word.empty() || word[0] != '-')) {
      call.verb = word;
      continue;
    }
    if (word == "--") flags = false;
    if (flags) {
      call.help |= word == "--help" || word == "-h";
      call.version |= word == "--version";
      call.json |= word == "--json";
    }
    call.words.push_back(word);
    if (call.verb.empty() && word == "--threads" && i + 1 < words.size()) call.words.push_back(words[++i]);
  }
  if (call.verb == "help") {  // `timbre help`, `timbre help VERB`
    call.help = true;
    call.verb.clear();
    if (!call.words.empty() && call.words[0][0] != '-') {
      call.verb = call.words[0];
      call.words.erase(call.words.begin());
    }
  }
  return call;
}

/// The verb is in the program with LibTorch: become that program, with the same words.
[[noreturn]] void become_torch(const std::string& verb, const std::vector<std::string>& words) {
  const std::string program = (program_folder() / "timbre-torch").string();
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::fflush(nullptr);
  execv(program.c_str(), argv.data());
  throw SystemError(fmt::format("'{}' needs {}, which could not be started: {}", verb, program, std::strerror(errno)),
                    "build it with: make build");
}

void apply(const CommonOptions& common) {
  if (common.verbose && common.quiet) throw UsageError("--verbose and --quiet exclude each other");
  if (common.verbose) log::set_level(log::Level::verbose);
  if (common.quiet) log::set_level(log::Level::quiet);
  if (common.threads > 0) set_thread_count(static_cast<int>(common.threads));
}

/// What was printed must have arrived. A reader that has gone (EPIPE: `timbre info x | head`) has all it wanted.
void flush_output() {
  errno = 0;
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && errno != EPIPE && errno != 0)
    throw SystemError(fmt::format("could not write to standard output: {}", std::strerror(errno)));
}

int run_verb(const Verbs::Entry& entry, const Call& call) {
  Verb verb = entry.make();
  CommonOptions common;
  config::Fields common_fields = fields(common, verb.writes);
  if (verb.extend) verb.extend(verb.fields, call.words);
  config::Fields all = common_fields;
  all.group("", verb.fields);
  if (call.help) {
    const std::string paragraphs = verb.explain ? verb.explain(verb, call.words) : "";
    std::fputs(verb_help(verb, entry.summary, common_fields, paragraphs).c_str(), stdout);
    return kOk;
  }
  config::parse_flags(all, call.words);
  apply(common);
  if (common.print_config || common.print_schema) {
    const std::string text = common.print_config
                                 ? config::to_yaml(verb.fields, true)
                                 : config::json_schema(verb.fields, "timbre " + verb.name).dump(2) + "\n";
    std::fputs(text.c_str(), stdout);
    return kOk;
  }
  Context context{
      .json = common.json, .dry_run = common.dry_run, .events = make_drawing(canvas_of_stderr(common.quiet))};
  const int code = verb.run(context);
  finish_drawing();
  return code;
}

int run_call(const Verbs& verbs, const Call& call, const std::vector<std::string>& words) {
  if (call.version) {
    std::puts(version_text().c_str());
    return kOk;
  }
  if (call.verb.empty()) {
    if (call.help) {
      std::fputs(program_help(verbs).c_str(), stdout);
      return kOk;
    }
    if (call.words.empty()) {
      std::fputs(program_help(verbs).c_str(), stderr);
      return kUsage;
    }
    throw UsageError(fmt::format("no verb among '{}'", join(call.words, " ")), "timbre --help lists the verbs");
  }
  const auto found = verbs.all().find(call.verb);
  if (found == verbs.all().end()) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : verbs.all()) names.push_back(name);
    const std::string nearest = did_you_mean(call.verb, names);
    throw UsageError(fmt::format("there is no verb '{}'", call.verb),
                     nearest.empty() ? "timbre --help lists the verbs" : nearest);
  }
  if (!found->second.make) become_torch(call.verb, words);
  try {
    return run_verb(found->second, call);
  } catch (const NeedsTorch&) {
    become_torch(call.verb, words);
  }
}

}  // namespace

int run_program(const std::vector<std::string>& words) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of that write, not the end of a training run
  report_mapping_faults();
  const Call call = take_apart(words);
  int code = kOk;
  try {
    Verbs verbs;
    register_light_verbs(verbs);
    register_heavy_verbs(verbs);
    code = run_call(verbs, call, words);
    flush_output();
  } catch (...) {
    finish_drawing();
    code = report(failure_of_current_exception(), call.json);
  }
  return code;
}

}  // namespace timbre::cli
