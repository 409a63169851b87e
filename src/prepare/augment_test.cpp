#include "prepare/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "audio/decode.h"
#include "base/error.h"
#include "corpus/clips.h"
#include "corpus/split.h"

namespace timbre::prepare {
namespace {

using testing::HasSubstr;
using testing_support::MadeCorpus;
using testing_support::TempFolder;

constexpr std::int64_t kRate = 16000;

std::vector<float> tone(double hz, double seconds) {
  std::vector<float> wave_N(static_cast<std::size_t>(seconds * double(kRate)));
  for (std::size_t i = 0; i < wave_N.size(); ++i)
    wave_N[i] = float(0.5 * std::sin(2 * M_PI * hz * double(i) / double(kRate)));
  return wave_N;
}

/// Pitch of a tone from its zero crossings, the ends left out.
double pitch_hz(std::span<const float> wave_N) {
  std::int64_t crossings = 0;
  const std::size_t from = wave_N.size() / 10, to = wave_N.size() - from;
  for (std::size_t i = from + 1; i < to; ++i) crossings += wave_N[i - 1] < 0 && wave_N[i] >= 0;
  return double(crossings) * double(kRate) / double(to - from);
}

class Augment : public testing::Test {
 protected:
  TempFolder dir;
  MadeCorpus made{dir / "source", 6, 1.0};
  AugmentReport run(const AugmentOptions& options, bool dry_run = false) {
    return augment(made.publish(), dir / "out", options, dry_run, no_events());
  }
  template <class Error>
  std::string refusal(const AugmentOptions& options) {
    try {
      run(options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(Augment, SpeedMovesPitchAndLengthAShiftDropsTheBeginning) {
  made.replace(0, tone(400, 1.0), kRate);
  const auto report = run({.speed = {0.8, 1.25}, .shift_ms = {12.5}, .except = {}, .new_speakers = true});
  EXPECT_EQ(report.originals, 6);
  EXPECT_EQ(report.copies, 18);
  const auto out = corpus::Corpus::open(dir / "out");
  ASSERT_EQ(out.size(), 24);
  std::map<std::string, double> pitch_of;
  for (const auto& [id, hz, seconds] :
       {std::tuple{"clip0", 400.0, 1.0}, std::tuple{"clip0_sp0.8", 320.0, 1.25}, std::tuple{"clip0_sp1.25", 500.0, 0.8},
        std::tuple{"clip0_sh12.5", 400.0, 0.9875}}) {
    const auto& u = out.utterances()[static_cast<std::size_t>(out.find(id))];
    const auto clip = audio::decode_audio(out.audio_path(u));
    EXPECT_EQ(clip.rate_hz, kRate) << id;
    EXPECT_NEAR(clip.duration_s(), seconds, 2.0 / double(kRate)) << id;
    EXPECT_NEAR(u.duration_s, clip.duration_s(), 1e-9) << id;
    EXPECT_NEAR(pitch_hz(clip.samples_N), hz, 4) << id;
    EXPECT_EQ(u.text, made.utterances[0].text) << id;
    EXPECT_EQ(corpus::is_copy(u), std::string(id) != "clip0") << id;
  }
  const auto original = audio::decode_audio(dir / "source/audio/clip0.wav");
  const auto shifted = audio::decode_audio(out.audio_path(out.utterances()[std::size_t(out.find("clip0_sh12.5"))]));
  for (std::size_t i = 0; i < shifted.samples_N.size(); i += 97)
    ASSERT_EQ(shifted.samples_N[i], original.samples_N[i + 200]) << i;
  EXPECT_EQ(out.utterances()[std::size_t(out.find("clip0_sp0.8"))].speaker, "ada sp0.8");
  EXPECT_EQ(out.utterances()[std::size_t(out.find("clip0_sh12.5"))].speaker, "ada");
}

TEST_F(Augment, CopiesAreNeverHeldOutNorLeakAHeldOutText) {
  run({.speed = {0.9, 1.1}, .shift_ms = {}, .except = {}, .new_speakers = false});
  const auto out = corpus::Corpus::open(dir / "out");
  for (const bool listed : {false, true}) {
    corpus::SplitOptions options{.valid = 2, .test = 1};
    if (listed) options.valid_ids = {"clip3"}, options.test = 0;
    const corpus::Split split = corpus::make_split(out.utterances(), options);
    EXPECT_EQ(split.valid, listed ? 1 : 2);
    EXPECT_EQ(split.test, listed ? 0 : 1);
    EXPECT_EQ(split.train, listed ? 15 : 9);
    EXPECT_EQ(split.unused, listed ? 2 : 6);
    std::map<std::string, corpus::Side> side_of_original;
    for (std::size_t i = 0; i < split.side_of.size(); ++i)
      if (!corpus::is_copy(out.utterances()[i])) side_of_original[out.utterances()[i].id] = split.side_of[i];
    for (std::size_t i = 0; i < split.side_of.size(); ++i) {
      if (!corpus::is_copy(out.utterances()[i])) continue;
      const auto of = out.utterances()[i].extra["copy_of"].get<std::string>();
      EXPECT_EQ(split.side_of[i] == corpus::Side::train, side_of_original.at(of) == corpus::Side::train) << i;
    }
  }
}

TEST_F(Augment, ListedClipsHaveNoCopiesAndADryRunCountsTheSame) {
  testing_support::write_bytes(dir / "held.txt", "clip1\n\nclip4\n");
  const AugmentOptions options{
      .speed = {1.1}, .shift_ms = {5}, .except = {(dir / "held.txt").string()}, .new_speakers = false};
  const auto told = run(options, true);
  EXPECT_FALSE(fs::exists(dir / "out"));
  const auto done = run(options);
  EXPECT_EQ(done.copies, 8);
  EXPECT_EQ(done.excepted, 2);
  EXPECT_EQ(told.copies, done.copies);
  EXPECT_EQ(told.originals, done.originals);
  EXPECT_NEAR(told.duration_s, done.duration_s, 1e-3);
  EXPECT_LT(corpus::Corpus::open(dir / "out").find("clip1_sp1.1"), 0);
}

TEST_F(Augment, AShiftLongerThanAClipIsCounted) {
  made.replace(2, tone(300, 0.05), kRate);
  const auto report = run({.speed = {}, .shift_ms = {60}, .except = {}, .new_speakers = false});
  EXPECT_EQ(report.too_short, 1);
  EXPECT_EQ(report.copies, 5);
}

TEST_F(Augment, WhatMakesNoSenseIsRefusedBeforeAnythingIsWritten) {
  EXPECT_THAT(refusal<UsageError>({}), HasSubstr("no change was given"));
  EXPECT_THAT(refusal<UsageError>({.speed = {1}}), HasSubstr("--speed 1"));
  EXPECT_THAT(refusal<UsageError>({.speed = {0.1}}), HasSubstr("from 0.5 to 2"));
  EXPECT_THAT(refusal<UsageError>({.speed = {0.9, 0.9}}), HasSubstr("'sp0.9' was asked for twice"));
  EXPECT_THAT(refusal<UsageError>({.shift_ms = {-1}}), HasSubstr("--shift-ms -1"));
  testing_support::write_bytes(dir / "held.txt", "clip99\n");
  EXPECT_THAT(refusal<UsageError>({.speed = {0.9}, .except = {(dir / "held.txt").string()}}), HasSubstr("'clip99'"));
  EXPECT_FALSE(fs::exists(dir / "out"));
  run({.speed = {0.9}});
  EXPECT_THROW(augment(corpus::Corpus::open(dir / "out"), dir / "again", {.speed = {1.1}}, false, no_events()),
               DataError);
  EXPECT_FALSE(fs::exists(dir / "again"));
}

}  // namespace
}  // namespace timbre::prepare
