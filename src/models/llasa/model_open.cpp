#include "models/llasa/model_open.h"

#include <ATen/ops/log_softmax.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "models/llasa/layout.h"
#include "nn/init.h"

namespace timbre::llasa {

std::unique_ptr<Model> open_model(const fs::path& folder, const OpenOptions& options) {
  HfFolder about = read_hf_folder(folder);
  weights::TensorMap tensors = read_hf_tensors(folder, about);
  Config config = about.config;
  if (!options.adapter.empty()) {
    const Adapter adapter = read_adapter(options.adapter);
    check_adapter(adapter, config, adapter.base_fingerprint.empty() ? "" : fingerprint(tensors),
                  options.adapter.string());
    config.lora = adapter.options;
    if (options.dropout >= 0) config.lora.dropout = options.dropout;
    config.base_model = adapter.base_model;
    for (const auto& [name, tensor] : adapter.tensors) tensors.insert(name, tensor);
  }
  const nn::InitNothing every_number_is_loaded;
  auto model = std::make_unique<Model>(config);
  if (options.keep_type) {
    const at::NoGradGuard no_grad;
    for (const nn::Named& named : model->named_parameters()) {
      const weights::DType type = tensors.at(named.name).dtype;
      if (type == weights::DType::bf16) named.tensor.set_data(named.tensor.to(at::kBFloat16));
      if (type == weights::DType::f16) named.tensor.set_data(named.tensor.to(at::kHalf));
    }
  }
  model->load_exactly(tensors, folder.string());
  model->eval();
  return model;
}

Adapter adapter_of(const Model& model) {
  Adapter out;
  out.options = model.config().lora;
  out.base_model = model.config().base_model;
  for (const nn::Named& named : model.named_parameters())
    if (named.name.find(".lora_") != std::string::npos) out.tensors.insert(named.name, nn::from_torch(named.tensor));
  if (out.tensors.empty()) throw UsageError("the network has no adapters", "train with lora.r above 0");
  return out;
}

AdapterEffect adapter_effect(Model& model, const Rows& rows) {
  const at::NoGradGuard no_grad;
  const Tensor with_NV = model.logits(model.hidden(rows));
  model.use_adapters(false);
  const Tensor without_NV = model.logits(model.hidden(rows));
  model.use_adapters(true);
  const Tensor change_NV = with_NV - without_NV;
  const Tensor p_NV = at::log_softmax(with_NV, -1), q_NV = at::log_softmax(without_NV, -1);
  AdapterEffect out;
  out.largest = change_NV.abs().max().item<double>();
  out.mean_square = change_NV.square().mean().item<double>();
  out.divergence = (p_NV.exp() * (p_NV - q_NV)).sum(-1).mean().item<double>();
  return out;
}

}  // namespace timbre::llasa
