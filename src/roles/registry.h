#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "roles/spec.h"

namespace timbre::roles {

class Synthesizer;
class Vocoder;
class Codec;
class CodeVocoder;
class CodeSynthesizer;
class SpeakerEncoder;
class ParityRun;

/// An opened voice folder, as far as a network needs it.
struct VoiceFiles {
  std::filesystem::path dir;
  nlohmann::json about;           ///< voice.json
  std::filesystem::path vocoder;  ///< folder of a vocoder to use instead of the one that `about` names; "" = that one
};

/// Opens a network.
template <class Role>
using Maker = std::function<std::unique_ptr<Role>(const VoiceFiles&)>;

/// A network computed without LibTorch, for inference alone: in both programs, and preferred where it can be used.
template <class Role>
struct Engine {
  /// Why it cannot compute the network of this folder: "block=conv has no engine"; "" when it can. Looks at `about`
  /// alone. Empty function = it always can.
  std::function<std::string(const VoiceFiles&)> lacks;
  Maker<Role> make;
};

/// What computes a network that has both.
enum class Backend {
  automatic,  ///< its engine, or LibTorch where the engine cannot
  engine,     ///< its engine, or an error that says what is lacking
  torch       ///< LibTorch; what has no form in LibTorch (Griffin-Lim) stays what it is
};

/// Everything that registered itself. register_<m> fills the models and the engines, register_<m>_torch adds the
/// networks in LibTorch and the parity runners.
class Registry {
 public:
  using SynthesizerMaker = Maker<Synthesizer>;
  using VocoderMaker = Maker<Vocoder>;
  using CodecMaker = Maker<Codec>;
  using SpeakerEncoderMaker = Maker<SpeakerEncoder>;
  using ParityRunner = std::function<void(ParityRun&)>;

  /// Throws std::logic_error for a name that is taken.
  void add(ModelSpec spec);
  void add_synthesizer(const std::string& model, SynthesizerMaker make);
  void add_vocoder(const std::string& kind, VocoderMaker make);
  void add_codec(const std::string& model, CodecMaker make);
  void add_speaker_encoder(const std::string& model, SpeakerEncoderMaker make);
  void add_code_synthesizer(const std::string& model, Maker<CodeSynthesizer> make);
  void add_synthesizer_engine(const std::string& model, Engine<Synthesizer> engine);
  void add_vocoder_engine(const std::string& kind, Engine<Vocoder> engine);
  void add_codec_engine(const std::string& model, Engine<Codec> engine);
  void add_code_vocoder_engine(const std::string& kind, Engine<CodeVocoder> engine);
  void add_code_synthesizer_engine(const std::string& model, Engine<CodeSynthesizer> engine);
  /// `set` is the "set" of golden/<set>/set.json.
  void add_parity(const std::string& set, ParityRunner run);
  /// A set that several folders compute: the parts run one after the other.
  void add_parity_part(const std::string& set, ParityRunner part);
  /// Says of a set with a part here that networks in LibTorch compute other parts of it.
  void expect_parity_of_networks(const std::string& set) { parity_of_networks_.insert(set); }
  bool expects_parity_of_networks(const std::string& set) const { return parity_of_networks_.contains(set); }

  /// Throws UsageError with "did you mean".
  const ModelSpec& model(const std::string& name) const;
  const std::map<std::string, ModelSpec>& models() const { return models_; }
  const std::map<std::string, ParityRunner>& parity_sets() const { return parity_; }
  /// The converter that recognises `source` and its model; null when none does.
  const Converter* converter_for(const std::filesystem::path& source) const;
  /// By format name ("ming024"); throws UsageError with the known ones.
  const Converter& converter(const std::string& format) const;

  /// What the make_… functions choose from now on.
  void prefer(Backend backend) { backend_ = backend; }
  /// The parts of a voice that cannot be computed without LibTorch, each with its reason: "model fastspeech2:
  /// block=conv has no engine". Empty = it speaks without.
  std::vector<std::string> parts_without_engine(const VoiceFiles& voice) const;
  /// Whether models of this kind speak in a codec's codes, with LibTorch or without.
  bool makes_codes(const std::string& kind) const;
  /// parts_without_engine of a voice that speaks in codes and of its codec; a `codec` without dir counts for nothing.
  std::vector<std::string> parts_without_engine(const VoiceFiles& voice, const VoiceFiles& codec) const;
  /// Whether models of this kind are vocoders, with LibTorch or without.
  bool makes_vocoders(const std::string& kind) const;
  /// parts_without_engine of its vocoder alone: "" or the reason.
  std::string vocoder_without_engine(const VoiceFiles& voice) const;

  /// Opens the network of a voice by about["model"]["kind"]. Throws DataError when this program has none of that kind,
  /// UsageError when an engine was asked for and there is none.
  std::unique_ptr<Synthesizer> make_synthesizer(const VoiceFiles& voice) const;
  /// Opens vocoder_files(). Throws as make_synthesizer.
  std::unique_ptr<Vocoder> make_vocoder(const VoiceFiles& voice) const;
  /// By about["model"]["kind"], as make_synthesizer.
  std::unique_ptr<Codec> make_codec(const VoiceFiles& folder) const;
  /// Opens `folder`, a vocoder's of its own, as one that takes codes. Throws UsageError for a folder that is none.
  std::unique_ptr<CodeVocoder> make_code_vocoder(const std::filesystem::path& folder) const;
  /// As make_synthesizer, of a voice that speaks in codes.
  std::unique_ptr<CodeSynthesizer> make_code_synthesizer(const VoiceFiles& voice) const;
  /// As make_codec.
  std::unique_ptr<SpeakerEncoder> make_speaker_encoder(const VoiceFiles& voice) const;

 private:
  template <class Role>
  struct Makers {
    std::map<std::string, Maker<Role>> networks;
    std::map<std::string, Engine<Role>> engines;
    std::vector<std::string> kinds() const;
    /// Why `kind` cannot be computed without LibTorch; "" when it can.
    std::string lacks(const std::string& kind, const VoiceFiles& files) const;
    std::unique_ptr<Role> make(const VoiceFiles& files, const char* section, Backend backend) const;
  };

  Backend backend_ = Backend::automatic;
  std::map<std::string, ModelSpec> models_;
  Makers<Synthesizer> synthesizers_;
  Makers<Vocoder> vocoders_;
  Makers<Codec> codecs_;
  Makers<CodeVocoder> code_vocoders_;
  Makers<CodeSynthesizer> code_synthesizers_;
  Makers<SpeakerEncoder> speaker_encoders_;
  std::map<std::string, ParityRunner> parity_;
  std::set<std::string> parity_of_networks_;
};

/// What a vocoder is opened with. A folder of its own (`voice.vocoder`, or about["vocoder"]["folder"] inside the voice)
/// is a voice folder: its about["model"] is the vocoder. Without one the voice's own about["vocoder"] says kind and
/// options; "griffin-lim" when it says nothing. Throws DataError, UsageError when the folder is none.
VoiceFiles vocoder_files(const VoiceFiles& voice);

}  // namespace timbre::roles

namespace timbre::models {
/// Generated: calls register_<m>() of every folder in models/ and codecs/.
void register_all(roles::Registry& registry);
}  // namespace timbre::models
