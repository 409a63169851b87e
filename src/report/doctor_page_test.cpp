#include "report/doctor_page.h"

#include <gmock/gmock.h>

#include "corpus/clips.h"
#include "support/plugins.h"

namespace timbre::report {
namespace {

using testing_support::babble;

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++count;
  return count;
}

TEST(DoctorPage, HoldsPlayersOfTheWorstClipsAndNeedsNothingElse) {
  TIMBRE_NEED_PLUGIN("ffmpeg");
  testing_support::TempFolder dir;
  testing_support::MadeCorpus made(dir.path());
  for (std::size_t i = 0; i < 5; ++i) made.replace(i, babble(2.5, 22050, 40 + i, 0.01 + 0.002 * double(i)));
  made.utterances[6].text += " <b>5</b>";
  testing_support::write_bytes(dir / "audio/clip7.wav", "nonsense");
  const corpus::Corpus corpus = made.publish();
  doctor::CheckOptions options;
  options.min_total_s = 1;
  const auto seen = doctor::examine(corpus, options, no_events(), false);
  const std::string html = doctor_page(corpus, seen, {.players = 2, .excerpt_s = 1});
  // By hand: a matcher would print the whole page.
  for (const char* wanted : {"quiet (5)", "the first 1 s of 2.5 s", "&lt;b&gt;5&lt;/b&gt;", "not decodable as audio"})
    EXPECT_EQ(occurrences(html, wanted) > 0, true) << wanted;
  // Two of the quiet ones, the one with a digit and unreadable symbols twice; the undecodable one has no player.
  EXPECT_EQ(occurrences(html, "<audio"), 2u + 2u);
  EXPECT_EQ(occurrences(html, "<svg"), 4u);
  for (const char* outside : {"src=\"http", "href=\"http", "src=\"/", "<script", "<b>5"})
    EXPECT_EQ(occurrences(html, outside), 0u) << outside;
}

}  // namespace
}  // namespace timbre::report
