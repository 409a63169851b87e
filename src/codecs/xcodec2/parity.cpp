#include "codecs/xcodec2/parity.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/stack.h>

#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "codecs/xcodec2/convert.h"
#include "codecs/xcodec2/features.h"
#include "codecs/xcodec2/model_codec.h"
#include "codecs/xcodec2/names.h"
#include "weights/safetensors.h"

namespace timbre::xcodec2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kCases = "cases.json";
constexpr const char* kGiven = "given.safetensors";

/// Everything one form of the weights gave, by entry.
using Values = std::map<std::string, Tensor>;

Tensor tensor(const ParityRun& run, const char* file, const std::string& name) {
  return nn::to_torch(run.input(file, name));
}

Tensor features_tensor(const std::vector<float>& wave_N) {
  const Features features = features_of(wave_N);
  return nn::to_torch(weights::Tensor::of<float>({1, features.frames, kFeatureWidth}, features.values_FC));
}

std::vector<float> padded(std::vector<float> wave_N, std::int64_t hop) {
  wave_N.resize(wave_N.size() + static_cast<std::size_t>(pad_samples(static_cast<std::int64_t>(wave_N.size()), hop)));
  return wave_N;
}

Tensor row(const std::vector<float>& wave_N) {
  return nn::to_torch(weights::Tensor::of<float>({1, static_cast<std::int64_t>(wave_N.size())}, wave_N));
}

Tensor wave_of(const Model& model, const Tensor& codes_11T, const std::string& head, Values& out) {
  const Tensor codes_BT = codes_11T.squeeze(1);
  out[head + "dequantized"] = model.decoder.quantizer().decode(codes_BT);
  const Tensor embedded = model.embedded(codes_BT);
  out[head + "fc_post_a"] = embedded;
  const Tensor pred = model.decoder.head(model.decoder.backbone(embedded));
  out[head + "head_pred"] = pred.transpose(1, 2);
  return out[head + "wav_out"] = model.decoder.wave(pred).unsqueeze(1);
}

/// A recording from end to end, each stage also from what the set gives for it.
void one_case(const ParityRun& run, const Model& model, const std::string& name, Values& out) {
  const std::string head = name + ".";
  const std::vector<float> wave = padded(run.input(kTensors, head + "wav").to_f32(), model.config.hop_samples());
  const Tensor own_1TC = features_tensor(wave), wave_1N = row(wave);
  out[head + "feats"] = own_1TC;
  out[head + "codes"] = model.encode(wave_1N, own_1TC).unsqueeze(1);

  const Tensor given_1TC = tensor(run, kGiven, head + "feats");
  const Tensor hidden = model.semantic_model.forward(given_1TC);
  const Tensor semantic = model.adapter.forward_BTC(hidden);
  const Tensor acoustic = model.acoustic.forward(wave_1N.unsqueeze(1));
  const Tensor joined = model.joined(semantic, acoustic.transpose(1, 2));
  const auto quantized = model.decoder.quantizer().forward(joined);
  out[head + "semantic_hidden16"] = hidden;
  out[head + "semantic"] = semantic.transpose(1, 2);
  out[head + "acoustic"] = acoustic;
  out[head + "fc_prior"] = joined.transpose(1, 2);
  out[head + "fsq_z"] = quantized.projected_BTK;
  out[head + "fsq_bounded_twice"] = quantized.bounded_BTK;
  wave_of(model, tensor(run, kGiven, head + "codes"), head, out);
}

void layers(const ParityRun& run, const Model& model, Values& out) {
  const Probe probe = [&](const std::string& name, const Tensor& value) { out["layers." + name] = value; };
  const std::vector<float> wave = padded(run.input(kTensors, "layers.wav").to_f32(), model.config.hop_samples());
  const Tensor wave_1N = row(wave), own_1TC = features_tensor(wave);
  out["layers.result.feats"] = own_1TC;
  out["layers.result.codes"] = model.encode(wave_1N, own_1TC).unsqueeze(1);
  model.semantic_model.forward(tensor(run, kGiven, "layers.result.feats"), probe);
  model.acoustic.forward(wave_1N.unsqueeze(1), probe);
  const Tensor codes_1T = tensor(run, kGiven, "layers.result.codes").squeeze(1);
  const Tensor frames = model.decoder.backbone(model.embedded(codes_1T), probe);
  out["layers.result.wav_out"] = model.decoder.wave(model.decoder.head(frames)).unsqueeze(1);
}

/// Several recordings as inference_save_code.py takes them: filled up with zeros to the longest, features after they
/// were normalised.
void batch(const ParityRun& run, const Model& model, std::size_t items, Values& out) {
  const std::int64_t hop = model.config.hop_samples();
  std::vector<std::vector<float>> waves;
  std::vector<Tensor> own;
  std::int64_t longest = 0;
  for (std::size_t i = 0; i < items; ++i) {
    waves.push_back(run.input(kTensors, fmt::format("batch.wav{}", i)).to_f32());
    own.push_back(features_tensor(waves.back()));
    out[fmt::format("batch.feats{}", i)] = own.back();
    longest = std::max(longest, own.back().size(1));
  }
  const auto joined = [&](const std::vector<Tensor>& list) {
    std::vector<Tensor> rows;
    for (const Tensor& item : list) rows.push_back(at::constant_pad_nd(item, {0, 0, 0, longest - item.size(1)}));
    return at::cat(rows);
  };
  std::vector<Tensor> rows;
  for (std::vector<float>& wave : waves) {
    wave.resize(static_cast<std::size_t>(longest * hop));
    rows.push_back(row(wave));
  }
  const Tensor waves_B1N = at::stack(rows);
  out["batch.padded_wavs"] = waves_B1N;
  out["batch.padded_feats"] = joined(own);
  const Tensor acoustic_BTC = model.acoustic.forward(waves_B1N).transpose(1, 2);
  out["batch.codes"] =
      model.decoder.quantizer().encode(model.joined(model.semantic(joined(own)), acoustic_BTC)).unsqueeze(1);
}

Values compute(const ParityRun& run, const Foreign& foreign, const std::string& where) {
  const std::unique_ptr<Model> model = build_model(foreign.config, foreign.tensors, where);
  Values out;
  for (const std::string& name : run.keys(kCases, "/cases")) one_case(run, *model, name, out);
  if (run.has(kTensors, "layers.wav")) layers(run, *model, out);
  for (const std::string& name : run.names(kTensors)) {
    if (!name.starts_with("decode") || !name.ends_with(".codes")) continue;
    const std::string head = name.substr(0, name.size() - 5);
    wave_of(*model, tensor(run, kTensors, name), head, out);
  }
  if (const std::size_t items = run.keys(kCases, "/batch").size(); items > 0) batch(run, *model, items, out);
  return out;
}

/// The forms of the weights that the set has, by what they are called.
std::vector<std::pair<std::string, Foreign>> forms(const ParityRun& run) {
  std::vector<std::pair<std::string, Foreign>> out;
  // The numbers of heads are the only sizes that no file but transformers' tells for certain.
  const json options{{"heads", std::to_string(run.input_json(kCases, "/parameters").at("heads").get<std::int64_t>())}};
  if (run.has_file("xcodec2_lightning.ckpt"))
    out.emplace_back("xcodec2_lightning.ckpt", read_foreign(run.input_path("xcodec2_lightning.ckpt"), json::object()));
  if (run.has_file("published/model.safetensors")) {
    Foreign published = read_foreign(run.input_path("published/model.safetensors"), options);
    if (run.has_file("published/codecenc_other_names.safetensors")) {
      Foreign other = published;
      for (const auto& [name, value] :
           weights::read_safetensors(run.input_path("published/codecenc_other_names.safetensors")))
        other.tensors.set(published_name(name), value);
      out.emplace_back("published/codecenc_other_names.safetensors", std::move(other));
    }
    out.emplace_back("published", std::move(published));
  }
  if (run.has_file("transformers/model.safetensors"))
    out.emplace_back("transformers", read_foreign(run.input_path("transformers/model.safetensors"), json::object()));
  if (out.empty()) throw DataError(run.dir().string() + ": no weights in it");
  return out;
}

/// Why two forms disagree about an entry; "" when they do not. Whoever folded weight norm rounded in another order:
/// what that may change is what single precision may (the README's tolerances).
std::string difference(const std::string& name, const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return "another shape";
  constexpr double kEncoded = 1.2e-4, kWave = 5e-6;
  const double most = a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
  const bool is_code = name.ends_with("codes");
  return (is_code ? most == 0 : most <= (name.ends_with("wav_out") ? kWave : kEncoded))
             ? ""
             : fmt::format("differs by {:.3g}", most);
}

}  // namespace

void run_parity(ParityRun& run) {
  const at::NoGradGuard no_grad;
  const auto all = forms(run);
  const Values values = compute(run, all.front().second, all.front().first);
  std::set<std::string> odd;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Values again = compute(run, all[i].second, all[i].first);
    for (const auto& [name, value] : values) {
      const std::string why = difference(name, value, again.at(name));
      if (why.empty() || !odd.insert(name).second) continue;
      run.skip(std::string(kTensors) + ":" + name,
               fmt::format("from {} it {} from that of {}", all[i].first, why, all.front().first));
    }
  }
  for (const auto& [name, value] : values)
    if (run.has(kTensors, name) && !odd.contains(name))
      run.put(kTensors, name, nn::from_torch(value.detach().contiguous().clone()));

  for (const std::string& name : run.keys(kCases, "/cases")) {
    const auto samples = run.input_json(kCases, "/cases/" + name + "/samples").get<std::int64_t>();
    run.put_json(kCases, "/cases/" + name + "/padded_samples",
                 samples + pad_samples(samples, all.front().second.config.hop_samples()));
  }
  for (const std::string& i : run.keys(kCases, "/batch")) {
    const auto samples = run.input_json(kCases, "/batch/" + i + "/samples").get<std::int64_t>();
    run.put_json(kCases, "/batch/" + i + "/kept", samples / all.front().second.config.hop_samples());
  }
}

}  // namespace timbre::xcodec2
