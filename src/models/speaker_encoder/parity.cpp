#include "models/speaker_encoder/parity.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <set>

#include "audio/decode.h"
#include "audio/vad.h"
#include "base/error.h"
#include "base/strings.h"
#include "models/speaker_encoder/files.h"
#include "models/speaker_encoder/model.h"
#include "nn/init.h"
#include "roles/parity_part.h"

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kCases = "cases.json";

struct Subject {
  Config config;
  std::unique_ptr<Encoder> encoder;
};

Subject built(const Config& config, const weights::TensorMap& weights, const std::string& where) {
  Subject subject{config, std::make_unique<Encoder>(config)};
  subject.encoder->load_exactly(weights, where);
  subject.encoder->eval();
  return subject;
}

Subject mozilla_subject(const ParityRun& run, const std::string& file) {
  const fs::path path = run.input_path(file);
  const Checkpoint checkpoint = read_mozilla_checkpoint(path);
  // The set's sizes of the network are those of the checkpoint with projection: tensors decide.
  return built(mozilla_config(checkpoint.model, read_mozilla_config(run.input_path("config.json")), path.string()),
               checkpoint.model, path.string());
}

Subject resemblyzer_subject(const ParityRun& run) {
  const fs::path path = run.input_path("pretrained.pt");
  const Checkpoint checkpoint = read_resemblyzer_checkpoint(path);
  return built(resemblyzer_config(checkpoint.model, path.string()), checkpoint.model, path.string());
}

void put(ParityRun& run, const std::string& name, const Tensor& value) {
  if (run.has(kTensors, name)) run.put(kTensors, name, nn::from_torch(value.detach().contiguous().clone()));
}

void put_mel(ParityRun& run, const std::string& name, const audio::Mel& mel, bool bins_first) {
  Tensor mel_TM = nn::to_torch(weights::Tensor::of<float>({mel.frames, mel.bins}, mel.values_FM));
  put(run, name, bins_first ? mel_TM.t() : mel_TM);
}

Tensor tensor(const ParityRun& run, const std::string& name) { return nn::to_torch(run.input(kTensors, name)); }

struct Clip {
  std::string id, at;  ///< place in cases.json
  std::vector<float> wave_N;
};

std::vector<Clip> clips_of(const ParityRun& run, std::int64_t rate_hz) {
  std::vector<Clip> clips;
  for (const std::string& i : run.keys(kCases, "/clips")) {
    Clip clip{.id = run.input_json(kCases, "/clips/" + i + "/id"), .at = "/clips/" + i};
    clip.wave_N = audio::decode_audio(run.input_path("clips/" + clip.id + ".wav"), rate_hz).samples_N;
    clips.push_back(std::move(clip));
  }
  return clips;
}

void mozilla_clips(ParityRun& run) {
  const Subject main = mozilla_subject(run, "best_model.pth.tar");
  const Subject plain = mozilla_subject(run, "best_model_no_projection.pth.tar");
  for (const Clip& clip : clips_of(run, main.config.audio.mel.rate_hz)) {
    const auto& audio = main.config.audio;
    const audio::Span kept = audio::mozilla_trim(clip.wave_N, audio);
    run.put_json(kCases, clip.at + "/hamed_trim_start", kept.first);
    run.put_json(kCases, clip.at + "/hamed_trimmed_samples", kept.count);
    const std::string name = clip.id + ".hamed.";
    put_mel(run, name + "mel", audio::speaker_mel(audio::speaker_wave(clip.wave_N, audio), audio), true);
    const Embedded embedded = embed_wave(*main.encoder, main.config, clip.wave_N);
    put(run, name + "embedding", embedded.vector_E);
    put(run, name + "first_window", embedded.pieces_PE.select(0, 0));
    run.put_json(kCases, clip.at + "/hamed_norm", at::norm(embedded.vector_E).item<double>());
    put(run, name + "embedding_no_projection", embed_wave(*plain.encoder, plain.config, clip.wave_N).vector_E);
  }
}

json ranges_json(const std::vector<Range>& ranges, std::int64_t factor) {
  json list = json::array();
  for (const Range& range : ranges) list.push_back({range.begin * factor, range.end * factor});
  return list;
}

PartialOptions partial_options(const Config& config) {
  return {.size = config.slices.frames,
          .per_s = config.slices.per_s,
          .min_coverage = config.slices.min_coverage,
          .rate_hz = config.audio.mel.rate_hz,
          .hop_samples = config.audio.mel.hop_samples};
}

/// "rate2p5_cov0p5" → slices of 2.5 a second, 0.5 covered.
void embed_at_rates(ParityRun& run, const Subject& subject, const Clip& clip) {
  const std::string head = clip.id + ".resemblyzer.embedding_rate";
  for (const std::string& name : run.names(kTensors)) {
    if (!name.starts_with(head)) continue;
    std::string rate = name.substr(head.size());
    const std::size_t cut = rate.find("_cov");
    std::string coverage = cut == std::string::npos ? "" : rate.substr(cut + 4);
    rate = rate.substr(0, cut);
    for (std::string* text : {&rate, &coverage})
      if (const std::size_t point = text->find('p'); point != std::string::npos) (*text)[point] = '.';
    Config config = subject.config;
    const auto per_s = parse_double(rate), covered = parse_double(coverage);
    if (!per_s || !covered) throw DataError(fmt::format("entry '{}': no rate and coverage in its name", name));
    config.slices.per_s = *per_s;
    config.slices.min_coverage = *covered;
    put(run, name, embed_wave(*subject.encoder, config, clip.wave_N).vector_E);
  }
}

void voice_entries(ParityRun& run, const Config& config, const Clip& clip, const std::vector<float>& prepared) {
  const float gain = audio::resemblyzer_gain(clip.wave_N, config.audio.level_db);
  run.put_json(kCases, clip.at + "/resemblyzer_gain", gain);
  std::vector<float> levelled = clip.wave_N;
  for (float& x : levelled) x *= gain;
  for (int mode = 0; mode < 4; ++mode)
    run.put_json(
        kCases, fmt::format("{}/webrtcvad_30ms_flags_mode0to3/{}", clip.at, mode),
        audio::voice_flags(audio::wrapped_pcm16(levelled), config.audio.mel.rate_hz, {.frame_ms = 30, .mode = mode}));
  run.put_json(kCases, clip.at + "/resemblyzer_preprocessed_samples", prepared.size());
  const auto slices = partial_slices(static_cast<std::int64_t>(prepared.size()), partial_options(config));
  run.put_json(kCases, clip.at + "/partial_slices_mel", ranges_json(slices, 1));
  run.put_json(kCases, clip.at + "/partial_slices_wav", ranges_json(slices, config.audio.mel.hop_samples));
  double sum = 0, squares = 0;
  for (const float x : prepared) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  run.put(kTensors, clip.id + ".resemblyzer.wav_preprocessed_crc",
          weights::Tensor::of<double>({3}, {sum, squares, static_cast<double>(prepared.size())}));
}

void resemblyzer_clips(ParityRun& run) {
  const Subject subject = resemblyzer_subject(run);
  std::vector<Tensor> vectors;
  for (const Clip& clip : clips_of(run, subject.config.audio.mel.rate_hz)) {
    const std::vector<float> prepared = audio::speaker_wave(clip.wave_N, subject.config.audio);
    voice_entries(run, subject.config, clip, prepared);
    const std::string name = clip.id + ".resemblyzer.";
    put_mel(run, name + "mel_unpadded", audio::speaker_mel(prepared, subject.config.audio), false);
    const Embedded embedded = embed_wave(*subject.encoder, subject.config, clip.wave_N);
    put(run, name + "partials", embedded.pieces_PE);
    put(run, name + "embedding", embedded.vector_E);
    embed_at_rates(run, subject, clip);
    vectors.push_back(embedded.vector_E);
  }
  const Tensor all_NE = at::stack(vectors);
  constexpr std::int64_t kFirst = 3;
  put(run, "resemblyzer.speaker_mean_first_three",
      speaker_mean(subject.config, all_NE.narrow(0, 0, std::min(kFirst, all_NE.size(0)))));
  const Tensor exact_NE = all_NE.to(at::kDouble);
  put(run, "resemblyzer.similarity", at::matmul(exact_NE, exact_NE.t()));
}

/// Slices and gains that depend on numbers alone.
void tables(ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/partial_slices_table")) {
    const std::string at = "/partial_slices_table/" + i;
    PartialOptions options;
    options.per_s = run.input_json(kCases, at + "/rate");
    options.min_coverage = run.input_json(kCases, at + "/min_coverage");
    const auto samples = run.input_json(kCases, at + "/n_samples").get<std::int64_t>();
    run.put_json(kCases, at + "/mel", ranges_json(partial_slices(samples, options), 1));
  }
  // The set names the amplitude alone. Its four gains are those of amplitude · sin(n / 10), n = 0 … 3999, to 1e-15.
  constexpr int kSamples = 4000;
  for (const std::string& i : run.keys(kCases, "/normalize_volume")) {
    const std::string at = "/normalize_volume/" + i;
    const auto amplitude = run.input_json(kCases, at + "/amplitude").get<double>();
    std::vector<double> wave(kSamples);
    for (int n = 0; n < kSamples; ++n) wave[static_cast<std::size_t>(n)] = amplitude * std::sin(n / 10.0);
    const double level_db = audio::SpeakerMelOptions().level_db;
    using audio::LevelChange;
    run.put_json(kCases, at + "/gain_increase_only", audio::level_gain(wave, level_db, LevelChange::up_only));
    run.put_json(kCases, at + "/gain_decrease_only", audio::level_gain(wave, level_db, LevelChange::down_only));
  }
}

using Loss = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);
constexpr std::pair<const char*, Loss> kLosses[] = {
    {"ge2e_softmax", ge2e_softmax}, {"ge2e_contrast", ge2e_contrast}, {"angleproto", angle_prototypes}};

Tensor scalar(double value) { return nn::init_constant({}, value).requires_grad_(true); }

void losses(ParityRun& run) {
  const Tensor given_NME = tensor(run, "loss.in.embeddings");
  const Tensor w = scalar(10), b = scalar(-5);
  for (const auto& [name, loss] : kLosses) put(run, std::string("loss.") + name, loss(given_NME, w, b));
  if (!run.has(kTensors, "loss.softmaxproto.fc.weight")) return;
  const weights::Tensor weight = run.input(kTensors, "loss.softmaxproto.fc.weight");
  Criterion both("softmaxproto", weight.shape.at(1), weight.shape.at(0));
  weights::TensorMap map;
  map.insert("fc.weight", weight);
  map.insert("fc.bias", run.input(kTensors, "loss.softmaxproto.fc.bias"));
  both.load_state_dict(map);
  const Tensor speakers_N = nn::to_torch(weights::Tensor::of<std::int64_t>({given_NME.size(0)}, [&] {
    std::vector<std::int64_t> rows;
    for (std::int64_t n = 0; n < given_NME.size(0); ++n) rows.push_back(n);
    return rows;
  }()));
  put(run, "loss.softmaxproto", both.forward(given_NME, speakers_N));
}

/// Speakers and recordings of each in a list of N·M, which the set tells in its losses' input alone.
std::pair<std::int64_t, std::int64_t> speakers_of(const ParityRun& run, std::int64_t rows) {
  const auto shape = run.input(kTensors, "loss.in.embeddings").shape;
  if (shape.size() != 3 || shape[0] * shape[1] != rows)
    throw DataError(fmt::format("train.in.frames has {} rows, loss.in.embeddings {} × {} speakers and recordings", rows,
                                shape.at(0), shape.at(1)));
  return {shape[0], shape[1]};
}

/// One step's gradients for each network and loss.
void training(ParityRun& run, const std::string& model, const std::string& file) {
  const Subject subject = mozilla_subject(run, file);
  const Tensor frames_BTM = tensor(run, "train.in.frames");
  const auto [N, M] = speakers_of(run, frames_BTM.size(0));
  const std::string head = "train." + model + ".";
  for (const auto& [name, loss] : kLosses) {
    for (const auto& [key, parameter] : subject.encoder->named_parameters()) parameter.mutable_grad() = Tensor();
    const Tensor w = scalar(10), b = scalar(-5);
    Tensor vectors_BE = subject.encoder->forward(frames_BTM);
    vectors_BE.retain_grad();
    const Tensor value = loss(vectors_BE.view({N, M, vectors_BE.size(1)}), w, b);
    value.backward();
    put(run, head + "embedding", vectors_BE);
    const std::string at = head + name + ".";
    put(run, at + "loss", value);
    put(run, at + "d_embedding", vectors_BE.grad());
    put(run, at + "d_w", w.grad());
    put(run, at + "d_b", b.grad());
    for (const auto& [key, parameter] : subject.encoder->named_parameters())
      put(run, at + "grad." + key, parameter.grad());
  }
}

/// The newer encoder: the same weights behind an InstanceNorm.
void coqui(ParityRun& run) {
  Subject old = mozilla_subject(run, "best_model.pth.tar");
  Config config = old.config;
  config.kind = "coqui";
  const Subject subject = built(config, old.encoder->state_dict(), "best_model.pth.tar");
  const at::NoGradGuard no_grad;
  if (run.has(kTensors, "coqui.forward.in"))
    put(run, "coqui.forward.out", subject.encoder->forward(tensor(run, "coqui.forward.in").transpose(1, 2)));
  constexpr std::int64_t kWindow = 250, kWindows = 10;
  const std::string head = "coqui.in.frames";
  for (const std::string& name : run.names(kTensors)) {
    if (!name.starts_with(head)) continue;
    const std::string frames = name.substr(head.size());
    const Tensor mel_1MT = tensor(run, name);
    // Its windows run along axis 1, the mel bands: never more than one window's length, so each is the whole.
    if (mel_1MT.size(1) > kWindow) throw DataError(fmt::format("{}: more than {} mel bands", name, kWindow));
    const Tensor windows_WE = subject.encoder->forward(mel_1MT.transpose(1, 2)).repeat({kWindows, 1});
    put(run, "coqui.windows" + frames, windows_WE);
    put(run, "coqui.embedding" + frames, windows_WE.mean(0, true));
  }
}

}  // namespace

void run_parity(ParityRun& run) {
  attempt(run, "*config_parsed*",
          [&] { run.put_json(kCases, "/config_parsed", read_mozilla_config(run.input_path("config.json"))); });
  attempt(run, "*hamed*", [&] { mozilla_clips(run); });
  attempt(run, "*coqui*", [&] { coqui(run); });
  attempt(run, "*:loss*", [&] { losses(run); });
  attempt(run, "*train.projection*", [&] { training(run, "projection", "best_model.pth.tar"); });
  attempt(run, "*train.no_projection*", [&] { training(run, "no_projection", "best_model_no_projection.pth.tar"); });
  attempt(run, "cases.json:/[!c]*", [&] { tables(run); });
  attempt(run, "*", [&] { resemblyzer_clips(run); });
}

}  // namespace timbre::speaker_encoder
