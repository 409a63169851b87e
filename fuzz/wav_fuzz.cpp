// folders: base config audio
#include "audio/wav.h"
#include "fuzz/folder_input.h"

#include <vector>

/// RIFF/WAVE heads and samples of every kind that is read without a library.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(first, first + size);  // a block of its own: a read beyond it is seen
  fuzz::guarded([&] {
    const auto header = audio::parse_wav(bytes);
    if (!header) return;
    fuzz::must(header->data_offset + header->present_bytes <= bytes.size());
    const auto samples = audio::wav_samples(bytes, *header);
    fuzz::must(static_cast<std::int64_t>(samples.size()) == header->samples());
  });
  return 0;
}
