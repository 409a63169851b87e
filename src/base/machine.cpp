#include "base/machine.h"

#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "base/files.h"
#include "base/strings.h"

namespace timbre {
namespace {

/// The value of the first "key: value" or "key : value" line.
std::string field_of(const fs::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trim(std::string_view(line).substr(0, colon)) == key)
      return std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  return {};
}

std::uint64_t memory_field(std::string_view key) {
  const auto words = split_whitespace(field_of("/proc/meminfo", key));
  return words.empty() ? 0 : static_cast<std::uint64_t>(parse_int(words[0]).value_or(0)) * 1024;
}

std::vector<std::string> features() {
  constexpr std::string_view kOurs[] = {"sse4_2",   "avx",         "fma",         "avx2",        "avx_vnni", "avx512f",
                                        "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",
                                        "amx_bf16", "asimd",       "asimddp",     "bf16",        "sve"};
  std::string flags = field_of("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = field_of("/proc/cpuinfo", "Features");  // ARM
  const auto have = split_whitespace(flags);
  std::vector<std::string> out;
  for (const auto feature : kOurs) {
    if (std::find(have.begin(), have.end(), feature) != have.end()) out.emplace_back(feature);
  }
  return out;
}

std::vector<std::string> gpu_names() {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", none))
    out.push_back(field_of(entry.path() / "information", "Model"));
  return out;
}

/// A library by its soname and the function that tells its version.
struct Probe {
  const char *name, *purpose, *soname, *version_function, *package;
};
constexpr Probe kProbes[] = {
    {"libsndfile", "WAV, FLAC, OGG, MP3", "libsndfile.so.1", "sf_version_string", "libsndfile1"},
    {"soxr", "resampling", "libsoxr.so.0", "soxr_version", "libsoxr0"},
    {"WebRTC audio", "voice detection", "libwebrtc_audio_processing.so.1", nullptr, "libwebrtc-audio-processing1"},
    {"FFmpeg", "G.722 and other audio formats", "libavutil.so.57", "av_version_info",
     "libavcodec59 libavformat59 libswresample4"},
    {"espeak-ng", "phonemes", "libespeak-ng.so.1", "espeak_Info", "libespeak-ng1 espeak-ng-data"},
    {"libarchive", "importing from archives", "libarchive.so.13", "archive_version_string", "libarchive13"},
    {"libcurl", "fetching public corpora", "libcurl.so.4", "curl_version", "libcurl4 ca-certificates"},
    {"PocketSphinx", "intelligibility in score", "libpocketsphinx.so.3", nullptr,
     "libpocketsphinx3 pocketsphinx-en-us"},
};

OptionalLibrary ask(const Probe& probe) {
  OptionalLibrary out{probe.name, probe.purpose, false, {}, fmt::format("sudo apt-get install {}", probe.package)};
  void* handle = ::dlopen(probe.soname, RTLD_LAZY | RTLD_LOCAL);
  if (!handle) return out;
  out.found = true;
  // espeak_Info takes a place for its data path; the others take nothing and ignore it.
  void* function = probe.version_function ? ::dlsym(handle, probe.version_function) : nullptr;
  if (function) out.version = reinterpret_cast<const char* (*)(const char**)>(function)(nullptr);
  return out;  // not closed: codec libraries keep thread-local state
}

}  // namespace

Machine this_machine() {
  Machine out;
  out.cpu_name = field_of("/proc/cpuinfo", "model name");
  cpu_set_t set;
  CPU_ZERO(&set);
  out.cores = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  out.cpu_features = features();
  out.memory_bytes = memory_field("MemTotal");
  out.memory_available_bytes = memory_field("MemAvailable");
  out.gpus = gpu_names();
  return out;
}

std::vector<OptionalLibrary> optional_libraries() {
  std::vector<OptionalLibrary> out;
  const bool has_torch = fs::exists(program_folder() / "timbre-torch");
  out.push_back({"timbre-torch", "training, synthesis, parity (LibTorch)", has_torch, {}, "make build"});
  for (const Probe& probe : kProbes) out.push_back(ask(probe));
  return out;
}

}  // namespace timbre
