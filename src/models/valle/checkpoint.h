#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "models/valle/config.h"
#include "weights/checkpoint_value.h"
#include "weights/tensor.h"

/// Checkpoints as icefall writes them: of lifeiteng's trainer, of Plachtaa's release (VALL-E X) and of the fork that
/// fine-tunes it. One dictionary: "model", "optimizer", "scheduler", "grad_scaler", "sampler", sometimes "model_avg",
/// and every run parameter as a key of its own.
namespace timbre::valle {

/// Whose classes load a checkpoint.
enum class Line : std::uint8_t {
  lifeiteng,  ///< espeak phonemes or pinyin behind a k2symbols file, <pad> 0, <bos> 1, <eos> 2
  vallex,     ///< Plachtaa's: characters of IPA (bpe_69.json), language tables
};

/// A checkpoint as plain data. Paths (pathlib objects) have become texts.
struct Checkpoint {
  Config config;
  weights::TensorMap model;      ///< names as in layout(); tied names stand for the same bytes
  weights::TensorMap model_avg;  ///< empty when there is none
  /// None where the checkpoint holds none.
  weights::Value optimizer, scheduler, grad_scaler, sampler;
  weights::Value parameters = weights::Value::dict();  ///< all other keys, in the order of the file
  std::vector<std::string> notes;                      ///< what was guessed or replaced, one line each

  Line line() const { return config.languages.empty() ? Line::lifeiteng : Line::vallex; }
  /// Parameter by key; null when absent.
  const weights::Value* parameter(std::string_view key) const { return parameters.find(key); }
};

/// How strict reading is.
struct ReadOptions {
  /// Every tensor must be there with its shape, and no other. Otherwise the misfits become notes.
  bool strict = true;
};

/// True for such a dictionary by its keys and the names in "model". Never throws.
bool looks_like_checkpoint(const std::filesystem::path& path, Line line);

/// Reads one; a "module." that DistributedDataParallel put before all names is taken away. Shapes decide over run
/// parameters that contradict them (the fork stores add_prenet=True for networks without), with a note. Throws
/// DataError naming every tensor that does not fit.
Checkpoint read_checkpoint(const std::filesystem::path& path, const ReadOptions& options = {});
/// The same of a tree in memory; `name` is for messages.
Checkpoint parse_checkpoint(const weights::Value& root, const std::string& name, const ReadOptions& options = {});

/// The dictionary, ready for weights::write_torch_zip(): model keys in torch's order, tied names sharing one storage.
weights::Value to_value(const Checkpoint& checkpoint);
/// Writes it, atomically. Throws SystemError.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// The options that shapes and run parameters tell; `notes` gets what contradicts or had to be guessed.
Config config_of(const weights::TensorMap& model, const weights::Value& parameters, std::vector<std::string>& notes);

/// The run parameters that `config` decides, by the reference's names, set in `parameters` (a dict).
void set_parameters(weights::Value& parameters, const Config& config);

/// Tied tensors under both names, or under the first alone.
weights::TensorMap with_ties(const Config& config, const weights::TensorMap& tensors);
weights::TensorMap without_ties(const Config& config, const weights::TensorMap& tensors);

/// Cuts or lengthens the text tables to `rows`: the first min(old, rows) rows are kept as they are, further ones come
/// from `fresh`, which must hold the tables at the new size, or are zeros. Says in one line per table which rows were
/// kept; nothing when they fit already. (Seed 001: Plachtaa's 2,048 rows against lifeiteng's 512.)
std::vector<std::string> fit_text_rows(weights::TensorMap& tensors, std::int64_t rows,
                                       const weights::TensorMap& fresh = {});

}  // namespace timbre::valle
