#include "models/llasa/parity.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "models/llasa/adapter.h"
#include "models/llasa/parity_lm.h"
#include "models/llasa/rope.h"
#include "roles/parity_part.h"

namespace timbre::llasa {

using nlohmann::json;
using roles::ParityRun;

Tensor given(const ParityRun& run, const std::string& file, const std::string& name) {
  return nn::to_torch(run.input(file, name));
}

void put(ParityRun& run, const std::string& file, const std::string& name, const Tensor& value) {
  if (run.has(file, name)) run.put(file, name, nn::from_torch(value.detach().contiguous()));
}

void put_case(ParityRun& run, const std::string& pointer, json value) {
  if (run.has_json(kCases, pointer)) run.put_json(kCases, pointer, std::move(value));
}

std::unique_ptr<Model> checkpoint(const ParityRun& run, const std::string& folder, const std::string& adapter) {
  return open_model(run.input_path(folder + "/config.json").parent_path(),
                    {.adapter = adapter.empty() ? fs::path() : run.dir() / adapter});
}

Forward forward_rows(const ParityRun& run) {
  Forward out;
  out.rows.ids_BT = given(run, kForwardFile, "fwd.input_ids").to(at::kLong);
  out.rows.mask_BT = given(run, kForwardFile, "fwd.attention_mask").to(at::kLong);
  out.labels_BT = given(run, kForwardFile, "fwd.labels").to(at::kLong);
  return out;
}

namespace {

/// Products in bf16 while it lives.
class Bf16 {
 public:
  Bf16() {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  }
  ~Bf16() { at::autocast::set_autocast_enabled(at::kCPU, false); }
  Bf16(const Bf16&) = delete;
  Bf16& operator=(const Bf16&) = delete;
};

Tensor last_positions(const Rows& rows) {
  const std::int64_t length = rows.ids_BT.size(1);
  const Tensor places = at::arange(length, at::kLong).unsqueeze(0) * (rows.mask_BT != 0).to(at::kLong);
  return std::get<0>(places.max(1));
}

/// [2, V]: the last two positions of the first row.
Tensor last_two(const Model& model, const Rows& rows) {
  Rows first = rows;
  first.ids_BT = rows.ids_BT.narrow(0, 0, 1);
  first.mask_BT = Tensor();
  const Tensor hidden_ND = model.hidden(first);
  return model.logits(hidden_ND.narrow(0, hidden_ND.size(0) - 2, 2).contiguous());
}

void run_rope(ParityRun& run, const Config& config) {
  std::vector<float> frequencies = rope_frequencies(config);
  const auto half = static_cast<std::int64_t>(frequencies.size());
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  put(run, kForwardFile, "rope.inv_freq", at::from_blob(frequencies.data(), {half}, floats).clone());
  RopeTable table = rope_table(config, run.input(kForwardFile, "rope.positions").to_i64());
  const auto positions = static_cast<std::int64_t>(table.cos.size()) / half;
  const Tensor cos = at::from_blob(table.cos.data(), {positions, half}, floats);
  const Tensor sin = at::from_blob(table.sin.data(), {positions, half}, floats);
  put(run, kForwardFile, "rope.cos", at::cat({cos, cos}, 1));
  put(run, kForwardFile, "rope.sin", at::cat({sin, sin}, 1));
}

void run_forward(ParityRun& run) {
  const at::NoGradGuard no_grad;
  const auto model = checkpoint(run, "fp32");
  const auto [rows, labels] = forward_rows(run);
  const std::int64_t batch = rows.ids_BT.size(0), length = rows.ids_BT.size(1);
  std::vector<Tensor> states;
  const Tensor hidden_ND = model->hidden(rows, [&](const std::string& name, const Tensor& value) {
    const Tensor value_BTD = value.view({batch, length, -1});
    const bool a_state = name == "embed_tokens" || name.find('.') == name.rfind('.');
    if (a_state)
      states.push_back(value_BTD);
    else if (name.starts_with("layers.0."))
      put(run, kForwardFile, "fwd.layer0." + name.substr(9), value_BTD);
  });
  states.back() = hidden_ND.view({batch, length, -1});  // Hugging Face counts the final norm to the last state
  put(run, kForwardFile, "fwd.hidden_states", at::stack(states));
  put(run, kForwardFile, "fwd.last_positions", last_positions(rows));
  const Tensor logits_BTV = model->logits(hidden_ND).view({batch, length, -1});
  put(run, kForwardFile, "fwd.logits_last", logits_last(*model, rows));
  if (batch > 2) put(run, kForwardFile, "fwd.logits_row2_first8", logits_BTV.select(0, 2).narrow(0, 0, 8));
  put(run, kForwardFile, "fwd.logsumexp", at::logsumexp(logits_BTV, {2}));
  Tensor nll_BT;
  const Model::Loss loss = model->loss(rows, labels, {}, &nll_BT);
  put(run, kForwardFile, "fwd.nll", nll_BT);
  const double sum = loss.sum.item<double>();
  put_case(run, "/forward/loss", sum / static_cast<double>(loss.targets));
  put_case(run, "/forward/supervised", loss.targets);
  put_case(run, "/forward/loss_sum", sum);
  put_case(run, "/forward/loss_num_items_100", sum / 100);
  Rows other = rows;
  put(run, kForwardFile, "fwd_nomask.logits_last", last_two(*model, other));
  other.positions_BT = at::arange(5000, 5000 + length, at::kLong).unsqueeze(0);
  put(run, kForwardFile, "fwd_pos5000.logits_last", last_two(*model, other));
  if (run.has(kForwardFile, "fwd_posirregular.position_ids")) {
    other.positions_BT = given(run, kForwardFile, "fwd_posirregular.position_ids").to(at::kLong);
    put(run, kForwardFile, "fwd_posirregular.logits_last", last_two(*model, other));
  }
  const Rows one{
      .ids_BT = rows.ids_BT.narrow(0, 0, 1).narrow(1, 0, 1), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  put(run, kForwardFile, "fwd_len1.logits", model->logits(model->hidden(one)));
  run_rope(run, model->config());
}

/// Logits and loss of another checkpoint, in single precision and with products in bf16.
void run_checkpoint(ParityRun& run, const std::string& folder, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  const auto model = checkpoint(run, folder);
  const auto [rows, labels] = forward_rows(run);
  const auto one = [&](const std::string& how) {
    const std::string entry = prefix + (how.empty() ? "" : "." + how) + ".logits_last";
    if (run.has(kForwardFile, entry)) put(run, kForwardFile, entry, logits_last(*model, rows));
    if (!run.has_json(kCases, "/" + prefix + "/loss_" + how)) return;
    const Model::Loss loss = model->loss(rows, labels);
    put_case(run, "/" + prefix + "/loss_" + how, loss.sum.item<double>() / static_cast<double>(loss.targets));
  };
  one("");
  one("fp32_compute");
  const Bf16 products;
  one("bf16_compute");
}

void run_gradients(ParityRun& run) {
  const auto model = checkpoint(run, "fp32");
  const auto [rows, labels] = forward_rows(run);
  const Model::Loss loss = model->loss(rows, labels);
  (loss.sum / static_cast<double>(loss.targets)).backward();
  double squares = 0;
  for (const nn::Named& named : model->named_parameters()) {
    put(run, kGradientFile, named.name, named.tensor.grad());
    squares += named.tensor.grad().to(at::kDouble).square().sum().item<double>();
  }
  put_case(run, "/grad_total_norm", std::sqrt(squares));
}

void run_adapter(ParityRun& run, const std::string& name) {
  const auto [rows, labels] = forward_rows(run);
  const auto model = checkpoint(run, "fp32", name);
  {
    const at::NoGradGuard no_grad;
    put(run, kLoraFile, name + ".logits_last", logits_last(*model, rows));
  }
  const Model::Loss loss = model->loss(rows, labels);
  const Tensor mean = loss.sum / static_cast<double>(loss.targets);
  put_case(run, "/" + name + "/loss", mean.item<double>());
  mean.backward();
  for (const nn::Named& named : model->named_parameters())
    if (named.tensor.grad().defined())
      put(run, kLoraFile, name + ".grad.base_model.model." + named.name, named.tensor.grad());

  const at::NoGradGuard no_grad;
  const fs::path folder = run.input_path("fp32/config.json").parent_path();
  HfFolder about = read_hf_folder(folder);
  weights::TensorMap merged;
  for (const Source& source : merged_sources(read_hf_tensors(folder, about), read_adapter(run.dir() / name)))
    merged.insert(source.name, source.make());
  Model whole(about.config);
  whole.load_exactly(merged, name);
  put(run, kLoraFile, name + ".merged.logits_last", logits_last(whole, rows));
  const std::string prefix = name + ".merged.";
  for (const std::string& entry : run.names(kLoraFile))
    if (entry.starts_with(prefix) && merged.contains(entry.substr(prefix.size())))
      run.put(kLoraFile, entry, merged.at(entry.substr(prefix.size())));
}

}  // namespace

Tensor logits_last(const Model& model, const Rows& rows) {
  const std::int64_t batch = rows.ids_BT.size(0), length = rows.ids_BT.size(1);
  const Tensor places = last_positions(rows) + at::arange(batch, at::kLong) * length;
  return model.logits(at::index_select(model.hidden(rows), 0, places));
}

void run_lm_parity(ParityRun& run) {
  const auto forward = std::string(kForwardFile) + ":";
  roles::attempt(run, forward + "fwd*", [&] { run_forward(run); });
  for (const auto& [folder, prefix] :
       {std::pair{"bf16", "bf16"}, {"untied_bf16", "untied"}, {"tied_config_with_lm_head", "tied_config_with_lm_head"}})
    if (run.has_file(std::string(folder) + "/config.json"))
      roles::attempt(run, fmt::format("*{}*", prefix), [&, f = folder, p = prefix] { run_checkpoint(run, f, p); });
  if (run.has_file(kGradientFile))
    roles::attempt(run, std::string(kGradientFile) + ":model.*", [&] { run_gradients(run); });
  for (const std::string& file : run.files()) {
    if (!file.ends_with("/adapter_config.json")) continue;
    const std::string name = file.substr(0, file.find('/'));
    roles::attempt(run, fmt::format("{}:{}*", kLoraFile, name), [&] { run_adapter(run, name); });
  }
  run_generation_parity(run);
}

}  // namespace timbre::llasa
