#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "roles/spec.h"

namespace timbre::roles {

class Synthesizer;
class Vocoder;
class Codec;
class SpeakerEncoder;
class ParityRun;

/// An opened voice folder, as far as a network needs it.
struct VoiceFiles {
  std::filesystem::path dir;
  nlohmann::json about;  ///< voice.json
};

/// Everything that registered itself. The torch-free half fills `models`; register_<m>_torch adds the makers
/// of running networks and the parity runners.
class Registry {
 public:
  using SynthesizerMaker = std::function<std::unique_ptr<Synthesizer>(const VoiceFiles&)>;
  using VocoderMaker = std::function<std::unique_ptr<Vocoder>(const VoiceFiles&)>;
  using CodecMaker = std::function<std::unique_ptr<Codec>(const VoiceFiles&)>;
  using SpeakerEncoderMaker = std::function<std::unique_ptr<SpeakerEncoder>(const VoiceFiles&)>;
  using ParityRunner = std::function<void(ParityRun&)>;

  /// Throws std::logic_error for a name that is taken.
  void add(ModelSpec spec);
  void add_synthesizer(const std::string& model, SynthesizerMaker make);
  void add_vocoder(const std::string& kind, VocoderMaker make);
  void add_codec(const std::string& model, CodecMaker make);
  void add_speaker_encoder(const std::string& model, SpeakerEncoderMaker make);
  /// `set` is the "set" of golden/<set>/set.json.
  void add_parity(const std::string& set, ParityRunner run);

  /// Throws UsageError with "did you mean".
  const ModelSpec& model(const std::string& name) const;
  const std::map<std::string, ModelSpec>& models() const { return models_; }
  const std::map<std::string, ParityRunner>& parity_sets() const { return parity_; }
  /// The converter that recognises `source` and its model; null when none does.
  const Converter* converter_for(const std::filesystem::path& source) const;
  /// By format name ("ming024"); throws UsageError with the known ones.
  const Converter& converter(const std::string& format) const;

  /// Opens the network of a voice by about["model"]["kind"]. Throws DataError when this program has none of that kind.
  std::unique_ptr<Synthesizer> make_synthesizer(const VoiceFiles& voice) const;
  /// By about["vocoder"]["kind"]; "griffin-lim" when the voice names none.
  std::unique_ptr<Vocoder> make_vocoder(const VoiceFiles& voice) const;
  /// By about["model"]["kind"], as make_synthesizer.
  std::unique_ptr<Codec> make_codec(const VoiceFiles& folder) const;
  /// The same.
  std::unique_ptr<SpeakerEncoder> make_speaker_encoder(const VoiceFiles& voice) const;

 private:
  std::map<std::string, ModelSpec> models_;
  std::map<std::string, SynthesizerMaker> synthesizers_;
  std::map<std::string, VocoderMaker> vocoders_;
  std::map<std::string, CodecMaker> codecs_;
  std::map<std::string, SpeakerEncoderMaker> speaker_encoders_;
  std::map<std::string, ParityRunner> parity_;
};

}  // namespace timbre::roles

namespace timbre::models {
/// Generated: calls register_<m>() of every folder in models/ and codecs/.
void register_all(roles::Registry& registry);
}  // namespace timbre::models
