// folders: base config audio text tokenizer align weights corpus plot roles voice fetch exchange prepare models/fastspeech2
#include <nlohmann/json.hpp>

#include "fuzz/folder_input.h"
#include "models/fastspeech2/names.h"
#include "prepare/ming024_folder.h"

namespace {

/// The tensors that ming024_config() takes sizes from.
timbre::weights::TensorMap small_model() {
  using timbre::weights::Tensor;
  timbre::weights::TensorMap model;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const auto n : shape) count *= n;
    model.insert(name, Tensor::of<float>(shape, std::vector<float>(static_cast<std::size_t>(count))));
  };
  for (const std::string stack : {"encoder", "decoder"}) {
    add(stack + ".position_enc", {1, 5, 4});
    add(stack + ".layer_stack.0.slf_attn.fc.weight", {4, 4});
    add(stack + ".layer_stack.0.pos_ffn.w_1.weight", {8, 4, 3});
    add(stack + ".layer_stack.0.pos_ffn.w_2.weight", {4, 8, 1});
  }
  add("variance_adaptor.duration_predictor.conv_layer.conv1d_1.conv.weight", {4, 4, 3});
  add("variance_adaptor.pitch_embedding.weight", {8, 4});
  add("mel_linear.weight", {8, 4});
  return model;
}

}  // namespace

/// ming024/FastSpeech2's files: the YAML configs, stats.json, and the folder its preprocessing reads.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  static const weights::TensorMap kModel = small_model();
  const fuzz::FolderInput folder(data, size);
  const auto file = [&](const char* name) {
    return std::filesystem::exists(folder.dir() / name) ? folder.dir() / name : std::filesystem::path();
  };
  fuzz::guarded([&] {
    (void)fastspeech2::ming024_config(
        kModel, {.model = file("model.yaml"), .preprocess = file("preprocess.yaml"), .train = file("train.yaml")});
  });
  if (const auto stats = file("stats.json"); !stats.empty()) {
    fuzz::guarded([&] {
      const auto json = nlohmann::json::parse(read_file(stats), nullptr, false);
      if (!json.is_discarded()) (void)fastspeech2::read_statistics(json, "stats.json");
    });
  }
  if (const auto config = file("preprocess.yaml"); !config.empty()) {
    std::filesystem::create_directories(folder.dir() / "raw");
    fuzz::guarded([&] {
      (void)prepare::prepare_ming024(
          {.config = config, .raw = folder.dir() / "raw", .textgrids = folder.dir() / "textgrids"});
    });
  }
  return 0;
}
