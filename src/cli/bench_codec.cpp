#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "cli/verb.h"
#include "roles/codec.h"
#include "roles/registry.h"

namespace timbre::cli {
namespace {

struct BenchCodec {
  std::string folder;
  double seconds = 5;
  std::int64_t codebooks = 8, clips = 8, times = 5;
};

config::Fields fields(BenchCodec& o) {
  config::Fields f;
  f.add("folder", o.folder, "codec folder, as timbre convert makes it").positional().required().metavar("FOLDER");
  f.add("seconds", o.seconds, "length of the noise that is coded").range(0.1, 600);
  f.add("codebooks", o.codebooks, "codebooks that are used; 0 = all").range(0, 1024);
  f.add("clips", o.clips, "recordings of a batch").range(1, 1024);
  f.add("times", o.times, "runs of each; the fastest counts").range(1, 1000);
  return f;
}

/// The fastest CPU time of this process among several runs.
template <class Act>
double fastest_s(std::int64_t times, Act act) {
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  double best = INFINITY;
  for (std::int64_t i = 0; i < times; ++i) {
    const double began = now();
    act();
    best = std::min(best, now() - began);
  }
  return best;
}

/// With an engine where the codec has one; else the program with LibTorch does it.
std::unique_ptr<roles::Codec> open(const std::filesystem::path& folder) {
  const roles::VoiceFiles files{.dir = folder, .about = read_json(folder / "voice.json"), .vocoder = {}};
  try {
    roles::Registry engines;
    models::register_all(engines);
    return engines.make_codec(files);
  } catch (const DataError&) {
    roles::Registry all;
    if (!add_running_networks(all)) throw NeedsTorch{};
    return all.make_codec(files);
  }
}

int run(const BenchCodec& o, Context& context) {
  const auto codec = open(o.folder);
  const auto samples = static_cast<std::int64_t>(o.seconds * static_cast<double>(codec->rate_hz()));
  std::vector<float> wave(static_cast<std::size_t>(samples * codec->channels()));
  Philox rng(1);
  for (float& x : wave) x = static_cast<float>(rng.uniform() - 0.5) * 0.2f;
  const std::vector<std::vector<float>> batch(static_cast<std::size_t>(o.clips), wave);

  const roles::Codes codes = codec->encode(wave, o.codebooks);
  codec->decode(codes);
  const double encode_s = fastest_s(o.times, [&] { codec->encode(wave, o.codebooks); }) / o.seconds;
  const double decode_s = fastest_s(o.times, [&] { codec->decode(codes); }) / o.seconds;
  const double batch_s =
      fastest_s(std::max<std::int64_t>(1, o.times / 2), [&] { codec->encode_all(batch, o.codebooks); }) /
      (o.seconds * static_cast<double>(o.clips));
  if (context.json) {
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"encode", encode_s}, {"decode", decode_s}, {"encode_batch", batch_s}}.dump());
  } else {
    fmt::print(context.out,
               "CPU seconds a second of audio: encode {:.4f}, decode {:.4f}, encode in batches of {} {:.4f}\n",
               encode_s, decode_s, o.clips, batch_s);
  }
  return 0;
}

}  // namespace

void register_bench_codec(Verbs& verbs) {
  Verb head;
  head.name = "bench-codec";
  head.summary = "Tools: how fast a codec encodes and decodes, for bench/run.py";
  head.usage = "bench-codec FOLDER";
  head.examples = {"timbre bench-codec codecs/encodec_24khz --codebooks 8 --threads 1 --json"};
  add_verb<BenchCodec>(verbs, head, fields, run);
}

}  // namespace timbre::cli
