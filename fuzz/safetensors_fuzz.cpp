// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/safetensors.h"

/// The header, its offsets and the tensors they give.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = timbre::fuzz::kept(data, size);
  try {
    timbre::weights::Metadata metadata;
    const auto tensors = timbre::weights::parse_safetensors(*bytes, bytes, "fuzz", &metadata);
    timbre::fuzz::touch(timbre::weights::Value::state_dict(tensors));
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
