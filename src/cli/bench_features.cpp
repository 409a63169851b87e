#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>

#include "audio/decode.h"
#include "audio/fbank.h"
#include "audio/mel.h"
#include "audio/pitch.h"
#include "audio/pyin.h"
#include "base/error.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct BenchFeatures {
  std::string folder;
  std::int64_t hop_samples = 256, frame_samples = 1024, times = 5;
};

config::Fields fields(BenchFeatures& o) {
  config::Fields f;
  f.add("folder", o.folder, "recordings (.wav) of one rate").positional().required().metavar("FOLDER");
  f.add("hop_samples", o.hop_samples, "samples from one frame to the next").range(1, 1 << 20);
  f.add("frame_samples", o.frame_samples, "length of a frame of mel and pYIN (even)").range(2, 1 << 20);
  f.add("times", o.times, "passes over all recordings; the fastest counts").range(1, 1000);
  return f;
}

double thread_cpu_s() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::vector<audio::Clip> read_folder(const std::string& folder) {
  std::vector<audio::Clip> clips;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".wav") clips.push_back(audio::decode_audio(entry.path()));
  }
  if (clips.empty()) throw DataError(fmt::format("{}: no .wav in it", folder));
  for (const auto& clip : clips) {
    if (clip.rate_hz != clips.front().rate_hz)
      throw DataError(fmt::format("{}: recordings of {} and {} Hz", folder, clips.front().rate_hz, clip.rate_hz));
  }
  return clips;
}

int run(const BenchFeatures& o, Context& context) {
  const auto clips = read_folder(o.folder);
  const std::int64_t rate_hz = clips.front().rate_hz;
  audio::MelOptions mel = audio::mel_preset("tacotron");
  mel.rate_hz = rate_hz;
  mel.fft_samples = mel.window_samples = o.frame_samples;
  mel.hop_samples = o.hop_samples;
  mel.f_max_hz = std::min(8000.0, static_cast<double>(rate_hz) / 2);
  const audio::MelMaker make_mel(mel);
  using Samples = std::vector<float>;
  const std::vector<std::pair<std::string, std::function<void(const Samples&)>>> features = {
      {"mel", [&](const Samples& wave_N) { make_mel(wave_N); }},
      {"dio_stonemask", [&](const Samples& wave_N) { audio::pitch_dio_stonemask(wave_N, rate_hz, o.hop_samples); }},
      {"pyin",
       [&](const Samples& wave_N) {
         audio::pitch_pyin(wave_N, rate_hz, {.frame_samples = o.frame_samples, .hop_samples = o.hop_samples});
       }},
      {"fbank", [&](const Samples& wave_N) { audio::fbank(wave_N, {.rate_hz = rate_hz}); }}};

  double audio_s = 0;
  for (const auto& clip : clips) audio_s += clip.duration_s();
  nlohmann::ordered_json result = {{"audio_s", audio_s}};
  for (const auto& [name, compute] : features) {
    compute(clips.front().samples_N);  // tables are made
    double best_s = 1e300;
    for (std::int64_t i = 0; i < o.times; ++i) {
      const double start_s = thread_cpu_s();
      for (const auto& clip : clips) compute(clip.samples_N);
      best_s = std::min(best_s, thread_cpu_s() - start_s);
    }
    result[name] = audio_s / best_s;
  }
  if (context.json) {
    fmt::print(context.out, "{}\n", result.dump());
    return 0;
  }
  fmt::print(context.out, "seconds of audio a CPU second, {:.1f} s at {} Hz\n", audio_s, rate_hz);
  for (const auto& [name, compute] : features)
    fmt::print(context.out, "{:<14} {:>8.0f}\n", name, result[name].get<double>());
  return 0;
}

}  // namespace

void register_bench_features(Verbs& verbs) {
  add_verb<BenchFeatures>(verbs,
                          {.name = "bench-features",
                           .summary = "Tools: how fast: mel, pitch and filter bank of your recordings, on one core",
                           .usage = "bench-features FOLDER [--hop-samples 256]",
                           .examples = {"timbre bench-features wavs --json"}},
                          fields, run);
}

}  // namespace timbre::cli
