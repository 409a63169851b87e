#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/speaking.h"
#include "cli/verb.h"
#include "roles/vocoder.h"

namespace timbre::cli {
namespace {

struct BenchVocoder {
  std::string folder, engine = "auto";
  std::int64_t frames = 400, times = 5;
};

config::Fields fields(BenchVocoder& o) {
  config::Fields f;
  f.add("folder", o.folder, "vocoder folder").positional().required().metavar("FOLDER");
  f.add("frames", o.frames, "frames of the mel spectrogram").range(1, 1 << 20);
  f.add("times", o.times, "passes after the first, which is not counted; the fastest counts").range(1, 1000);
  add_engine_field(f, o.engine);
  return f;
}

/// CPU seconds of all threads, and seconds on the clock.
struct Times {
  double cpu_s, wall_s;
};
Times now() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec),
          std::chrono::duration<double>(wall).count()};
}

int run(const BenchVocoder& o, Context& context) {
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  if (o.engine == "torch") speaking.expect_torch("--engine torch");
  // The folder is the vocoder of a voice that says nothing else.
  const roles::VoiceFiles voice{.dir = o.folder, .about = nlohmann::json::object(), .vocoder = o.folder};
  const auto vocoder = registry.make_vocoder(voice);
  const audio::MelOptions& mel = vocoder->mel();
  std::vector<float> mel_FM(static_cast<std::size_t>(o.frames * mel.mels));
  for (std::size_t i = 0; i < mel_FM.size(); ++i) mel_FM[i] = -4 + 3 * std::sin(0.37f * static_cast<float>(i));
  vocoder->synthesize(mel_FM, o.frames);
  Times best{1e300, 1e300};
  for (std::int64_t i = 0; i < o.times; ++i) {
    const Times before = now();
    vocoder->synthesize(mel_FM, o.frames);
    const Times after = now();
    best = {std::min(best.cpu_s, after.cpu_s - before.cpu_s), std::min(best.wall_s, after.wall_s - before.wall_s)};
  }
  const double audio_s = static_cast<double>(o.frames * mel.hop_samples) / static_cast<double>(mel.rate_hz);
  const nlohmann::ordered_json result = {{"vocoder", vocoder->name()},
                                         {"audio_s", audio_s},
                                         {"threads", thread_count()},
                                         {"cpu_s_per_s", best.cpu_s / audio_s},
                                         {"wall_s_per_s", best.wall_s / audio_s}};
  if (context.json) {
    fmt::print(context.out, "{}\n", result.dump());
    return 0;
  }
  fmt::print(context.out, "{}: {:.4f} CPU s and {:.4f} s a second of audio, {} thread{}\n", vocoder->name(),
             best.cpu_s / audio_s, best.wall_s / audio_s, thread_count(), thread_count() == 1 ? "" : "s");
  return 0;
}

}  // namespace

void register_bench_vocoder(Verbs& verbs) {
  add_verb<BenchVocoder>(verbs,
                         {.name = "bench-vocoder",
                          .summary = "Tools: how fast: seconds that a vocoder takes for a second of audio",
                          .usage = "bench-vocoder FOLDER [--frames 400]",
                          .examples = {"timbre bench-vocoder voices/small_vocoder --threads 1"}},
                         fields, run);
}

}  // namespace timbre::cli
