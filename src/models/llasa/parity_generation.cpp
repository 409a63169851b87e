#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include "base/error.h"
#include "models/llasa/model_generate.h"
#include "models/llasa/parity_lm.h"
#include "roles/parity_part.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using nlohmann::json;
using roles::ParityRun;

std::vector<std::int64_t> ids_of(const json& value) {
  if (value.is_null()) return {};
  if (value.is_number()) return {value.get<std::int64_t>()};
  return value.get<std::vector<std::int64_t>>();
}

Tensor row_of(std::vector<std::int64_t> ids) {
  return at::from_blob(ids.data(), {1, static_cast<std::int64_t>(ids.size())}, at::TensorOptions().dtype(at::kLong))
      .clone();
}

/// The given fields of one case: everything but what is asked for.
json given_case(const ParityRun& run, const std::string& pointer) {
  json out = json::object();
  for (const std::string& key : run.keys(kCases, pointer))
    if (run.gives(kCases, pointer + "/" + key)) out[key] = run.input_json(kCases, pointer + "/" + key);
  return out;
}

GenerateOptions options_of(const ParityRun& run, const json& about) {
  GenerateOptions out;
  out.rules.repetition_penalty = about.value("repetition_penalty", 1.0);
  out.ends = ids_of(about.at("eos_token_id"));
  out.max_new_tokens = about.value("max_new_tokens", std::int64_t{0});
  out.max_length = about.value("max_length", std::int64_t{0});
  out.min_new_tokens = about.value("min_new_tokens", std::int64_t{0});
  if (about.contains("pad_token_id") && !about["pad_token_id"].is_null()) out.pad = about["pad_token_id"];
  if (!about.contains("suppress")) return out;
  if (about["suppress"] != "all ids but speech ids and eos")
    throw DataError(fmt::format("suppress \"{}\" is not known", about["suppress"].get<std::string>()));
  const auto first = run.input_json(kCases, "/ids/s0").get<std::int64_t>();
  const auto end = run.input_json(kCases, "/ids/base_vocab").get<std::int64_t>();
  for (std::int64_t id = first; id < end; ++id) out.allowed.push_back(id);
  out.allowed.insert(out.allowed.end(), out.ends.begin(), out.ends.end());
  return out;
}

void run_one(ParityRun& run, const Model& model, const std::string& pointer) {
  const json about = given_case(run, pointer);
  const GenerateOptions options = options_of(run, about);
  const Tensor ids_BT = row_of(ids_of(about.at("prompt")));
  const std::string mode = about.value("mode", "model_card");
  if (mode != "model_card" && mode != "speed_script") throw DataError(fmt::format("mode \"{}\" is not known", mode));
  const Tensor mask_BT = mode == "speed_script" ? mask_of_pads(ids_BT, options.pad, options.ends) : Tensor();
  const std::string entry = about.value("name", std::string()) + ".logits";
  const std::size_t wanted = run.has(kForwardFile, entry) ? 12 : 0;
  std::vector<Tensor> steps;
  const auto said = generate(model, ids_BT, mask_BT, options, [&](std::int64_t, const Tensor& logits_BV) {
    if (steps.size() < wanted) steps.push_back(logits_BV.select(0, 0));
  });
  put_case(run, pointer + "/new_ids", said.front());
  if (!steps.empty()) put(run, kForwardFile, entry, at::stack(steps));
}

void run_batch(ParityRun& run, const Model& model) {
  const json about = given_case(run, "/generation_batch");
  std::vector<Tensor> ids, masks;
  for (const json& row : about.at("input_ids")) ids.push_back(row_of(ids_of(row)));
  for (const json& row : about.at("attention_mask")) masks.push_back(row_of(ids_of(row)));
  put_case(run, "/generation_batch/new_ids", generate(model, at::cat(ids), at::cat(masks), options_of(run, about)));
}

void run_sampling(ParityRun& run, const std::string& pointer) {
  const json about = given_case(run, pointer);
  roles::LogitsRules rules;
  rules.repetition_penalty = about.value("rep", 1.0);
  rules.no_repeat_ngram = about.value("ngram", std::int64_t{0});
  rules.temperature = about.value("temperature", 1.0);
  rules.top_k = about.value("top_k", std::int64_t{0});
  rules.top_p = about.value("top_p", 1.0);
  rules.min_p = about.value("min_p", 0.0);
  Tensor logits_BV = given(run, kForwardFile, "sampling.logits").to(at::kFloat).contiguous().clone();
  const std::vector<std::int64_t> said = run.input(kForwardFile, "sampling.history").to_i64();
  const auto rows = static_cast<std::size_t>(logits_BV.size(0)), words = static_cast<std::size_t>(logits_BV.size(1));
  const std::vector<std::int32_t> history(said.begin(), said.end());
  const std::size_t length = history.size() / rows;
  roles::LogitsBender bender(rules);
  json kept = json::array();
  for (std::size_t b = 0; b < rows; ++b)
    kept.push_back(bender.probabilities({logits_BV.mutable_data_ptr<float>() + b * words, words},
                                        std::span(history).subspan(b * length, length)));
  put_case(run, pointer + "/kept", kept);
  put(run, kForwardFile, fmt::format("sampling.{}.probs", about.at("name").get<std::string>()), logits_BV);
}

/// Rows of `value_TX` (one a token) as the entry wants them: all, or the last alone.
Tensor rows_for(const weights::Tensor& entry, const Tensor& value_TX, std::int64_t axes) {
  const bool all = static_cast<std::int64_t>(entry.shape.size()) == axes && entry.shape[0] == value_TX.size(0);
  const Tensor rows = all ? value_TX : value_TX.narrow(0, value_TX.size(0) - 1, 1);
  return rows.reshape(entry.shape);
}

/// A prompt with the ids of the published tokenizer on a network of its own: `prompt` and `columns` are given; of the
/// entries asked for, names and shapes say what they are (logsumexp, the 50 largest logits and their ids, the logits of
/// the columns, the ids of a greedy answer).
void run_prompt_file(ParityRun& run, const std::string& file) {
  const at::NoGradGuard no_grad;
  const auto model = checkpoint(run, file.substr(0, file.find('/')));
  const Tensor ids_1T = given(run, file, "prompt").to(at::kLong).reshape({1, -1});
  const Tensor logits_TV =
      model->logits(model->hidden({.ids_BT = ids_1T, .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}}));
  for (const auto& [name, entry] : weights::read_safetensors(run.dir() / file)) {  // names, types and shapes alone
    const bool whole = entry.dtype == weights::DType::i64 || entry.dtype == weights::DType::i32;
    if (name == "prompt" || name == "columns") continue;
    if (name.find("greedy") != std::string::npos) {
      GenerateOptions options;
      options.max_new_tokens = entry.numel();
      std::vector<std::int64_t> said = generate(*model, ids_1T, {}, options).front();
      put(run, file, name, row_of(said).reshape(entry.shape));
    } else if (name.find("logsumexp") != std::string::npos || name.find("lse") != std::string::npos) {
      put(run, file, name, rows_for(entry, at::logsumexp(logits_TV, {1}), 1));
    } else if (name.find("top") != std::string::npos) {
      const auto [values, places] = logits_TV.topk(entry.shape.back());
      put(run, file, name, rows_for(entry, whole ? places : values, 2));
    } else if (name.find("column") != std::string::npos && run.has(file, "columns")) {
      const Tensor columns = given(run, file, "columns").to(at::kLong);
      put(run, file, name, rows_for(entry, at::index_select(logits_TV, 1, columns), 2));
    } else {
      run.skip(file + ":" + name, "the name does not say what it is");
    }
  }
}

}  // namespace

void run_generation_parity(ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/sampling"))
    roles::attempt(run, fmt::format("{}:/sampling/{}/*", kCases, i), [&] { run_sampling(run, "/sampling/" + i); });
  for (const std::string& file : run.files())
    if (file.ends_with("/cases.safetensors") && run.has(file, "prompt"))
      roles::attempt(run, file + ":*", [&] { run_prompt_file(run, file); });
  std::unique_ptr<Model> model;
  const std::string folder = run.has_file("resized/config.json") ? "resized" : "fp32";
  roles::attempt(run, fmt::format("{}:/generation*", kCases), [&] { model = checkpoint(run, folder); });
  if (!model) return;
  for (const std::string& i : run.keys(kCases, "/generation"))
    roles::attempt(run, fmt::format("{}:/generation/{}/*", kCases, i),
                   [&] { run_one(run, *model, "/generation/" + i); });
  if (run.has_json(kCases, "/generation_batch"))
    roles::attempt(run, fmt::format("{}:/generation_batch/*", kCases), [&] { run_batch(run, *model); });
}

}  // namespace timbre::llasa
