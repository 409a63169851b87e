#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"

/// What a network says about itself without LibTorch: its options, the columns it eats, the foreign formats it
/// reads and writes. `timbre prepare`, `train --help`, `convert` and `info` need no more than this.
namespace timbre::roles {

/// One column of a corpus that a model trains on.
struct ColumnNeed {
  std::string column;       ///< "mel", "phonemes", "durations" … as a stage of prepare/ names it
  nlohmann::json settings;  ///< what the stage must have been run with; only the keys given here are compared
};

/// The options of one model. Copied, resolved, written into run.yaml and voice.json.
class ModelConfig {
 public:
  virtual ~ModelConfig() = default;
  /// Every option, bound to this object.
  virtual config::Fields fields() = 0;
  /// All contradictions between options, each with the flag, its value and what to do. Empty when there are none.
  virtual std::vector<std::string> problems() const = 0;
  virtual std::unique_ptr<ModelConfig> clone() const = 0;
};

/// A region of a network that people name: `--lr.pitch`, `--optim.freeze encoder`.
struct Part {
  std::string name;
  std::string summary;                ///< "the pitch predictor"
  std::vector<std::string> patterns;  ///< of parameter names (nn::matches); those this network lacks count for nothing
  std::vector<std::string> also;      ///< other names for it
};

/// A named set of option values.
struct Preset {
  std::string name;
  std::string summary;
  std::function<void(ModelConfig&)> apply;
};

/// One conversion of a checkpoint, either way.
struct ConvertRequest {
  std::filesystem::path source;  ///< file or folder as the user gave it
  std::filesystem::path out;     ///< folder to make; must not exist
  EventSink events = no_events();
  nlohmann::json options = nlohmann::json::object();  ///< what the user set with --set, by the converter's own names
};

/// A foreign checkpoint format of one model.
struct Converter {
  std::string format;   ///< the name on the command line: "ming024"
  std::string summary;  ///< one line: what the source must hold, what is written
  /// True when `source` looks like this format. Looks at names and heads only; never throws.
  std::function<bool(const std::filesystem::path& source)> recognises;
  /// Foreign → voice folder. Throws DataError naming file and key.
  std::function<void(const ConvertRequest&)> to_voice;
  /// Voice folder → foreign; empty when the format is only read.
  std::function<void(const ConvertRequest&)> from_voice;
  /// What a file it recognises is, in a few lines for `timbre info`; may be empty.
  std::function<std::string(const std::filesystem::path& source)> describe;
};

/// A model as the torch-free half knows it.
struct ModelSpec {
  std::string name;     ///< "fastspeech2"
  std::string summary;  ///< one line
  std::function<std::unique_ptr<ModelConfig>()> make_config;
  std::vector<Preset> presets;  ///< the first is the default
  /// The columns it trains on; none = on recordings alone, or on data of its own.
  std::function<std::vector<ColumnNeed>(const ModelConfig&)> columns;
  bool own_data = false;  ///< it takes no corpus (g2p: its dictionary)
  std::vector<Converter> converters;
  /// Regions by name, the narrow ones before those that hold them: where two match, the first counts.
  std::vector<Part> parts;

  /// Throws UsageError with "did you mean" and the list of presets.
  const Preset& preset(const std::string& preset_name) const;
  /// A config with the first preset applied (or the one named).
  std::unique_ptr<ModelConfig> config_of(const std::string& preset_name = {}) const;
};

}  // namespace timbre::roles
