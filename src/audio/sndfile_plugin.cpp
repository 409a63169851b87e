// libsndfile: FLAC, OGG, MP3, AIFF and the WAV codecs our own reader leaves out; and the encoders.
#include <sndfile.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "audio/sound_plugin_abi.h"

namespace {

void describe(const SF_INFO& sf, TimbreSoundInfo* info) {
  info->rate_hz = sf.samplerate;
  info->channels = sf.channels;
  info->samples = sf.frames >= 0 && sf.frames < SF_COUNT_MAX ? sf.frames : -1;
  info->estimated = (sf.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG;
  SF_FORMAT_INFO major{};
  major.format = sf.format & SF_FORMAT_TYPEMASK;
  sf_command(nullptr, SFC_GET_FORMAT_INFO, &major, sizeof major);
  SF_FORMAT_INFO minor{};
  minor.format = sf.format & SF_FORMAT_SUBMASK;
  sf_command(nullptr, SFC_GET_FORMAT_INFO, &minor, sizeof minor);
  std::snprintf(info->format, sizeof info->format, "%s, %s", major.name ? major.name : "?",
                minor.name ? minor.name : "?");
}

SNDFILE* open_for_reading(const char* path, TimbreSoundInfo* info, char* error, uint64_t error_bytes) {
  SF_INFO sf{};
  SNDFILE* file = sf_open(path, SFM_READ, &sf);
  if (!file) {
    std::snprintf(error, error_bytes, "%s", sf_strerror(nullptr));
    return nullptr;
  }
  describe(sf, info);
  return file;
}

/// A file in memory for sf_open_virtual.
struct Memory {
  std::vector<unsigned char> bytes;
  sf_count_t at = 0;
};

sf_count_t memory_length(void* user) { return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size()); }
sf_count_t memory_tell(void* user) { return static_cast<Memory*>(user)->at; }
sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
  auto* m = static_cast<Memory*>(user);
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : memory_length(user);
  m->at = from + offset < 0 ? 0 : from + offset;
  return m->at;
}
sf_count_t memory_read(void* out, sf_count_t count, void* user) {
  auto* m = static_cast<Memory*>(user);
  const sf_count_t left = memory_length(user) - m->at;
  const sf_count_t n = count < left ? count : (left < 0 ? 0 : left);
  if (n > 0) std::memcpy(out, m->bytes.data() + m->at, static_cast<size_t>(n));
  m->at += n;
  return n;
}
sf_count_t memory_write(const void* from, sf_count_t count, void* user) {
  auto* m = static_cast<Memory*>(user);
  if (m->at + count > memory_length(user)) m->bytes.resize(static_cast<size_t>(m->at + count));
  std::memcpy(m->bytes.data() + m->at, from, static_cast<size_t>(count));
  m->at += count;
  return count;
}

int format_code(const char* format) {
  if (!std::strcmp(format, "flac")) return SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  if (!std::strcmp(format, "ogg")) return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
  if (!std::strcmp(format, "mp3")) return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
  return 0;
}

}  // namespace

extern "C" {

int timbre_sndfile_probe(const char* path, TimbreSoundInfo* info, char* error, uint64_t error_bytes) {
  SNDFILE* file = open_for_reading(path, info, error, error_bytes);
  if (!file) return 1;
  sf_close(file);
  return 0;
}

int timbre_sndfile_decode(const char* path, TimbreSoundInfo* info, TimbreSoundSink sink, void* context, char* error,
                          uint64_t error_bytes) {
  SNDFILE* file = open_for_reading(path, info, error, error_bytes);
  if (!file) return 1;
  constexpr sf_count_t kFrames = 8192;
  std::vector<float> buffer(static_cast<size_t>(kFrames * info->channels));
  int result = 0;
  while (true) {
    const sf_count_t got = sf_readf_float(file, buffer.data(), kFrames);
    if (got > 0) sink(context, buffer.data(), got, info->channels);
    if (sf_error(file) != SF_ERR_NO_ERROR) {
      std::snprintf(error, error_bytes, "%s", sf_strerror(file));
      result = 2;
      break;
    }
    if (got < kFrames) break;
  }
  sf_close(file);
  return result;
}

int timbre_sndfile_encode(const float* samples, uint64_t count, int64_t rate_hz, const char* format,
                          TimbreByteSink sink, void* context, char* error, uint64_t error_bytes) {
  SF_INFO sf{};
  sf.samplerate = static_cast<int>(rate_hz);
  sf.channels = 1;
  sf.format = format_code(format);
  Memory memory;
  SF_VIRTUAL_IO io{memory_length, memory_seek, memory_read, memory_write, memory_tell};
  SNDFILE* file = sf.format && sf_format_check(&sf) ? sf_open_virtual(&io, SFM_WRITE, &sf, &memory) : nullptr;
  if (!file) {
    std::snprintf(error, error_bytes, "%s cannot be written at %lld Hz: %s", format, static_cast<long long>(rate_hz),
                  sf_strerror(nullptr));
    return 1;
  }
  sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
  const bool whole = sf_writef_float(file, samples, static_cast<sf_count_t>(count)) == static_cast<sf_count_t>(count);
  if (!whole) std::snprintf(error, error_bytes, "%s", sf_strerror(file));
  sf_close(file);
  if (whole) sink(context, memory.bytes.data(), memory.bytes.size());
  return whole ? 0 : 2;
}
}
