#pragma once
#include <filesystem>
#include <optional>

#include "models/fastspeech2/config.h"
#include "weights/checkpoint_value.h"
#include "weights/tensor.h"

/// ming024's files ↔ ours. Tensor names are the same on both sides (the model carries upstream's), so what is left
/// is the envelope: {"model", "optimizer"} with Adam's state under positions that count frozen parameters too, the
/// YAML files, stats.json, speakers.json and the symbol table.
namespace timbre::fastspeech2 {

/// Adam's state by parameter name.
struct AdamState {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.98, eps = 1e-9, weight_decay = 0;
  double initial_lr = 0;  ///< before any schedule; 0 = lr
  std::int64_t step = 0;  ///< updates made; the same for all
  weights::TensorMap exp_avg, exp_avg_sq;
};

/// Out of torch.optim's state_dict() (`optimizer`), whose positions count `order`. Throws DataError.
AdamState read_adam(const weights::Value& optimizer, const std::vector<std::string>& order);
/// Back into it.
weights::Value adam_value(const AdamState& adam, const std::vector<std::string>& order);
/// optimizer.safetensors beside an imported voice's weights; `more` is kept in its head under "more".
void save_adam(const std::filesystem::path& path, const AdamState& adam, const nlohmann::json& more = nullptr);
AdamState load_adam(const std::filesystem::path& path, nlohmann::json* more = nullptr);

/// One <step>.pth.tar.
struct Ming024Checkpoint {
  weights::TensorMap model;  ///< state_dict() order
  std::optional<AdamState> optimizer;
};

/// True for what is stored but not learned: position tables and bin boundaries.
bool is_frozen(const std::string& name);
/// Names in the order of the reference's optimiser: all parameters, frozen ones too, no running statistics.
std::vector<std::string> optimizer_order(const weights::TensorMap& model);

/// Throws DataError naming file and key.
Ming024Checkpoint read_ming024_checkpoint(const std::filesystem::path& file);
/// Written so that the reference's utils/model.py loads it.
void write_ming024_checkpoint(const std::filesystem::path& file, const Ming024Checkpoint& checkpoint);

/// The YAML files a checkpoint belongs to; an empty path is one we lack.
struct Ming024Settings {
  std::filesystem::path model, preprocess, train;
};
/// Sizes from the tensors, the rest (heads, dropout, levels, bin spacing, audio) from the files, ming024's LJSpeech
/// values where there is none. Throws DataError naming file and key, or the missing tensor.
Config ming024_config(const weights::TensorMap& model, const Ming024Settings& settings);

/// Why ming024's code cannot run such a network, or "".
std::string ming024_obstacle(const Config& config);
/// What must be changed in ming024's code for it, in words.
std::vector<std::string> ming024_changes(const Config& config);
/// OUT/config/DATASET/{preprocess,model,train}.yaml as ming024's programs take them with -p, -m and -t. Their paths
/// name OUT, where the checkpoint, stats.json and speakers.json lie. Throws SystemError.
void write_ming024_yaml(const std::filesystem::path& out, const std::string& dataset, const Config& config,
                        const std::optional<AdamState>& adam);

/// {"pitch": [min, max, mean, std], "energy": […]}.
struct VarianceStatistics {
  Statistics pitch, energy;
};
VarianceStatistics read_statistics(const nlohmann::json& stats, const std::string& where);
nlohmann::json statistics_json(const VarianceStatistics& statistics);

/// Phones of ming024's table by row: "@AA1" becomes "AA1", a letter or mark "char:a", the spare last row "spare".
std::vector<std::string> ming024_phones(std::int64_t rows);

/// Conversions of the `ming024` format; see config.h's Converter.
bool looks_like_ming024(const std::filesystem::path& source);
void ming024_to_voice(const roles::ConvertRequest& request);
void voice_to_ming024(const roles::ConvertRequest& request);

}  // namespace timbre::fastspeech2
