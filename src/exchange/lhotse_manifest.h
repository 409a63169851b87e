#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// One line of a lhotse manifest, as much of it as speech synthesis needs. Facts: lhotse 1.33, `lhotse/audio`,
/// `lhotse/supervision.py`, `lhotse/cut`.
namespace timbre::exchange::lhotse {

namespace fs = std::filesystem;

/// What the lines of a file are.
enum class Kind { recordings, supervisions, cuts, other };
Kind kind_of(const nlohmann::json& line);
/// The same by the first line of a file. Throws as LineReader; what is not JSON is `other`.
Kind kind_of_file(const fs::path& path);

/// Why a line cannot be used. `reason` is one of few words, so that reasons can be counted.
struct Fault {
  std::string reason, detail;
  explicit operator bool() const { return !reason.empty(); }
};

struct Recording {
  std::string id;
  std::string source;  ///< a file, as written
  double duration_s = 0;
  std::vector<std::int64_t> channels;  ///< of that file
  bool resampled = false;              ///< lhotse would resample on reading; we keep the file's own rate
  Fault fault;                         ///< known, but not to be used
};

struct Supervision {
  std::string id, recording_id, text, speaker, language, gender;
  double start_s = 0, duration_s = 0;  ///< start counts from the recording, or from the cut that holds it
  std::vector<std::int64_t> channels;
  nlohmann::json custom;     ///< null or object
  nlohmann::json alignment;  ///< null or object
  double end_s() const { return start_s + duration_s; }
};

struct Cut {
  std::string id;
  double start_s = 0, duration_s = 0;
  std::vector<std::int64_t> channels;
  std::vector<Supervision> supervisions;
  std::optional<Recording> recording;
  nlohmann::json custom;
  double end_s() const { return start_s + duration_s; }
};

/// Each fills what it can; the fault names the field that is missing or wrong.
Fault parse(const nlohmann::json& line, Recording& recording);
Fault parse(const nlohmann::json& line, Supervision& supervision);
/// Faults: cuts that are mixed or padding, without recording.
Fault parse(const nlohmann::json& line, Cut& cut);

/// Python's round(x, 8), which rounds the exact value: what lhotse does to every sum of seconds.
double to_8_digits(double x);
/// Samples that a manifest counts for a recording after Recording.resample(to_hz): rounded half up.
std::int64_t resampled_samples(std::int64_t samples, std::int64_t from_hz, std::int64_t to_hz);

/// "Chinese" → "zh"; a code stays ("pt-BR"); "" for what is neither.
std::string language_code(std::string_view written);

/// "train", "valid", "test" or "" by the part in a manifest's name: libritts_cuts_train-clean-100.jsonl.gz.
std::string split_of(const fs::path& manifest);
/// The name with the word `from` replaced: where the supervisions of a recordings file are.
fs::path sibling(const fs::path& manifest, std::string_view from, std::string_view to);

}  // namespace timbre::exchange::lhotse
