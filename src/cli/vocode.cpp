#include <algorithm>

#include "audio/decode.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/speaking.h"
#include "cli/verb.h"
#include "prepare/feature_files.h"
#include "roles/vocoder.h"

namespace timbre::cli {
namespace {

struct VocodeVerb {
  std::string source, vocoder, out, engine = "auto";
};

config::Fields fields(VocodeVerb& o) {
  config::Fields f;
  f.add("source", o.source, "a recording, a folder of them, or a corpus").positional().required().metavar("AUDIO");
  f.add("vocoder", o.vocoder, "vocoder folder, or the run that trains it").required().metavar("FOLDER");
  f.add("out", o.out, "the new recording; of several, a folder for them").letter('o').required().metavar("OUT");
  add_engine_field(f, o.engine);
  return f;
}

/// A run's folder holds the vocoder in voice/.
fs::path vocoder_folder(const fs::path& given) {
  return !fs::exists(given / "voice.json") && fs::exists(given / "voice" / "voice.json") ? given / "voice" : given;
}

int run(const VocodeVerb& o, Context& context) {
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  const fs::path folder = vocoder_folder(o.vocoder);
  speaking.expect_vocoder(folder);
  const auto recordings = prepare::list_recordings(o.source);
  const bool one = fs::is_regular_file(o.source);
  if (context.dry_run) {
    fmt::print(context.out, "would make {} recordings\n", recordings.size());
    return 0;
  }
  const auto vocoder = registry.make_vocoder({.dir = {}, .about = {}, .vocoder = folder});
  const audio::MelOptions mel = vocoder->mel();
  const audio::MelMaker maker(mel);
  if (!one) make_folders(o.out);
  const auto copy = [&](const prepare::Recording& recording) {
    const auto clip = audio::decode_audio(recording.path, mel.rate_hz);
    const audio::Mel heard = maker(clip.samples_N);
    auto wave_N = vocoder->synthesize(heard.values_FM, heard.frames);
    wave_N.resize(clip.samples_N.size());  // a last part of a hop is no frame
    audio::write_audio(one ? fs::path(o.out) : fs::path(o.out) / (recording.id + ".wav"), wave_N, mel.rate_hz);
    return clip.duration_s();
  };
  double seconds = 0;
  auto skipped = nlohmann::json::object();
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    try {
      seconds += copy(recordings[i]);
    } catch (const DataError& problem) {
      if (one) throw;
      skipped[recordings[i].id] = problem.what();
      log::warn(fmt::format("{} left out: {}", recordings[i].id, problem.what()));
    }
    emit_progress(context.events, "vocode", static_cast<double>(i + 1), static_cast<double>(recordings.size()),
                  "recordings");
  }
  const std::size_t made = recordings.size() - skipped.size();
  if (made == 0) throw DataError(fmt::format("none of {} recordings could be taken", recordings.size()));
  if (context.json)
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"out", o.out}, {"made", made}, {"seconds", seconds}, {"skipped", skipped}}.dump());
  else
    log::note(fmt::format("{}: {} recording{}, {:.1f} s, through {}{}", o.out, made, made == 1 ? "" : "s", seconds,
                          vocoder->name(), skipped.empty() ? "" : fmt::format("; {} left out", skipped.size())));
  return 0;
}

}  // namespace

void register_vocode(Verbs& verbs) {
  add_verb<VocodeVerb>(verbs,
                       {.name = "vocode",
                        .summary = "Speaking: recordings through a vocoder and back: what it costs",
                        .usage = "vocode AUDIO --vocoder FOLDER -o OUT",
                        .examples = {"timbre vocode clip.wav --vocoder runs/vocoder -o copy.wav",
                                     "timbre vocode corpora/en --vocoder voices/small_vocoder -o copies"},
                        .writes = true},
                       fields, run);
}

}  // namespace timbre::cli
