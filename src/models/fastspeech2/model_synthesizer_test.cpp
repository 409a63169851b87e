#include "models/fastspeech2/model_synthesizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "batch/collate.h"
#include "nn/init.h"
#include "train/tiny_for_test.h"
#include "weights/safetensors.h"

/// A voice folder that follows recordings: beside its network, told the same in training's way.
namespace timbre::fastspeech2 {
namespace {

using testing::HasSubstr;

const VarianceStatistics kStatistics{{-2, 3, 200, 40}, {-2, 3, 50, 20}};
const std::vector<std::string> kSymbols = {"_", "sil", "h", "ə", "l", "oʊ"};

struct Voice {
  train::Scratch scratch;
  Config config;
  std::unique_ptr<Network> network;
  std::unique_ptr<roles::Synthesizer> synthesizer;

  explicit Voice(const char* pitch_level = "phoneme") {
    apply_debug(config);
    config.variance.pitch_level = pitch_level;
    const nn::InitSeed seed(5);
    network =
        make_network(config, static_cast<std::int64_t>(kSymbols.size()), 2, kStatistics.pitch, kStatistics.energy);
    network->eval();
    weights::write_safetensors(scratch / "model.safetensors", network->state_dict());
    synthesizer = open_synthesizer(
        {scratch / ".",
         {{"model",
           {{"kind", "fastspeech2"}, {"config", config::to_json(config.fields())}, {"weights", "model.safetensors"}}},
          {"symbols", kSymbols},
          {"speakers", {"ann", "bob"}},
          {"stats", statistics_json(kStatistics)}},
         {}});
  }
  /// As training tells the network, in evaluation mode.
  std::vector<float> told(const std::vector<std::int64_t>& rows, std::int64_t speaker,
                          const roles::Recorded& clip) const {
    const at::NoGradGuard no_grad;
    const auto frames = std::accumulate(clip.durations_P.begin(), clip.durations_P.end(), std::int64_t{0});
    std::vector<float> pitch, energy;
    for (const float x : clip.pitch) pitch.push_back((x - 200) / 40);
    for (const float x : clip.energy) energy.push_back((x - 50) / 20);
    Inputs in;
    in.text_BP = batch::pad_ids({rows});
    in.text_lens_B = batch::to_lengths({static_cast<std::int64_t>(rows.size())});
    in.speaker_B = batch::to_lengths({speaker});
    in.durations_BP = batch::pad_ids({clip.durations_P});
    in.mel_lens_B = batch::to_lengths({frames});
    in.frames_max = frames;
    in.pitch = batch::pad_floats({pitch});
    in.energy = batch::pad_floats({energy});
    return nn::from_torch(network->forward(in).mel_postnet_BFM.contiguous()).to_f32();
  }
};

roles::Recorded hello() {
  return {.phones = {"sil", "h", "ə", "l", "oʊ", "sil"},
          .durations_P = {4, 3, 0, 5, 7, 2},
          .pitch = {180, 210, 220, 230, 190, 170},
          .energy = {5, 40, 70, 60, 80, 6},
          .speaker = "bob"};
}

TEST(FastSpeech2Follows, DurationsPitchAndEnergyOfARecording) {
  const Voice voice;
  const auto made = voice.synthesizer->follow(hello());
  EXPECT_EQ(made.frames, 21);
  EXPECT_EQ(made.bins, voice.config.mel.mels);
  EXPECT_EQ(made.durations_P, hello().durations_P);
  EXPECT_EQ(made.mel_FM, voice.told({1, 2, 3, 4, 5, 1}, 1, hello()));
  for (const auto& change : std::vector<std::function<void(roles::Recorded&)>>{
           [](auto& clip) { clip.pitch[3] = 300; }, [](auto& clip) { clip.energy[4] = 20; },
           [](auto& clip) { clip.speaker = "ann"; }, [](auto& clip) { clip.phones[3] = "h"; }}) {
    roles::Recorded other = hello();
    change(other);
    EXPECT_NE(voice.synthesizer->follow(other).mel_FM, made.mel_FM);
  }
  roles::Recorded longer = hello();
  longer.durations_P[1] = 9;
  EXPECT_EQ(voice.synthesizer->follow(longer).frames, 27);
}

TEST(FastSpeech2Follows, PitchOfFramesToo) {
  const Voice voice("frame");
  roles::Recorded clip = hello();
  EXPECT_THROW(voice.synthesizer->follow(clip), DataError);
  clip.pitch.resize(21);
  std::iota(clip.pitch.begin(), clip.pitch.end(), 150.0f);
  EXPECT_EQ(voice.synthesizer->follow(clip).mel_FM, voice.told({1, 2, 3, 4, 5, 1}, 1, clip));
}

TEST(FastSpeech2Follows, SideBySideAsAlone) {
  const Voice voice;
  const auto alone = voice.synthesizer->follow(hello()).mel_FM;
  std::vector<std::vector<float>> made(4);
  std::vector<std::thread> threads;
  for (auto& mel_FM : made)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) mel_FM = voice.synthesizer->follow(hello()).mel_FM;
    });
  for (auto& thread : threads) thread.join();
  for (const auto& mel_FM : made) EXPECT_EQ(mel_FM, alone);
}

TEST(FastSpeech2Follows, SaysWhatDoesNotFit) {
  const Voice voice;
  const auto why = [&](const std::function<void(roles::Recorded&)>& change) {
    roles::Recorded clip = hello();
    change(clip);
    try {
      voice.synthesizer->follow(clip);
      return std::string("followed");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(why([](auto& clip) { clip.phones[2] = "ʒ"; }), HasSubstr("no symbol for: ʒ"));
  EXPECT_THAT(why([](auto& clip) { clip.durations_P.pop_back(); }), HasSubstr("5 values of duration for 6 phones"));
  EXPECT_THAT(why([](auto& clip) { clip.energy.push_back(1); }), HasSubstr("7 values of energy for 6 phones"));
  EXPECT_THAT(why([](auto& clip) { clip.speaker = "carl"; }), HasSubstr("no speaker 'carl'"));
}

}  // namespace
}  // namespace timbre::fastspeech2
