#include "roles/registry.h"

#include <stdexcept>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "roles/code_synthesizer.h"
#include "roles/code_vocoder.h"
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

/// about[section]["kind"]; "" when there is none.
std::string kind_in(const VoiceFiles& files, const char* section) {
  const auto part = files.about.find(section);
  if (part == files.about.end() || !part->is_object()) return "";
  const auto kind = part->find("kind");
  return kind != part->end() && kind->is_string() ? kind->get<std::string>() : "";
}

/// Where vocoder_files() says what the vocoder is.
const char* vocoder_section(const VoiceFiles& files) { return files.about.contains("vocoder") ? "vocoder" : "model"; }

}  // namespace

template <class Role>
std::vector<std::string> Registry::Makers<Role>::kinds() const {
  std::vector<std::string> all = names_of(networks);
  for (const auto& [name, engine] : engines)
    if (!networks.contains(name)) all.push_back(name);
  return all;
}

template <class Role>
std::string Registry::Makers<Role>::lacks(const std::string& kind, const VoiceFiles& files) const {
  const auto found = engines.find(kind);
  if (found == engines.end()) return "there is no engine for this kind";
  return found->second.lacks ? found->second.lacks(files) : "";
}

template <class Role>
std::unique_ptr<Role> Registry::Makers<Role>::make(const VoiceFiles& files, const char* section,
                                                   Backend backend) const {
  const std::string kind = kind_in(files, section);
  const auto network = networks.find(kind);
  const auto engine = engines.find(kind);
  const std::string where = (files.dir / "voice.json").string();
  if (network == networks.end() && engine == engines.end()) {
    throw DataError(fmt::format("{}: {}.kind is '{}', which this program does not have", where, section, kind),
                    fmt::format("known kinds: {}", join(kinds(), ", ")));
  }
  const std::string lacking = lacks(kind, files);
  if (lacking.empty() && (backend != Backend::torch || network == networks.end())) return engine->second.make(files);
  if (backend != Backend::engine && network != networks.end()) return network->second(files);
  throw UsageError(fmt::format("{}: {} {} cannot be computed without LibTorch: {}", where, section, kind, lacking),
                   "let LibTorch compute it: --engine torch");
}

VoiceFiles vocoder_files(const VoiceFiles& voice) {
  std::filesystem::path folder = voice.vocoder;
  if (folder.empty()) {
    VoiceFiles own = voice;
    auto& about = own.about;
    if (!about.contains("vocoder") || !about["vocoder"].is_object()) about["vocoder"] = nlohmann::json::object();
    if (!about["vocoder"].contains("folder")) {
      if (!about["vocoder"].contains("kind")) about["vocoder"]["kind"] = "griffin-lim";
      return own;
    }
    const auto& inside = about["vocoder"]["folder"];
    if (!inside.is_string() || !is_safe_relative(inside.get<std::string>()))
      throw DataError(fmt::format("{}: vocoder.folder is {}; expected a folder inside the voice's folder",
                                  (voice.dir / "voice.json").string(), inside.dump()));
    folder = voice.dir / inside.get<std::string>();
  }
  const std::filesystem::path file = folder / "voice.json";
  if (!std::filesystem::is_regular_file(file))
    throw UsageError(fmt::format("{} is no vocoder: it has no voice.json", folder.string()),
                     "a vocoder is a folder that timbre train or timbre convert made");
  VoiceFiles files{.dir = folder, .about = read_json(file), .vocoder = {}};
  if (kind_in(files, "model").empty())
    throw DataError(fmt::format("{}: the field 'model.kind' is missing", file.string()));
  files.about.erase("vocoder");
  return files;
}

void Registry::add(ModelSpec spec) {
  const std::string name = spec.name;
  add_new(models_, name, std::move(spec), "models");
}

void Registry::add_synthesizer(const std::string& model, SynthesizerMaker make) {
  add_new(synthesizers_.networks, model, std::move(make), "synthesizers");
}

void Registry::add_vocoder(const std::string& kind, VocoderMaker make) {
  add_new(vocoders_.networks, kind, std::move(make), "vocoders");
}

void Registry::add_codec(const std::string& model, CodecMaker make) {
  add_new(codecs_.networks, model, std::move(make), "codecs");
}

void Registry::add_speaker_encoder(const std::string& model, SpeakerEncoderMaker make) {
  add_new(speaker_encoders_.networks, model, std::move(make), "speaker encoders");
}

void Registry::add_synthesizer_engine(const std::string& model, Engine<Synthesizer> engine) {
  add_new(synthesizers_.engines, model, std::move(engine), "synthesizer engines");
}

void Registry::add_vocoder_engine(const std::string& kind, Engine<Vocoder> engine) {
  add_new(vocoders_.engines, kind, std::move(engine), "vocoder engines");
}

void Registry::add_codec_engine(const std::string& model, Engine<Codec> engine) {
  add_new(codecs_.engines, model, std::move(engine), "codec engines");
}

void Registry::add_code_vocoder_engine(const std::string& kind, Engine<CodeVocoder> engine) {
  add_new(code_vocoders_.engines, kind, std::move(engine), "vocoders of codes");
}

void Registry::add_parity(const std::string& set, ParityRunner run) {
  add_new(parity_, set, std::move(run), "parity runners");
}

void Registry::add_parity_part(const std::string& set, ParityRunner part) {
  ParityRunner& all = parity_[set];
  if (!all) {
    all = std::move(part);
    return;
  }
  all = [before = std::move(all), part = std::move(part)](ParityRun& run) {
    before(run);
    part(run);
  };
}

void Registry::add_code_synthesizer(const std::string& model, Maker<CodeSynthesizer> make) {
  add_new(code_synthesizers_.networks, model, std::move(make), "code synthesizers");
}

void Registry::add_code_synthesizer_engine(const std::string& model, Engine<CodeSynthesizer> engine) {
  add_new(code_synthesizers_.engines, model, std::move(engine), "code synthesizer engines");
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

bool Registry::makes_vocoders(const std::string& kind) const {
  return vocoders_.networks.contains(kind) || vocoders_.engines.contains(kind);
}

bool Registry::makes_codes(const std::string& kind) const {
  return code_synthesizers_.networks.contains(kind) || code_synthesizers_.engines.contains(kind);
}

std::vector<std::string> Registry::parts_without_engine(const VoiceFiles& voice, const VoiceFiles& codec) const {
  std::vector<std::string> parts;
  const auto name = [&](const VoiceFiles& files, const char* what, const auto& makers) {
    const std::string kind = kind_in(files, "model"), lacking = makers.lacks(kind, files);
    if (!lacking.empty()) parts.push_back(fmt::format("{} {}: {}", what, kind, lacking));
  };
  name(voice, "model", code_synthesizers_);
  if (!codec.dir.empty()) name(codec, "codec", codecs_);
  return parts;
}

std::string Registry::vocoder_without_engine(const VoiceFiles& voice) const {
  const VoiceFiles files = vocoder_files(voice);
  const std::string kind = kind_in(files, vocoder_section(files)), lacking = vocoders_.lacks(kind, files);
  return lacking.empty() ? "" : fmt::format("vocoder {}: {}", kind, lacking);
}

std::vector<std::string> Registry::parts_without_engine(const VoiceFiles& voice) const {
  std::vector<std::string> parts;
  const auto name = [&](const VoiceFiles& files, const char* section, const char* what, const auto& makers) {
    const std::string kind = kind_in(files, section), lacking = makers.lacks(kind, files);
    if (!lacking.empty()) parts.push_back(fmt::format("{} {}: {}", what, kind, lacking));
  };
  name(voice, "model", "model", synthesizers_);
  if (const std::string lacking = vocoder_without_engine(voice); !lacking.empty()) parts.push_back(lacking);
  return parts;
}

std::unique_ptr<Synthesizer> Registry::make_synthesizer(const VoiceFiles& voice) const {
  return synthesizers_.make(voice, "model", backend_);
}

std::unique_ptr<Vocoder> Registry::make_vocoder(const VoiceFiles& voice) const {
  const VoiceFiles files = vocoder_files(voice);
  return vocoders_.make(files, vocoder_section(files), backend_);
}

std::unique_ptr<Codec> Registry::make_codec(const VoiceFiles& folder) const {
  return codecs_.make(folder, "model", backend_);
}

std::unique_ptr<CodeVocoder> Registry::make_code_vocoder(const std::filesystem::path& folder) const {
  const VoiceFiles files = vocoder_files({.dir = {}, .about = {}, .vocoder = folder});
  const std::string kind = kind_in(files, "model");
  if (!code_vocoders_.engines.contains(kind))
    throw UsageError(fmt::format("{} ({}) is no vocoder of codes", folder.string(), kind),
                     fmt::format("kinds that are: {}", join(code_vocoders_.kinds(), ", ")));
  return code_vocoders_.make(files, "model", backend_);
}

std::unique_ptr<CodeSynthesizer> Registry::make_code_synthesizer(const VoiceFiles& voice) const {
  return code_synthesizers_.make(voice, "model", backend_);
}

std::unique_ptr<SpeakerEncoder> Registry::make_speaker_encoder(const VoiceFiles& voice) const {
  return speaker_encoders_.make(voice, "model", Backend::torch);
}

}  // namespace timbre::roles
