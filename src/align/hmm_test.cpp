#include "align/hmm.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "align/hmm_model.h"
#include "align/mfcc.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"

namespace timbre::align {
namespace {

constexpr double kRate_hz = 16000;

// Speech-like sounds: each phone has a voice or a hiss and two resonances; silence is faint noise.
struct Sound {
  const char* phone;
  bool voiced;
  double first_hz, second_hz, mean_s;
};
constexpr Sound kSounds[] = {{"a1", true, 800, 1300, 0.11},  {"i1", true, 300, 2400, 0.10},
                             {"u0", true, 350, 900, 0.09},   {"s", false, 4500, 6000, 0.10},
                             {"f", false, 2200, 3400, 0.08}, {"m", true, 250, 1700, 0.07}};

struct Planted {
  Transcript transcript;
  std::vector<float> wave_N;
  std::vector<double> ends_s;  ///< of each phone
  std::vector<bool> pause_before;
};

void append_sound(std::vector<float>& wave_N, const Sound* sound, double length_s, Philox& rng) {
  const auto count = static_cast<std::size_t>(length_s * kRate_hz);
  double low[2] = {0, 0}, high[2] = {0, 0}, phase = 0;
  const auto resonate = [](double(&s)[2], double x, double hz) {
    const double r = 0.97, y = x + 2 * r * std::cos(2 * std::numbers::pi * hz / kRate_hz) * s[0] - r * r * s[1];
    s[1] = s[0];
    s[0] = y;
    return y;
  };
  for (std::size_t n = 0; n < count; ++n) {
    double source = 0.003 * rng.normal();
    if (sound) {
      phase += 120 / kRate_hz;
      if (phase >= 1) phase -= 1;
      source = sound->voiced ? (phase < 120 / kRate_hz ? 1.0 : 0.0) + 0.01 * rng.normal() : 0.15 * rng.normal();
      source = 0.2 * (resonate(low, source, sound->first_hz) + resonate(high, source, sound->second_hz));
    }
    wave_N.push_back(static_cast<float>(0.3 * source));
  }
}

Planted plant(std::uint64_t number) {
  Philox rng(11, number);
  Planted p;
  p.transcript.id = "clip" + std::to_string(number);
  p.transcript.speaker = number % 2 ? "ann" : "bob";
  append_sound(p.wave_N, nullptr, 0.1 + 0.2 * rng.uniform(), rng);
  const std::uint64_t words = 2 + rng.below(3);
  for (std::uint64_t w = 0; w < words; ++w) {
    const bool pause = w > 0 && rng.below(3) == 0;
    if (pause) append_sound(p.wave_N, nullptr, 0.15 + 0.1 * rng.uniform(), rng);
    std::uint64_t last = 99;
    for (std::uint64_t i = 0; i < 3; ++i) {
      std::uint64_t which = rng.below(6);
      if (which == last) which = (which + 1) % 6;
      last = which;
      const Sound& sound = kSounds[which];
      append_sound(p.wave_N, &sound, sound.mean_s * (0.7 + 0.6 * rng.uniform()), rng);
      p.transcript.phones.emplace_back(sound.phone);
      p.transcript.word_of_phone.push_back(static_cast<std::int64_t>(w));
      p.ends_s.push_back(static_cast<double>(p.wave_N.size()) / kRate_hz);
      p.pause_before.push_back(i == 0 && pause);
    }
  }
  append_sound(p.wave_N, nullptr, 0.1 + 0.2 * rng.uniform(), rng);
  return p;
}

struct Corpus {
  std::vector<Planted> clips;
  std::vector<Transcript> transcripts;
  AudioSource audio = [this](std::size_t i) { return clips[i].wave_N; };
  explicit Corpus(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) clips.push_back(plant(i));
    for (const auto& clip : clips) transcripts.push_back(clip.transcript);
  }
};

AlignerOptions quick() { return {.gaussians = 2, .iterations = 12, .boundary_shift_s = 0}; }

TEST(Aligner, FindsPlantedBoundariesAndPauses) {
  const Corpus corpus(60);
  const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
  std::vector<double> errors_s;
  int pauses = 0, found = 0, invented = 0;
  for (const auto& clip : corpus.clips) {
    const Alignment got = aligner.align(clip.transcript, clip.wave_N);
    ASSERT_EQ(got.phones.size(), got.word_of_phone.size());
    EXPECT_EQ(got.phones.front().start_s, 0.0);
    EXPECT_DOUBLE_EQ(got.phones.back().end_s, static_cast<double>(clip.wave_N.size()) / kRate_hz);
    for (std::size_t k = 1; k < got.phones.size(); ++k) EXPECT_EQ(got.phones[k].start_s, got.phones[k - 1].end_s);
    std::size_t phone = 0;
    for (std::size_t k = 0; k < got.phones.size(); ++k) {
      if (got.word_of_phone[k] < 0) {
        if (got.phones[k].label == "sp") {
          (clip.pause_before[phone] ? found : invented) += 1;
        }
        continue;
      }
      ASSERT_LT(phone, clip.transcript.phones.size());
      EXPECT_EQ(got.phones[k].label, clip.transcript.phones[phone]);
      if (phone + 1 < clip.ends_s.size()) errors_s.push_back(std::abs(got.phones[k].end_s - clip.ends_s[phone]));
      ++phone;
    }
    EXPECT_EQ(phone, clip.transcript.phones.size());
    pauses += static_cast<int>(std::count(clip.pause_before.begin(), clip.pause_before.end(), true));
  }
  std::sort(errors_s.begin(), errors_s.end());
  EXPECT_LT(errors_s[errors_s.size() / 2], 0.012);
  EXPECT_LT(errors_s[errors_s.size() * 9 / 10], 0.030);
  EXPECT_GE(found, pauses * 9 / 10);
  EXPECT_LE(invented, pauses / 5 + 1);
  // Training passes make the corpus likelier while the number of Gaussians stands.
  EXPECT_GT(aligner.log_likelihood()[3], aligner.log_likelihood()[0]);
}

TEST(Aligner, DoesNotDependOnTheNumberOfThreads) {
  const Corpus corpus(40);
  const auto run = [&](int threads) {
    set_thread_count(threads);
    const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
    set_thread_count(0);
    return aligner.log_likelihood();
  };
  EXPECT_EQ(run(1), run(3));
}

TEST(Aligner, ConfidenceFindsSwappedTexts) {
  // One text in twelve is another clip's, in the training as well.
  Corpus corpus(72);
  const auto is_wrong = [](std::size_t i) { return i % 12 == 5; };
  for (std::size_t i = 0; i < corpus.clips.size(); ++i)
    if (is_wrong(i)) corpus.transcripts[i] = plant(1000 + i).transcript;
  const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
  int found = 0, false_alarms = 0;
  for (std::size_t i = 0; i < corpus.clips.size(); ++i) {
    const Alignment got = aligner.align(corpus.transcripts[i], corpus.clips[i].wave_N);
    (is_wrong(i) ? found : false_alarms) += got.confidence < 0.5;
    EXPECT_GT(got.confidence, 0);
    EXPECT_LT(got.confidence, 1);
    if (!is_wrong(i)) EXPECT_NEAR(got.score, 0, 2) << i;
  }
  EXPECT_GE(found, 5);
  EXPECT_LE(false_alarms, 2);
}

void expect_same(const Alignment& a, const Alignment& b) {
  EXPECT_EQ(a.phones, b.phones);
  EXPECT_EQ(a.word_of_phone, b.word_of_phone);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.confidence, b.confidence);
}

TEST(Aligner, SavedAndLoadedItIsTheSameToTheBit) {
  const Corpus corpus(40);
  const Aligner trained = Aligner::train(corpus.transcripts, corpus.audio, quick());
  const Aligner::Saved saved = trained.save();
  const Aligner loaded = Aligner::load(saved, "x");
  for (std::size_t i = 0; i < corpus.clips.size(); ++i) {
    expect_same(loaded.align(corpus.transcripts[i], corpus.clips[i].wave_N),
                trained.align(corpus.transcripts[i], corpus.clips[i].wave_N));
    Transcript stranger = corpus.transcripts[i];
    stranger.speaker = "someone else";
    expect_same(loaded.align(stranger, corpus.clips[i].wave_N), trained.align(stranger, corpus.clips[i].wave_N));
  }
  EXPECT_EQ(loaded.log_likelihood(), trained.log_likelihood());
  EXPECT_EQ(loaded.save().numbers, saved.numbers);
  EXPECT_EQ(loaded.save().texts, saved.texts);
}

TEST(Aligner, DamagedSavesAreErrors) {
  const Corpus corpus(30);
  const Aligner::Saved saved = Aligner::train(corpus.transcripts, corpus.audio, quick()).save();
  const auto expect_refused = [](const Aligner::Saved& broken, const std::string& why) {
    EXPECT_THROW(Aligner::load(broken, "x"), DataError) << why;
  };
  for (const auto& [name, values] : saved.numbers) {
    Aligner::Saved broken = saved;
    broken.numbers.erase(name);
    expect_refused(broken, name + " missing");
    if (name == "log_likelihood") continue;  // of any length
    broken.numbers[name] = values;
    broken.numbers[name].pop_back();
    expect_refused(broken, name + " cut short");
    broken.numbers[name] = values;
    broken.numbers[name].back() = std::nan("");
    expect_refused(broken, name + " without a number");
  }
  for (const auto& [name, text] : saved.texts) {
    Aligner::Saved broken = saved;
    broken.texts[name] = text.substr(0, text.size() / 2);
    expect_refused(broken, name + " cut short");
    broken.texts[name] = "[7]";
    expect_refused(broken, name + " of another kind");
  }
}

TEST(Aligner, ANewSpeakerIsNormalisedByTheClip) {
  // Recorded far more quietly than anything in the training, and with a thin sound: the clip tells both.
  const Corpus corpus(60);
  const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
  double error_s = 0, count = 0;
  for (std::uint64_t i = 200; i < 210; ++i) {
    Planted clip = plant(i);
    clip.transcript.speaker = "new";
    for (std::size_t n = clip.wave_N.size(); n-- > 0;)
      clip.wave_N[n] = 0.02f * (clip.wave_N[n] - (n ? 0.95f * clip.wave_N[n - 1] : 0.0f));
    // How far the first cepstral coefficient, loudness, lies from where the models expect it.
    const auto loudness = [&](const FrameBlocks& x) {
      double sum = 0;
      for (std::int64_t f = 0; f < x.frames; ++f) sum += static_cast<double>(x.at(f, 0));
      return std::abs(sum / static_cast<double>(x.frames));
    };
    const Features features = mfcc(clip.wave_N, aligner.model().mfcc);
    EXPECT_LT(loudness(aligner.model().normalised(features, "new")),
              0.6 * loudness(aligner.model().normalised(features, "ann")))
        << i;
    const Alignment got = aligner.align(clip.transcript, clip.wave_N);
    EXPECT_GT(got.confidence, 0.5) << i << ", score " << got.score;
    std::size_t phone = 0;
    for (std::size_t k = 0; k < got.phones.size(); ++k) {
      if (got.word_of_phone[k] < 0) continue;
      if (phone + 1 < clip.ends_s.size()) error_s += std::abs(got.phones[k].end_s - clip.ends_s[phone]);
      ++count;
      ++phone;
    }
  }
  EXPECT_LT(error_s / count, 0.030);
}

TEST(Aligner, RarePhonesShareAClass) {
  Corpus corpus(40);
  corpus.transcripts[0].phones[0] = "a2";  // one of its kind: like its sibling
  const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
  EXPECT_EQ(aligner.classes().at("a2"), "a1");
  EXPECT_EQ(aligner.classes().at("s"), "s");
}

TEST(Aligner, SaysWhatCannotBeAligned) {
  const Corpus corpus(30);
  const Aligner aligner = Aligner::train(corpus.transcripts, corpus.audio, quick());
  const auto error_of = [&](const Transcript& transcript, std::size_t samples) {
    const std::vector<float> wave_N(corpus.clips[0].wave_N.begin(),
                                    corpus.clips[0].wave_N.begin() + static_cast<std::ptrdiff_t>(samples));
    try {
      aligner.align(transcript, wave_N);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(error_of(corpus.transcripts[0], 800), testing::HasSubstr("too short"));
  EXPECT_THAT(error_of({.id = "x"}, 8000), testing::HasSubstr("no phones"));
  EXPECT_THAT(error_of({.id = "x", .phones = {"q"}, .word_of_phone = {0}}, 8000),
              testing::HasSubstr("not trained on the phone \"q\""));
  // Hurried speech: 30 ms a phone do not fit, 15 ms do.
  EXPECT_EQ(
      error_of(corpus.transcripts[0],
               static_cast<std::size_t>(0.022 * kRate_hz * static_cast<double>(corpus.transcripts[0].phones.size()))),
      "");
}

TEST(Aligner, NothingToTrainOnIsAnError) {
  const AudioSource silent = [](std::size_t) -> std::vector<float> { throw DataError("no such clip"); };
  EXPECT_THROW(Aligner::train({{.id = "x", .phones = {"a"}, .word_of_phone = {0}}}, silent, quick()), DataError);
}

TEST(Aligner, StopsWhenToldTo) {
  const Corpus corpus(20);
  int calls = 0;
  EXPECT_THROW(Aligner::train(corpus.transcripts, corpus.audio, quick(), [&](double, double) { return ++calls < 30; }),
               Interrupted);
  EXPECT_LT(calls, 40);
}

TEST(Mfcc, DeltasOfARampAndFrameCount) {
  // Rising loudness: c0 rises linearly in time, so its Δ is constant and its ΔΔ vanishes away from the ends.
  std::vector<float> wave_N(16000);
  for (std::size_t n = 0; n < wave_N.size(); ++n)
    wave_N[n] = static_cast<float>(0.01 * std::exp(3.0 * static_cast<double>(n) / 16000) *
                                   std::sin(2 * std::numbers::pi * 1000 * static_cast<double>(n) / 16000));
  const MfccOptions options;
  const Features x = mfcc(wave_N, options);
  ASSERT_EQ(x.frames, 100);
  ASSERT_EQ(x.width, 39);
  for (std::int64_t f = 10; f < 90; ++f) {
    const double slope = (x.row(f + 1)[0] - x.row(f - 1)[0]) / 2;
    EXPECT_NEAR(x.row(f)[13], slope, 0.02);
    EXPECT_NEAR(x.row(f)[26], 0.0, 0.02);
    EXPECT_GT(x.row(f)[13], 0.05);
  }
}

}  // namespace
}  // namespace timbre::align
