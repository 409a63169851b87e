#pragma once
#include "config/fields.h"
#include "train/loop.h"
#include "train/registry.h"

/// From what the user typed to a run: which model, from which weights, into which folder.
namespace timbre::train {

/// The options of `timbre train` that are neither the model's nor the loop's.
struct RunOptions {
  std::string model;  ///< name, or a run file (*.yaml)
  std::string preset;
  std::string corpus;
  std::string out;
  std::string base;
  std::string continue_run;
  std::string from;
  std::string device = "cpu";
  std::int64_t ranks = 1;
  TrainOptions loop;
  std::shared_ptr<roles::ModelConfig> config;
  std::shared_ptr<ForeignTrainer> trainer;  ///< of models that have one
  bool own_data = false;                    ///< the trainer's flags name the data: no corpus
  std::string continued_values;             ///< JSON of all options as the continued run has them
  bool stop_when_memorised = false;         ///< --overfit without an end of its own
  bool end_given = false;  ///< an end was typed: it counts, not the one the continued run was last given
};
config::Fields fields(RunOptions& o);

/// Adds the model's own options and takes defaults from, in this order: preset, --base, run file (or the run that is
/// continued). Flags come after. A word that is missing or unknown adds nothing; run_job tells.
void extend_fields(RunOptions& o, config::Fields& fields, const std::vector<std::string>& words,
                   const Registry& registry);

/// Runs (or with several ranks starts) the job. Returns the exit code: 0; 1 when --overfit did not learn its utterances
/// by heart; 128 + signal after a stop by one. Throws UsageError, DataError, SystemError.
int run_job(RunOptions& o, config::Fields& all_fields, const Registry& registry, const std::vector<std::string>& words,
            bool dry_run, const EventSink& events, Outcome* outcome);

/// Weights to start from: a run folder (its best, else last checkpoint), a checkpoint, a voice, or any weights file.
/// Throws DataError naming what is there and what was expected.
Base open_base(const std::filesystem::path& path);

/// The device by name; SystemError where it is not there.
at::Device open_device(const std::string& name);
/// Whether this CPU multiplies bfloat16 numbers itself.
bool computes_bf16();
/// SystemError where the CPU would have to imitate bf16.
void require_precision(const std::string& precision, const at::Device& device);

/// "fastspeech2   small, ming024, …   summary" lines for --help.
std::string list_models(const Registry& registry);

}  // namespace timbre::train
