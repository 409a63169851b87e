// folders: base config kernels weights audio text align corpus roles codecs/vocos
#include <nlohmann/json.hpp>

#include "codecs/vocos/files.h"
#include "fuzz/folder_input.h"

/// config.yaml of a Vocos. What was accepted is written and read again: the same options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  fuzz::guarded([&] {
    auto config = vocos::parse_yaml({reinterpret_cast<const char*>(data), size}, "config.yaml");
    auto again = vocos::parse_yaml(vocos::to_yaml(config), "written");
    fuzz::must(config::to_json(again.fields()) == config::to_json(config.fields()));
  });
  return 0;
}
