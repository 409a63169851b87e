#pragma once
#include "codecs/xcodec2/config.h"
#include "roles/spec.h"
#include "weights/tensor.h"

/// The other programs' files ↔ a codec folder of ours (voice.json, model.safetensors).
namespace timbre::xcodec2 {

/// The Lightning checkpoint, the published folder (both spellings) and transformers' layout.
std::vector<roles::Converter> converters();

/// A codec read from one of them: all tensors, those for training too, under our names.
struct Foreign {
  std::string form;  ///< "xcodec2-lightning", "xcodec2", "xcodec2-hf"
  Config config;
  weights::TensorMap tensors;
  nlohmann::json provenance;
};

/// `options`: heads (of the decoder, which no tensor tells), semantic (w2v-BERT's own folder, where its layers are
/// missing). Throws DataError naming file and tensor.
Foreign read_foreign(const std::filesystem::path& source, const nlohmann::json& options);

}  // namespace timbre::xcodec2
