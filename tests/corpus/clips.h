#pragma once
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/rng.h"
#include "corpus/corpus.h"

/// Small corpora made on the spot, for tests.
namespace timbre::testing_support {

namespace fs = std::filesystem;

/// Removed at the end of the test.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "timbre-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }
  fs::path operator/(const fs::path& below) const { return path_ / below; }

 private:
  fs::path path_;
};

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Something speech-like: a voiced tone with harmonics in syllables of 0.2 s, silence around it. Different seeds
/// differ.
inline std::vector<float> babble(double seconds, std::int64_t rate_hz, std::uint64_t seed = 1, double level = 0.3,
                                 double edge_s = 0.1) {
  auto count = static_cast<std::size_t>(seconds * static_cast<double>(rate_hz));
  std::vector<float> wave_N(count, 0.0f);
  Philox rng(seed);
  double pitch_hz = 120 + 80 * rng.uniform();
  for (std::size_t i = 0; i < count; ++i) {
    double t = static_cast<double>(i) / static_cast<double>(rate_hz);
    if (t < edge_s || t > seconds - edge_s) continue;
    double syllable = 0.6 + 0.4 * std::sin(2 * M_PI * t / 0.2), phase = 2 * M_PI * pitch_hz * t;
    double x = 0.6 * std::sin(phase) + 0.3 * std::sin(2 * phase + 1) + 0.1 * std::sin(5 * phase + 2) +
               0.02 * (rng.uniform() - 0.5);
    wave_N[i] = static_cast<float>(level * syllable * x);
  }
  return wave_N;
}

/// A WAV of 16-bit samples written byte by byte, with whatever header is wanted.
struct RawWav {
  std::int64_t rate_hz = 22050, channels = 1;
  std::int64_t claimed_bytes = -1;  ///< of the data chunk; -1 = as they are
  std::string bytes(const std::vector<float>& interleaved) const {
    auto u16 = [](std::int64_t v) { return std::string{char(v), char(v >> 8)}; };
    auto u32 = [](std::int64_t v) { return std::string{char(v), char(v >> 8), char(v >> 16), char(v >> 24)}; };
    std::string data;
    for (float x : interleaved) data += u16(std::lround(std::max(-1.0f, std::min(1.0f, x)) * 32767));
    std::int64_t claimed = claimed_bytes < 0 ? std::int64_t(data.size()) : claimed_bytes;
    return "RIFF" + u32(36 + claimed) + "WAVEfmt " + u32(16) + u16(1) + u16(channels) + u32(rate_hz) +
           u32(rate_hz * channels * 2) + u16(channels * 2) + u16(16) + "data" + u32(claimed) + data;
  }
};

/// 16-bit mono.
inline void write_clip(const fs::path& path, const std::vector<float>& wave_N, std::int64_t rate_hz = 22050) {
  write_bytes(path, RawWav{.rate_hz = rate_hz}.bytes(wave_N));
}

/// Texts that differ, with so many characters.
inline std::string sentence(std::size_t number, std::size_t characters) {
  static const std::vector<std::string> kWords = {"amber",  "breeze", "candle", "dinner", "ember",  "forest",
                                                  "garden", "harbor", "island", "jungle", "kettle", "lantern"};
  std::string text;
  for (std::size_t n = number + 1; text.size() < characters; n = n * 7 + 3)
    text += (text.empty() ? "" : " ") + kWords[n % kWords.size()];
  text += " " + std::string(1, char('a' + number % 26)) + std::string(1, char('a' + number / 26 % 26));
  return text;
}

/// The WAV of babble(seconds, 22050, seed), made once a program: many tests start from the same clips.
inline const std::string& sound_clip(double seconds, std::uint64_t seed) {
  static std::map<std::pair<double, std::uint64_t>, std::string> made;
  std::string& bytes = made[{seconds, seed}];
  if (bytes.empty()) bytes = RawWav{}.bytes(babble(seconds, 22050, seed));
  return bytes;
}

/// A sound corpus of `count` clips: texts of about 14 characters a second. Returns its utterances; the caller may spoil
/// them or the clips before publish().
class MadeCorpus {
 public:
  explicit MadeCorpus(const fs::path& dir, std::size_t count = 30, double seconds = 2.5) : dir_(dir) {
    for (std::size_t i = 0; i < count; ++i) {
      corpus::Utterance u;
      u.id = "clip" + std::to_string(i);
      u.audio = "audio/" + u.id + ".wav";
      u.text = sentence(i, static_cast<std::size_t>(seconds * 12));
      u.speaker = "ada";
      u.language = "en";
      u.duration_s = seconds;
      u.rate_hz = 22050;
      u.channels = 1;
      write_bytes(dir / u.audio, sound_clip(seconds, i + 1));
      u.audio_bytes = static_cast<std::int64_t>(fs::file_size(dir / u.audio));
      utterances.push_back(std::move(u));
    }
  }
  /// Writes the manifest as it stands.
  corpus::Corpus publish() const {
    std::string manifest;
    for (const corpus::Utterance& u : utterances) manifest += corpus::to_line(u) + "\n";
    write_file_atomic(dir_ / "manifest.jsonl", manifest);
    return corpus::Corpus::open(dir_);
  }
  /// Replaces the clip of utterance `i` and notes its new size and length, as an import of it would have.
  void replace(std::size_t i, const std::string& bytes) {
    write_bytes(dir_ / utterances[i].audio, bytes);
    utterances[i].audio_bytes = static_cast<std::int64_t>(bytes.size());
  }
  void replace(std::size_t i, const std::vector<float>& wave_N, std::int64_t rate_hz = 22050) {
    write_clip(dir_ / utterances[i].audio, wave_N, rate_hz);
    utterances[i].audio_bytes = static_cast<std::int64_t>(fs::file_size(dir_ / utterances[i].audio));
    utterances[i].duration_s = static_cast<double>(wave_N.size()) / static_cast<double>(rate_hz);
    utterances[i].rate_hz = rate_hz;
  }
  std::vector<corpus::Utterance> utterances;

 private:
  fs::path dir_;
};

}  // namespace timbre::testing_support
