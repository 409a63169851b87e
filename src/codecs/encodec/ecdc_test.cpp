#include "codecs/encodec/ecdc.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "codecs/encodec/segments.h"

namespace timbre::encodec {
namespace {

using roles::Codes;

Config config_of(bool stereo) {
  Config config;
  (stereo ? apply_48khz : apply_24khz)(config);
  return config;
}

Codes some_codes(const Config& config, std::int64_t samples, std::int64_t codebooks) {
  Codes codes{.codebooks = codebooks, .samples = samples, .segments = {}};
  std::int32_t next = 7;
  for (const std::int64_t length : segment_lengths(config, samples)) {
    roles::CodeSegment segment{.codes_FQ = {},
                               .frames = (length * config.frame_rate() + config.rate_hz - 1) / config.rate_hz};
    if (config.normalize) segment.scale = 0.25f + static_cast<float>(codes.segments.size());
    for (std::int64_t i = 0; i < segment.frames * codebooks; ++i)
      segment.codes_FQ.push_back(next = (next * 37 + 11) % static_cast<std::int32_t>(config.codebook_size));
    codes.segments.push_back(std::move(segment));
  }
  return codes;
}

std::string fault(const std::string& file, const Config& config) {
  try {
    read_ecdc(file, config, "f");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Ecdc, ReadsWhatItWrites) {
  for (const bool stereo : {false, true})
    for (const std::int64_t samples : {1, 320, 2345, 48000, 95100})
      for (const std::int64_t codebooks : {1, 3, 16}) {
        const Config config = config_of(stereo);
        const Codes codes = some_codes(config, samples, codebooks);
        const std::string file = write_ecdc(codes, config);
        const Codes back = read_ecdc(file, config, "f");
        EXPECT_EQ(back.samples, samples);
        ASSERT_EQ(back.segments.size(), codes.segments.size());
        for (std::size_t i = 0; i < codes.segments.size(); ++i) {
          EXPECT_EQ(back.segments[i].codes_FQ, codes.segments[i].codes_FQ);
          EXPECT_EQ(back.segments[i].scale, codes.segments[i].scale);
        }
      }
}

TEST(Ecdc, WritesTheHeaderAsPythonDoes) {
  const Config config = config_of(false);
  const std::string file = write_ecdc(some_codes(config, 2345, 8), config);
  using namespace std::string_literals;
  EXPECT_EQ(file.substr(0, 65), "ECDC\0\0\0\0\x38{\"m\": \"encodec_24khz\", \"al\": 2345, \"nc\": 8, \"lm\": false}"s);
  EXPECT_EQ(file.size(), 65u + 8 * 8 * 10 / 8);
}

TEST(Ecdc, SaysWhichLengthLies) {
  const Config config = config_of(false);
  const Codes codes = some_codes(config, 2345, 2);
  const std::string file = write_ecdc(codes, config);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = file;
    changed.replace(changed.find(from), from.size(), to);
    changed[8] = static_cast<char>(changed[8] + static_cast<char>(to.size()) - static_cast<char>(from.size()));
    return changed;
  };
  EXPECT_NE(fault("RIFF....WAVE", config).find("no .ecdc file"), std::string::npos);
  EXPECT_NE(fault("", config), "");
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_NE(fault(file.substr(0, size), config), "") << size;
  EXPECT_NE(fault(file + "x", config).find("1 bytes follow"), std::string::npos);
  std::string longer = file;
  longer[5] = '\x7f';
  EXPECT_NE(fault(longer, config).find("a header of"), std::string::npos);
  std::string newer = file;
  newer[4] = 1;
  EXPECT_NE(fault(newer, config).find("version 1"), std::string::npos);
  EXPECT_NE(fault(with("2345", "99999999999"), config).find("99999999999 samples"), std::string::npos);
  EXPECT_NE(fault(with("2345", "99999999999999999999"), config).find("'al'"), std::string::npos);
  EXPECT_NE(fault(with("2345", "-5"), config).find("'al'"), std::string::npos);
  EXPECT_NE(fault(with("2345", "0"), config).find("'al'"), std::string::npos);
  EXPECT_NE(fault(with("2345", "\"a\""), config).find("'al'"), std::string::npos);
  EXPECT_NE(fault(with("\"nc\": 2", "\"nc\": 33"), config).find("33 codebooks"), std::string::npos);
  EXPECT_NE(fault(with("\"nc\": 2", "\"nc\": 0"), config).find("'nc'"), std::string::npos);
  EXPECT_NE(fault(with("\"nc\": 2", "\"nc\": 4"), config).find("segment 0 needs"), std::string::npos);
  EXPECT_NE(fault(with("encodec_24khz", "encodec_48khz"), config).find("coded by 'encodec_48khz'"), std::string::npos);
  EXPECT_NE(fault(with("false", "true"), config).find("language model"), std::string::npos);
  EXPECT_NE(fault(with("{", "["), config).find("JSON"), std::string::npos);
}

TEST(Ecdc, RefusesCodesOfAnotherNetwork) {
  const Config config = config_of(false);
  Codes codes = some_codes(config, 2345, 2);
  codes.segments[0].codes_FQ[5] = 1024;
  EXPECT_THROW(write_ecdc(codes, config), DataError);
  codes = some_codes(config, 2345, 2);
  codes.samples = 4000;
  EXPECT_THROW(write_ecdc(codes, config), DataError);
  codes = some_codes(config, 2345, 2);
  codes.segments.push_back(codes.segments[0]);
  EXPECT_THROW(write_ecdc(codes, config), DataError);
}

TEST(BitPacker, LeavesWholeBytes) {
  BitPacker packer(3);
  for (const std::uint32_t value : {1u, 6u, 6u, 3u}) packer.push(value);
  const std::string bytes = packer.flush();
  EXPECT_EQ(bytes.size(), 2u);
  EXPECT_EQ(packer.flush(), "");
  BitUnpacker unpacker(bytes, 3);
  std::vector<std::uint32_t> back;
  for (std::uint32_t value = 0; unpacker.pull(value);) back.push_back(value);
  EXPECT_EQ(back, (std::vector<std::uint32_t>{1, 6, 6, 3, 0}));
}

}  // namespace
}  // namespace timbre::encodec
