#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// What this computer has, for `info --system` and for forecasts. Nothing here is cached.
namespace timbre {

struct Machine {
  std::string cpu_name;
  int cores = 0;                          ///< that this process may run on
  std::vector<std::string> cpu_features;  ///< those that choose code: "avx2", "avx512f", "avx512_vnni", "amx_bf16" …
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_available_bytes = 0;  ///< without swapping
  std::vector<std::string> gpus;             ///< names as the NVIDIA driver gives them
};
Machine this_machine();

/// A library or program that is loaded only when something needs it.
struct OptionalLibrary {
  std::string name, purpose;
  bool found = false;
  std::string version;  ///< "" when it cannot be asked
  std::string next;     ///< what to type to get it
};
/// Tries to load each (FFmpeg alone takes some 80 ms).
std::vector<OptionalLibrary> optional_libraries();

}  // namespace timbre
