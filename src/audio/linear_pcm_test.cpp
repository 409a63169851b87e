#include "audio/linear_pcm.h"

#include <gmock/gmock.h>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"

namespace timbre::audio {
namespace {

using testing::ElementsAre;

/// A PCM WAV of whole bytes.
fs::path wav_of(const std::string& name, int rate_hz, int channels, int bits, const std::string& data) {
  const auto number = [](std::uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
    return out;
  };
  const int frame = channels * bits / 8;
  const std::string format = number(1, 2) + number(static_cast<std::uint32_t>(channels), 2) +
                             number(static_cast<std::uint32_t>(rate_hz), 4) +
                             number(static_cast<std::uint32_t>(rate_hz * frame), 4) +
                             number(static_cast<std::uint32_t>(frame), 2) + number(static_cast<std::uint32_t>(bits), 2);
  const fs::path path = fs::temp_directory_path() / ("timbre_linear_pcm_" + name);
  write_file_atomic(path, "RIFF" + number(static_cast<std::uint32_t>(36 + data.size()), 4) + "WAVEfmt " +
                              number(16, 4) + format + "data" + number(static_cast<std::uint32_t>(data.size()), 4) +
                              data);
  return path;
}

// The expected numbers: pydub 0.25.1 with audioop of CPython 3.11 on the same bytes.

TEST(LinearPcm, SixteenKilohertzComeAsTheyAre) {
  const fs::path path = wav_of("same", 16000, 1, 16, std::string("\x01\x00\xff\xff\x00\x80\xff\x7f", 8));
  EXPECT_THAT(linear_pcm16(path, 16000), ElementsAre(1, -1, -32768, 32767));
}

TEST(LinearPcm, HalfAndDoubleRate) {
  const std::string data("\x0a\x00\x14\x00\xec\xff\x1f\x00\x00\x00\xf9\xff", 12);  // 10 20 -20 31 0 -7
  EXPECT_THAT(linear_pcm16(wav_of("32k", 32000, 1, 16, data), 16000), ElementsAre(10, -20, 0));
  EXPECT_THAT(linear_pcm16(wav_of("8k", 8000, 1, 16, data), 16000),
              ElementsAre(10, 15, 20, 0, -20, 5, 31, 15, 0, -4, -7));
  EXPECT_THAT(linear_pcm16(wav_of("22k", 22050, 1, 16, data), 16000), ElementsAre(10, 4, 18, -1));
}

TEST(LinearPcm, ChannelsAreMixedAfterTheRate) {
  const std::string data("\x03\x00\x04\x00\xfd\xff\x00\x00\xff\x7f\x00\x80", 12);  // (3,4) (-3,0) (32767,-32768)
  EXPECT_THAT(linear_pcm16(wav_of("two", 16000, 2, 16, data), 16000), ElementsAre(3, -2, -1));
  EXPECT_THAT(linear_pcm16(wav_of("three", 16000, 3, 16, data), 16000), ElementsAre(1, -1));
}

TEST(LinearPcm, OtherWidths) {
  EXPECT_THAT(linear_pcm16(wav_of("8bit", 16000, 1, 8, std::string("\x00\x80\xff", 3)), 16000),
              ElementsAre(-32768, 0, 32512));
  EXPECT_THAT(linear_pcm16(wav_of("24bit", 16000, 1, 24, std::string("\xff\x02\x01\x01\xff\xff", 6)), 16000),
              ElementsAre(0x0102, -1));
  EXPECT_THAT(linear_pcm16(wav_of("32bit", 16000, 1, 32, std::string("\x00\x00\x34\x12\xff\xff\xff\xff", 8)), 16000),
              ElementsAre(0x1234, -1));
}

TEST(LinearPcm, OtherFormatsAreNoPcm) {
  const fs::path other = fs::temp_directory_path() / "timbre_linear_pcm_other";
  write_file_atomic(other, "fLaC and no more");
  EXPECT_FALSE(read_wide_samples(other).has_value());
  const fs::path cut = wav_of("cut", 16000, 1, 16, "12345678");
  fs::resize_file(cut, 48);
  EXPECT_THROW(linear_pcm16(cut, 16000), DataError);
}

}  // namespace
}  // namespace timbre::audio
