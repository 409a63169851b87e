#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "models/valle/checkpoint.h"
#include "models/valle/model_infer.h"
#include "models/valle/parity.h"
#include "models/valle/parity_forward.h"
#include "models/valle/parity_vallex.h"
#include "roles/parity_part.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kFinetune = "finetune.json";

Tensor tensor(const ParityRun& run, const std::string& name) {
  return nn::to_torch(run.input(kVallexTensors, name)).to(at::kLong);
}

void put(ParityRun& run, const std::string& name, const Tensor& value) {
  if (run.has(kVallexTensors, name)) run.put(kVallexTensors, name, nn::from_torch(value.contiguous()));
}

void run_case(ParityRun& run, const std::string& name, const Valle& model) {
  const json given = run.input_json(kVallexInference, "/cases/" + name);
  const std::string at = "infer." + name;
  InferRequest request;
  request.text_1X = tensor(run, at + ".x");
  request.enrolled = given.at("enroll_x_lens").get<std::int64_t>();
  request.language_1X = language_rows(model.config(), request.text_1X.size(1), request.enrolled,
                                      given.at("prompt_language"), given.at("text_language"));
  request.prompt_1YQ = tensor(run, at + ".prompt_codes");
  request.sampling.top_k = given.value("top_k", std::int64_t{-100});
  request.sampling.temperature = given.value("temperature", 1.0);
  request.end = EndRule::all_beams;
  request.best_of = given.value("best_of", std::int64_t{1});
  request.length_penalty = given.value("length_penalty", 1.0);
  request.return_worst = given.value("return_worst", false);
  request.end_in_prompt = true;
  const json& seed = given.at("torch_manual_seed");
  const InferResult out = infer(model, request, seeded_generator(seed.is_null() ? 0 : seed.get<std::uint64_t>()));
  put(run, at + ".codes", out.codes_1YQ);
  put(run, at + ".first_ar_logits", out.first_logits.at(0));
  if (out.first_logits.size() > 2) put(run, at + ".third_step_logits", out.first_logits[2]);
}

void run_sampling(ParityRun& run) {
  const Tensor logits = nn::to_torch(run.input(kVallexTensors, "infer.topk_sampling.logits"));
  const json cases = run.input_json(kVallexInference, "/topk_sampling");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Sampling sampling;
    sampling.top_k = cases[i].at("top_k").get<std::int64_t>();
    sampling.temperature = cases[i].at("temperature").get<double>();
    at::Generator generator = seeded_generator(cases[i].at("torch_manual_seed").get<std::uint64_t>());
    const Drawn drawn = draw(logits, sampling, generator);
    put(run, fmt::format("infer.topk_sampling.token.{}", i), drawn.token_B1);
    put(run, fmt::format("infer.topk_sampling.logprob.{}", i), drawn.log_probability_B);
  }
}

/// The number behind `word` in a case's name: "forward.stage2_mode1".
std::int64_t number_in(const std::string& name, const std::string& word) {
  const std::size_t at = name.find(word);
  const auto number = at == name.npos ? std::nullopt : parse_int(name.substr(at + word.size(), 1));
  if (!number) throw DataError(fmt::format("{}: no {} in the name of the case", name, word));
  return *number;
}

/// The fork's forward pass: heads of their own, the English row for the whole text.
void run_finetune_forward(ParityRun& run, const std::string& name) {
  Checkpoint checkpoint = read_checkpoint(run.input_path("vallex-checkpoint.pt"));
  Config& config = checkpoint.config;
  config.dropout = 0;
  config.share_embedding = false;
  Valle model(config);
  model.load_exactly(checkpoint.model, "the set's checkpoint");
  model.eval();
  const auto stage = static_cast<Stage>(number_in(name, "stage"));
  model.set_prefix_mode(number_in(name, "mode"));
  const std::string at = "/cases/" + name;
  const GivenBatch given =
      read_batch(run, kVallexTensors, "finetune." + run.input_json(kFinetune, at + "/batch").get<std::string>());
  const auto english = std::find(config.languages.begin(), config.languages.end(), "en") - config.languages.begin();
  const Inputs inputs{.text_BX = given.text_BX,
                      .text_lens_B = given.text_lens,
                      .codes_BYQ = given.audio_BYQ,
                      .code_lens_B = given.audio_lens,
                      .prompts_BYQ = {},
                      .language_BX = at::full({1, 1}, english, at::kLong)};
  const NarDraws draws = read_draws(run.input_json(kFinetune, at + "/draws"));
  expect_starts(draws, stage, model.config().prefix_mode, given.audio_lens.size());
  PassReport report(run, kVallexTensors, "finetune." + name);
  const Outputs out = model.forward(inputs, stage, draws, report.probe());
  report.put_totals(totals_of(out, given.audio_lens), kFinetune, at);
  report.finish(model, out.loss, kFinetune, at + "/grad_l2", PassReport::Norms::l2);
}

}  // namespace

std::unique_ptr<Valle> open_vallex(const ParityRun& run) {
  Checkpoint checkpoint = read_checkpoint(run.input_path("vallex-checkpoint.pt"));
  checkpoint.config.dropout = 0;
  auto model = std::make_unique<Valle>(checkpoint.config);
  model->load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
  model->eval();
  return model;
}

Tensor language_rows(const Config& config, std::int64_t tokens, std::int64_t enrolled, const json& prompt_language,
                     const json& text_language) {
  const auto row = [&](const json& language) {
    const auto found = std::find(config.languages.begin(), config.languages.end(), language.get<std::string>());
    if (found == config.languages.end())
      throw DataError(fmt::format("there is no language '{}' in this voice", language.get<std::string>()),
                      fmt::format("it has {}", fmt::join(config.languages, ", ")));
    return static_cast<std::int64_t>(found - config.languages.begin());
  };
  Tensor out_1X = at::full({1, tokens}, enrolled > 0 ? row(prompt_language) : 0, at::kLong);
  for (std::int64_t i = enrolled; i < tokens; ++i)
    out_1X[0][i] =
        row(text_language.is_array() ? text_language.at(static_cast<std::size_t>(i - enrolled)) : text_language);
  return out_1X;
}

void run_vallex_parity(ParityRun& run) {
  if (run.has_file("vallex-checkpoint.pt")) {
    roles::attempt(run, "cases.safetensors:infer.*", [&] {
      const auto model = open_vallex(run);
      for (const std::string& name : run.keys(kVallexInference, "/cases"))
        roles::attempt(run, "cases.safetensors:infer." + name + ".*", [&] { run_case(run, name, *model); });
    });
    for (const std::string& name : run.keys(kFinetune, "/cases"))
      roles::attempt(run, "*:*" + name + "[./]*", [&] { run_finetune_forward(run, name); });
  }
  if (run.has_json(kVallexInference, "/generate_audio"))
    roles::attempt(run, "inference.json:/generate*", [&] { run_vallex_speaking(run); });
  roles::attempt(run, "cases.safetensors:infer.topk_sampling*", [&] { run_sampling(run); });
}

}  // namespace timbre::valle
