#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/verb.h"

/// The help pages, made from the registry and the option lists.
namespace timbre::cli {

/// The flags every verb has, before or after its name.
struct CommonOptions {
  bool help = false;
  bool version = false;
  bool json = false;
  bool verbose = false;
  bool quiet = false;
  bool dry_run = false;
  std::int64_t threads = 0;
  bool print_config = false;
  bool print_schema = false;
};
/// --dry-run is listed for verbs that write.
config::Fields fields(CommonOptions& o, bool writes);

/// `timbre --help`: what there is, grouped.
std::string program_help(const Verbs& verbs);
/// `timbre VERB --help`: usage, `paragraphs` (Verb::explain), options, examples.
std::string verb_help(const Verb& verb, const std::string& summary, const config::Fields& common,
                      const std::string& paragraphs = {});
/// "timbre 0.1.0".
std::string version_text();

}  // namespace timbre::cli
