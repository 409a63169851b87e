#pragma once
#include <filesystem>
#include <optional>

#include "models/fastspeech2/names.h"

/// torphix/fastspeech2-TTS's files ↔ ours. Its checkpoints are a bare state_dict (fs2_model.<time>.pth.tar, and
/// fs2_model.pth.<time>.tar of commit 19e23c5) or PyTorch Lightning's (epoch=E-step=S.ckpt: names behind "fs2.", Adam,
/// StepLR, the loops' counters). Tensor names stay as they are (model_torphix.h carries them).
namespace timbre::fastspeech2 {

/// What Lightning keeps besides weights and Adam.
struct LightningState {
  std::int64_t epoch = 0, global_step = 0;
  std::string version = "1.6.1";                           ///< pytorch-lightning's
  nlohmann::json lr_schedulers = nlohmann::json::array();  ///< StepLR: step_size, gamma, base_lrs, last_epoch …
  nlohmann::json loops = nlohmann::json::object();         ///< counters, as they were
};
nlohmann::json to_json(const LightningState& state);
LightningState lightning_from(const nlohmann::json& json);

struct TorphixCheckpoint {
  weights::TensorMap model;  ///< state_dict() order, without "fs2."
  std::optional<AdamState> adam;
  std::optional<LightningState> lightning;
};

/// Either kind. Throws DataError naming file and key.
TorphixCheckpoint read_torphix_checkpoint(const std::filesystem::path& file);
/// torch.save(model.state_dict()).
void write_torphix_weights(const std::filesystem::path& file, const weights::TensorMap& model);
/// What trainer.fit(ckpt_path=…) goes on from. Needs adam and lightning.
void write_torphix_lightning(const std::filesystem::path& file, const TorphixCheckpoint& checkpoint);
/// Names in the order of its optimiser: all parameters, the two frozen bins too, no buffers.
std::vector<std::string> torphix_optimizer_order(const weights::TensorMap& model);

/// Its YAML files; an empty path is one we lack.
struct TorphixSettings {
  std::filesystem::path model, data;
};
/// Generation and sizes from the tensors, the rest (dropout, levels, audio) from the files, its own values where there
/// is none. Throws DataError naming file and key, or the missing tensor.
Config torphix_config(const weights::TensorMap& model, const TorphixSettings& settings);
/// all_metadata.json: {"pitch": {max, min, mean, std}, "energy": {…}}. Throws DataError.
VarianceStatistics read_torphix_metadata(const nlohmann::json& metadata, const std::string& where);
nlohmann::json torphix_metadata(const VarianceStatistics& statistics);

/// OUT/config/{model,train,data}.yaml. `dataset` is the folder below database/, `symbols` the rows of the phoneme
/// table, `step_lr` StepLR's state or null. Throws SystemError.
void write_torphix_yaml(const std::filesystem::path& out, const std::string& dataset, const Config& config,
                        std::int64_t symbols, const std::optional<AdamState>& adam, const nlohmann::json& step_lr);
/// data.yaml alone.
std::string torphix_data_yaml(const Config& config, const std::string& dataset);

/// Conversions of the `torphix` format; see config.h's Converter.
bool looks_like_torphix(const std::filesystem::path& source);
void torphix_to_voice(const roles::ConvertRequest& request);
void voice_to_torphix(const roles::ConvertRequest& request);

}  // namespace timbre::fastspeech2
