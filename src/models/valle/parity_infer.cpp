#include <ATen/ops/cat.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/valle/model_infer.h"
#include "models/valle/model_transformer.h"
#include "models/valle/parity_lifeiteng.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using roles::ParityRun;

Tensor tensor(const ParityRun& run, const std::string& name) {
  return nn::to_torch(run.input(kLifeitengTensors, name)).to(at::kLong);
}

void put(ParityRun& run, const std::string& name, const Tensor& value) {
  if (run.has(kLifeitengTensors, name)) run.put(kLifeitengTensors, name, nn::from_torch(value.contiguous()));
}

/// A number of the case, or another where it is null or absent.
template <class T>
T or_else(const ParityRun& run, const std::string& pointer, T other) {
  if (!run.has_json(kLifeitengCases, pointer)) return other;
  const json value = run.input_json(kLifeitengCases, pointer);
  return value.is_null() ? other : value.get<T>();
}

/// "those of main.infer_mode1" → main.infer_mode1; a case's own inputs otherwise.
std::string inputs_of(const ParityRun& run, const std::string& name) {
  const std::string said = or_else<std::string>(run, "/cases/" + name + "/inputs", "");
  return said.empty() ? name : said.substr(said.rfind(' ') + 1);
}

}  // namespace

void run_lifeiteng_inference(ParityRun& run, const std::string& name, const Checkpoint& checkpoint) {
  const std::string at = "/cases/" + name, from = inputs_of(run, name);
  if (checkpoint.config.network() == Network::transformer) {
    MelTransformer model(checkpoint.config);
    model.load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
    model.eval();
    const Tensor mel_1FM = model.infer(tensor(run, from + ".x"));
    put(run, name + ".mel", mel_1FM);
    run.put_json(kLifeitengCases, at + "/frames", mel_1FM.size(1));
    return;
  }
  Valle model(checkpoint.config);
  model.load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
  model.set_prefix_mode(or_else(run, at + "/prefix_mode", checkpoint.config.prefix_mode));
  model.eval();
  InferRequest request;
  request.text_1X = tensor(run, from + ".x");
  request.enrolled = tensor(run, from + ".enroll_x_lens").item<std::int64_t>();
  request.prompt_1YQ = tensor(run, from + ".prompt_codes");
  request.sampling.top_k = or_else<std::int64_t>(run, at + "/top_k", -100);
  request.sampling.temperature = or_else(run, at + "/temperature", 1.0);
  const InferResult out =
      infer(model, request, seeded_generator(or_else<std::uint64_t>(run, at + "/torch_manual_seed", 0)));
  put(run, name + ".codes", out.codes_1YQ);
  put(run, name + ".first_ar_logits", out.first_logits.front());
  run.put_json(kLifeitengCases, at + "/new_frames", out.codes_1YQ.size(1));
  run.put_json(kLifeitengCases, at + "/stopped_by_length_limit", out.cut_off);
}

void run_lifeiteng_failure(ParityRun& run, const std::string& name, const Checkpoint& checkpoint) {
  try {
    run_lifeiteng_inference(run, name, checkpoint);
  } catch (const DataError&) {
    return;
  }
  throw DataError(name + ": must fail, and did not");
}

void run_lifeiteng_continual(ParityRun& run, const std::string& name, const Checkpoint& checkpoint) {
  Valle model(checkpoint.config);
  model.load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
  model.set_prefix_mode(or_else(run, "/cases/" + name + "/prefix_mode", checkpoint.config.prefix_mode));
  model.eval();
  put(run, name + ".codes", continual(model, tensor(run, name + ".x"), {}, tensor(run, name + ".audio_codes")));
}

void run_lifeiteng_sampling(ParityRun& run) {
  const Tensor logits = nn::to_torch(run.input(kLifeitengTensors, "filter.logits"));
  for (const std::string& i : run.keys(kLifeitengCases, "/filter")) {
    const std::string at = "/filter/" + i + "/";
    Sampling sampling;
    sampling.top_k = run.input_json(kLifeitengCases, at + "top_k").get<std::int64_t>();
    sampling.top_p = run.input_json(kLifeitengCases, at + "top_p").get<double>();
    sampling.least = or_else<std::int64_t>(run, at + "min_tokens_to_keep", 1);
    const Tensor kept = filter_logits(logits, sampling);
    put(run, "filter.out." + i, kept);
    json counts = json::array();
    for (std::int64_t row = 0; row < kept.size(0); ++row)
      counts.push_back(kept[row].isfinite().sum().item<std::int64_t>());
    run.put_json(kLifeitengCases, at + "kept_per_row", counts);
  }
  for (const std::string& i : run.keys(kLifeitengCases, "/sampling")) {
    const json given = run.input_json(kLifeitengCases, "/sampling/" + i);
    Sampling sampling;
    sampling.top_k = given.at("top_k").get<std::int64_t>();
    sampling.temperature = given.at("temperature").get<double>();
    at::Generator generator = seeded_generator(given.at("torch_manual_seed").get<std::uint64_t>());
    std::vector<Tensor> tokens;
    for (std::int64_t call = 0; call < given.at("calls").get<std::int64_t>(); ++call)
      tokens.push_back(draw(logits, sampling, generator).token_B1);
    put(run, "sampling.tokens." + i, at::cat(tokens, 1));
  }
}

}  // namespace timbre::valle
