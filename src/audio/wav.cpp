#include "audio/wav.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace timbre::audio {
namespace {

static_assert(std::endian::native == std::endian::little, "WAV samples are read as they lie");

constexpr std::uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;
constexpr std::uint32_t kUnknownLength = 0xFFFFFFFF;

template <class T>
T load(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

bool tag_is(std::span<const std::byte> bytes, std::size_t at, const char* tag) {
  return at + 4 <= bytes.size() && std::memcmp(bytes.data() + at, tag, 4) == 0;
}

[[noreturn]] void broken(const std::string& why) { throw DataError("not a usable WAV file: " + why); }

/// Reads a fmt chunk; false when its codec is not ours.
bool read_format(std::span<const std::byte> chunk, WavHeader& h) {
  if (chunk.size() < 16) broken("its format chunk is cut short");
  auto codec = load<std::uint16_t>(chunk, 0);
  h.channels = load<std::uint16_t>(chunk, 2);
  h.rate_hz = load<std::uint32_t>(chunk, 4);
  const auto block = load<std::uint16_t>(chunk, 12);
  h.bits = load<std::uint16_t>(chunk, 14);
  if (codec == kExtensible) {
    if (chunk.size() < 40) broken("its extensible format chunk is cut short");
    codec = load<std::uint16_t>(chunk, 24);  // the first two bytes of the sub-format's identifier
  }
  if (codec != kPcm && codec != kFloat) return false;
  h.is_float = codec == kFloat;
  if (h.channels == 0) broken("its header says 0 channels");
  if (h.rate_hz == 0) broken("its header says a rate of 0 Hz");
  const bool known =
      h.is_float ? (h.bits == 32 || h.bits == 64) : (h.bits == 8 || h.bits == 16 || h.bits == 24 || h.bits == 32);
  if (!known) return false;
  if (block != h.frame_bytes()) {
    broken(fmt::format("its header says {} bytes a frame, but {} channels of {} bits make {}", block, h.channels,
                       h.bits, h.frame_bytes()));
  }
  return true;
}

bool looks_like_chunk(std::span<const std::byte> bytes, std::size_t at) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto c = std::to_integer<int>(bytes[at + i]);
    if (c < 32 || c > 126) return false;
  }
  return load<std::uint32_t>(bytes, at + 4) <= bytes.size() - at - 8;
}

/// The data chunk's length against what the file holds.
void measure_data(std::span<const std::byte> bytes, WavHeader& h) {
  const std::uint64_t left = bytes.size() - h.data_offset;
  h.present_bytes = std::min<std::uint64_t>(h.declared_bytes, left);
  if (h.declared_bytes >= kUnknownLength - 64 ||
      (h.declared_bytes == 0 && left > 8 && !looks_like_chunk(bytes, h.data_offset))) {
    h.open_ended = true;
    h.present_bytes = left;
    return;
  }
  const std::uint64_t end = h.data_offset + h.declared_bytes + (h.declared_bytes & 1);
  if (end + 8 <= bytes.size() && !looks_like_chunk(bytes, end)) {
    h.trailing_bytes = bytes.size() - h.data_offset - h.declared_bytes;
    h.wrong_length = fmt::format("its header says {} bytes of samples, but {} bytes that are no WAV chunk follow them",
                                 h.declared_bytes, bytes.size() - end);
  } else if (!h.truncated()) {
    const std::uint64_t riff = std::uint64_t{load<std::uint32_t>(bytes, 4)} + 8;
    // One byte of padding more or less is common and harmless.
    if (riff + 1 < bytes.size() || riff > bytes.size() + 1) {
      h.wrong_length = fmt::format("its header says the file has {} bytes, it has {}", riff, bytes.size());
    }
  }
}

template <class T, class Scale>
void mix(const std::byte* from, std::int64_t frames, std::int64_t channels, float* out_N, Scale scale) {
  const auto load_at = [&](std::int64_t i) {
    T value;
    std::memcpy(&value, from + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return scale(value);
  };
  if (channels == 1) {
    for (std::int64_t i = 0; i < frames; ++i) out_N[i] = static_cast<float>(load_at(i));
    return;
  }
  for (std::int64_t i = 0; i < frames; ++i) {
    double sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) sum += load_at(i * channels + c);
    out_N[i] = static_cast<float>(sum / static_cast<double>(channels));
  }
}

/// The commonest case; blocks of 16 become vector instructions at -O2.
void mono_16(const std::int16_t* from, std::int64_t count, float* out_N) {
  constexpr float kScale = 1.0f / 32768;
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (std::int64_t k = 0; k < 16; ++k) out_N[i + k] = static_cast<float>(from[i + k]) * kScale;
  for (; i < count; ++i) out_N[i] = static_cast<float>(from[i]) * kScale;
}

struct Int24 {
  unsigned char low, middle;
  signed char high;
};
static_assert(sizeof(Int24) == 3);

}  // namespace

bool is_wav(std::span<const std::byte> bytes) {
  return bytes.size() >= 12 && tag_is(bytes, 0, "RIFF") && tag_is(bytes, 8, "WAVE");
}

std::optional<WavHeader> parse_wav(std::span<const std::byte> bytes) {
  if (!is_wav(bytes)) broken("it does not start with RIFF … WAVE");
  WavHeader h;
  bool have_format = false;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const auto size = load<std::uint32_t>(bytes, at + 4);
    const std::size_t body = at + 8;
    const std::uint64_t left = bytes.size() - body;
    if (tag_is(bytes, at, "fmt ")) {
      if (!read_format(bytes.subspan(body, std::min<std::uint64_t>(size, left)), h)) return std::nullopt;
      have_format = true;
    } else if (tag_is(bytes, at, "data")) {
      if (!have_format) broken("its samples come before their format");
      h.data_offset = body;
      h.declared_bytes = size;
      measure_data(bytes, h);
      return h;
    }
    if (size > left) break;
    at = body + size + (size & 1);
  }
  broken(have_format ? "it has no data chunk" : "it has no format chunk");
}

void wav_block(const std::byte* from, std::int64_t frames, const WavHeader& h, float* out_N) {
  if (h.is_float && h.bits == 32)
    mix<float>(from, frames, h.channels, out_N, [](float v) { return double{v}; });
  else if (h.is_float)
    mix<double>(from, frames, h.channels, out_N, [](double v) { return v; });
  else if (h.bits == 16 && h.channels == 1 && reinterpret_cast<std::uintptr_t>(from) % alignof(std::int16_t) == 0)
    mono_16(reinterpret_cast<const std::int16_t*>(from), frames, out_N);
  else if (h.bits == 16)
    mix<std::int16_t>(from, frames, h.channels, out_N, [](std::int16_t v) { return v / 32768.0; });
  else if (h.bits == 8)
    mix<std::uint8_t>(from, frames, h.channels, out_N, [](std::uint8_t v) { return (v - 128) / 128.0; });
  else if (h.bits == 24)
    mix<Int24>(from, frames, h.channels, out_N,
               [](Int24 v) { return (v.high * 65536 + v.middle * 256 + v.low) / 8388608.0; });
  else
    mix<std::int32_t>(from, frames, h.channels, out_N, [](std::int32_t v) { return v / 2147483648.0; });
}

std::vector<float> wav_samples(std::span<const std::byte> bytes, const WavHeader& h) {
  std::vector<float> out(static_cast<std::size_t>(h.samples()));
  wav_block(bytes.data() + h.data_offset, h.samples(), h, out.data());
  return out;
}

std::string wav_header_16(std::int64_t rate_hz, std::optional<std::uint32_t> samples, std::int64_t channels) {
  const auto frame_bytes = static_cast<std::uint32_t>(2 * channels);
  const std::uint32_t data = samples ? *samples * frame_bytes : kUnknownLength;
  const std::uint32_t riff = samples ? data + 36 : kUnknownLength;
  std::string out;
  auto u32 = [&](std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), 4); };
  auto u16 = [&](std::uint16_t v) { out.append(reinterpret_cast<const char*>(&v), 2); };
  out += "RIFF";
  u32(riff);
  out += "WAVEfmt ";
  u32(16);
  u16(kPcm);
  u16(static_cast<std::uint16_t>(channels));
  u32(static_cast<std::uint32_t>(rate_hz));
  u32(static_cast<std::uint32_t>(rate_hz) * frame_bytes);
  u16(static_cast<std::uint16_t>(frame_bytes));
  u16(16);
  out += "data";
  u32(data);
  return out;
}

}  // namespace timbre::audio
