#include "report/sound.h"

#include <cstdio>
#include <memory>
#include <vector>

#include "audio/write.h"
#include "base/error.h"
#include "report/page.h"

namespace timbre::report {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::vector<unsigned char> encoded(std::span<const float> samples_N, std::int64_t rate_hz, const std::string& format) {
  const std::unique_ptr<std::FILE, Close> file(std::tmpfile());
  if (!file) throw SystemError("no temporary file can be made", "free some space, or set TMPDIR");
  audio::write_audio(file.get(), samples_N, rate_hz, format);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(std::ftell(file.get())));
  std::rewind(file.get());
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    throw SystemError("a temporary file cannot be read back", "free some space, or set TMPDIR");
  return bytes;
}

}  // namespace

std::string sound_uri(std::span<const float> samples_N, std::int64_t rate_hz, const std::string& format) {
  try {
    return data_uri("audio/" + format, encoded(samples_N, rate_hz, format));
  } catch (const SystemError&) {  // a build without libsndfile, or a rate the format does not take
    return data_uri("audio/wav", encoded(samples_N, rate_hz, "wav"));
  }
}

}  // namespace timbre::report
