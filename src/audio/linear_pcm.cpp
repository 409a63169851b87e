#include "audio/linear_pcm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "audio/decode.h"
#include "audio/wav.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"

namespace timbre::audio {

namespace {

/// Of a sample of `bytes` bytes in a 32-bit word.
int shift_of(std::int64_t bytes) { return static_cast<int>(32 - 8 * bytes); }

std::int32_t wide_sample(const std::byte* at, std::int64_t bits) {
  const auto byte = [&](int i) { return static_cast<std::uint32_t>(at[i]); };
  switch (bits) {
    case 8:
      return static_cast<std::int32_t>((byte(0) - 128U) << 24);
    case 16:
      return static_cast<std::int32_t>((byte(0) | byte(1) << 8) << 16);
    case 24: {  // what pydub puts below: ones under negative samples
      const std::uint32_t below = (byte(2) & 0x80) != 0 ? 0xFFU : 0U;
      return static_cast<std::int32_t>(below | byte(0) << 8 | byte(1) << 16 | byte(2) << 24);
    }
    default:
      return static_cast<std::int32_t>(byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24);
  }
}

std::int32_t floor_half(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>((static_cast<std::int64_t>(a) + b) >> 1);
}

std::int32_t floor_part(std::int32_t value, std::int64_t parts) {
  return static_cast<std::int32_t>(std::floor(static_cast<double>(value) / static_cast<double>(parts)));
}

/// Two channels: the mean, rounded down; more: the sum of each one's part, rounded down.
std::vector<std::int32_t> mono(const std::vector<std::int32_t>& frames_NC, std::int64_t channels, std::int64_t bytes) {
  if (channels == 1) return frames_NC;
  const int shift = shift_of(bytes);
  const auto count = frames_NC.size() / static_cast<std::size_t>(channels);
  std::vector<std::int32_t> out_N(count);
  for (std::size_t n = 0; n < count; ++n) {
    const std::int32_t* frame = &frames_NC[n * static_cast<std::size_t>(channels)];
    std::int32_t value = 0;
    if (channels == 2)
      value = floor_half(frame[0] >> shift, frame[1] >> shift);
    else
      for (std::int64_t c = 0; c < channels; ++c) value += floor_part(frame[c] >> shift, channels);
    out_N[n] = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << shift);
  }
  return out_N;
}

}  // namespace

std::optional<WideSamples> read_wide_samples(const std::filesystem::path& path) {
  const MappedFile file(path);
  if (!is_wav(file.bytes())) return std::nullopt;
  const auto header = parse_wav(file.bytes());
  if (!header || header->is_float || header->bits > 32 || header->truncated()) return std::nullopt;
  WideSamples wide{.frames_NC = {},
                   .channels = header->channels,
                   .rate_hz = header->rate_hz,
                   .bytes = header->bits == 24 ? 4 : header->bits / 8};
  const auto count = static_cast<std::size_t>(header->samples() * header->channels);
  const std::byte* at = file.bytes().data() + header->data_offset;
  const auto step = static_cast<std::size_t>(header->bits / 8);
  wide.frames_NC.resize(count);
  for (std::size_t i = 0; i < count; ++i) wide.frames_NC[i] = wide_sample(at + i * step, header->bits);
  return wide;
}

std::vector<std::int32_t> interpolate_rate(const WideSamples& samples, std::int64_t to_hz) {
  if (samples.rate_hz < 1 || to_hz < 1) throw UsageError("a rate below 1 Hz");
  if (samples.rate_hz == to_hz) return samples.frames_NC;
  const std::int64_t part = std::gcd(samples.rate_hz, to_hz);
  const std::int64_t from = samples.rate_hz / part, to = to_hz / part;
  const auto channels = static_cast<std::size_t>(samples.channels);
  const std::size_t frames = samples.frames_NC.size() / channels;
  const int shift = shift_of(samples.bytes);
  std::vector<std::int32_t> out_NC;
  out_NC.reserve(
      static_cast<std::size_t>(static_cast<double>(frames) * static_cast<double>(to) / static_cast<double>(from) + 2) *
      channels);
  const std::vector<std::int32_t> silence(channels, 0);
  const std::int32_t* before = silence.data();
  const std::int32_t* now = silence.data();
  // `ahead`: how far the next sample out lies before `now`, in steps of 1/(from·to) s.
  std::int64_t ahead = -to;
  for (std::size_t n = 0; n < frames; ++n) {
    before = now;
    now = &samples.frames_NC[n * channels];
    for (ahead += to; ahead >= 0; ahead -= from)
      for (std::size_t c = 0; c < channels; ++c) {
        const double mixed = (static_cast<double>(before[c]) * static_cast<double>(ahead) +
                              static_cast<double>(now[c]) * static_cast<double>(to - ahead)) /
                             static_cast<double>(to);
        const auto cut = static_cast<std::int32_t>(mixed) >> shift;
        out_NC.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(cut) << shift));
      }
  }
  return out_NC;
}

std::vector<std::int16_t> linear_pcm16(const std::filesystem::path& path, std::int64_t to_hz) {
  std::vector<std::int16_t> out_N;
  if (const auto wide = read_wide_samples(path)) {
    for (const std::int32_t value : mono(interpolate_rate(*wide, to_hz), wide->channels, wide->bytes))
      out_N.push_back(static_cast<std::int16_t>(value >> 16));
    return out_N;
  }
  for (const float x : decode_audio(path, to_hz).samples_N) out_N.push_back(to_int16(x));
  return out_N;
}

}  // namespace timbre::audio
