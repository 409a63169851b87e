// Tools: who speaks: vectors of recordings, and how alike they are
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>

#include "audio/decode.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/networks.h"
#include "cli/verb.h"
#include "prepare/speaker_vectors.h"
#include "weights/npy.h"

namespace timbre::cli {
namespace {

struct SpeakerVerb {
  std::vector<std::string> clips;
  std::string encoder, out;
};

config::Fields fields(SpeakerVerb& o) {
  config::Fields f;
  f.add("clips", o.clips, "recordings").positional().required().metavar("CLIP…");
  f.add("encoder", o.encoder, "folder of a speaker encoder, or the run that trained it").required().metavar("FOLDER");
  f.add("out", o.out, "write the vectors, one row a recording").letter('o').metavar("FILE.npy");
  return f;
}

std::shared_ptr<const roles::SpeakerEncoder> open_folder(const fs::path& given) {
  fs::path folder = given;
  for (const char* inside : {"voice", "speaker_encoder"})  // of a run, of a voice that takes speaker vectors
    if (fs::exists(folder / inside / "voice.json")) folder /= inside;
  const fs::path file = folder / "voice.json";
  if (!fs::exists(file))
    throw UsageError(fmt::format("{} is no speaker encoder: it has no voice.json", given.string()),
                     "timbre train speaker_encoder makes one, timbre convert reads those of other programs");
  // Recordings are embedded side by side, each on one thread.
  at::set_num_threads(1);
  roles::Registry registry;
  register_networks(registry);
  return registry.make_speaker_encoder({folder, parse_json(read_file(file), file.string())});
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

int run(const SpeakerVerb& o, Context& context) {
  if (!o.out.empty() && fs::path(o.out).extension() != ".npy")
    throw UsageError(fmt::format("--out {}: vectors are written as .npy", o.out));
  const auto encoder = open_folder(o.encoder);
  std::vector<std::vector<float>> vectors;
  for (const std::string& path : o.clips) {
    try {
      vectors.push_back(encoder->embed(audio::decode_audio(path, encoder->rate_hz()).samples_N));
    } catch (const DataError& problem) {
      throw DataError(fmt::format("{}: {}", path, problem.what()), problem.next());
    }
  }
  nlohmann::json alike = nlohmann::json::array();
  for (const auto& a : vectors) {
    nlohmann::json row = nlohmann::json::array();
    for (const auto& b : vectors) row.push_back(cosine(a, b));
    alike.push_back(std::move(row));
  }
  if (context.json) {
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"clips", o.clips}, {"vectors", vectors}, {"cosines", alike}}.dump());
  } else {
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) fmt::print(context.out, "{:7.3f}", alike[i][j].get<double>());
      fmt::print(context.out, "  {}\n", o.clips[i]);
    }
  }
  if (!o.out.empty() && !context.dry_run) {
    std::vector<float> all;
    for (const auto& vector : vectors) all.insert(all.end(), vector.begin(), vector.end());
    weights::write_npy(o.out, weights::Tensor::of<float>({static_cast<std::int64_t>(vectors.size()), encoder->size()},
                                                         std::move(all)));
  }
  return 0;
}

}  // namespace

void register_speaker(Verbs& verbs) {
  prepare::speaker_encoder_opener() = open_folder;  // this program has networks
  add_verb<SpeakerVerb>(verbs,
                        {.name = "speaker",
                         .summary = "Tools: who speaks: vectors of recordings, and how alike they are",
                         .usage = "speaker CLIP… --encoder FOLDER [-o vectors.npy]",
                         .examples = {"timbre speaker a.wav b.wav --encoder runs/encoder",
                                      "timbre speaker new.wav --encoder encoders/resemblyzer -o new.npy"},
                         .writes = true},
                        fields, run);
}

}  // namespace timbre::cli
