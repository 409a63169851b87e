#include "exchange/importer.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "corpus/manifest.h"

namespace timbre::exchange {

config::Fields fields(ImportOptions& o) {
  config::Fields f;
  f.add("audio", o.audio,
        "link leaves clips where they are, copy copies them, wav16 decodes to 16-bit mono WAV at the clip's own rate; "
        "auto links WAV, FLAC and OGG and decodes the rest")
      .choices({"auto", "link", "copy", "wav16"});
  f.add("speaker", o.speaker, "speaker of all clips, instead of what the source says");
  f.add("language", o.language,
        "language of the clips (en, zh, pt-BR …); where the source says each clip's own, only those of it are taken");
  f.add("name", o.name, "name of the corpus");
  f.add("licence", o.licence, "licence of the recordings").alias("license");
  f.add("attribution", o.attribution, "whom to name");
  f.add("encoding", o.encoding,
        "encoding of lists and texts: auto takes UTF-8, and UTF-16 and UTF-32 by their marks; else a name such as gbk, "
        "big5, shift_jis, latin1")
      .metavar("NAME");
  f.add("min_duration_s", o.min_duration_s, "shorter clips are rejected").range(0, 60);
  return f;
}

void Importers::add(const std::string& name, std::function<Importer()> make) { makers_[name] = std::move(make); }

Importer Importers::make(const std::string& name) const {
  auto it = makers_.find(name);
  if (it == makers_.end()) {
    std::string hint = did_you_mean(name, names());
    throw UsageError(fmt::format("no import format '{}'; there are: {}", name, join(names(), ", ")), hint);
  }
  return it->second();
}

std::vector<std::string> Importers::names() const {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers_) names.push_back(name);
  return names;
}

std::string option_prefix(const std::string& format) {
  std::string prefix = format;
  std::replace(prefix.begin(), prefix.end(), '-', '_');
  return prefix;
}

std::vector<Guess> guess_formats(const Importers& importers, const fs::path& source) {
  std::vector<Guess> guesses;
  for (const std::string& name : importers.names()) {
    Importer importer = importers.make(name);
    if (!importer.looks) continue;
    try {
      if (Likeness like = importer.looks(source); like.certainty > 0) guesses.push_back({name, std::move(like)});
    } catch (const std::exception&) {
      continue;  // what cannot be looked at is not like anything; the import itself will say why
    }
  }
  std::stable_sort(guesses.begin(), guesses.end(),
                   [](const Guess& a, const Guess& b) { return a.likeness.certainty > b.likeness.certainty; });
  return guesses;
}

std::string make_id(std::string_view text) {
  std::string id;
  for (char c : trim(text)) {
    unsigned char u = static_cast<unsigned char>(c);
    id += u < 0x20 || u == 0x7f || c == '/' || c == '\\' ? '_' : c;
  }
  if (!is_valid_utf8(id)) id = to_utf8(to_code_points(id));
  if (!id.empty() && id.front() == '.') id.front() = '_';
  if (id == "__metadata__") id = "_metadata_";
  if (id.size() > 200) {
    std::string hash = hash_hex(id).substr(0, 16);
    std::size_t keep = 200 - hash.size() - 1;
    while (keep > 0 && (static_cast<unsigned char>(id[keep]) & 0xC0) == 0x80) --keep;  // not inside a character
    id = id.substr(0, keep) + "-" + hash;
  }
  return id;
}

nlohmann::json to_json(const ImportResult& r) {
  return {{"utterances", r.utterances},
          {"rejected", r.rejected},
          {"reasons", r.reasons},
          {"duration_s", r.duration_s},
          {"decoded", r.decoded},
          {"copied", r.copied},
          {"linked", r.linked},
          {"mixed_to_mono", r.mixed_to_mono},
          {"stereo_left", r.stereo_left},
          {"already_there", r.already_there},
          {"rates_hz", r.rates_hz},
          {"speakers", r.speakers},
          {"notes", r.notes},
          {"about", r.about}};
}

}  // namespace timbre::exchange
