#include "codecs/vocos/parity.h"

#include <ATen/ops/stack.h>

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "codecs/vocos/files.h"
#include "codecs/vocos/model.h"
#include "codecs/vocos/parity_codes.h"
#include "weights/load.h"

namespace timbre::vocos {
namespace {

using roles::ParityRun;

constexpr const char* kIstft = "cases_istft.safetensors";

/// One folder of the set.
struct Subject {
  std::string folder, cases, given;
  Config config;
  std::unique_ptr<Network> network;
};

Subject open_subject(const ParityRun& run, const std::string& folder) {
  Subject s{.folder = folder, .cases = folder + "/cases.safetensors", .given = folder + "/given.safetensors"};
  const fs::path yaml = run.input_path(folder + "/config.yaml"), bin = run.input_path(folder + "/pytorch_model.bin");
  s.config = parse_yaml(read_file(yaml), yaml.string());
  const weights::TensorMap tensors = weights::load_tensors(bin);
  fit_to_tensors(s.config, tensors, bin.string());
  s.network = std::make_unique<Network>(s.config);
  load_network(*s.network, tensors, bin.string());
  s.network->eval();
  return s;
}

void put(ParityRun& run, const std::string& file, const std::string& name, const Tensor& value) {
  if (run.has(file, name)) run.put(file, name, nn::from_torch(value.detach().contiguous().clone()));
}

/// The reference's layout is [B, C, F].
Tensor frames_first(const weights::Tensor& features_BCF) {
  return nn::to_torch(features_BCF).transpose(1, 2).contiguous();
}

Tensor mels_of(const audio::MelOptions& options, const weights::Tensor& wave_BN) {
  const audio::MelMaker maker(options);
  const auto all = wave_BN.as<float>();
  const auto B = static_cast<std::size_t>(wave_BN.shape.at(0)), N = static_cast<std::size_t>(wave_BN.shape.at(1));
  std::vector<Tensor> rows;
  for (std::size_t b = 0; b < B; ++b) {
    const audio::Mel mel = maker(all.subspan(b * N, N));
    rows.push_back(nn::to_torch(weights::Tensor::of<float>({mel.frames, mel.bins}, mel.values_FM)));
  }
  return at::stack(rows);
}

/// Outputs of every module in one decode, under "layers_<tag>.".
void put_layers(ParityRun& run, const Subject& s, const std::string& tag, const Tensor& x_BFC, std::int64_t row) {
  const std::string prefix = "layers_" + tag + ".";
  const Tensor last = s.network->backbone().forward(x_BFC, row, [&](const std::string& name, const Tensor& x_BFD) {
    // What the reference's modules return: convolutions and blocks channels first, norms channels last.
    const bool norm = name == "norm" || name == "final_layer_norm";
    put(run, s.cases, prefix + "backbone." + name, norm ? x_BFD : x_BFD.transpose(1, 2));
  });
  put(run, s.cases, prefix + "head.out", s.network->head().project(last));
}

void run_mel(ParityRun& run, const Subject& s) {
  const audio::MelOptions& mel = s.config.mel;
  const auto filters = audio::mel_filters(mel.rate_hz, mel.fft_samples, mel.mels, mel.f_min_hz, mel.f_max_hz,
                                          audio::MelScale::htk, audio::MelNorm::none);
  put(run, s.cases, "mel_basis",
      nn::to_torch(weights::Tensor::of<float>({mel.mels, mel.fft_samples / 2 + 1}, filters)).t());
  for (const std::string& name : run.names(s.cases)) {
    const std::string stem = name.substr(0, name.find('.'));
    if (name.ends_with(".wav")) {
      put(run, s.cases, stem + ".features", mels_of(mel, run.input(s.cases, name)).transpose(1, 2));
      put(run, s.cases, stem + ".decoded", s.network->forward(frames_first(run.input(s.given, stem + ".features"))));
    } else if (stem.starts_with("features") && name.ends_with(".features")) {
      const Tensor x_BFC = frames_first(run.input(s.cases, name));
      put(run, s.cases, stem + ".decoded", s.network->forward(x_BFC));
      put_layers(run, s, stem, x_BFC, 0);
    }
  }
}

/// Codes [Q, B, F], or [Q, F] of one recording → [B, F, Q].
Tensor codes_last(const weights::Tensor& codes) {
  const Tensor all = nn::to_torch(codes).to(at::kLong);
  return (all.dim() == 2 ? all.unsqueeze(1) : all).permute({1, 2, 0}).contiguous();
}

void run_given_codes(ParityRun& run, const Subject& s) {
  for (const std::string& name : run.names(s.cases)) {
    const auto at = name.find(".decoded_id");
    if (at == std::string::npos || !run.has(s.cases, "codes.codes")) continue;
    const std::string stem = name.substr(0, at);
    const std::int64_t row = std::stoll(name.substr(at + 11));
    const Tensor codes_BFQ = codes_last(run.input(s.cases, "codes.codes"));
    // "codes" is all of them, "codes1" their first frame, and so on.
    const Tensor part = stem == "codes" ? codes_BFQ : codes_BFQ.narrow(1, 0, std::stoll(stem.substr(5)));
    const Tensor x_BFC = s.network->features().of_codes(part);
    put(run, s.cases, stem + ".features", x_BFC.transpose(1, 2));
    put(run, s.cases, name, s.network->forward(x_BFC, row));
    put_layers(run, s, fmt::format("{}_id{}", stem, row), x_BFC, row);
  }
}

void run_codes(ParityRun& run, const Subject& s) {
  run_given_codes(run, s);
  for (const std::string& name : run.names(s.given)) {
    const auto at = name.find(".id");
    if (at == std::string::npos || !name.ends_with(".codes")) continue;
    const std::string stem = name.substr(0, name.size() - 6);  // audioS.idB
    const std::int64_t row = std::stoll(name.substr(at + 3));
    const Tensor x_BFC = s.network->features().of_codes(codes_last(run.input(s.given, name)));
    put(run, s.cases, stem + ".features", x_BFC.transpose(1, 2));
    put(run, s.cases, stem + ".decoded", s.network->forward(x_BFC, row));
  }
  put_codes_of_codec(run, s.folder, s.config);
}

void run_istft(ParityRun& run) {
  if (!run.has_file(kIstft)) return;
  for (const std::string& name : run.names(kIstft)) {
    if (!name.ends_with(".real")) continue;
    const std::string stem = name.substr(0, name.size() - 5);
    const auto about = run.input_json("cases.json", "/istft/" + stem);
    const nn::Istft istft({.fft_samples = about.at("n_fft"),
                           .hop_samples = about.at("hop_length"),
                           .center = about.at("padding") == "center"});
    const auto part = [&](const char* which) { return frames_first(run.input(kIstft, stem + which)); };
    put(run, kIstft, stem + ".out", istft.forward(part(".real"), part(".imag")));
  }
}

}  // namespace

void run_parity(ParityRun& run) {
  const at::NoGradGuard no_grad;
  run_istft(run);
  for (const std::string& file : run.files()) {
    if (!file.ends_with("/config.yaml")) continue;
    const Subject subject = open_subject(run, file.substr(0, file.rfind('/')));
    if (subject.config.takes_codes())
      run_codes(run, subject);
    else
      run_mel(run, subject);
  }
}

}  // namespace timbre::vocos
