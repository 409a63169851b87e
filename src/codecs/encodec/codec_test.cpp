#include "codecs/encodec/codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "codecs/encodec/codec_for_test.h"

namespace timbre::encodec {
namespace {

using roles::Codes;

/// Calls `act` and gives the message of the error it throws.
template <class Fault, class Act>
std::string message_of(Act act) {
  try {
    act();
  } catch (const Fault& fault) {
    return std::string(fault.what()) + " / " + fault.next();
  }
  return "nothing was thrown";
}

TEST(EncodecCodec, StreamsGiveTheCodesAndSamplesOfTheWhole) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "24khz");
  const std::int64_t hop = codec->hop_samples();
  for (const std::int64_t samples : {std::int64_t{1}, std::int64_t{5}, hop, hop + 1, 7 * hop - 3}) {
    const std::vector<float> wave = sound(samples);
    const Codes whole = codec->encode(wave);
    const std::vector<float> heard = codec->decode_uncut(whole);
    for (const std::int64_t piece : {std::int64_t{1}, std::int64_t{17}, hop, samples}) {
      const auto encoding = codec->encode_stream(0);
      std::vector<std::int32_t> codes;
      for (std::int64_t at = 0; at < samples; at += piece) {
        const auto count = static_cast<std::size_t>(std::min(piece, samples - at));
        const auto part = encoding->push(std::span(wave).subspan(static_cast<std::size_t>(at), count));
        codes.insert(codes.end(), part.begin(), part.end());
      }
      const auto rest = encoding->finish();
      codes.insert(codes.end(), rest.begin(), rest.end());
      EXPECT_EQ(codes, whole.segments[0].codes_FQ) << samples << " samples, " << piece << " at a time";

      const auto decoding = codec->decode_stream(codec->codebooks());
      std::vector<float> streamed;
      const auto row = static_cast<std::size_t>(codec->codebooks());
      const std::size_t step = row * static_cast<std::size_t>(std::max<std::int64_t>(1, piece / hop));
      for (std::size_t at = 0; at < codes.size(); at += step) {
        const auto part = decoding->push(std::span(codes).subspan(at, std::min(step, codes.size() - at)));
        streamed.insert(streamed.end(), part.begin(), part.end());
      }
      const auto end = decoding->finish();
      streamed.insert(streamed.end(), end.begin(), end.end());
      EXPECT_EQ(streamed, heard) << samples << " samples, " << piece << " at a time";
    }
  }
}

TEST(EncodecCodec, AFramesCodesComeAsSoonAsItsSamplesAreThere) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "24khz");
  const auto encoding = codec->encode_stream(1);
  std::int64_t frames = 0;
  const std::int64_t hop = codec->hop_samples(), hops = 40;
  for (std::int64_t i = 0; i < hops; ++i) frames += static_cast<std::int64_t>(encoding->push(sound(hop)).size());
  EXPECT_GE(frames, hops - 8);  // the reflected start waits for a few frames; then one comes out for one that goes in
}

TEST(EncodecCodec, ABatchGivesWhatEachClipGivesAlone) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  for (const char* kind : {"24khz", "48khz"}) {
    const auto codec = codec_of(folder, kind);
    std::vector<std::vector<float>> waves;
    std::uint32_t seed = 1;
    for (const std::int64_t samples : {700, 1, 12000, 3, 319, 2000, 41, 9000, 640, 2, 3210})
      waves.push_back(sound(samples, codec->channels(), ++seed));
    const auto all = codec->encode_all(waves, 3);
    ASSERT_EQ(all.size(), waves.size());
    for (std::size_t i = 0; i < waves.size(); ++i) {
      const Codes alone = codec->encode(waves[i], 3);
      EXPECT_EQ(all[i].samples, alone.samples);
      ASSERT_EQ(all[i].segments.size(), alone.segments.size());
      for (std::size_t s = 0; s < alone.segments.size(); ++s)
        EXPECT_EQ(all[i].segments[s].codes_FQ, alone.segments[s].codes_FQ) << kind << " clip " << i;
    }
  }
}

TEST(EncodecCodec, FewerCodebooksAreTheFirstOfAll) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "24khz");
  const auto wave = sound(3000);
  const Codes all = codec->encode(wave), two = codec->encode(wave, 2);
  const auto codebooks = static_cast<std::size_t>(codec->codebooks());
  for (std::size_t f = 0; f < static_cast<std::size_t>(two.segments[0].frames); ++f)
    for (std::size_t q = 0; q < 2; ++q)
      EXPECT_EQ(two.segments[0].codes_FQ[f * 2 + q], all.segments[0].codes_FQ[f * codebooks + q]);
  EXPECT_EQ(codec->decode(two).size(), wave.size());
}

TEST(EncodecCodec, ACutRecordingHasNoStreams) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "48khz");
  EXPECT_EQ(codec->encode_stream(0), nullptr);
  EXPECT_EQ(codec->decode_stream(2), nullptr);
  const auto wave = sound(codec->config().segment_samples() + 100, 2);
  const Codes codes = codec->encode(wave);
  EXPECT_EQ(codes.segments.size(), 2u);
  EXPECT_EQ(codec->decode(codes).size(), wave.size());
}

TEST(EncodecCodec, SaysWhatIsWrongWithARecording) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto mono = codec_of(folder, "24khz"), stereo = codec_of(folder, "48khz");
  EXPECT_THROW(mono->encode({}), DataError);
  EXPECT_THROW(mono->encode_stream(0)->finish(), DataError);
  EXPECT_THROW(stereo->encode(sound(7)), DataError);
  std::vector<float> wave = sound(100);
  wave[41] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(message_of<DataError>([&] { mono->encode(wave); }).find("sample 41 is nan"), std::string::npos);
  EXPECT_THROW(mono->encode_stream(0)->push(wave), DataError);
  const std::vector<std::vector<float>> waves = {sound(50), wave};
  EXPECT_THROW(mono->encode_all(waves), DataError);
  wave[41] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(mono->encode(wave), DataError);
}

TEST(EncodecCodec, SaysWhichBandwidthsAndCodebooksThereAre) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "24khz");
  const double known = codec->config().bandwidths.front();
  EXPECT_GE(codec->codebooks_of(known), 1);
  EXPECT_NE(message_of<UsageError>([&] { codec->codebooks_of(7); }).find("bandwidths: "), std::string::npos);
  EXPECT_THROW(codec->encode(sound(100), codec->codebooks() + 1), UsageError);
  EXPECT_THROW(codec->encode(sound(100), -1), UsageError);
}

TEST(EncodecCodec, SaysWhichCodeIsOutOfRange) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "encodec");
  const auto codec = codec_of(folder, "24khz");
  Codes codes = codec->encode(sound(2000), 2);
  codes.segments[0].codes_FQ[2 * 3 + 1] = 1024;
  EXPECT_NE(message_of<DataError>([&] { codec->decode(codes); }).find("frame 3, codebook 1: code 1024"),
            std::string::npos);
  codes.segments[0].codes_FQ[2 * 3 + 1] = -1;
  EXPECT_THROW(codec->decode(codes), DataError);
  EXPECT_THROW(codec->decode_stream(2)->push(codes.segments[0].codes_FQ), DataError);
  codes.segments[0].codes_FQ.pop_back();
  EXPECT_THROW(codec->decode(codes), DataError);
  EXPECT_THROW(codec->decode({.codebooks = 2, .samples = 1, .segments = {}}), DataError);
  Codes longer = codec->encode(sound(100), 2);
  longer.samples = 1000000;
  EXPECT_THROW(codec->decode(longer), DataError);
}

}  // namespace
}  // namespace timbre::encodec
