#include "base/error.h"
#include "base/strings.h"
#include "models/llasa/parity.h"
#include "models/llasa/parity_lm.h"
#include "roles/parity_part.h"
#include "train/optim.h"
#include "train/schedule.h"

namespace timbre::llasa {
namespace {

using nlohmann::json;
using roles::ParityRun;

/// One run of the optimiser alone: cases.json "adamw_<kind>", its tensors "adamw.<kind>.*".
class Run {
 public:
  Run(ParityRun& run, std::string kind)
      : run_(run),
        kind_(std::move(kind)),
        peak_(about("lr").get<double>()),
        steps_(about("total_steps").get<std::int64_t>()),
        options_{.kind = "adamw",
                 .lr = peak_,
                 .beta1 = about("betas").at(0).get<double>(),
                 .beta2 = about("betas").at(1).get<double>(),
                 .eps = about("eps").get<double>()} {
    schedule_.kind = "warmup_cosine_hf";
    schedule_.warmup_steps = about("warmup_steps").get<std::int64_t>();
    schedule_.final_ratio = 0;
  }

  void rates() {
    json used = json::array();
    for (std::int64_t step = 1; step <= steps_; ++step) used.push_back(rate(step));
    put_case(run_, pointer("lr_used"), used);
  }

  /// The parameter called `letter`: its values after each step, and the moments after the last.
  void parameter(const std::string& letter) {
    train::OptimOptions options = options_;
    options.weight_decay = about("weight_decay_" + letter).get<double>();
    Tensor value = given(run_, kGradientFile, entry(letter + "0")).set_requires_grad(true);
    train::Optimiser optimiser(options, train::make_groups({{letter, value}}, {}));
    std::int64_t step = 0;
    for (; run_.has(kGradientFile, entry(fmt::format("{}g{}", letter, step))); ++step) {
      value.mutable_grad() = given(run_, kGradientFile, entry(fmt::format("{}g{}", letter, step)));
      optimiser.step(rate(step + 1));
      put(run_, kGradientFile, entry(fmt::format("{}{}", letter, step + 1)), value);
    }
    if (letter != "p") return;  // the set holds no moments of others
    weights::TensorMap moments;
    optimiser.save(moments);
    for (const auto& [ours, theirs] : {std::pair{"m.", "exp_avg"}, {"v.", "exp_avg_sq"}})
      put(run_, kGradientFile, entry(fmt::format("{}{}", theirs, step)), nn::to_torch(moments.at(ours + letter)));
  }

  std::vector<std::string> letters() const {
    std::vector<std::string> all;
    constexpr std::string_view kDecay = "weight_decay_";
    for (const std::string& key : run_.keys(kCases, pointer("")))
      if (key.starts_with(kDecay) && run_.has(kGradientFile, entry(key.substr(kDecay.size()) + "0")))
        all.push_back(key.substr(kDecay.size()));
    return all;
  }

 private:
  std::string pointer(const std::string& key) const { return "/adamw_" + kind_ + (key.empty() ? "" : "/" + key); }
  std::string entry(const std::string& name) const { return fmt::format("adamw.{}.{}", kind_, name); }
  json about(const std::string& key) const { return run_.input_json(kCases, pointer(key)); }
  double rate(std::int64_t step) const { return train::learning_rate(schedule_, peak_, step, steps_); }

  ParityRun& run_;
  std::string kind_;
  double peak_;
  std::int64_t steps_;
  train::OptimOptions options_;
  train::ScheduleOptions schedule_;
};

}  // namespace

void run_adamw_parity(ParityRun& run) {
  constexpr std::string_view kPrefix = "adamw_";
  for (const std::string& key : run.keys(kCases, "")) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string kind = key.substr(kPrefix.size());
    roles::attempt(run, fmt::format("*adamw?{}*", kind), [&] {
      Run one(run, kind);
      one.rates();
      for (const std::string& letter : one.letters()) one.parameter(letter);
    });
  }
}

}  // namespace timbre::llasa
