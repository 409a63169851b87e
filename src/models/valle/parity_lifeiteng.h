#pragma once
#include "models/valle/checkpoint.h"
#include "roles/golden.h"

/// Parts of golden/valle_lifeiteng that need no batch: inference, sampling.
namespace timbre::valle {

inline constexpr const char* kLifeitengTensors = "cases.safetensors";
inline constexpr const char* kLifeitengCases = "cases.json";

/// Greedy or drawn codes; mel of the debug Transformer.
void run_lifeiteng_inference(roles::ParityRun& run, const std::string& name, const Checkpoint& checkpoint);
/// The same where the call has to fail.
void run_lifeiteng_failure(roles::ParityRun& run, const std::string& name, const Checkpoint& checkpoint);
void run_lifeiteng_continual(roles::ParityRun& run, const std::string& name, const Checkpoint& checkpoint);
/// filter.out.*, sampling.tokens.*.
void run_lifeiteng_sampling(roles::ParityRun& run);

}  // namespace timbre::valle
