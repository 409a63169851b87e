#include "audio/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <fstream>
#include <numbers>

#include "audio/golden_for_test.h"
#include "audio/resample.h"
#include "audio/wav.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/plugin.h"
#include "support/plugins.h"

namespace timbre::audio {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Decode : public ::testing::Test {
 protected:
  Decode() : folder_(fs::temp_directory_path() / ("timbre_decode_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Decode() override { fs::remove_all(folder_); }

  static std::vector<float> tone(std::size_t n, double hz = 440, std::int64_t rate_hz = 16000) {
    std::vector<float> out(n);
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = static_cast<float>(
          0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / static_cast<double>(rate_hz)));
    }
    return out;
  }
  fs::path write_bytes(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  /// A WAV of any kind by hand.
  static std::string wav(int codec, int channels, int rate, int bits, const std::string& data, std::uint32_t declared) {
    std::string out = "RIFF";
    auto u32 = [&](std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), 4); };
    auto u16 = [&](int v) {
      const auto w = static_cast<std::uint16_t>(v);
      out.append(reinterpret_cast<const char*>(&w), 2);
    };
    u32(static_cast<std::uint32_t>(36 + data.size()));
    out += "WAVEfmt ";
    u32(16);
    u16(codec);
    u16(channels);
    u32(static_cast<std::uint32_t>(rate));
    u32(static_cast<std::uint32_t>(rate * channels * bits / 8));
    u16(channels * bits / 8);
    u16(bits);
    out += "data";
    u32(declared);
    return out + data;
  }
  template <class T>
  static std::string bytes_of(const std::vector<T>& v) {
    return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
  }
  static std::string error_of(const fs::path& path) {
    try {
      decode_audio(path);
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(Decode, EveryWavSampleFormat) {
  const std::vector<std::int16_t> s16{0, 16384, -32768, 32767};
  const auto c16 = decode_audio(write_bytes("a.wav", wav(1, 1, 8000, 16, bytes_of(s16), 8)));
  EXPECT_EQ(c16.samples_N, (std::vector<float>{0, 0.5f, -1, 32767 / 32768.0f}));
  EXPECT_EQ(c16.rate_hz, 8000);
  const auto c8 = decode_audio(write_bytes("b.wav", wav(1, 1, 8000, 8, std::string("\x80\xC0\x00", 3), 3)));
  EXPECT_EQ(c8.samples_N, (std::vector<float>{0, 0.5f, -1}));
  const auto c24 =
      decode_audio(write_bytes("c.wav", wav(1, 1, 8000, 24, std::string("\x00\x00\x40\x00\x00\x80", 6), 6)));
  EXPECT_EQ(c24.samples_N, (std::vector<float>{0.5f, -1}));
  const auto c32 = decode_audio(
      write_bytes("d.wav", wav(1, 1, 8000, 32, bytes_of(std::vector<std::int32_t>{1 << 30, INT32_MIN}), 8)));
  EXPECT_EQ(c32.samples_N, (std::vector<float>{0.5f, -1}));
  const auto f32 = decode_audio(write_bytes("e.wav", wav(3, 1, 8000, 32, bytes_of(std::vector<float>{0.25f, -2}), 8)));
  EXPECT_EQ(f32.samples_N, (std::vector<float>{0.25f, -2}));
  const auto f64 =
      decode_audio(write_bytes("f.wav", wav(3, 1, 8000, 64, bytes_of(std::vector<double>{0.25, -0.5}), 16)));
  EXPECT_EQ(f64.samples_N, (std::vector<float>{0.25f, -0.5f}));
}

TEST_F(Decode, StereoIsMixedAndReported) {
  const std::vector<std::int16_t> pairs{1000, 3000, -2000, 0};
  const auto path = write_bytes("stereo.wav", wav(1, 2, 44100, 16, bytes_of(pairs), 8));
  const Clip clip = decode_audio(path);
  EXPECT_EQ(clip.source_channels, 2);
  EXPECT_EQ(clip.samples_N, (std::vector<float>{2000 / 32768.0f, -1000 / 32768.0f}));
  const AudioInfo info = probe_audio(path);
  EXPECT_EQ(info.channels, 2);
  EXPECT_EQ(info.samples, 2);
  EXPECT_EQ(info.rate_hz, 44100);
  EXPECT_THAT(info.format, HasSubstr("16 bit PCM"));
}

TEST_F(Decode, DamagedFilesSayWhatIsWrong) {
  EXPECT_THAT(error_of(folder_ / "none.wav"), HasSubstr("none.wav: no such file"));
  EXPECT_THAT(error_of(write_bytes("zero.wav", "")), HasSubstr("the file has 0 bytes"));
  EXPECT_THAT(error_of(write_bytes("silent.wav", wav(1, 1, 16000, 16, "", 0))), HasSubstr("it holds no samples"));
  EXPECT_THAT(error_of(write_bytes("chan.wav", wav(1, 0, 16000, 16, "abcd", 4))), HasSubstr("0 channels"));
  EXPECT_THAT(error_of(write_bytes("rate.wav", wav(1, 1, 0, 16, "abcd", 4))), HasSubstr("0 Hz"));
  EXPECT_THAT(error_of(write_bytes("cut_header.wav", wav(1, 1, 16000, 16, "", 0).substr(0, 30))), HasSubstr("WAV"));
  const std::string data = bytes_of(std::vector<std::int16_t>(16000, 100));
  const auto cut = write_bytes("cut.wav", wav(1, 1, 16000, 16, data, 64000));
  EXPECT_THAT(error_of(cut),
              HasSubstr("truncated: its header promises 2.000 s (32000 samples), the file holds 1.000 s (16000)"));
  EXPECT_EQ(decode_audio(cut, DecodeOptions{.keep_truncated = true}).samples_N.size(), 16000u);
  EXPECT_EQ(probe_audio(cut).samples, 16000);
  const AudioCheck check = check_audio(cut);
  ASSERT_EQ(check.damage.size(), 1u);
  EXPECT_EQ(check.damage[0].kind, DamageKind::truncated);
}

TEST_F(Decode, WrongLengthsInTheHeaderAreReportedAndRead) {
  const std::string data = bytes_of(std::vector<std::int16_t>(1000, 100));
  for (const std::uint32_t declared : {0xFFFFFFFFu, 0u}) {
    const auto open = write_bytes("open.wav", wav(1, 1, 16000, 16, data, declared));
    EXPECT_EQ(decode_audio(open).samples_N.size(), 1000u) << declared;
    const AudioCheck check = check_audio(open);
    ASSERT_EQ(check.damage.size(), 1u);
    EXPECT_EQ(check.damage[0].kind, DamageKind::header_length);
  }
  const auto part = write_bytes("short.wav", wav(1, 1, 16000, 16, data, 500));
  EXPECT_EQ(decode_audio(part).samples_N.size(), 250u);
  ASSERT_EQ(check_audio(part).damage.size(), 1u);
  EXPECT_THAT(check_audio(part).damage[0].text, HasSubstr("1500 bytes that are no WAV chunk follow"));
  EXPECT_TRUE(check_audio(write_bytes("good.wav", wav(1, 1, 16000, 16, data, 2000))).damage.empty());
}

TEST_F(Decode, NoTruncatedOrScrambledWavCrashes) {
  const std::string good = wav(1, 2, 16000, 16, bytes_of(std::vector<std::int16_t>(64, 100)), 128);
  for (std::size_t n = 0; n < good.size(); ++n) {
    const auto bytes = std::as_bytes(std::span(good.data(), n));
    try {
      if (const auto h = parse_wav(bytes))
        EXPECT_EQ(wav_samples(bytes, *h).size(), static_cast<std::size_t>(h->samples()));
    } catch (const DataError&) {
    }
  }
  for (std::size_t at = 12; at < 44; ++at) {
    for (const char value : {'\x00', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = value;
      const auto bytes = std::as_bytes(std::span(bad));
      try {
        if (const auto h = parse_wav(bytes)) EXPECT_LE(wav_samples(bytes, *h).size(), bad.size());
      } catch (const DataError&) {
      }
    }
  }
}

TEST_F(Decode, WritesAndReadsEveryFormat) {
  TIMBRE_NEED_PLUGIN("sndfile");
  const auto wave_N = tone(16000);
  for (const std::string format : {"wav", "flac", "ogg", "mp3"}) {
    const auto path = folder_ / ("tone." + format);
    write_audio(path, wave_N, 16000);
    const Clip clip = decode_audio(path);
    EXPECT_EQ(clip.rate_hz, 16000) << format;
    EXPECT_NEAR(static_cast<double>(clip.samples_N.size()), 16000, format == "mp3" ? 2500 : 0)
        << format;  // MP3 pads its frames
    double error = 0;
    if (format == "wav" || format == "flac") error = largest_difference(clip.samples_N, wave_N);
    EXPECT_LE(error, 0.5 / 32768 + 1e-7) << format;
    double power = 0;
    for (float x : clip.samples_N) power += x * x;
    EXPECT_NEAR(power / 16000, 0.125, 0.01) << format;
    EXPECT_EQ(probe_audio(path).rate_hz, 16000) << format;
    EXPECT_EQ(check_audio(path, true).damage.size(), 0u) << format;
  }
}

TEST_F(Decode, TruncatedFlacIsFound) {
  TIMBRE_NEED_PLUGIN("sndfile");
  write_audio(folder_ / "a.flac", tone(48000), 16000);
  fs::resize_file(folder_ / "a.flac", fs::file_size(folder_ / "a.flac") / 2);
  EXPECT_THAT(error_of(folder_ / "a.flac"), ::testing::AnyOf(HasSubstr("truncated"), HasSubstr("broke off")));
  ASSERT_FALSE(check_audio(folder_ / "a.flac", true).damage.empty());
  EXPECT_EQ(check_audio(folder_ / "a.flac", true).damage[0].kind, DamageKind::truncated);
}

TEST_F(Decode, TextNamedAsAudioIsUndecodable) {
  TIMBRE_NEED_PLUGIN("ffmpeg");
  EXPECT_THAT(error_of(write_bytes("page.mp3", "<html><body>404 not found, sorry</body></html>")),
              HasSubstr("not decodable as audio"));
  EXPECT_THAT(error_of(write_bytes("broken.flac", "fLaC and then nothing of sense ............................")),
              HasSubstr("not decodable as audio"));
}

TEST_F(Decode, RawG722Is16kHz) {
  TIMBRE_NEED_PLUGIN("ffmpeg");
  // The decoder's answer to constant code words is some sound; its length and rate are what the format fixes.
  const auto path = write_bytes("prompt.g722", std::string(4000, '\xFA'));
  const AudioInfo info = probe_audio(path);
  EXPECT_EQ(info.rate_hz, 16000);
  EXPECT_EQ(info.samples, 8000);
  EXPECT_DOUBLE_EQ(info.duration_s, 0.5);
  const Clip clip = decode_audio(path);
  EXPECT_EQ(clip.rate_hz, 16000);
  EXPECT_EQ(clip.samples_N.size(), 8000u);
}

TEST_F(Decode, ResamplingEqualsSoxrVhq) {
  TIMBRE_NEED_PLUGIN("soxr");
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const Clip got = decode_audio(folder / "clips/en_tt-weasels_16k.wav", 22050);
  const Clip want = decode_audio(folder / "clips/en_tt-weasels_22k.wav");
  EXPECT_EQ(got.source_rate_hz, 16000);
  EXPECT_LE(largest_difference(got.samples_N, want.samples_N), 1.01 / 32768);  // the golden file is rounded to 16 bits
  EXPECT_THROW(resample(got.samples_N, 22050, 0), UsageError);
}

TEST_F(Decode, AbsentModuleNamesThePackage) {
  try {
    const Plugin plugin("absent", "the library libabsent", "libabsent-dev");
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_THAT(e.what(), HasSubstr("the library libabsent is needed here"));
    EXPECT_THAT(e.next(), HasSubstr("libabsent-dev"));
  }
}

TEST_F(Decode, StreamedWavAndRaw) {
  const auto wave_N = tone(5000);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::FILE* in = ::fdopen(ends[1], "wb");
  auto writer = AudioWriter::open(in, 16000, "wav");
  writer->write(std::span(wave_N).first(3000));
  writer->write(std::span(wave_N).subspan(3000));
  writer->close();
  std::fclose(in);
  std::string bytes(20000, 0);
  std::size_t got = 0;
  for (ssize_t n; (n = ::read(ends[0], bytes.data() + got, bytes.size() - got)) > 0;)
    got += static_cast<std::size_t>(n);
  ::close(ends[0]);
  bytes.resize(got);
  EXPECT_EQ(got, 44u + 10000u);
  EXPECT_EQ(decode_audio(write_bytes("piped.wav", bytes)).samples_N.size(), 5000u);
  write_audio(folder_ / "x.raw", wave_N, 16000);
  EXPECT_EQ(fs::file_size(folder_ / "x.raw"), 10000u);
}

TEST_F(Decode, WritersKeepWhatIsThere) {
  const auto path = write_bytes("old.wav", "old");
  {
    const auto writer = AudioWriter::open(path, 16000);
    writer->write(tone(100));
  }  // not closed
  EXPECT_EQ(slurp(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}), 1);
  EXPECT_THROW(AudioWriter::open(folder_ / "x.wma", 16000), UsageError);
  EXPECT_THROW(AudioWriter::open(folder_ / "nowhere/x.wav", 16000), SystemError);
  const auto writer = AudioWriter::open(folder_ / "loud.wav", 16000);
  writer->write(std::vector<float>{0, 2, -3});
  writer->close();
  EXPECT_EQ(writer->clipped(), 2);
  EXPECT_EQ(decode_audio(folder_ / "loud.wav").samples_N, (std::vector<float>{0, 32767 / 32768.0f, -1}));
}

}  // namespace
}  // namespace timbre::audio
