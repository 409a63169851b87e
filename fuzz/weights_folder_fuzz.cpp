// folders: base weights
#include "fuzz/folder_input.h"
#include "fuzz/weights_tree.h"
#include "weights/describe.h"
#include "weights/load.h"

/// A model folder: sharded weights with their index, or one file of any kind, found by what it holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput folder(data, size);
  fuzz::guarded([&] {
    const weights::Loaded loaded = weights::load(folder.dir(), {.verify_crc = false});
    fuzz::touch(loaded.root);
    (void)weights::describe_text(weights::describe(loaded));
  });
  return 0;
}
