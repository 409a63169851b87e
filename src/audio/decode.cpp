#include "audio/decode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <functional>

#include "audio/resample.h"
#include "audio/sound_plugin_abi.h"
#include "audio/wav.h"
#include "base/error.h"
#include "base/files.h"
#include "base/plugin.h"
#include "base/strings.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kG722RateHz = 16000;

/// One of the two media modules.
struct Reader {
  TimbreSoundProbe* probe;
  TimbreSoundDecode* decode;
};

const Reader& sndfile() {
  static const Plugin plugin("sndfile", "libsndfile (FLAC, OGG, MP3, AIFF)", "libsndfile1-dev");
  static const Reader reader{plugin.find<TimbreSoundProbe>("timbre_sndfile_probe"),
                             plugin.find<TimbreSoundDecode>("timbre_sndfile_decode")};
  return reader;
}

const Reader& ffmpeg() {
  static const Plugin plugin("ffmpeg", "FFmpeg (G.722, M4A and all formats libsndfile does not read)",
                             "libavformat-dev libavcodec-dev libswresample-dev");
  static const Reader reader{plugin.find<TimbreSoundProbe>("timbre_ffmpeg_probe"),
                             plugin.find<TimbreSoundDecode>("timbre_ffmpeg_decode")};
  return reader;
}

bool is_g722(const fs::path& path) {
  const std::string ending = ascii_lower(path.extension().string());
  return ending == ".g722" || ending == ".722";
}

/// By its first bytes: what libsndfile is asked before FFmpeg.
bool is_for_sndfile(std::span<const char> head) {
  static constexpr const char* kMagic[] = {"RIFF", "RIFX", "RF64", "fLaC", "OggS",
                                           "ID3",  "FORM", ".snd", "caff", "riff"};
  for (const char* magic : kMagic) {
    const std::size_t n = std::strlen(magic);
    if (head.size() >= n && std::memcmp(head.data(), magic, n) == 0) return true;
  }
  // An MPEG audio frame: eleven bits of sync, layer 1 … 3 (layer "00" is AAC's ADTS).
  return head.size() >= 2 && static_cast<unsigned char>(head[0]) == 0xFF &&
         (static_cast<unsigned char>(head[1]) & 0xE0) == 0xE0 && (static_cast<unsigned char>(head[1]) & 0x06) != 0;
}

/// Everything about a file that the public functions need, from one pass.
struct Reading {
  AudioInfo info;
  std::vector<Damage> damage;
};

/// Keeps all samples.
class Collector : public BlockSink {
 public:
  void begin(const AudioInfo& info) override {
    // The length of a compressed file may be a guess or a lie: no more than a minute is taken on trust.
    constexpr std::int64_t kTrusted_s = 60;
    if (info.samples > 0)
      samples_N.reserve(static_cast<std::size_t>(std::min(info.samples, info.rate_hz * kTrusted_s)));
  }
  void take(std::span<const float> block_N) override {
    samples_N.insert(samples_N.end(), block_N.begin(), block_N.end());
  }
  std::vector<float> samples_N;
};

/// The same with the channels apart.
class ChannelCollector final : public Collector {
 public:
  bool keeps_channels() const override { return true; }
};

Damage damage(DamageKind kind, const std::string& text) { return {kind, text}; }

void set_info(AudioInfo& info, std::int64_t rate_hz, std::int64_t channels, std::int64_t samples) {
  info.rate_hz = rate_hz;
  info.channels = channels;
  info.samples = samples;
  info.duration_s = rate_hz > 0 ? static_cast<double>(samples) / static_cast<double>(rate_hz) : 0;
}

std::string truncation(std::int64_t promised, std::int64_t there, std::int64_t rate_hz) {
  return fmt::format("truncated: its header promises {:.3f} s ({} samples), the file holds {:.3f} s ({})",
                     static_cast<double>(promised) / static_cast<double>(rate_hz), promised,
                     static_cast<double>(there) / static_cast<double>(rate_hz), there);
}

/// The samples of a WAV file through a small buffer: mapped pages of an hour would count as this process' memory.
void stream_wav(const fs::path& path, const WavHeader& h, BlockSink& sink) {
  constexpr std::int64_t kBlockBytes = 1 << 17;
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(h.data_offset));
  const std::int64_t most = std::max<std::int64_t>(1, kBlockBytes / h.frame_bytes());
  std::int64_t left = h.samples();
  const std::int64_t room = std::min(most, left);
  WavHeader as_one = h;  // interleaved frames are what a mono file of so many samples holds
  const std::int64_t apart = sink.keeps_channels() ? h.channels : 1;
  if (apart > 1) as_one.channels = 1;
  std::vector<std::byte> bytes(static_cast<std::size_t>(room * h.frame_bytes()));
  std::vector<float> block_N(static_cast<std::size_t>(room * apart));
  while (left > 0) {
    std::int64_t frames = std::min(most, left);
    file.read(reinterpret_cast<char*>(bytes.data()), frames * h.frame_bytes());
    frames = std::min(frames, static_cast<std::int64_t>(file.gcount()) / h.frame_bytes());
    if (frames == 0) throw SystemError(fmt::format("{}: cannot be read to its end", path.string()));
    wav_block(bytes.data(), frames * apart, as_one, block_N.data());
    sink.take({block_N.data(), static_cast<std::size_t>(frames * apart)});
    left -= frames;
  }
}

/// The header of a WAV of a codec of ours (and `out` is filled), or nothing.
std::optional<WavHeader> read_wav(std::span<const std::byte> bytes, Reading& out) {
  const auto header = parse_wav(bytes);
  if (!header) return header;
  const WavHeader& h = *header;
  out.info.format = fmt::format("wav, {} bit {}", h.bits, h.is_float ? "float" : "PCM");
  set_info(out.info, h.rate_hz, h.channels, h.samples());
  if (h.truncated())
    out.damage.push_back(damage(DamageKind::truncated, truncation(h.declared_samples(), h.samples(), h.rate_hz)));
  else if (h.samples() == 0)
    out.damage.push_back(damage(DamageKind::empty, "it holds no samples"));
  if (h.open_ended) {
    out.damage.push_back(damage(
        DamageKind::header_length,
        fmt::format("its header has no length (written to a pipe or never closed); {} samples follow", h.samples())));
  }
  if (!h.wrong_length.empty()) out.damage.push_back(damage(DamageKind::header_length, h.wrong_length));
  return header;
}

/// From a module's interleaved frames to a sink's mono blocks.
struct Mixer {
  BlockSink& sink;
  const TimbreSoundInfo& info;
  std::vector<float> mono_N = {};
  std::int64_t samples = 0;

  void start() {
    AudioInfo known;
    known.format = ascii_lower(info.format);
    known.estimated = info.estimated != 0;
    known.rate_hz = info.rate_hz;
    known.channels = info.channels;
    known.samples = info.samples;
    sink.begin(known);
  }
  static void take(void* context, const float* interleaved, std::int64_t frames, std::int64_t channels) {
    auto& mixer = *static_cast<Mixer*>(context);
    if (mixer.samples == 0) mixer.start();
    mixer.samples += frames;
    const auto count = static_cast<std::size_t>(frames);
    if (channels == 1) return mixer.sink.take({interleaved, count});
    if (mixer.sink.keeps_channels()) return mixer.sink.take({interleaved, count * static_cast<std::size_t>(channels)});
    mixer.mono_N.resize(count);
    for (std::int64_t i = 0; i < frames; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < channels; ++c) sum += interleaved[i * channels + c];
      mixer.mono_N[static_cast<std::size_t>(i)] = static_cast<float>(sum / static_cast<double>(channels));
    }
    mixer.sink.take(mixer.mono_N);
  }
};

/// Where nobody wants the samples, only their number.
class Counter : public BlockSink {
 public:
  void begin(const AudioInfo&) override {}
  void take(std::span<const float>) override {}
};

/// False when the module cannot open the file at all; `why` says why.
bool read_with(const Reader& reader, const fs::path& path, BlockSink* sink, Reading& out, std::string& why) {
  TimbreSoundInfo info{};
  std::array<char, 256> error{};
  int status;
  Counter counter;
  Mixer mixer{sink ? *sink : counter, info};
  if (!sink)
    status = reader.probe(path.c_str(), &info, error.data(), error.size());
  else
    status = reader.decode(path.c_str(), &info, Mixer::take, &mixer, error.data(), error.size());
  if (status == 1) {
    why = error.data();
    return false;
  }
  out.info.format = ascii_lower(info.format);
  out.info.estimated = info.estimated != 0;
  if (!sink && info.samples < 0) return read_with(reader, path, &counter, out, why);
  if (!sink) {
    set_info(out.info, info.rate_hz, info.channels, info.samples);
    if (info.samples == 0) out.damage.push_back(damage(DamageKind::empty, "it holds no samples"));
    return true;
  }
  const std::int64_t got = mixer.samples;
  set_info(out.info, info.rate_hz, info.channels, got);
  if (status == 2) {
    out.damage.push_back(damage(DamageKind::truncated, fmt::format("decoding broke off after {:.3f} s: {}",
                                                                   out.info.duration_s, error.data())));
  } else if (!out.info.estimated && info.samples > got) {
    out.damage.push_back(damage(DamageKind::truncated, truncation(info.samples, got, info.rate_hz)));
  } else if (got == 0) {
    out.damage.push_back(damage(DamageKind::empty, "it holds no samples"));
  }
  out.info.estimated = false;
  return true;
}

/// Raw G.722 at 64 kbit/s: each byte is two samples, so its length needs no decoding.
void probe_g722(std::uintmax_t bytes, Reading& out) {
  out.info.format = "g722";
  set_info(out.info, kG722RateHz, 1, static_cast<std::int64_t>(bytes) * 2);
}

Reading undecodable(const std::string& why) {
  Reading r;
  r.damage.push_back(damage(DamageKind::undecodable, why));
  return r;
}

/// No sink: headers alone.
Reading read_any(const fs::path& path, BlockSink* sink, bool past_header = false) {
  Reading out;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    out.damage.push_back(
        damage(DamageKind::missing, fs::exists(path, error) ? "it is not a regular file" : "no such file"));
    return out;
  }
  const auto size = fs::file_size(path, error);
  if (error) throw SystemError(fmt::format("{}: cannot be read: {}", path.string(), error.message()));
  if (size == 0) {
    out.damage.push_back(damage(DamageKind::empty, "the file has 0 bytes"));
    return out;
  }
  std::array<char, 12> head{};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw SystemError(fmt::format("{}: cannot be opened for reading", path.string()), "check its permissions");
  file.read(head.data(), head.size());
  const std::span<const char> begin(head.data(), static_cast<std::size_t>(file.gcount()));
  file.close();

  if (is_wav(std::as_bytes(begin))) {
    std::optional<WavHeader> header;
    try {
      const MappedFile map(path);
      header = read_wav(map.bytes(), out);
    } catch (const DataError& e) {
      return undecodable(e.what());
    }
    if (header && past_header) header->present_bytes += header->trailing_bytes;
    if (header && sink && header->samples() > 0) {
      sink->begin(out.info);
      stream_wav(path, *header, *sink);
    }
    if (header) return out;
  }
  if (is_g722(path) && !sink) {
    probe_g722(size, out);
    return out;
  }
  std::string why, why_ffmpeg;
  if (!is_g722(path) && is_for_sndfile(begin) && read_with(sndfile(), path, sink, out, why)) return out;
  out = {};
  if (read_with(ffmpeg(), path, sink, out, why_ffmpeg)) return out;
  return undecodable("not decodable as audio: " + (why.empty() ? why_ffmpeg : why + "; FFmpeg: " + why_ffmpeg));
}

/// Throws for damage that leaves nothing usable, or a cut-short file unless that is allowed.
void refuse(const fs::path& path, const Reading& reading, bool keep_truncated) {
  for (const Damage& d : reading.damage) {
    const bool fatal = d.kind == DamageKind::missing || d.kind == DamageKind::empty ||
                       d.kind == DamageKind::undecodable ||
                       (d.kind == DamageKind::truncated && (!keep_truncated || reading.info.samples == 0));
    if (!fatal) continue;
    throw DataError(fmt::format("{}: {}", path.string(), d.text),
                    d.kind == DamageKind::truncated ? "get the file again, or leave the utterance out" : "");
  }
}

}  // namespace

Clip decode_audio(const fs::path& path, std::optional<std::int64_t> resample_to_hz) {
  return decode_audio(path, DecodeOptions{.resample_to_hz = resample_to_hz});
}

Clip decode_audio(const fs::path& path, const DecodeOptions& options) {
  Collector collector;
  const Reading reading = read_any(path, &collector, options.past_header);
  refuse(path, reading, options.keep_truncated);
  Clip clip;
  clip.source_channels = reading.info.channels;
  clip.source_rate_hz = clip.rate_hz = reading.info.rate_hz;
  clip.samples_N = std::move(collector.samples_N);
  if (options.resample_to_hz && *options.resample_to_hz != clip.rate_hz) {
    clip.samples_N = resample(clip.samples_N, clip.rate_hz, *options.resample_to_hz);
    clip.rate_hz = *options.resample_to_hz;
  }
  return clip;
}

Channels decode_channels(const fs::path& path) {
  ChannelCollector collector;
  const Reading reading = read_any(path, &collector);
  refuse(path, reading, false);
  Channels out{.rate_hz = reading.info.rate_hz, .channels = reading.info.channels, .wave_CN = {}};
  const auto count = static_cast<std::size_t>(out.channels);
  const std::size_t frames = collector.samples_N.size() / count;
  out.wave_CN.resize(frames * count);
  for (std::size_t i = 0; i < frames; ++i)
    for (std::size_t c = 0; c < count; ++c) out.wave_CN[c * frames + i] = collector.samples_N[i * count + c];
  return out;
}

AudioInfo probe_audio(const fs::path& path) {
  const Reading reading = read_any(path, nullptr);
  refuse(path, reading, true);
  return reading.info;
}

AudioCheck check_audio(const fs::path& path, bool decode) {
  Counter counter;
  Reading reading = read_any(path, decode ? &counter : nullptr);
  return {std::move(reading.info), std::move(reading.damage)};
}

AudioCheck scan_audio(const fs::path& path, BlockSink& sink) {
  Reading reading = read_any(path, &sink);
  return {std::move(reading.info), std::move(reading.damage)};
}

}  // namespace timbre::audio
