// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/npy.h"

/// Zip archives of arrays, stored and deflated.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = timbre::fuzz::kept(data, size);
  try {
    timbre::fuzz::touch(timbre::weights::parse_npz(*bytes, bytes, "fuzz"));
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
