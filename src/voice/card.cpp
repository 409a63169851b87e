#include "voice/card.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace timbre::voice {
namespace {

using nlohmann::json;

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const json& object_at(const json& object, const char* key) {
  static const json kEmpty = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kEmpty;
}

/// What a reader types, by what the folder is.
std::string usage(const json& about, const std::string& folder) {
  if (about.contains("front_end")) return fmt::format("timbre say \"Good morning.\" --voice {} -o said.wav\n", folder);
  if (about.contains("codec"))
    return fmt::format(
        "timbre codec encode clip.wav --codec {0} -o codes.npy\ntimbre codec decode codes.npy --codec {0} "
        "-o clip.wav\n",
        folder);
  return fmt::format("timbre vocode clip.wav --vocoder {0} -o copy.wav\ntimbre equip VOICE --vocoder {0}\n", folder);
}

void add_row(std::string& out, std::string_view what, const std::string& value) {
  if (!value.empty()) out += fmt::format("| {} | {} |\n", what, value);
}

std::string sound(const json& about) {
  const json& codec = object_at(about, "codec");
  if (!codec.empty() && codec.value("rate_hz", 0) == 0)  // of an imported network: its maker's word alone
    return fmt::format("codes of {}, {} codebooks", text_at(codec, "codec"), codec.value("codebooks", 0));
  if (!codec.empty())
    return fmt::format("{} Hz, {:g} frames a second, {} codebooks of {} entries", codec.value("rate_hz", 0),
                       static_cast<double>(codec.value("rate_hz", 0)) / codec.value("hop_samples", 1),
                       codec.value("codebooks", 0), codec.value("codebook_size", 0));
  const json& own = object_at(about, "mel");
  const json& mel = own.empty() ? object_at(object_at(object_at(about, "model"), "config"), "mel") : own;
  if (mel.empty()) return "";
  return fmt::format("{} Hz, {} mels every {} samples ({} convention)", mel.value("rate_hz", 0), mel.value("mels", 0),
                     mel.value("hop_samples", 0), text_at(mel, "convention"));
}

std::string made_from(const json& about) {
  const json& source = object_at(about, "provenance");
  std::string out = text_at(source, "corpus");
  if (out.empty()) return out;
  if (const std::string hash = text_at(source, "corpus_hash"); !hash.empty()) out += fmt::format(" ({})", hash);
  if (const auto step = source.find("step"); step != source.end())
    out += fmt::format(", step {}, seed {}", step->dump(), source.value("seed", std::int64_t{0}));
  if (const std::string base = text_at(source, "base_voice"); !base.empty()) out += ", from " + base;
  return out;
}

/// Recordings that were changed before training: rows.json of `timbre prepare --recipe llasa-speed` in the provenance.
std::string changed(const json& about) {
  const json& copies = object_at(object_at(object_at(about, "provenance"), "rows"), "stretched");
  if (copies.value("copies", std::int64_t{0}) == 0) return "";
  return fmt::format("{} copies stretched in time at their pitch, {:.2f} to {:.2f} times as long, in {} rows",
                     copies.value("copies", std::int64_t{0}), copies.value("shortest", 1.0),
                     copies.value("longest", 1.0), copies.value("rows", std::int64_t{0}));
}

std::string scores(const json& table) {
  const auto rows = table.find("rows");
  if (!table.is_object() || rows == table.end() || rows->empty()) return "";
  std::string out =
      "\n## How good\n\n| | understood | mel-cepstral distortion | times real time |\n|---|---|---|---|\n";
  for (const json& row : *rows) {
    const double share = row.value("real_time_factor", 0.0), mcd = row.value("mcd_db", 0.0);
    out += fmt::format("| {} | {} of {} | {} | {} |\n", text_at(row, "name"), row.value("understood", 0),
                       row.value("prompts", 0), mcd > 0 ? fmt::format("{:.2f} dB", mcd) : "",
                       share > 0 ? fmt::format("{:.3f}", share) : "");
  }
  return out +
         "\nPrompts that were never trained on, heard by a recogniser that chooses among the sentences of the "
         "corpus (`timbre score`).\n";
}

}  // namespace

std::string card(const json& about, const CardFacts& facts) {
  std::string out = fmt::format("# {}\n\n", text_at(about, "name"));
  if (const std::string purpose = text_at(about, "purpose"); !purpose.empty())
    out += fmt::format("It {}.\n\n", purpose);
  out += "```sh\n" + usage(about, facts.folder) + "```\n\n| | |\n|---|---|\n";
  add_row(out, "network",
          fmt::format("{}, {:.2f} million parameters", text_at(object_at(about, "model"), "kind"),
                      static_cast<double>(facts.parameters) / 1e6));
  add_row(out, "size", fmt::format("{}, weights as {}", human_bytes(static_cast<double>(facts.bytes)), facts.dtype));
  add_row(out, "sound", sound(about));
  add_row(out, "language", text_at(about, "language"));
  add_row(out, "made from", made_from(about));
  add_row(out, "changed", changed(about));
  add_row(out, "licence", text_at(about, "licence"));
  add_row(out, "attribution", text_at(about, "attribution"));
  return out + scores(about.value("scores", json()));
}

}  // namespace timbre::voice
