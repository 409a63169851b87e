#include "models/valle/parity_scaled_adam.h"

#include <gtest/gtest.h>

#include <fstream>

#include "nn/module.h"
#include "support/golden.h"
#include "support/parity.h"
#include "train/optim.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace timbre::valle {
namespace {

TEST(ScaledAdamParity, ComputesTheWholeGoldenSet) {
  testing_support::expect_whole_set("scaled_adam_eden", run_scaled_adam_parity, 380);
}

/// Goes on from the file that the reference's trainer wrote after step 11, and compares with what it did next.
void expect_reference_goes_on(const std::filesystem::path& folder, const std::string& name,
                              const train::OptimOptions& options) {
  const weights::TensorMap cases = weights::read_safetensors(folder / "cases.safetensors");
  const nlohmann::json about = nlohmann::json::parse(std::ifstream(folder / "cases.json"));
  const nlohmann::json run = about["runs"][name];
  std::vector<nn::Named> parameters;
  std::vector<std::string> names;
  constexpr std::int64_t kSaved = 11;
  for (const auto& one : about["parameters"]) {
    names.push_back(one["name"]);
    const nn::Tensor all = nn::to_torch(*cases.find(name + "." + names.back()));
    parameters.push_back({names.back(), all.select(0, kSaved).clone().set_requires_grad(true)});
  }
  train::Optimiser optimiser(options, train::make_groups(parameters, {}));
  const weights::Value file = weights::read_torch(folder / run["state_file"].get<std::string>());
  optimiser.load_torch(file.at("optimizer"), names, "the file");
  EXPECT_EQ(optimiser.steps(), kSaved + 1);
  for (std::int64_t step = kSaved + 1; step < about["steps"].get<std::int64_t>(); ++step) {
    for (const nn::Named& named : parameters)
      named.tensor.mutable_grad() = nn::to_torch(*cases.find("grad." + named.name)).select(0, step).contiguous();
    if (run.contains("clip_grad_norm"))
      train::clip_gradients(parameters, train::gradient_norm(parameters).item<double>(), run["clip_grad_norm"]);
    optimiser.step(run["lr_used_at_step"][static_cast<std::size_t>(step)]);
    for (const nn::Named& named : parameters) {
      const nn::Tensor all = nn::to_torch(*cases.find(name + "." + named.name));
      const double bound = 5e-6 * all.abs().max().item<double>();
      EXPECT_LE((all.select(0, step) - named.tensor.detach()).abs().max().item<double>(), bound)
          << name << " " << named.name << " step " << step;
    }
  }
}

TEST(ScaledAdamParity, GoesOnFromTheReferencesOwnFiles) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "scaled_adam_eden");
  train::OptimOptions o;
  o.eps = 1e-8;
  o.kind = "scaled_adam";
  o.beta2 = 0.95;
  o.scaled.clipping_update_period = 1000;
  expect_reference_goes_on(folder, "scaled_adam_trainer", o);
  o.scaled.clipping_update_period = 5;
  expect_reference_goes_on(folder, "scaled_adam_clip5", o);
  o.kind = "eve";
  o.beta2 = 0.98;
  o.weight_decay = 1e-3;
  expect_reference_goes_on(folder, "eve_trainer", o);
  o.kind = "adamw";
  o.beta2 = 0.95;
  o.weight_decay = 0.01;
  expect_reference_goes_on(folder, "adamw_trainer_noam", o);
}

}  // namespace
}  // namespace timbre::valle
