#include "voice/equip.h"
#include "audio/mel_bridge.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/speaking.h"
#include "cli/verb.h"
#include "roles/vocoder.h"

namespace timbre::cli {
namespace {

constexpr const char* kNone = "griffin-lim";

struct EquipVerb {
  std::string voice, vocoder;
};

config::Fields fields(EquipVerb& o) {
  config::Fields f;
  f.add("voice", o.voice, "voice folder, or a run folder").positional().required().metavar("VOICE");
  f.add("vocoder", o.vocoder, "vocoder folder or run, copied into the voice; griffin-lim takes it away again")
      .required()
      .metavar("FOLDER");
  return f;
}

int run(const EquipVerb& o, Context& context) {
  const auto voice = voice::Voice::open(o.voice);
  if (o.vocoder == kNone) {
    if (!context.dry_run) voice::unequip(voice);
  } else {
    voice::fs::path folder = o.vocoder;
    if (!voice::fs::exists(folder / "voice.json") && voice::fs::exists(folder / "voice" / "voice.json"))
      folder /= "voice";
    roles::Registry registry;
    Speaking(registry, "auto").expect_vocoder(folder);
    const auto vocoder = registry.make_vocoder({.dir = {}, .about = {}, .vocoder = folder});
    const audio::MelBridge bridge(voice.mel(), vocoder->mel(), "the vocoder " + vocoder->name());
    if (bridge.changes()) log::note("mels are brought over: " + bridge.text());
    if (!context.dry_run) voice::equip(voice, folder);
  }
  if (context.json)
    fmt::print(context.out, "{}\n", nlohmann::json{{"voice", voice.dir().string()}, {"vocoder", o.vocoder}}.dump());
  else
    log::note(fmt::format("{} speaks through {}", voice.dir().string(), o.vocoder));
  return 0;
}

}  // namespace

void register_equip(Verbs& verbs) {
  add_verb<EquipVerb>(verbs,
                      {.name = "equip",
                       .summary = "Speaking: give a voice a vocoder to carry, or take it away",
                       .usage = "equip VOICE --vocoder FOLDER",
                       .examples = {"timbre equip runs/first --vocoder voices/small_vocoder",
                                    "timbre equip runs/first --vocoder griffin-lim"},
                       .writes = true},
                      fields, run);
}

}  // namespace timbre::cli
