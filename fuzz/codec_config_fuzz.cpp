// folders: base config kernels fetch weights audio text align corpus plot roles exchange prepare
// folders: codecs/encodec codecs/hifigan
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "codecs/encodec/files.h"
#include "codecs/hifigan/files.h"
#include "fuzz/folder_input.h"

/// config.json of Hugging Face's EnCodec and of jik876's HiFi-GAN. What was accepted is written and read again: the
/// same options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::guarded([&] {
    encodec::Config config, again;
    encodec::read_transformers_config(parse_json(text, "config.json"), config, "config.json");
    fuzz::must(config.hop_samples() > 0 && config.frame_rate() > 0);
    encodec::read_transformers_config(encodec::transformers_config(config), again, "written");
    fuzz::must(config::to_json(again.fields()) == config::to_json(config.fields()));
  });
  fuzz::guarded([&] {
    auto config = hifigan::config_of_upstream(parse_json<nlohmann::ordered_json>(text, "config.json"), "config.json");
    auto again = hifigan::config_of_upstream(hifigan::upstream_config(config, {}), "written");
    fuzz::must(config::to_json(again.fields()) == config::to_json(config.fields()));
  });
  return 0;
}
