// folders: base config audio text align weights corpus
#include "corpus/manifest.h"
#include "fuzz/folder_input.h"

/// manifest.jsonl. What was accepted is written and read again: the same utterances, the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  fuzz::guarded([&] {
    for (const auto& utterance : corpus::load_manifest({reinterpret_cast<const char*>(data), size}, "manifest.jsonl")) {
      const std::string line = corpus::to_line(utterance);
      fuzz::must(line.find('\n') == std::string::npos);
      fuzz::must(utterance.rate_hz >= 0 && utterance.channels >= 0 && utterance.duration_s >= 0);
      fuzz::must(corpus::to_line(corpus::from_line(line, "written", 1)) == line);
    }
  });
  return 0;
}
