// Tools: whether an adapter belongs to a network, and how much it changes
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "cli/verb.h"
#include "models/llasa/model_open.h"

namespace timbre::cli {
namespace {

struct AdapterVerb {
  std::string adapter, base;
  std::vector<std::int64_t> ids;
  std::int64_t tokens = 64;
};

config::Fields fields(AdapterVerb& o) {
  config::Fields f;
  f.add("adapter", o.adapter, "folder of a peft adapter (LoRA)").positional().required().metavar("ADAPTER");
  f.add("base", o.base, "Hugging Face folder of the network it is for").required().metavar("FOLDER");
  f.add("ids", o.ids, "tokens to try it on; made up when none are given").metavar("ID,…");
  f.add("tokens", o.tokens, "how many are made up").range(1, 1 << 16);
  return f;
}

int run(const AdapterVerb& o, Context& context) {
  at::set_num_threads(thread_count());
  const auto model = llasa::open_model(o.base, {.adapter = o.adapter});
  const llasa::Config& config = model->config();
  std::vector<std::int64_t> ids = o.ids;
  Philox draws(1);
  for (std::int64_t i = 0; o.ids.empty() && i < o.tokens; ++i)
    ids.push_back(static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(config.vocab_size))));
  llasa::Rows rows;
  rows.ids_BT = at::empty({1, static_cast<std::int64_t>(ids.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(ids.begin(), ids.end(), rows.ids_BT.mutable_data_ptr<std::int64_t>());
  const llasa::AdapterEffect effect = llasa::adapter_effect(*model, rows);
  const std::size_t matrices = llasa::adapter_of(*model).tensors.size() / 2;
  if (context.json) {
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"matrices", matrices},
                              {"rank", config.lora.r},
                              {"tokens", ids.size()},
                              {"largest_change", effect.largest},
                              {"mean_square_change", effect.mean_square},
                              {"divergence_nats", effect.divergence}}
                   .dump());
    return 0;
  }
  fmt::print(context.out, "{} matrices of rank {} ({}), for {}\n", matrices, config.lora.r,
             fmt::join(config.lora.targets, ", "),
             config.base_model.empty() ? "a base it does not name" : config.base_model);
  if (effect.none())
    fmt::print(context.out, "it changes nothing: B is zero, as before training\n");
  else
    fmt::print(context.out,
               "over {} tokens it changes logits by {:.3g} at most, {:.3g} in the root mean square; what is said by "
               "{:.3g} nats a token\n",
               ids.size(), effect.largest, std::sqrt(effect.mean_square), effect.divergence);
  return 0;
}

}  // namespace

void register_adapter(Verbs& verbs) {
  add_verb<AdapterVerb>(verbs,
                        {.name = "adapter",
                         .summary = "Tools: whether an adapter belongs to a network, and how much it changes",
                         .usage = "adapter ADAPTER --base FOLDER",
                         .examples = {"timbre adapter runs/anna/adapter --base Llasa-1B"}},
                        fields, run);
}

}  // namespace timbre::cli
