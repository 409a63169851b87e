#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "cli/verb.h"
#include "roles/registry.h"
#include "weights/convert.h"

namespace timbre::cli {
namespace {

namespace fs = std::filesystem;

struct ConvertVerb {
  std::string source, destination, from, to;
  std::vector<std::string> settings;
  weights::ConvertOptions weights;
  bool force = false;
};

config::Fields fields(ConvertVerb& verb) {
  config::Fields f;
  f.add("source", verb.source, "weights file, checkpoint of another program, or voice folder")
      .positional()
      .required()
      .metavar("SRC");
  f.add("destination", verb.destination, "file to write (its extension says the format) or folder to make")
      .positional()
      .required()
      .metavar("DST");
  f.add("from", verb.from, "the other program's format SRC has (ming024 …); found out when not given")
      .metavar("FORMAT");
  f.add("to", verb.to, "the other program's format DST shall have; SRC is a voice folder then").metavar("FORMAT");
  f.add("option", verb.settings, "key=value for that format's converter; may be given again");
  f.add("flat", verb.weights.flat, "write tensors only, under flat names");
  f.add("dtype", verb.weights.dtype, "round every real tensor to this number type")
      .choices({"", "f64", "f32", "f16", "bf16"});
  f.add("force", verb.force, "replace DST when it is there");
  return f;
}

nlohmann::json settings_of(const std::vector<std::string>& words) {
  nlohmann::json out = nlohmann::json::object();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw UsageError(fmt::format("--option {}: expected key=value", word));
    out[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return out;
}

/// A folder to make rather than a file to write.
bool makes_folder(const ConvertVerb& verb) {
  return fs::path(verb.destination).extension().empty() || !verb.to.empty();
}

void report(const nlohmann::json& done, const std::string& text, const Context& context) {
  fmt::print(context.out, "{}\n", context.json ? done.dump(2) : text);
}

int convert_model(const ConvertVerb& verb, const roles::Converter& converter, bool to_voice, Context& context) {
  const auto& act = to_voice ? converter.to_voice : converter.from_voice;
  if (!act)
    throw UsageError(fmt::format("the format '{}' is only {}", converter.format, to_voice ? "written" : "read"));
  const std::string text = fmt::format("{} {} → {} ({})", context.dry_run ? "would convert" : "converted", verb.source,
                                       verb.destination, converter.format);
  if (!context.dry_run) act({verb.source, verb.destination, context.events, settings_of(verb.settings)});
  report({{"source", verb.source},
          {"destination", verb.destination},
          {"format", converter.format},
          {"written", !context.dry_run}},
         text, context);
  return 0;
}

int convert_file(const ConvertVerb& verb, Context& context) {
  weights::ConvertOptions options = verb.weights;
  options.write = !context.dry_run;
  const weights::Converted done = weights::convert_weights(verb.source, verb.destination, options);
  for (const std::string& line : done.replaced) log::warn("an object became plain data: " + line);
  if (!done.dropped.empty()) {
    log::warn(
        fmt::format("{} values that are no tensors were left out, first '{}'", done.dropped.size(), done.dropped[0]));
  }
  const std::string text =
      fmt::format("{} {} ({}) → {}: {} tensors, {} bytes", context.dry_run ? "would convert" : "converted", verb.source,
                  weights::name_of(done.from), verb.destination, done.tensors, done.bytes);
  report({{"source", verb.source},
          {"destination", verb.destination},
          {"from", weights::name_of(done.from)},
          {"tensors", done.tensors},
          {"bytes", done.bytes},
          {"replaced", done.replaced},
          {"dropped", done.dropped},
          {"written", !context.dry_run}},
         text, context);
  return 0;
}

int run(const ConvertVerb& verb, Context& context) {
  if (!fs::exists(verb.source)) throw UsageError(fmt::format("{}: there is no such file or folder", verb.source));
  if (fs::exists(verb.destination) && !verb.force)
    throw UsageError(fmt::format("{} is there already", verb.destination), "choose another name, or --force");
  if (fs::exists(verb.destination) && fs::equivalent(verb.source, verb.destination)) {
    throw UsageError(fmt::format("{} and {} are the same file", verb.source, verb.destination));
  }
  if (makes_folder(verb) || !verb.from.empty()) {
    roles::Registry registry;
    models::register_all(registry);
    if (!verb.to.empty()) return convert_model(verb, registry.converter(verb.to), false, context);
    if (!verb.from.empty()) return convert_model(verb, registry.converter(verb.from), true, context);
    if (const roles::Converter* found = registry.converter_for(verb.source))
      return convert_model(verb, *found, true, context);
    throw UsageError(fmt::format("{} is no checkpoint that a model here recognises, and {} has no extension",
                                 verb.source, verb.destination),
                     "say --from FORMAT, or give DST an extension: .safetensors, .pt, .npz");
  }
  return convert_file(verb, context);
}

}  // namespace

void register_convert(Verbs& verbs) {
  Verb head;
  head.name = "convert";
  head.summary = "Models: checkpoints from one format to another, and other programs' models to voices and back";
  head.usage = "convert SRC DST";
  head.examples = {"timbre convert model.pth.tar model.safetensors", "timbre convert model.safetensors model.pt",
                   "timbre convert checkpoint_ema.pt half.safetensors --flat --dtype bf16",
                   "timbre convert output/ckpt/900000.pth.tar voices/lj --from ming024"};
  head.writes = true;
  add_verb<ConvertVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
