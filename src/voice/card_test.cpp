#include "voice/card.h"

#include <gmock/gmock.h>

namespace timbre::voice {
namespace {

using testing::HasSubstr, testing::Not;

TEST(Card, SaysThatRecordingsWereStretched) {
  nlohmann::json about = {{"name", "kim"},
                          {"model", {{"kind", "llasa"}}},
                          {"provenance", {{"corpus", "kim"}, {"rows", {{"rows", {{"train", 90}}}}}}}};
  EXPECT_THAT(card(about, {}), Not(HasSubstr("changed")));
  about["provenance"]["rows"]["stretched"] = {{"copies", 6}, {"shortest", 0.8}, {"longest", 1.25}, {"rows", 14}};
  EXPECT_THAT(
      card(about, {}),
      HasSubstr("| changed | 6 copies stretched in time at their pitch, 0.80 to 1.25 times as long, in 14 rows |"));
}

TEST(Card, SaysWhatIsKnownOfTheCodec) {
  nlohmann::json about = {
      {"name", "v"}, {"model", {{"kind", "llasa"}}}, {"codec", {{"codec", "xcodec2"}, {"codebooks", 1}}}};
  EXPECT_THAT(card(about, {}), HasSubstr("| sound | codes of xcodec2, 1 codebooks |"));
  about["codec"] = {{"rate_hz", 16000}, {"hop_samples", 320}, {"codebooks", 1}, {"codebook_size", 65536}};
  EXPECT_THAT(card(about, {}), HasSubstr("| sound | 16000 Hz, 50 frames a second, 1 codebooks of 65536 entries |"));
}

}  // namespace
}  // namespace timbre::voice
