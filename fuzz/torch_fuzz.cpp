// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/torch_file.h"

/// Zip checkpoints, checksums not compared so that what lies behind them is reached; also plain and legacy pickles.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = timbre::fuzz::kept(data, size);
  try {
    timbre::fuzz::touch(timbre::weights::parse_torch(*bytes, bytes, "fuzz", {.verify_crc = false}));
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
