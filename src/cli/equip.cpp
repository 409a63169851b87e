#include "voice/equip.h"
#include "audio/mel_bridge.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/code_speaking.h"
#include "cli/verb.h"
#include "prepare/codecs.h"
#include "roles/network_folder.h"
#include "roles/vocoder.h"

namespace timbre::cli {
namespace {

constexpr const char* kNone = "griffin-lim";

struct EquipVerb {
  std::string voice, vocoder, codec;
};

config::Fields fields(EquipVerb& o) {
  config::Fields f;
  f.add("voice", o.voice, "voice folder, or a run folder").positional().required().metavar("VOICE");
  f.add("vocoder", o.vocoder,
        "vocoder folder or run, copied into the voice; griffin-lim takes it away again. Of a voice of codes: a vocoder "
        "of "
        "codes")
      .metavar("FOLDER");
  f.add("codec", o.codec, "codec folder or run, copied into a voice that speaks in its codes").metavar("FOLDER");
  return f;
}

void tell(const EquipVerb& o, const voice::Voice& voice, Context& context) {
  const std::string what = o.codec.empty() ? o.vocoder : o.vocoder.empty() ? o.codec : o.codec + " and " + o.vocoder;
  if (context.json)
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"voice", voice.dir().string()}, {"vocoder", o.vocoder}, {"codec", o.codec}}.dump());
  else
    log::note(fmt::format("{} speaks through {}", voice.dir().string(), what));
}

/// A voice of codes gets its codec, and a vocoder of codes where one is given; both are opened with it first.
int equip_codes(const EquipVerb& o, const roles::Registry& registry, const Speaking& speaking,
                const voice::Voice& voice, Context& context) {
  if (o.vocoder == kNone)
    throw UsageError(fmt::format("'{}' speaks in codes: griffin-lim makes sound of mels", voice.name()),
                     "--codec FOLDER, --vocoder FOLDER");
  const CodeVoiceOptions options{
      .codec = o.codec, .vocoder = o.vocoder, .prompt = {}, .prompt_text = {}, .prompt_language = {}};
  open_code_speaker(registry, speaking, voice, options, {}, true);
  if (context.dry_run) return 0;
  if (!o.codec.empty()) voice::equip_codec(voice, prepare::find_codec_folder(o.codec).dir);
  if (!o.vocoder.empty())
    voice::equip_code_vocoder(voice::Voice::open(voice.dir()), roles::folder_of_network(o.vocoder));
  tell(o, voice, context);
  return 0;
}

int run(const EquipVerb& o, Context& context) {
  const auto voice = voice::Voice::open(o.voice);
  if (o.vocoder.empty() && o.codec.empty())
    throw UsageError("equip: nothing was given to carry", "--vocoder FOLDER, or --codec FOLDER for a voice of codes");
  roles::Registry registry;
  const Speaking speaking(registry, "auto");
  if (speaks_in_codes(registry, voice)) return equip_codes(o, registry, speaking, voice, context);
  if (!o.codec.empty())
    throw UsageError(fmt::format("'{}' speaks in mels: it carries no codec", voice.name()), "--vocoder FOLDER");
  if (o.vocoder == kNone) {
    if (!context.dry_run) voice::unequip(voice);
  } else {
    voice::fs::path folder = o.vocoder;
    if (!voice::fs::exists(folder / "voice.json") && voice::fs::exists(folder / "voice" / "voice.json"))
      folder /= "voice";
    speaking.expect_vocoder(folder);
    const auto vocoder = registry.make_vocoder({.dir = {}, .about = {}, .vocoder = folder});
    const audio::MelBridge bridge(voice.mel(), vocoder->mel(), "the vocoder " + vocoder->name());
    if (bridge.changes()) log::note("mels are brought over: " + bridge.text());
    if (!context.dry_run) voice::equip(voice, folder);
  }
  tell(o, voice, context);
  return 0;
}

}  // namespace

void register_equip(Verbs& verbs) {
  add_verb<EquipVerb>(verbs,
                      {.name = "equip",
                       .summary = "Speaking: give a voice a vocoder or a codec to carry, or take it away",
                       .usage = "equip VOICE --vocoder FOLDER | --codec FOLDER",
                       .examples = {"timbre equip runs/first --vocoder voices/small_vocoder",
                                    "timbre equip runs/first --vocoder griffin-lim",
                                    "timbre equip runs/valle --codec voices/small_codec"},
                       .writes = true},
                      fields, run);
}

}  // namespace timbre::cli
