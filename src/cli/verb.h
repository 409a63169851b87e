#pragma once
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"

namespace timbre::roles {
class Registry;
}

/// The frame of the command line: a verb is one file in cli/, its options, and one call into the library.
namespace timbre::cli {

/// What every verb gets besides its own options.
struct Context {
  bool json = false;     ///< --json: stdout carries one JSON document and nothing else
  bool dry_run = false;  ///< --dry-run: say what would be written, write nothing
  EventSink events;      ///< draws progress on a terminal, plain lines in a log
  std::FILE* out = stdout;
};

/// Exit codes: 0 ok, 1 a check did not hold, 2 usage, 3 data, 4 system, 70 our bug.
using Run = std::function<int(Context&)>;

/// A verb with its options bound: made anew for every call.
struct Verb {
  std::string name;
  std::string summary;                ///< one line of `timbre --help`
  std::string usage;                  ///< "import FORMAT SRC --out CORPUS"
  std::vector<std::string> examples;  ///< complete command lines
  bool writes = false;                ///< has --dry-run
  config::Fields fields;
  Run run;
  /// Called with the verb's words before they are parsed: adds the options that depend on one of them (an importer's,
  /// a model's; find it with config::peek_flag) or reads a run file whose values the flags then override. May be empty;
  /// must bear that the word is not there (--help).
  std::function<void(config::Fields& fields, const std::vector<std::string>& words)> extend;
  /// Only for --help: paragraphs that depend on the verb's words, shown above the options; may narrow the verb's fields
  /// and examples to what these words can use. May be empty.
  std::function<std::string(Verb& verb, const std::vector<std::string>& words)> explain;
};

/// The headings of `timbre --help`, in order. A summary says its own: "Data: what is wrong with a corpus".
inline constexpr const char* kGroups[] = {"Data", "Training", "Speaking", "Models", "Tools"};

/// All verbs; each registers a function that makes it (options are heap-held by the Verb's run).
class Verbs {
 public:
  void add(const std::string& name, const std::string& summary, std::function<Verb()> make);
  /// A verb that only timbre-torch has.
  void add_elsewhere(const std::string& name, const std::string& summary);
  struct Entry {
    std::string group;  ///< one of kGroups
    std::string summary;
    std::function<Verb()> make;  ///< empty for add_elsewhere
  };
  const std::map<std::string, Entry>& all() const { return verbs_; }

 private:
  std::map<std::string, Entry> verbs_;
};

void register_light_verbs(Verbs& verbs);
void register_heavy_verbs(Verbs& verbs);

/// Adds every model and codec with what runs it: engines alone, and false, in the program without LibTorch.
bool add_running_networks(roles::Registry& registry);

/// Thrown by a verb of the program without LibTorch that finds out from its options that this call needs it: the call
/// starts anew in timbre-torch.
struct NeedsTorch {};

/// Adds a verb whose options are a struct `O` with `config::Fields fields(O&)` and `int run(const O&, Context&)`.
template <class O>
void add_verb(Verbs& verbs, Verb head, config::Fields (*fields)(O&), int (*run)(const O&, Context&)) {
  verbs.add(head.name, head.summary, [head, fields, run] {
    auto options = std::make_shared<O>();
    Verb verb = head;
    verb.fields = fields(*options);
    verb.run = [options, run](Context& context) { return run(*options, context); };
    return verb;
  });
}

/// The same for a verb whose options grow with its words (see Verb::extend).
template <class O>
void add_verb(Verbs& verbs, Verb head, config::Fields (*fields)(O&), int (*run)(const O&, Context&),
              void (*extend)(O&, config::Fields&, const std::vector<std::string>&)) {
  verbs.add(head.name, head.summary, [head, fields, run, extend] {
    auto options = std::make_shared<O>();
    Verb verb = head;
    verb.fields = fields(*options);
    verb.run = [options, run](Context& context) { return run(*options, context); };
    verb.extend = [options, extend](config::Fields& f, const std::vector<std::string>& words) {
      extend(*options, f, words);
    };
    return verb;
  });
}

/// The whole program: parses, dispatches, catches. Returns the exit code.
int run_program(const std::vector<std::string>& words);

}  // namespace timbre::cli
