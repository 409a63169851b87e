#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/llasa/engine.h"
#include "roles/logits_rules.h"
#include "support/golden.h"
#include "weights/load.h"

/// The engine against what transformers and peft say: greedy ids exactly, logits within 1e-4 (set.json's bound). CMake
/// runs this at every CPU level.
namespace timbre::llasa {
namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(const nlohmann::json& value) {
  if (value.is_null()) return {};
  if (value.is_number()) return {value.get<std::int64_t>()};
  return value.get<Ids>();
}

void expect_logits(std::span<const float> made, const float* expected, double bound = 1e-4) {
  double worst = 0;
  for (std::size_t i = 0; i < made.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(made[i]) - static_cast<double>(expected[i])));
  EXPECT_LE(worst, bound);
}

/// Rows of `entry` where the set has it; null otherwise.
std::vector<float> floats_of(const weights::TensorMap& tensors, const std::string& entry) {
  const weights::Tensor* found = tensors.find(entry);
  return found ? found->to_f32() : std::vector<float>();
}

/// What is said after a prompt, as generate() of transformers says it; `logits`: of the first steps.
struct Asked {
  Ids prompt;
  std::vector<std::uint8_t> seen;
  Ids ends;
  std::int64_t most = 0, least = 0;
  roles::LogitsRules rules;
};
Ids greedy(EngineSession& session, const Engine& engine, const Asked& asked, std::span<const float> expected = {}) {
  roles::LogitsBender bender(asked.rules);
  const std::span<const std::int64_t> scored = engine.scored();
  std::map<std::int64_t, std::int32_t> place;
  for (std::size_t i = 0; i < scored.size(); ++i) place[scored[i]] = static_cast<std::int32_t>(i);
  const auto place_of = [&](std::int64_t id) { return place.contains(id) ? place[id] : -1; };
  std::vector<std::int32_t> history;
  for (const std::int64_t id : asked.prompt) history.push_back(place_of(id));
  Ids said;
  std::span<const float> now = session.prefill(asked.prompt, asked.seen);
  while (static_cast<std::int64_t>(said.size()) < asked.most) {
    const std::size_t done = said.size() * now.size();
    if (done + now.size() <= expected.size()) expect_logits(now, expected.data() + done);
    std::vector<float> scores(now.begin(), now.end());
    if (static_cast<std::int64_t>(said.size()) < asked.least)
      for (const std::int64_t end : asked.ends) scores[static_cast<std::size_t>(place_of(end))] = -INFINITY;
    const std::int64_t next = bender.greedy(scores, history);
    said.push_back(scored[static_cast<std::size_t>(next)]);
    history.push_back(static_cast<std::int32_t>(next));
    if (std::find(asked.ends.begin(), asked.ends.end(), said.back()) != asked.ends.end()) break;
    now = session.step(said.back());
  }
  return said;
}

TEST(LlasaEngine, GreedyIdsOfTransformers) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_lm");
  const auto cases = read_json(folder / "cases.json");
  const auto tensors = weights::load_tensors(folder / "forward_and_generation.safetensors");
  const Engine whole = Engine::open(folder / "resized");
  int tried = 0, hidden = 0;
  for (const auto& about : cases.at("generation")) {
    if (!about.contains("prompt")) continue;
    SCOPED_TRACE(about.at("name").get<std::string>());
    Asked asked{.prompt = ids_of(about.at("prompt")), .ends = ids_of(about.at("eos_token_id"))};
    asked.most = about.value("max_new_tokens", std::int64_t{0});
    if (about.contains("max_length"))
      asked.most = about["max_length"].get<std::int64_t>() - static_cast<std::int64_t>(asked.prompt.size());
    asked.least = about.value("min_new_tokens", std::int64_t{0});
    asked.rules.repetition_penalty = about.value("repetition_penalty", 1.0);
    if (about.at("mode") == "speed_script") {
      asked.seen = seen_but(asked.prompt, about.at("pad_token_id").get<std::int64_t>());
      ++hidden;
    }
    const Ids expected = ids_of(about.at("new_ids"));
    const auto logits = floats_of(tensors, about.at("name").get<std::string>() + ".logits");
    if (about.contains("suppress")) {
      EngineOptions options;
      for (std::int64_t id = cases["ids"]["s0"]; id < cases["ids"]["base_vocab"]; ++id) options.scored.push_back(id);
      options.scored.insert(options.scored.end(), asked.ends.begin(), asked.ends.end());
      const Engine speech = Engine::open(folder / "resized", options);
      EngineSession session(speech);
      EXPECT_EQ(greedy(session, speech, asked), expected);
    } else {
      EngineSession session(whole);
      EXPECT_EQ(greedy(session, whole, asked, logits), expected);
    }
    ++tried;
  }
  EXPECT_GE(tried, 8);
  EXPECT_GE(hidden, 2);
  const auto& batch = cases.at("generation_batch");
  for (std::size_t row = 0; row < batch.at("input_ids").size(); ++row) {
    Asked asked{.prompt = ids_of(batch["input_ids"][row]), .ends = ids_of(batch.at("eos_token_id"))};
    for (const std::int64_t seen : ids_of(batch["attention_mask"][row]))
      asked.seen.push_back(static_cast<std::uint8_t>(seen));
    asked.most = batch.at("max_new_tokens");
    EngineSession session(whole);
    Ids said = greedy(session, whole, asked);
    said.resize(batch["new_ids"][row].size(), batch.at("pad_token_id").get<std::int64_t>());
    EXPECT_EQ(said, ids_of(batch["new_ids"][row])) << "padded on the left, row " << row;
  }
}

/// Logits of the last seen token of each row, positions counted from the first token as training counts them.
void expect_last(const Engine& engine, const weights::TensorMap& tensors, const weights::TensorMap& expected,
                 const std::string& entry, double bound = 1e-4) {
  if (!expected.contains(entry)) return;
  SCOPED_TRACE(entry);
  const auto ids = tensors.at("fwd.input_ids").to_i64(), mask = tensors.at("fwd.attention_mask").to_i64();
  const auto last = tensors.at("fwd.last_positions").to_i64();
  const auto logits = expected.at(entry).to_f32();
  const auto length = static_cast<std::size_t>(tensors.at("fwd.input_ids").shape[1]);
  for (std::size_t row = 0; row < last.size(); ++row) {
    const std::size_t n = static_cast<std::size_t>(last[row]) + 1, at = row * length;
    std::vector<std::uint8_t> seen;
    Ids positions;
    for (std::size_t t = 0; t < n; ++t) {
      seen.push_back(mask[at + t] != 0);
      positions.push_back(static_cast<std::int64_t>(t));
    }
    EngineSession session(engine);
    const auto made = session.prefill(std::span(ids).subspan(at, n), seen, positions);
    expect_logits(made, logits.data() + row * made.size(), bound);
  }
}

TEST(LlasaEngine, LogitsOfTransformersAndPeft) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_lm");
  const auto tensors = weights::load_tensors(folder / "forward_and_generation.safetensors");
  const auto lora = weights::load_tensors(folder / "lora.safetensors");
  const auto of = [&](const char* name, const EngineOptions& options = {}, const char* adapter = "") {
    return Engine::open(folder / name, options, *adapter ? folder / adapter : std::filesystem::path());
  };
  expect_last(of("fp32"), tensors, tensors, "fwd.logits_last");
  expect_last(of("sharded"), tensors, tensors, "fwd.logits_last");
  const Engine bf16 = of("bf16"), bf16_as_fp32 = of("bf16", {.weights = Precision::fp32});
  EXPECT_TRUE(bf16.weights_are_bf16());
  EXPECT_FALSE(bf16_as_fp32.weights_are_bf16());
  expect_last(bf16, tensors, tensors, "bf16.fp32_compute.logits_last");
  expect_last(bf16_as_fp32, tensors, tensors, "bf16.fp32_compute.logits_last");
  expect_last(of("fp32", {.weights = Precision::bf16}), tensors, tensors, "bf16.fp32_compute.logits_last");
  expect_last(of("untied_bf16"), tensors, tensors, "untied.fp32_compute.logits_last");
  if (std::filesystem::exists(folder / "tied_config_with_lm_head"))
    expect_last(of("tied_config_with_lm_head"), tensors, tensors, "tied_config_with_lm_head.logits_last");
  for (const std::string name : {"lora_qv", "lora_all_rslora"}) {
    const Engine merged = of("fp32", {}, name.c_str());
    expect_last(merged, tensors, lora, name + ".merged.logits_last", 3e-4);
    expect_last(merged, tensors, lora, name + ".logits_last", 3e-4);
  }
}

TEST(LlasaEngine, PositionsOfTransformers) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_lm");
  const auto tensors = weights::load_tensors(folder / "forward_and_generation.safetensors");
  const Engine engine = Engine::open(folder / "fp32");
  const auto length = static_cast<std::size_t>(tensors.at("fwd.input_ids").shape[1]);
  Ids ids = tensors.at("fwd.input_ids").to_i64(), from_5000;
  ids.resize(length);
  for (std::size_t t = 0; t < length; ++t) from_5000.push_back(5000 + static_cast<std::int64_t>(t));
  // The third case of the set is two utterances in one row, which nobody generates from.
  for (const auto& [entry, positions] : {std::pair<std::string, Ids>{"fwd_nomask", {}}, {"fwd_pos5000", from_5000}}) {
    SCOPED_TRACE(entry);
    const auto logits = tensors.at(entry + ".logits_last").to_f32();
    EngineSession session(engine);
    const auto part = [&](std::size_t from, std::size_t n) {
      return positions.empty() ? std::span<const std::int64_t>() : std::span(positions).subspan(from, n);
    };
    auto made = session.prefill(std::span(ids).first(length - 1), {}, part(0, length - 1));
    expect_logits(made, logits.data());
    made = session.prefill(std::span(ids).last(1), {}, part(length - 1, 1));
    expect_logits(made, logits.data() + made.size());
    session.shorten(static_cast<std::int64_t>(length) - 1);
    expect_logits(session.step(ids.back()), logits.data() + made.size());
  }
  EngineSession session(engine);
  expect_logits(session.step(ids.front()), tensors.at("fwd_len1.logits").to_f32().data());
}

}  // namespace
}  // namespace timbre::llasa
