// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/npy.h"

/// Single arrays: header, element types, text and object arrays.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = timbre::fuzz::kept(data, size);
  try {
    timbre::fuzz::touch(timbre::weights::parse_npy(*bytes, bytes, "fuzz"));
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
