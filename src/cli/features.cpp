#include "prepare/feature_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct FeaturesVerb {
  std::string source, out, convention = "tacotron";
  prepare::FeatureOptions options;
};

config::Fields fields(FeaturesVerb& o) {
  config::Fields f;
  f.add("source", o.source, "an audio file, a folder of them, or a corpus").positional().required().metavar("AUDIO");
  f.add("out", o.out, "folder for the .npy files").letter('o').required().metavar("DIR");
  f.add("as", o.convention, "whose spectrogram: its settings are the defaults of the options below")
      .choices({"tacotron", "hifigan", "coqui", "vocos", "kaldi"});
  return f;
}

/// The convention decides which options there are, and their defaults.
void extend(FeaturesVerb& o, config::Fields& f, const std::vector<std::string>& words) {
  const std::string wanted = config::peek_flag(f, words, "as").value_or(o.convention);
  const std::vector<std::string> known = {"tacotron", "hifigan", "coqui", "vocos", "kaldi"};
  if (std::find(known.begin(), known.end(), wanted) == known.end()) return;  // said when the flag itself is parsed
  f.group("", prepare::fields(o.options, wanted));
}

int run(const FeaturesVerb& o, Context& context) {
  const auto recordings = prepare::list_recordings(o.source);
  if (context.dry_run) {
    fmt::print(context.out, "would write the features of {} recordings into {}\n", recordings.size(), o.out);
    return 0;
  }
  const auto report = prepare::write_features(recordings, o.options, o.out, context.events);
  if (context.json) {
    nlohmann::json skipped = nlohmann::json::array();
    for (const auto& item : report.skipped) skipped.push_back({{"id", item.id}, {"reason", item.reason}});
    fmt::print(
        context.out, "{}\n",
        nlohmann::json{{"out", o.out}, {"made", report.made}, {"frames", report.frames}, {"skipped", skipped}}.dump());
  } else {
    fmt::print(context.out, "{}: {} recordings, {} frames\n", o.out, report.made, report.frames);
    for (const auto& item : report.skipped) fmt::print(context.out, "  skipped {}: {}\n", item.id, item.reason);
  }
  if (report.made == 0)
    throw DataError(fmt::format("{}: none of {} recordings could be used", o.source, recordings.size()));
  return 0;
}

}  // namespace

void register_features(Verbs& verbs) {
  add_verb<FeaturesVerb>(verbs,
                         {.name = "features",
                          .summary = "Tools: mel, filter bank, energy and pitch of recordings as NumPy files",
                          .usage = "features AUDIO --as tacotron|hifigan|coqui|vocos|kaldi --out DIR",
                          .examples = {"timbre features clip.wav --as hifigan --out feats",
                                       "timbre features corpora/en --as kaldi --fbank.filters 40 -o feats",
                                       "timbre features wavs --as coqui --mel.range.enabled --trim-db 45 "
                                       "--trim-edge-s 0.01 --pitch pyin -o feats"},
                          .writes = true},
                         fields, run, extend);
}

}  // namespace timbre::cli
