#include "report/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "report/curves.h"
#include "report/page.h"

namespace timbre::report {
namespace {

TEST(Page, EscapesTextAndCarriesEverythingInside) {
  Page page("a < b");
  page.section("x & y");
  page.table({"<head>"}, {{"\"cell\""}});
  const std::string html = page.html();
  EXPECT_NE(html.find("a &lt; b"), std::string::npos);
  EXPECT_NE(html.find("x &amp; y"), std::string::npos);
  EXPECT_NE(html.find("&lt;head&gt;"), std::string::npos);
  EXPECT_NE(html.find("&quot;cell&quot;"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // no network
}

TEST(DataUri, IsBase64WithPadding) {
  const unsigned char bytes[] = {'M', 'a', 'n', 'y'};  // RFC 4648's alphabet; "Many" is TWFueQ==
  EXPECT_EQ(data_uri("text/plain", bytes), "data:text/plain;base64,TWFueQ==");
  EXPECT_EQ(data_uri("a", std::span(bytes, 3)), "data:a;base64,TWFu");
  EXPECT_EQ(data_uri("a", std::span(bytes, 2)), "data:a;base64,TWE=");
}

class RunFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre-report-test-" + std::to_string(::getpid()));
    fs::create_directories(dir_ / "said");
    write_file_atomic(dir_ / "run.yaml", "model: fastspeech2\n");
    write_file_atomic(dir_ / "events.jsonl",
                      "{\"kind\":\"metric\",\"step\":10,\"set\":\"train\",\"values\":{\"loss\":2.5}}\n"
                      "{\"kind\":\"note\",\"step\":10,\"text\":\"hello\"}\n"
                      "{\"kind\":\"metric\",\"step\":20,\"set\":\"valid\",\"values\":{\"loss\":1.5,\"mel\":1}}\n"
                      "{\"kind\":\"metric\",\"st");
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(RunFolder, CurvesComeFromWholeLinesOnly) {
  const auto curves = read_curves(dir_ / "events.jsonl");
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].title, "loss");
  ASSERT_EQ(curves[0].lines.size(), 2u);
  EXPECT_EQ(curves[0].lines[1].points.at(0), (std::pair<double, double>(20, 1.5)));
}

TEST_F(RunFolder, ReportShowsWhatItWasGivenAndNamesWhatIsBroken) {
  std::vector<float> wave_N(16000);
  for (std::size_t n = 0; n < wave_N.size(); ++n) wave_N[n] = n % 80 < 40 ? 0.1f : -0.1f;
  audio::write_audio(dir_ / "said" / "1.wav", wave_N, 16000);
  write_file_atomic(
      dir_ / "said" / "1.json",
      R"({"pieces":[{"text":"A & B.","start_s":0,"end_s":1,"words":[],"phones":[{"phone":"ə","start_s":0,"end_s":1}]}]})");
  const std::string html = make_report({.run = dir_, .said = dir_ / "said"});
  EXPECT_NE(html.find("A &amp; B."), std::string::npos);
  EXPECT_NE(html.find("data:audio/"), std::string::npos);
  EXPECT_NE(html.find("data:image/png"), std::string::npos);
  EXPECT_NE(html.find("model: fastspeech2"), std::string::npos);
  // Captions say what the axes are.
  EXPECT_NE(html.find("<figcaption>loss: loss over optimiser steps; one line for training"), std::string::npos);
  EXPECT_NE(html.find("<figcaption>1.00 s of speech: mel bins over time in seconds"), std::string::npos);
  write_file_atomic(dir_ / "score.json", "{");
  EXPECT_THROW(make_report({.run = dir_, .score = dir_ / "score.json"}), DataError);
}

}  // namespace
}  // namespace timbre::report
