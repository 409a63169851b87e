#include "models/valle/parity_forward.h"

#include <cmath>
#include <numeric>

#include "base/error.h"

namespace timbre::valle {

using nlohmann::json;
using roles::ParityRun;

GivenBatch read_batch(const ParityRun& run, const std::string& file, const std::string& prefix) {
  GivenBatch out;
  out.text_BX = nn::to_torch(run.input(file, prefix + ".text_tokens")).to(at::kLong);
  out.text_lens = run.input(file, prefix + ".text_tokens_lens").to_i64();
  out.audio_BYQ = nn::to_torch(run.input(file, prefix + ".audio_features"));
  out.audio_lens = run.input(file, prefix + ".audio_features_lens").to_i64();
  return out;
}

NarDraws read_draws(const json& draws) {
  NarDraws out;
  for (const json& draw : draws) {
    const auto name = draw.at(0).get<std::string>();
    const auto drawn = draw.back().get<std::int64_t>();
    if (name == "nar_stage")
      out.stage = drawn;
    else if (name == "mode1_prefix")
      out.prefix = drawn;
    else if (name == "mode2_start")
      out.starts_B.push_back(drawn);
    else
      throw DataError(fmt::format("draws: \"{}\" is none of nar_stage, mode1_prefix, mode2_start", name));
  }
  return out;
}

void expect_starts(const NarDraws& draws, Stage stage, std::int64_t prefix_mode, std::size_t utterances) {
  if (stage != Stage::ar && prefix_mode == 2 && draws.starts_B.size() != utterances)
    throw DataError(fmt::format("draws: {} mode2_start for {} utterances: where the other pieces began is not given",
                                draws.starts_B.size(), utterances));
}

PassReport::PassReport(ParityRun& run, std::string file, std::string name)
    : run_(run), file_(std::move(file)), name_(std::move(name)) {}

bool PassReport::asked(const std::string& entry) const { return run_.has(file_, name_ + "." + entry); }

void PassReport::put(const std::string& entry, const Tensor& value) {
  if (asked(entry)) run_.put(file_, name_ + "." + entry, nn::from_torch(value.detach().contiguous()));
}

Probe PassReport::probe() {
  return [this](const std::string& module, const Tensor& value) {
    put("logits." + module, value);
    put("inter." + module, value);
  };
}

void PassReport::finish(nn::Module& model, const Tensor& loss, const std::string& document, const std::string& pointer,
                        Norms norms) {
  put("loss", loss.reshape({1}));
  for (const auto& [name, buffer] : model.named_buffers()) put("after." + name, buffer);
  loss.backward();
  const auto wanted = run_.keys(document, pointer);
  for (const auto& [name, parameter] : model.named_parameters()) {
    const Tensor gradient = parameter.grad().defined() ? parameter.grad() : parameter.detach() * 0;
    put("grad." + name, gradient);
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    const Tensor exact = gradient.to(at::kDouble);
    const double l2 = std::sqrt(exact.square().sum().item<double>());
    run_.put_json(document, pointer + "/" + name,
                  norms == Norms::l2 ? json(l2) : json::array({l2, exact.sum().item<double>()}));
  }
}

void PassReport::put_totals(const Totals& totals, const std::string& document, const std::string& pointer) {
  for (const auto& [name, sum] : totals.sums()) {
    const bool count = name == "frames" || name == "utterances";
    run_.put_json(document, pointer + "/info/" + name, count ? json(static_cast<std::int64_t>(sum)) : json(sum));
  }
  run_.put_json(document, pointer + "/printed", totals.text());
}

Totals totals_of(const Outputs& out, const std::vector<std::int64_t>& code_lens) {
  Totals totals;
  const auto frames = static_cast<double>(std::accumulate(code_lens.begin(), code_lens.end(), std::int64_t{0}));
  totals.add("frames", frames);
  totals.add("utterances", static_cast<double>(code_lens.size()));
  totals.add("loss", out.loss.item<double>());
  if (out.ar_top10) totals.add("ArTop10Accuracy", *out.ar_top10 * frames);
  if (out.nar_top10) totals.add("NarTop10Accuracy", *out.nar_top10 * frames);
  return totals;
}

}  // namespace timbre::valle
