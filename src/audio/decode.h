#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Reading recordings. Any number of channels becomes one (their mean) and that is reported, never hidden.
///
/// WAV is read by our own reader (wav.h), so that small corpora are checked in milliseconds; FLAC, OGG, MP3, AIFF …
/// by libsndfile, everything else (raw G.722, M4A, Opus in WebM …) by FFmpeg. Both libraries are loaded on first use.
/// Files named .g722 are taken as headerless 64 kbit/s G.722, which is 16 kHz audio.
/// Non-goals: writing tags, video, sample-exact MP3 gapless trimming.
namespace timbre::audio {

/// One recording in memory, mono.
struct Clip {
  std::int64_t rate_hz = 0;
  std::vector<float> samples_N;      ///< full scale is ±1; a 16-bit sample is value / 32768
  std::int64_t source_channels = 0;  ///< channels in the file; more than 1 = was mixed down to their mean
  std::int64_t source_rate_hz = 0;   ///< rate in the file; differs from rate_hz when resampled
  double duration_s() const {
    return rate_hz > 0 ? static_cast<double>(samples_N.size()) / static_cast<double>(rate_hz) : 0.0;
  }
};

/// What a file says about itself.
struct AudioInfo {
  std::int64_t rate_hz = 0;
  std::int64_t channels = 0;
  std::int64_t samples = 0;  ///< per channel; what is really there where that is known without decoding
  double duration_s = 0;
  std::string format;      ///< "wav/pcm_16", "flac", "g722" …
  bool estimated = false;  ///< the length comes from bit rate and file size (compressed formats), not from a count
};

/// What can be wrong with a recording as a file. `undecodable` and `empty` leave nothing to use.
enum class DamageKind { missing, empty, undecodable, truncated, header_length };

struct Damage {
  DamageKind kind;
  std::string text;  ///< for people: what the header says, what the file holds
};

/// A recording looked at by the doctor: never throws for what is wrong with the file itself.
struct AudioCheck {
  AudioInfo info;
  std::vector<Damage> damage;
};

struct DecodeOptions {
  std::optional<std::int64_t> resample_to_hz;
  bool keep_truncated = false;  ///< take what is there of a file cut short instead of throwing
  bool past_header = false;     ///< of a WAV whose header claims too little, take what follows as well
};

/// Decodes, mixes to mono, resamples (soxr, very high quality) when asked to.
/// Throws DataError (missing, empty, undecodable, truncated; names the file), SystemError when a library needed for the
/// format is not there (names the Debian package).
Clip decode_audio(const std::filesystem::path& path, std::optional<std::int64_t> resample_to_hz = std::nullopt);
Clip decode_audio(const std::filesystem::path& path, const DecodeOptions& options);

/// One recording with its channels apart.
struct Channels {
  std::int64_t rate_hz = 0, channels = 0;
  std::vector<float> wave_CN;  ///< planar
};

/// Decodes as it is: audio/convert.h gives other channels and rates. Throws as decode_audio.
Channels decode_channels(const std::filesystem::path& path);

/// Rate, channels and length from headers, decoding only where a format has no length. Throws as decode_audio; a
/// truncated file is not an error here: `samples` is what is there.
AudioInfo probe_audio(const std::filesystem::path& path);

/// As probe_audio, with damage as values. With `decode`, compressed files are decoded to the end as well, so that
/// damage inside them shows. Still throws SystemError when a library is missing.
AudioCheck check_audio(const std::filesystem::path& path, bool decode = false);

/// Takes a recording block by block, mixed to mono, so that one of hours needs no more memory than one of seconds.
class BlockSink {
 public:
  virtual ~BlockSink() = default;
  /// Before the first block: rate and channels are known, `samples` and `estimated` as the header has them.
  virtual void begin(const AudioInfo& info) = 0;
  virtual void take(std::span<const float> samples_N) = 0;
  /// True: take() gets interleaved frames of all channels instead of their mean.
  virtual bool keeps_channels() const { return false; }
};

/// Decodes to the end into `sink`, in bounded memory; what is wrong with the file is a value, as in check_audio, and
/// what can be decoded before the fault reaches the sink. begin() is not called when nothing can be.
AudioCheck scan_audio(const std::filesystem::path& path, BlockSink& sink);

}  // namespace timbre::audio
