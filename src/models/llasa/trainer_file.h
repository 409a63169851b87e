#pragma once
#include <string>

/// Settings files of the reference's trainers (config_speed.json of llasa-with-speed-control and its like in
/// LLaSA_training): arguments of transformers' Trainer, what is read and where it goes. Torch-free.
namespace timbre::llasa {

/// Whether a JSON text looks like one: an object that names a language model and its data.
bool looks_like_trainer_file(const std::string& text);

/// The same settings as a run file of ours, in YAML, with the Trainer's defaults for what is not said. Settings that
/// have no effect on the result (workers, reports) are passed over; throws DataError naming `where` and the key for
/// those that would have one and that nothing here does, and for values of the wrong kind.
std::string run_file_of(const std::string& text, const std::string& where);

}  // namespace timbre::llasa
