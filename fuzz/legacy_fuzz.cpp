// folders: base weights
#include "fuzz/weights_tree.h"
#include "weights/torch_file.h"

/// The stream of pickles of torch before 1.6. The input follows the magic number, so that no mutation is spent on it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr unsigned char kMagic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
  std::vector<std::uint8_t> whole(std::begin(kMagic), std::end(kMagic));
  whole.insert(whole.end(), data, data + size);
  const auto bytes = timbre::fuzz::kept(whole.data(), whole.size());
  try {
    timbre::fuzz::touch(timbre::weights::parse_torch(*bytes, bytes, "fuzz"));
  } catch (const timbre::DataError&) {  // the only exception foreign bytes may cause
  }
  return 0;
}
