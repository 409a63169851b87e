#include "codecs/vocos/code_vocoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/vocos/convert.h"
#include "support/golden.h"
#include "weights/faults_for_test.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

using testing::HasSubstr;

/// What a vocoder of codes asks of EnCodec at 24 kHz.
class CodecOfCodes final : public roles::Codec {
 public:
  std::string kind = "encodec";
  std::int64_t hop = 320;
  std::string name() const override { return kind; }
  std::int64_t rate_hz() const override { return 24000; }
  std::int64_t channels() const override { return 1; }
  std::int64_t hop_samples() const override { return hop; }
  std::int64_t codebooks() const override { return 32; }
  std::int64_t codebook_size() const override { return 1024; }
  std::int64_t codebooks_of(double kbps) const override { return std::llround(kbps / 0.75); }
  roles::Codes encode(std::span<const float>, std::int64_t) override { return {}; }
  std::vector<float> decode(const roles::Codes&) override { return {}; }
};

/// The reference's EnCodec kind as a folder of ours.
struct Opened {
  fs::path golden;
  weights::planting::TemporaryFolder scratch;
  std::unique_ptr<roles::CodeVocoder> vocoder;
  explicit Opened(const fs::path& set) : golden(set / "encodec") {
    const fs::path made = scratch.path() / "made";
    vocos_to_folder({.source = golden, .out = made});
    vocoder = open_code_vocoder({made, parse_json(read_file(made / "voice.json"), "voice.json"), {}});
  }
};

/// Codes [Q, F] or [Q, 1, F] of the reference → frames × codebooks, `times` one after the other.
roles::Codes codes_of(const weights::Tensor& codes_QF, int times = 1) {
  const auto Q = static_cast<std::size_t>(codes_QF.shape.front()), F = static_cast<std::size_t>(codes_QF.shape.back());
  const auto all = codes_QF.to_i64();
  roles::CodeSegment segment{.codes_FQ = {}, .frames = static_cast<std::int64_t>(F) * times};
  for (int i = 0; i < times; ++i)
    for (std::size_t f = 0; f < F; ++f)
      for (std::size_t q = 0; q < Q; ++q) segment.codes_FQ.push_back(static_cast<std::int32_t>(all.at(q * F + f)));
  return {.codebooks = static_cast<std::int64_t>(Q), .samples = segment.frames * 320, .segments = {segment}};
}

TEST(VocosOfCodes, MakesTheReferencesSamples) {
  TIMBRE_GOLDEN_OR_SKIP(set, "vocos");
  const Opened opened(set);
  const weights::TensorMap cases = weights::read_safetensors(opened.golden / "cases.safetensors");
  const CodecOfCodes codec;
  int compared = 0;
  const auto compare = [&](const std::string& codes, const std::string& decoded) {
    const weights::Tensor& want = cases.at(decoded);
    if (want.shape.front() != 1) return;  // several recordings at once
    const auto got_N = opened.vocoder->decode(codes_of(cases.at(codes)), codec);
    const auto want_N = want.to_f32();
    ASSERT_EQ(got_N.size(), want_N.size());
    // 5e-6 of set.json; beyond full scale there is nothing in a recording.
    for (std::size_t n = 0; n < got_N.size(); ++n)
      ASSERT_NEAR(got_N[n], std::clamp(want_N[n], -1.0f, 1.0f), 5e-6) << decoded << ", sample " << n;
    ++compared;
  };
  compare("codes.codes", "codes.decoded_id2");
  for (const std::string& name : cases.names())
    if (name.starts_with("audio") && name.ends_with(".codes"))
      compare(name, name.substr(0, name.size() - 5) + "decoded");
  EXPECT_GE(compared, 2);
}

TEST(VocosOfCodes, CutsToTheRecordingAndWorksInPieces) {
  TIMBRE_GOLDEN_OR_SKIP(set, "vocos");
  const Opened opened(set);
  const weights::Tensor codes = weights::read_safetensors(opened.golden / "cases.safetensors").at("codes.codes");
  const CodecOfCodes codec;
  roles::Codes few = codes_of(codes, 3);
  few.samples -= 123;
  const auto few_N = opened.vocoder->decode(few, codec);
  EXPECT_EQ(few_N.size(), static_cast<std::size_t>(27 * 320 - 123));
  // 1,350 frames are made in two pieces; their beginning does not know what follows.
  const auto many_N = opened.vocoder->decode(codes_of(codes, 150), codec);
  ASSERT_EQ(many_N.size(), static_cast<std::size_t>(1350 * 320));
  for (std::size_t n = 0; n < 320; ++n) EXPECT_NEAR(many_N[n], few_N[n], 1e-5);
  // The codes repeat every 9 frames, and so do the samples, across the cut at frame 1,000 too.
  for (std::size_t n = 985 * 320; n < 1020 * 320; ++n) ASSERT_NEAR(many_N[n], many_N[n - 9 * 320], 1e-5) << n;
}

TEST(VocosOfCodes, RefusesWhatItWasNotTrainedOn) {
  TIMBRE_GOLDEN_OR_SKIP(set, "vocos");
  const Opened opened(set);
  const weights::Tensor tensor = weights::read_safetensors(opened.golden / "cases.safetensors").at("codes.codes");
  const auto why = [&](const roles::Codes& codes, const CodecOfCodes& codec) {
    try {
      opened.vocoder->decode(codes, codec);
      return std::string("decoded");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  const roles::Codes good = codes_of(tensor);
  CodecOfCodes codec;
  EXPECT_EQ(why(good, codec), "decoded");
  roles::Codes bad = good;
  bad.codebooks = 3;
  bad.segments[0].frames = 24;
  EXPECT_THAT(why(bad, codec), HasSubstr("3 codebooks are no bandwidth that this vocos was trained with"));
  bad.codebooks = 24;  // 18 kbit/s
  EXPECT_THAT(why(bad, codec), HasSubstr("24 codebooks are no bandwidth"));
  bad = good;
  bad.segments[0].codes_FQ[11] = 1024;
  EXPECT_THAT(why(bad, codec), HasSubstr("frame 1, codebook 3: code 1024 is out of range"));
  bad = good;
  bad.segments.push_back(bad.segments.front());
  EXPECT_THAT(why(bad, codec), HasSubstr("pieces of their own loudness"));
  codec.hop = 160;
  EXPECT_THAT(why(good, codec), HasSubstr("hop_samples 320; encodec has 160"));
  codec.kind = "small_codec";
  EXPECT_THAT(why(good, codec), HasSubstr("takes the codes of encodec_24khz, not those of small_codec"));
}

}  // namespace
}  // namespace timbre::vocos
