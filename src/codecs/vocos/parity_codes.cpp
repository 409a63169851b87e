#include "codecs/vocos/parity_codes.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/temporary_folder.h"
#include "roles/codec.h"
#include "roles/registry.h"
#include "train/registry.h"

namespace timbre::vocos {
namespace {

namespace fs = std::filesystem;

/// [Q, B, F] of the recordings of a batch, one after the other.
weights::Tensor codes_of(roles::Codec& codec, const weights::Tensor& wave_BN, double kbps) {
  const auto B = static_cast<std::size_t>(wave_BN.shape.at(0)), N = static_cast<std::size_t>(wave_BN.shape.at(1));
  const auto Q = static_cast<std::size_t>(codec.codebooks_of(kbps));
  std::vector<std::int64_t> out;
  std::size_t F = 0;
  for (std::size_t b = 0; b < B; ++b) {
    const roles::Codes codes = codec.encode(wave_BN.as<float>().subspan(b * N, N), static_cast<std::int64_t>(Q));
    const auto& part = codes.segments.at(0);
    F = static_cast<std::size_t>(part.frames);
    if (b == 0) out.resize(Q * B * F);
    for (std::size_t f = 0; f < F; ++f)
      for (std::size_t q = 0; q < Q; ++q) out.at((q * B + b) * F + f) = part.codes_FQ.at(f * Q + q);
  }
  const auto as_int = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  return weights::Tensor::of<std::int64_t>({as_int(Q), as_int(B), as_int(F)}, std::move(out));
}

}  // namespace

void put_codes_of_codec(roles::ParityRun& run, const std::string& folder, const Config& config) {
  const std::string file = folder + "/" + config.codes.codec + ".th", cases = folder + "/cases.safetensors";
  if (!run.has_file(file)) return run.skip(cases + ":audio*.codes", "the set carries no " + file);
  roles::Registry roles;
  models::register_all(roles);
  train::Registry training(roles);
  models::register_all_torch(training);
  const fs::path source = run.input_path(file);
  const roles::Converter* converter = roles.converter_for(source);
  if (!converter) return run.skip(cases + ":audio*.codes", "no converter here reads " + file);
  const TemporaryFolder scratch;
  const fs::path made = scratch.path() / "codec";
  converter->to_voice({.source = source, .out = made});
  const auto codec = roles.make_codec({made, parse_json(read_file(made / "voice.json"), "voice.json")});
  for (const std::string& name : run.names(cases)) {
    const auto at = name.find(".id");
    if (at == std::string::npos || !name.ends_with(".codes")) continue;
    const auto row = static_cast<std::size_t>(std::stoll(name.substr(at + 3)));
    run.put(cases, name,
            codes_of(*codec, run.input(cases, name.substr(0, at) + ".wav"), config.codes.bandwidths_kbps.at(row)));
  }
}

}  // namespace timbre::vocos
