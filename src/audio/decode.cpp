#include "audio/decode.h"

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
  std::vector<float> samples_N;
};

enum class Depth { headers, samples };

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

/// True when the file was a WAV of a codec of ours (and `out` is filled).
bool read_wav(std::span<const std::byte> bytes, Depth depth, Reading& out) {
  const auto header = parse_wav(bytes);
  if (!header) return false;
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
  if (depth == Depth::samples) out.samples_N = wav_samples(bytes, h);
  return true;
}

struct Mixer {
  std::vector<float>* out;
  static void take(void* context, const float* interleaved, std::int64_t frames, std::int64_t channels) {
    auto& samples = *static_cast<Mixer*>(context)->out;
    for (std::int64_t i = 0; i < frames; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < channels; ++c) sum += interleaved[i * channels + c];
      samples.push_back(static_cast<float>(sum / static_cast<double>(channels)));
    }
  }
};

/// False when the module cannot open the file at all; `why` says why.
bool read_with(const Reader& reader, const fs::path& path, Depth depth, Reading& out, std::string& why) {
  TimbreSoundInfo info{};
  std::array<char, 256> error{};
  int status;
  Mixer mixer{&out.samples_N};
  if (depth == Depth::headers)
    status = reader.probe(path.c_str(), &info, error.data(), error.size());
  else
    status = reader.decode(path.c_str(), &info, Mixer::take, &mixer, error.data(), error.size());
  if (status == 1) {
    why = error.data();
    return false;
  }
  out.info.format = ascii_lower(info.format);
  out.info.estimated = info.estimated != 0;
  if (depth == Depth::headers && info.samples < 0) return read_with(reader, path, Depth::samples, out, why);
  if (depth == Depth::headers) {
    set_info(out.info, info.rate_hz, info.channels, info.samples);
    if (info.samples == 0) out.damage.push_back(damage(DamageKind::empty, "it holds no samples"));
    return true;
  }
  const auto got = static_cast<std::int64_t>(out.samples_N.size());
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

Reading read_any(const fs::path& path, Depth depth) {
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
    const MappedFile map(path);
    try {
      if (read_wav(map.bytes(), depth, out)) return out;
    } catch (const DataError& e) {
      return undecodable(e.what());
    }
  }
  if (is_g722(path) && depth == Depth::headers) {
    probe_g722(size, out);
    return out;
  }
  std::string why, why_ffmpeg;
  if (!is_g722(path) && is_for_sndfile(begin) && read_with(sndfile(), path, depth, out, why)) return out;
  out = {};
  if (read_with(ffmpeg(), path, depth, out, why_ffmpeg)) return out;
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
  Reading reading = read_any(path, Depth::samples);
  refuse(path, reading, options.keep_truncated);
  Clip clip;
  clip.source_channels = reading.info.channels;
  clip.source_rate_hz = clip.rate_hz = reading.info.rate_hz;
  clip.samples_N = std::move(reading.samples_N);
  if (options.resample_to_hz && *options.resample_to_hz != clip.rate_hz) {
    clip.samples_N = resample(clip.samples_N, clip.rate_hz, *options.resample_to_hz);
    clip.rate_hz = *options.resample_to_hz;
  }
  return clip;
}

AudioInfo probe_audio(const fs::path& path) {
  const Reading reading = read_any(path, Depth::headers);
  refuse(path, reading, true);
  return reading.info;
}

AudioCheck check_audio(const fs::path& path, bool decode) {
  Reading reading = read_any(path, decode ? Depth::samples : Depth::headers);
  return {std::move(reading.info), std::move(reading.damage)};
}

}  // namespace timbre::audio
