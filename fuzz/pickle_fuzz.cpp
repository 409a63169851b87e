// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/pickle.h"

/// One pickle whose tensors lie in 64 bytes of storage: opcodes, classes, views and strides.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace weights = timbre::weights;
  const auto bytes = timbre::fuzz::kept(data, size);
  const auto storage = std::make_shared<const std::vector<std::byte>>(64, std::byte{1});
  try {
    const weights::PickleOptions options{.allows_storages = true, .nested = {}};
    weights::Pickled pickled = weights::read_pickle({*bytes, bytes, "fuzz"}, 0, options);
    std::uint64_t copy_budget = 1 << 16;
    pickled.resolve(
        [&](const weights::StorageRef&) {
          return weights::StorageBytes{*storage, storage};
        },
        weights::ByteOrder::little, copy_budget);
    timbre::fuzz::touch(pickled.take());
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
