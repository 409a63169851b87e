#include "codecs/hifigan/parity.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "audio/mel.h"
#include "base/error.h"
#include "base/json.h"
#include "batch/clip_segments.h"
#include "codecs/hifigan/files.h"
#include "codecs/hifigan/model.h"
#include "roles/parity_part.h"
#include "weights/npy.h"

namespace timbre::hifigan {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using roles::ParityRun;

constexpr const char* kMels = "cases_mel.safetensors";
constexpr const char* kRows = "cases_dataset.safetensors";
constexpr const char* kCases = "cases.json";

void put(ParityRun& run, const std::string& file, const std::string& name, const Tensor& value) {
  if (run.has(file, name)) run.put(file, name, nn::from_torch(value.detach().contiguous().clone()));
}

Config config_at(const ParityRun& run, const std::string& file) {
  const auto path = run.input_path(file);
  return config_of_upstream(read_json<ordered_json>(path), path.string());
}

/// [mels, frames], as upstream lays it out.
Tensor mel_MF(const audio::Mel& mel) {
  return nn::to_torch(weights::Tensor::of<float>({mel.frames, mel.bins}, mel.values_FM)).t();
}

audio::MelOptions mel_options(const json& given) {
  audio::MelOptions mel = audio::mel_preset("hifigan");
  mel.rate_hz = given.at("sampling_rate");
  mel.fft_samples = given.at("n_fft");
  mel.hop_samples = given.at("hop_size");
  mel.window_samples = given.at("win_size");
  mel.mels = given.at("num_mels");
  mel.f_min_hz = given.at("fmin");
  mel.f_max_hz = given.at("fmax").is_null() ? 0.0 : given.at("fmax").get<double>();
  return mel;
}

void mels(ParityRun& run) {
  std::set<std::string> bases;
  for (const std::string& name : run.keys(kCases, "/mel")) {
    const json given = run.input_json(kCases, "/mel/" + name);
    if (!given.contains("n_fft")) {  // "silence": V1's settings, as many zeros as it says
      const std::vector<float> zeros(given.at("samples").get<std::size_t>());
      put(run, kMels, name + ".mel", mel_MF(audio::mel_spectrogram(zeros, audio::mel_preset("hifigan"))).unsqueeze(0));
      continue;
    }
    const audio::MelOptions options = mel_options(given);
    const weights::Tensor wave = run.input(kMels, name + ".wav");
    put(run, kMels, name + ".mel", mel_MF(audio::mel_spectrogram(wave.as<float>(), options)).unsqueeze(0));
    const std::string head = name.substr(0, name.rfind('_'));
    if (!bases.insert(head).second) continue;
    const std::int64_t bins = options.fft_samples / 2 + 1;
    run.put(kMels, head + ".basis",
            weights::Tensor::of<float>({options.mels, bins},
                                       audio::mel_filters(options.rate_hz, options.fft_samples, options.mels,
                                                          options.f_min_hz, options.f_max_hz)));
  }
}

/// What training reads of a recording: through the segments of the recipe.
void dataset(ParityRun& run) {
  Config config = run.has_file("train/config.json") ? config_at(run, "train/config.json") : Config();
  for (const std::string& name : run.keys(kCases, "/dataset")) {
    const json given = run.input_json(kCases, "/dataset/" + name);
    const bool fine_tunes = given.contains("mel_file");
    batch::SegmentOptions options = config.segments;
    if (fine_tunes) options.peak = 0;
    const batch::ClipSegments clips({{name, run.input_path(given.at("file")), 0}}, config.mel.rate_hz, options, 1);
    const std::vector<float> wave_N = given.at("split").get<bool>() ? clips.fixed(0).wave_N : clips.whole(0);
    run.put(kRows, name + ".audio", weights::Tensor::of<float>({static_cast<std::int64_t>(wave_N.size())}, wave_N));
    if (fine_tunes) {
      Tensor mel = nn::to_torch(run.input(given.at("mel_file"), "-"));
      put(run, kRows, name + ".mel", mel.dim() == 3 ? mel.squeeze(0) : mel);
    } else {
      put(run, kRows, name + ".mel", mel_MF(audio::mel_spectrogram(wave_N, config.mel)));
    }
    put(run, kRows, name + ".mel_loss", mel_MF(audio::mel_spectrogram(wave_N, config.loss_mel())));
  }
}

std::unique_ptr<Generator> opened(const ParityRun& run, const std::string& folder, const std::string& file) {
  const auto path = run.input_path(file);
  const GeneratorFile weights = read_generator_file(path);
  Config config = config_at(run, folder + "/config.json");
  config.generator.weight_norm = weights.weight_norm;
  expect_generator(weights.tensors, config, path.string());
  auto generator = std::make_unique<Generator>(config);
  generator->load_exactly(weights.tensors, path.string());
  generator->eval();
  return generator;
}

Tensor pcm16(const Tensor& wave_BN) {
  return (wave_BN * 32768.0).trunc().to(at::kShort).to(at::kLong);  // 1.0 wraps, as upstream's does
}

/// All forms of one generator's weights must speak alike; what is put is the first form's.
void generator(ParityRun& run, const std::string& folder) {
  const at::NoGradGuard no_grad;
  const std::string cases = folder + "/cases.safetensors";
  std::vector<std::string> forms;
  for (const std::string& file : run.files())
    if (file.starts_with(folder + "/g_")) forms.push_back(file);
  if (forms.empty()) throw DataError(folder + ": no g_ file");
  constexpr double kBound = 2e-5;  // of the waveform, as set.json has it
  std::map<std::string, Tensor> first;
  for (const std::string& form : forms) {
    const auto network = opened(run, folder, form);
    for (const std::string& name : run.names(cases)) {
      if (!name.starts_with("frames") || !name.ends_with(".mel")) continue;
      const std::string head = name.substr(0, name.size() - 4);
      const Tensor mel_BFM = nn::to_torch(run.input(cases, name)).transpose(1, 2).contiguous();
      const bool main = form == forms.front();
      const Tensor wave_BN = network->forward(mel_BFM, [&](const std::string& layer, const Tensor& x_BTC) {
        if (main) put(run, cases, "layers_" + head + "." + layer, x_BTC.transpose(1, 2));
      });
      if (main) {
        first[head] = wave_BN;
        put(run, cases, head + ".wav", wave_BN.unsqueeze(1));
        put(run, cases, head + ".pcm16", pcm16(wave_BN));
      } else if (const double off = (wave_BN - first.at(head)).abs().max().item<double>(); !(off <= kBound)) {
        throw DataError(fmt::format("{} speaks otherwise than {}: {} off by {:.3g}", form, forms.front(), head, off));
      }
    }
  }
}

}  // namespace

void run_parity(ParityRun& run) {
  attempt(run, std::string(kMels) + "*", [&] { mels(run); });
  attempt(run, std::string(kRows) + "*", [&] { dataset(run); });
  std::set<std::string> folders;
  for (const std::string& file : run.files())
    if (file.starts_with("generator_") && file.find('/') != std::string::npos)
      folders.insert(file.substr(0, file.find('/')));
  for (const std::string& folder : folders) attempt(run, folder + "*", [&] { generator(run, folder); });
  if (run.has_file("train/config.json")) attempt(run, "*train*", [&] { run_training_parity(run); });
  if (run.has_json(kCases, "/full_size_discriminators"))
    attempt(run, "*full_size*", [&] { run_full_size_parity(run); });
}

}  // namespace timbre::hifigan
