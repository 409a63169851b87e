#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/machine.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "report/folder.h"
#include "roles/registry.h"
#include "tokenizer/describe.h"
#include "weights/describe.h"

namespace timbre::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct InfoVerb {
  std::string path;
  bool system = false;
  bool verify = true;
};

config::Fields fields(InfoVerb& verb) {
  config::Fields f;
  f.add("path", verb.path,
        "weights file, tokenizer.json, or the folder of a corpus, a run, a voice, a model or a tokenizer")
      .positional()
      .metavar("FILE|FOLDER");
  f.add("system", verb.system,
        "this computer instead: processor, memory, libraries, what is missing and how to get it");
  f.add("verify", verb.verify, "compare the checksums of zip checkpoints (reads the whole file)");
  return f;
}

Json system_json() {
  const Machine machine = this_machine();
  Json libraries = Json::array();
  for (const auto& library : optional_libraries()) {
    Json entry = {
        {"name", library.name}, {"purpose", library.purpose}, {"found", library.found}, {"version", library.version}};
    if (!library.found) entry["next"] = library.next;
    libraries.push_back(std::move(entry));
  }
  return {{"cpu", machine.cpu_name},
          {"cores", machine.cores},
          {"cpu_features", machine.cpu_features},
          {"memory_bytes", machine.memory_bytes},
          {"memory_available_bytes", machine.memory_available_bytes},
          {"gpus", machine.gpus},
          {"libraries", libraries}};
}

std::string system_text(const Json& system) {
  std::string out =
      fmt::format("processor  {}, {} cores\n", system["cpu"].get<std::string>(), system["cores"].get<int>());
  out += fmt::format("           {}\n", join(system["cpu_features"].get<std::vector<std::string>>(), " "));
  out += fmt::format("memory     {}, {} available\n", human_bytes(system["memory_bytes"].get<double>()),
                     human_bytes(system["memory_available_bytes"].get<double>()));
  const auto gpus = system["gpus"].get<std::vector<std::string>>();
  out += fmt::format("GPU        {}\nlibraries\n", gpus.empty() ? "none" : join(gpus, ", "));
  for (const Json& library : system["libraries"]) {
    const std::string version = library["version"].get<std::string>();
    const std::string state = !library["found"].get<bool>() ? "missing: " + library["next"].get<std::string>()
                              : version.empty()             ? "found"
                                                            : version;
    out += fmt::format("  {:<13} {:<38} {}\n", library["name"].get<std::string>(),
                       library["purpose"].get<std::string>(), state);
  }
  return out;
}

int run(const InfoVerb& verb, Context& context) {
  const auto print = [&](const Json& json, const std::string& text) {
    fmt::print(context.out, "{}",
               context.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : text);
    return 0;
  };
  if (verb.system) {
    const Json system = system_json();
    return print(system, system_text(system));
  }
  if (verb.path.empty())
    throw UsageError("info needs a file or a folder", "timbre info model.safetensors, or timbre info --system");
  if (!fs::exists(verb.path))
    throw UsageError(fmt::format("{}: there is no such file or folder", verb.path), "check the path for a typo");
  roles::Registry registry;
  models::register_all(registry);
  const roles::Converter* converter = registry.converter_for(verb.path);
  const std::string model = converter && converter->describe ? converter->describe(verb.path) : std::string();
  if (auto folder = report::describe_folder(verb.path)) {
    if (!model.empty()) (*folder)["model"] = {{"format", converter->format}, {"text", model}};
    return print(*folder, model + report::folder_text(*folder));
  }
  if (model.empty() && tokenizer::is_tokenizer(verb.path)) {
    const Json about = tokenizer::describe(tokenizer::Tokenizer::read(verb.path));
    return print(about, tokenizer::describe_text(about));
  }
  weights::LoadOptions options;
  options.verify_crc = verb.verify;
  Json weights = weights::describe(weights::load(verb.path, options));
  if (model.empty()) return print(weights, weights::describe_text(weights));
  weights["model"] = {{"format", converter->format}, {"text", model}};
  return print(weights, model + weights::describe_text(weights));
}

}  // namespace

void register_info(Verbs& verbs) {
  Verb head;
  head.name = "info";
  head.summary = "Tools: what a file or folder is and holds; --system: this computer";
  head.usage = "info FILE|FOLDER";
  head.examples = {"timbre info model.safetensors", "timbre info output/ckpt/900000.pth.tar --json",
                   "timbre info corpora/en", "timbre info voices/en", "timbre info --system"};
  add_verb<InfoVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
