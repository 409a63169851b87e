#include "voice/pack.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct PackVerb {
  std::string source, out, dtype = "f16", scores;
  voice::PackOptions options;
};

config::Fields fields(PackVerb& o) {
  config::Fields f;
  f.add("source", o.source, "folder of a voice, a vocoder, a codec or a run").positional().required().metavar("FOLDER");
  f.add("out", o.out, "folder to make").letter('o').required().metavar("FOLDER");
  f.add("dtype", o.dtype, "number type of the weights").choices({"f16", "bf16", "f32"});
  f.add("name", o.options.name, "its name for people; default: the new folder's").metavar("NAME");
  f.add("licence", o.options.licence, "what others may do with it; default: the corpus's").metavar("TEXT");
  f.add("attribution", o.options.attribution, "whom to name; default: the corpus's").metavar("TEXT");
  f.add("scores", o.scores, "what `timbre score --out` wrote, for the card").metavar("FILE");
  return f;
}

int run(const PackVerb& o, Context& context) {
  voice::PackOptions options = o.options;
  options.dtype = *weights::dtype_of_name(o.dtype);
  options.write = !context.dry_run;
  if (!o.scores.empty()) {
    options.scores = read_json(o.scores);
    if (!options.scores.is_object() || !options.scores.contains("rows"))
      throw DataError(fmt::format("{}: no table of scores: the field 'rows' is missing", o.scores),
                      "timbre score VOICE --corpus CORPUS -o " + o.scores);
  }
  const voice::Packed done = voice::pack(o.source, o.out, options);
  if (context.json)
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"folder", o.out},
                              {"name", done.name},
                              {"parameters", done.parameters},
                              {"bytes", done.bytes},
                              {"bytes_before", done.before},
                              {"largest_loss", done.largest_loss},
                              {"written", options.write}}
                   .dump());
  else
    fmt::print(
        context.out, "{} {}: {:.2f} million parameters, {} (was {}), rounded by at most {:.2g} of a tensor's largest\n",
        context.dry_run ? "would write" : "wrote", o.out, static_cast<double>(done.parameters) / 1e6,
        human_bytes(static_cast<double>(done.bytes)), human_bytes(static_cast<double>(done.before)), done.largest_loss);
  return 0;
}

}  // namespace

void register_pack(Verbs& verbs) {
  add_verb<PackVerb>(verbs,
                     {.name = "pack",
                      .summary = "Models: a trained folder to give away: small weights, and a card for people",
                      .usage = "pack FOLDER --out FOLDER",
                      .examples = {"timbre pack runs/vocoder -o voices/small_vocoder",
                                   "timbre pack runs/anna -o voices/anna --scores score.json --licence 'CC BY 4.0'"},
                      .writes = true},
                     fields, run);
}

}  // namespace timbre::cli
