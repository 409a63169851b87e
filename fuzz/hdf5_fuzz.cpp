// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/hdf5.h"

/// Superblocks, headers, groups, chunks; every dataset is read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = timbre::fuzz::kept(data, size);
  try {
    const timbre::weights::Hdf5File file(*bytes, bytes, "fuzz");
    for (const std::string& name : file.names()) {
      try {
        file.read(name);
      } catch (const timbre::DataError&) {  // of one dataset
      }
    }
  } catch (const timbre::DataError&) {  // of the file
  }
  return 0;
}
