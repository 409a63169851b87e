#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "models/valle/checkpoint.h"
#include "models/valle/draws.h"
#include "models/valle/model_transformer.h"
#include "models/valle/parity.h"
#include "models/valle/parity_forward.h"
#include "models/valle/parity_lifeiteng.h"
#include "roles/parity_part.h"
#include "text/k2_symbols.h"
#include "text/phonemes.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kTensors = kLifeitengTensors;
constexpr const char* kCases = kLifeitengCases;

/// The bounds that the set asks for; it names them together with the answers.
constexpr std::array<std::int64_t, 6> kRandintBounds = {0, 1, 5, 14, 100, 749};

/// The checkpoint of a case, without dropout.
Checkpoint open(const ParityRun& run, const std::string& file) {
  Checkpoint checkpoint = read_checkpoint(run.input_path(file));
  checkpoint.config.dropout = 0;
  return checkpoint;
}

/// Cases named so run with batch statistics.
bool in_training_mode(const std::string& name) { return name.find("trainmode") != std::string::npos; }

void run_mel_forward(ParityRun& run, const std::string& name, const Checkpoint& checkpoint, const std::string& batch) {
  MelTransformer model(checkpoint.config);
  model.load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
  model.train(in_training_mode(name));
  const GivenBatch given = read_batch(run, kTensors, batch);
  PassReport report(run, kTensors, name);
  const MelOutputs out =
      model.forward(given.text_BX, given.text_lens, given.audio_BYQ, given.audio_lens, report.probe());
  Totals totals;
  for (const auto length : given.audio_lens) totals.add("frames", static_cast<double>(length));
  totals.add("utterances", static_cast<double>(given.audio_lens.size()));
  totals.add("loss", out.loss.item<double>());
  totals.add("stop_loss", out.stop_loss.item<double>());
  totals.add("stop_accuracy", out.stop_accuracy * totals.frames());
  const std::string at = "/cases/" + name;
  report.put_totals(totals, kCases, at);
  report.finish(model, out.loss, kCases, at + "/grad_l2_and_sum", PassReport::Norms::l2_and_sum);
}

/// The prompts of prefix mode 4: a case's own, or those of another case of the same model.
Tensor prompts_of(const ParityRun& run, const std::string& name) {
  const std::string own = name + ".prompts", model = name.substr(0, name.find('.') + 1);
  if (run.has(kTensors, own)) return nn::to_torch(run.input(kTensors, own));
  for (const std::string& other : run.names(kTensors))
    if (other.starts_with(model) && other.ends_with(".prompts")) return nn::to_torch(run.input(kTensors, other));
  return {};
}

void run_forward(ParityRun& run, const std::string& name) {
  const std::string at = "/cases/" + name;
  const auto given = [&](const char* key) { return run.input_json(kCases, at + "/" + key); };
  const Checkpoint checkpoint = open(run, given("checkpoint").get<std::string>());
  const auto batch = given("batch").get<std::string>();
  if (checkpoint.config.network() == Network::transformer) return run_mel_forward(run, name, checkpoint, batch);
  Valle model(checkpoint.config);
  model.load_exactly(without_ties(checkpoint.config, checkpoint.model), "the set's checkpoint");
  if (run.has_json(kCases, at + "/prefix_mode")) model.set_prefix_mode(given("prefix_mode").get<std::int64_t>());
  model.train(in_training_mode(name));
  const GivenBatch tensors = read_batch(run, kTensors, batch);
  Inputs inputs{.text_BX = tensors.text_BX,
                .text_lens_B = tensors.text_lens,
                .codes_BYQ = tensors.audio_BYQ,
                .code_lens_B = tensors.audio_lens};
  inputs.prompts_BYQ = prompts_of(run, name);
  PassReport report(run, kTensors, name);
  const auto stage = static_cast<Stage>(given("train_stage").get<int>());
  const NarDraws draws = read_draws(given("draws"));
  expect_starts(draws, stage, model.config().prefix_mode, tensors.audio_lens.size());
  const Outputs out = model.forward(inputs, stage, draws, report.probe());
  report.put_totals(totals_of(out, tensors.audio_lens), kCases, at);
  report.finish(model, out.loss, kCases, at + "/grad_l2_and_sum", PassReport::Norms::l2_and_sum);
}

/// The checkpoint of a case without one of its own: its model's, or that of another case of the model ("main").
std::string checkpoint_of(const ParityRun& run, const std::string& name) {
  const std::string model = name.substr(0, name.find('.'));
  if (run.has_json(kCases, "/models/" + model + "/file"))
    return run.input_json(kCases, "/models/" + model + "/file").get<std::string>();
  for (const std::string& other : run.keys(kCases, "/cases"))
    if (other.starts_with(model + ".") && run.has_json(kCases, "/cases/" + other + "/checkpoint"))
      return run.input_json(kCases, "/cases/" + other + "/checkpoint").get<std::string>();
  throw DataError(fmt::format("{}: no checkpoint for {}", kCases, name));
}

/// One case by what it is made of: those without a kind are passes over a batch.
void run_case(ParityRun& run, const std::string& name, const std::string& kind) {
  if (kind.empty()) return run_forward(run, name);
  const Checkpoint checkpoint = open(run, checkpoint_of(run, name));
  if (kind == "inference") run_lifeiteng_inference(run, name, checkpoint);
  if (kind == "error") run_lifeiteng_failure(run, name, checkpoint);
  if (kind == "continual") run_lifeiteng_continual(run, name, checkpoint);
}

/// The stages that random.Random(0) draws, and its first numbers.
void run_python_random(ParityRun& run) {
  const std::string at = "/python_random_seed0";
  for (const std::string& books : run.keys(kCases, at + "/nar_stage_first_100_by_num_quantizers")) {
    StepDraws draws(parse_int(books).value_or(2));
    json stages = json::array();
    for (int i = 0; i < 100; ++i) stages.push_back(draws.stage());
    run.put_json(kCases, at + "/nar_stage_first_100_by_num_quantizers/" + books, stages);
  }
  StepDraws draws(2);
  json first = json::array();
  for (int i = 0; i < 8; ++i) first.push_back(draws.random().random());
  run.put_json(kCases, at + "/random_first_8", first);
  json starts = json::array();
  for (const std::int64_t most : kRandintBounds) starts.push_back({most, StepDraws(2).start(most, 0)});
  run.put_json(kCases, at + "/randint_0_to_n_after_seed0", starts);
}

/// phonemes of the texts, and the rows that the collater gives the symbols.
void run_text(ParityRun& run) {
  const auto front_end = text::make_front_end("phonemizer:en-us");
  json phonemes = json::array();
  for (const json& sentence : run.input_json(kCases, "/texts"))
    phonemes.push_back(front_end->phonemize(sentence.get<std::string>()).phones);
  run.put_json(kCases, "/phonemes", phonemes);
  json rows = json::object();
  std::int64_t row = 0;
  for (const std::string& symbol :
       text::collater_rows(text::read_k2_symbols(run.input_path("unique_text_tokens.k2symbols"))))
    rows[symbol] = row++;
  run.put_json(kCases, "/token2idx", rows);
}

}  // namespace

void run_lifeiteng_parity(ParityRun& run) {
  for (const std::string& name : run.keys(kCases, "/cases")) {
    const std::string at = "/cases/" + name + "/kind";
    const std::string kind = run.has_json(kCases, at) ? run.input_json(kCases, at).get<std::string>() : "";
    if (kind == "resume") continue;  // the trainer's part
    roles::attempt(run, "cases.*:*" + name + "[./]*", [&] { run_case(run, name, kind); });
  }
  if (run.has_json(kCases, "/texts")) roles::attempt(run, "cases.json:/[pt]*", [&] { run_text(run); });
  roles::attempt(run, "cases.*:*filter*", [&] { run_lifeiteng_sampling(run); });
  roles::attempt(run, "cases.*:*python_random*", [&] { run_python_random(run); });
}

}  // namespace timbre::valle
