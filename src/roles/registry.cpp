#include "roles/registry.h"

#include <stdexcept>

#include "base/error.h"
#include "base/strings.h"
#include "roles/codec.h"
#include "roles/speaker_encoder.h"
#include "roles/synthesizer.h"
#include "roles/vocoder.h"

namespace timbre::roles {
namespace {

template <class Map, class Value>
void add_new(Map& map, const std::string& name, Value value, const char* what) {
  if (!map.emplace(name, std::move(value)).second) {
    throw std::logic_error(fmt::format("two {} called '{}' are registered", what, name));
  }
}

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  names.reserve(map.size());
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

/// The maker of about[section]["kind"]; `fallback` when the voice names none.
template <class Map>
const typename Map::mapped_type& maker_for(const Map& makers, const VoiceFiles& voice, const char* section,
                                           const char* fallback) {
  const auto part = voice.about.find(section);
  const std::string kind = part != voice.about.end() && part->is_object() ? part->value("kind", fallback) : fallback;
  const auto found = makers.find(kind);
  if (found != makers.end()) return found->second;
  throw DataError(fmt::format("{}: {}.kind is '{}', which this program does not have",
                              (voice.dir / "voice.json").string(), section, kind),
                  fmt::format("known kinds: {}", join(names_of(makers), ", ")));
}

}  // namespace

void Registry::add(ModelSpec spec) {
  const std::string name = spec.name;
  add_new(models_, name, std::move(spec), "models");
}

void Registry::add_synthesizer(const std::string& model, SynthesizerMaker make) {
  add_new(synthesizers_, model, std::move(make), "synthesizers");
}

void Registry::add_vocoder(const std::string& kind, VocoderMaker make) {
  add_new(vocoders_, kind, std::move(make), "vocoders");
}

void Registry::add_codec(const std::string& model, CodecMaker make) {
  add_new(codecs_, model, std::move(make), "codecs");
}

void Registry::add_speaker_encoder(const std::string& model, SpeakerEncoderMaker make) {
  add_new(speaker_encoders_, model, std::move(make), "speaker encoders");
}

void Registry::add_parity(const std::string& set, ParityRunner run) {
  add_new(parity_, set, std::move(run), "parity runners");
}

const ModelSpec& Registry::model(const std::string& name) const {
  const auto found = models_.find(name);
  if (found != models_.end()) return found->second;
  const auto known = names_of(models_);
  throw UsageError(fmt::format("no model is called '{}'; {}", name, did_you_mean(name, known)),
                   fmt::format("models: {}", join(known, ", ")));
}

const Converter* Registry::converter_for(const std::filesystem::path& source) const {
  for (const auto& [name, spec] : models_) {
    for (const Converter& candidate : spec.converters) {
      if (candidate.recognises && candidate.recognises(source)) return &candidate;
    }
  }
  return nullptr;
}

const Converter& Registry::converter(const std::string& format) const {
  std::vector<std::string> known;
  for (const auto& [name, spec] : models_) {
    for (const Converter& candidate : spec.converters) {
      if (candidate.format == format) return candidate;
      known.push_back(candidate.format);
    }
  }
  throw UsageError(fmt::format("no checkpoint format is called '{}'; {}", format, did_you_mean(format, known)),
                   fmt::format("formats: {}", join(known, ", ")));
}

std::unique_ptr<Synthesizer> Registry::make_synthesizer(const VoiceFiles& voice) const {
  return maker_for(synthesizers_, voice, "model", "")(voice);
}

std::unique_ptr<Vocoder> Registry::make_vocoder(const VoiceFiles& voice) const {
  return maker_for(vocoders_, voice, "vocoder", "griffin-lim")(voice);
}

std::unique_ptr<Codec> Registry::make_codec(const VoiceFiles& folder) const {
  return maker_for(codecs_, folder, "model", "")(folder);
}

std::unique_ptr<SpeakerEncoder> Registry::make_speaker_encoder(const VoiceFiles& voice) const {
  return maker_for(speaker_encoders_, voice, "model", "")(voice);
}

}  // namespace timbre::roles
