#pragma once
#include <filesystem>
#include <memory>
#include <vector>

#include "models/llasa/adapter.h"
#include "models/llasa/model.h"

/// Networks from folders.
namespace timbre::llasa {

/// How a network is opened.
struct OpenOptions {
  std::filesystem::path adapter;  ///< a peft folder to go on it; "" = none
  double dropout = -1;            ///< of the adapters in training; −1 = theirs
  bool keep_type = false;         ///< weights stay bf16 or fp16 where they are stored so; otherwise fp32
};

/// The network of a Hugging Face folder, in evaluation mode, its numbers copied straight out of the memory map. Throws
/// DataError for what does not fit, an adapter of another base among it.
std::unique_ptr<Model> open_model(const std::filesystem::path& folder, const OpenOptions& options = {});

/// The network's adapters as a folder of peft's would hold them.
Adapter adapter_of(const Model& model);

/// How much the adapters change what the network says.
struct AdapterEffect {
  double largest = 0;  ///< of all changes of a logit
  double mean_square = 0;
  double divergence = 0;  ///< Kullback-Leibler, nats a token, from the network with adapters to the one without
  bool none() const { return largest == 0; }
};
/// Measured on the given tokens; every token counts.
AdapterEffect adapter_effect(Model& model, const Rows& rows);

}  // namespace timbre::llasa
