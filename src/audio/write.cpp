#include "audio/write.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/sound_plugin_abi.h"
#include "audio/wav.h"
#include "base/error.h"
#include "base/files.h"
#include "base/plugin.h"
#include "base/strings.h"

namespace timbre::audio {
namespace {

const std::vector<std::string> kFormats = {"wav", "flac", "ogg", "mp3", "raw"};

std::string check_format(std::string format, const fs::path& path) {
  const bool from_name = format.empty();
  if (from_name) format = ascii_lower(path.extension().string());
  if (!format.empty() && format.front() == '.') format.erase(0, 1);
  if (format == "s16le" || format == "pcm") format = "raw";
  if (std::find(kFormats.begin(), kFormats.end(), format) != kFormats.end()) return format;
  const std::string known = "wav, flac, ogg, mp3, raw";
  if (from_name)
    throw UsageError(fmt::format("{}: the ending '{}' is no audio format that can be written", path.string(), format),
                     "use one of " + known);
  throw UsageError(fmt::format("unknown audio format '{}'", format),
                   did_you_mean(format, kFormats) + " use one of " + known);
}

/// A stream of the caller's that goes to a file.
struct NamedStream {
  std::FILE* stream;
  fs::path path;
};

/// Where bytes go: a stream of the caller's, or a file under a temporary name.
class Destination {
 public:
  explicit Destination(std::FILE* stream) : stream_(stream) {
    struct stat about {};
    const int flags = ::fcntl(::fileno(stream), F_GETFL);
    // Appending (>>) writes at the end wherever one seeks to.
    seekable_ = ::fstat(::fileno(stream), &about) == 0 && S_ISREG(about.st_mode) && flags >= 0 && !(flags & O_APPEND);
    if (seekable_) start_ = std::ftell(stream);
  }
  explicit Destination(const NamedStream& to) : Destination(to.stream) { path_ = to.path; }
  explicit Destination(fs::path path)
      : path_(std::move(path)), part_(path_.string() + fmt::format(".{}.part", ::getpid())), seekable_(true) {
    stream_ = std::fopen(part_.c_str(), "wb");
    if (!stream_) fail("write");
  }
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
  ~Destination() {
    if (part_.empty() || !stream_) return;
    std::fclose(stream_);
    ::unlink(part_.c_str());
  }
  void put(const void* bytes, std::size_t count) {
    if (std::fwrite(bytes, 1, count, stream_) != count) fail("write");
  }
  void flush() {
    if (std::fflush(stream_) != 0) fail("write");
  }
  /// Overwrites the first bytes; only when seekable().
  void put_at_start(const std::string& bytes) {
    if (std::fseek(stream_, start_, SEEK_SET) != 0) fail("write");
    put(bytes.data(), bytes.size());
    if (std::fseek(stream_, 0, SEEK_END) != 0) fail("write");
  }
  bool seekable() const { return seekable_; }
  void finish() {
    flush();
    if (part_.empty()) return;
    if (::fsync(::fileno(stream_)) != 0) fail("write");
    const int closed = std::fclose(stream_);
    stream_ = nullptr;
    if (closed != 0 || ::rename(part_.c_str(), path_.c_str()) != 0) {
      const int why = errno;
      ::unlink(part_.c_str());
      errno = why;
      fail("write");
    }
    part_.clear();
  }

 private:
  [[noreturn]] void fail(const char* what) {
    if (!path_.empty()) throw_file_error(what, path_, errno);
    throw SystemError(fmt::format("cannot {} the audio output: {}", what, std::strerror(errno)),
                      is_out_of_space(errno) ? "free some space where it goes" : "");
  }
  fs::path path_;
  std::string part_;
  std::FILE* stream_ = nullptr;
  bool seekable_ = false;
  long start_ = 0;
};

/// 16-bit samples as they come, with or without a WAV header before them.
class PcmWriter : public AudioWriter {
 public:
  template <class Where>
  PcmWriter(Where where, std::int64_t rate_hz, bool header) : to_(where), rate_hz_(rate_hz), header_(header) {
    if (!header_) return;
    const std::string bytes = wav_header_16(rate_hz_, std::nullopt);
    to_.put(bytes.data(), bytes.size());
  }
  void write(std::span<const float> samples_N) override {
    buffer_.resize(samples_N.size());
    for (std::size_t i = 0; i < samples_N.size(); ++i) {
      buffer_[i] = to_int16(samples_N[i]);
      clipped_ += std::abs(samples_N[i]) > 1.0f;
    }
    to_.put(buffer_.data(), buffer_.size() * sizeof(std::int16_t));
    to_.flush();
    samples_ += static_cast<std::int64_t>(samples_N.size());
  }
  void close() override {
    constexpr std::int64_t kMost = (0xFFFFFFFFll - 64) / 2;
    if (header_ && to_.seekable() && samples_ <= kMost)
      to_.put_at_start(wav_header_16(rate_hz_, static_cast<std::uint32_t>(samples_)));
    to_.finish();
  }

 private:
  Destination to_;
  std::int64_t rate_hz_;
  bool header_;
  std::vector<std::int16_t> buffer_;
};

/// Formats whose header needs the whole: kept until close().
class EncodedWriter : public AudioWriter {
 public:
  template <class Where>
  EncodedWriter(Where where, std::int64_t rate_hz, std::string format)
      : encode_(encoder()), to_(where), rate_hz_(rate_hz), format_(std::move(format)) {}
  void write(std::span<const float> samples_N) override {
    for (float x : samples_N) clipped_ += std::abs(x) > 1.0f;
    all_.insert(all_.end(), samples_N.begin(), samples_N.end());
    samples_ += static_cast<std::int64_t>(samples_N.size());
  }
  void close() override {
    std::array<char, 256> error{};
    std::string bytes;
    const auto sink = [](void* context, const void* from, std::uint64_t count) {
      static_cast<std::string*>(context)->append(static_cast<const char*>(from), count);
    };
    if (encode_(all_.data(), all_.size(), rate_hz_, format_.c_str(), sink, &bytes, error.data(), error.size()) != 0) {
      throw SystemError(fmt::format("encoding failed: {}", error.data()), "write WAV instead");
    }
    to_.put(bytes.data(), bytes.size());
    to_.finish();
  }

 private:
  static TimbreSoundEncode* encoder() {
    static const Plugin plugin("sndfile", "libsndfile (FLAC, OGG, MP3)", "libsndfile1-dev");
    return plugin.find<TimbreSoundEncode>("timbre_sndfile_encode");
  }
  TimbreSoundEncode* encode_;  // found before the destination is opened
  Destination to_;
  std::int64_t rate_hz_;
  std::string format_;
  std::vector<float> all_;
};

template <class Where>
std::unique_ptr<AudioWriter> make(Where where, std::int64_t rate_hz, const std::string& format) {
  if (rate_hz < 1 || rate_hz > 768000)
    throw UsageError(fmt::format("cannot write audio of {} Hz", rate_hz), "give a rate from 1 to 768000 Hz");
  if (format == "wav" || format == "raw") return std::make_unique<PcmWriter>(where, rate_hz, format == "wav");
  return std::make_unique<EncodedWriter>(where, rate_hz, format);
}

}  // namespace

std::int16_t to_int16(float sample) {
  const float scaled = std::nearbyint(sample * 32768.0f);
  if (!(scaled < 32767.0f)) return std::isnan(scaled) ? std::int16_t{0} : std::int16_t{32767};
  return scaled <= -32768.0f ? std::int16_t{-32768} : static_cast<std::int16_t>(scaled);
}

std::unique_ptr<AudioWriter> AudioWriter::open(const fs::path& path, std::int64_t rate_hz, std::string format) {
  return make(path, rate_hz, check_format(std::move(format), path));
}

std::unique_ptr<AudioWriter> AudioWriter::open(std::FILE* stream, std::int64_t rate_hz, const std::string& format) {
  return make(stream, rate_hz, check_format(format.empty() ? "wav" : format, {}));
}

void write_audio(const fs::path& path, std::span<const float> samples_N, std::int64_t rate_hz,
                 const std::string& format) {
  const auto writer = AudioWriter::open(path, rate_hz, format);
  writer->write(samples_N);
  writer->close();
}

void write_audio(std::FILE* stream, std::span<const float> samples_N, std::int64_t rate_hz, const std::string& format) {
  const auto writer = AudioWriter::open(stream, rate_hz, format);
  writer->write(samples_N);
  writer->close();
}

void write_staged_wav(const fs::path& path, std::span<const float> samples_N, std::int64_t rate_hz) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wb"));
  if (!file) throw_file_error("write", path, errno);
  const auto writer = make(NamedStream{file.get(), path}, rate_hz, "wav");
  writer->write(samples_N);
  writer->close();
}

void write_wav_channels(const fs::path& path, std::span<const float> wave_CN, std::int64_t channels,
                        std::int64_t rate_hz) {
  if (ascii_lower(path.extension().string()) != ".wav")
    throw UsageError(fmt::format("{}: {} channels are written as .wav", path.string(), channels));
  const std::size_t count = static_cast<std::size_t>(channels), samples = wave_CN.size() / count;
  std::string bytes = wav_header_16(rate_hz, static_cast<std::uint32_t>(samples), channels);
  bytes.reserve(bytes.size() + wave_CN.size() * 2);
  for (std::size_t i = 0; i < samples; ++i)
    for (std::size_t c = 0; c < count; ++c) {
      const std::int16_t value = to_int16(wave_CN[c * samples + i]);
      bytes.append(reinterpret_cast<const char*>(&value), 2);
    }
  write_file_atomic(path, bytes);
}

}  // namespace timbre::audio
