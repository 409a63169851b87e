#include "codecs/xcodec2/config.h"

#include <fmt/ranges.h>

#include "base/capped_product.h"
#include "base/error.h"
#include "codecs/xcodec2/features.h"
#include "roles/network_folder.h"
#include "weights/fsq_codebook.h"

namespace timbre::xcodec2 {

config::Fields Config::fields() {
  config::Fields f;
  f.add("semantic_layers", semantic_layers, "layers of w2v-BERT that are used").range(1, 256);
  f.add("semantic_width", semantic_width, "its width").range(1, 65536);
  f.add("semantic_ffn", semantic_ffn, "width inside its feed-forward parts").range(1, 1 << 20);
  f.add("semantic_heads", semantic_heads, "its attention heads").range(1, 1024);
  f.add("left_distance", left_distance, "furthest frame before with a key of its own").range(0, 4096);
  f.add("right_distance", right_distance, "furthest frame after with a key of its own").range(0, 4096);
  f.add("semantic_kernel", semantic_kernel, "taps of its depthwise convolution").range(1, 1023);
  f.add("acoustic_width", acoustic_width, "channels of the acoustic encoder at 16 kHz").range(1, 4096);
  f.add("strides", strides, "its down-sampling steps");
  f.add("levels", levels, "values of each dimension of a code");
  f.add("width", width, "width of decoder and acoustic frames").range(1, 65536);
  f.add("ffn", ffn, "width inside the decoder's feed-forward parts").range(1, 1 << 20);
  f.add("layers", layers, "decoder layers").range(0, 256);
  f.add("heads", heads, "decoder attention heads").range(1, 1024);
  f.add("chunk_frames", chunk_frames, "decode in chunks of so many codes; 0 = the whole at once, exactly as published")
      .range(0, 1e7);
  f.add("context_frames", context_frames, "codes heard on both sides of a chunk").range(0, 1e6);
  return f;
}

std::int64_t Config::hop_samples() const { return capped_product(strides, 320); }

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  for (const std::int64_t stride : strides)
    if (stride < 1 || stride > 320) return {fmt::format("strides [{}]: each from 1 to 320", fmt::join(strides, ", "))};
  if (strides.size() > 9 || hop_samples() != 320)
    out.push_back(fmt::format("strides [{}] make a frame of {} samples: the semantic features have one every 320",
                              fmt::join(strides, ", "), hop_samples()));
  if (semantic_width % semantic_heads != 0)
    out.push_back(fmt::format("semantic_heads {} does not divide semantic_width {}", semantic_heads, semantic_width));
  if (width % heads != 0) out.push_back(fmt::format("heads {} does not divide width {}", heads, width));
  if (width % 32 != 0) out.push_back(fmt::format("width {} is no multiple of 32: the norms have 32 groups", width));
  try {
    weights::FsqCodebook{levels};
  } catch (const Error& problem) {
    out.emplace_back(problem.what());
  }
  return out;
}

void apply_debug(Config& config) {
  const auto [chunk, context] = std::pair(config.chunk_frames, config.context_frames);
  config = Config();
  config.chunk_frames = chunk;
  config.context_frames = context;
  config.semantic_layers = 2;
  config.semantic_width = config.semantic_ffn = config.width = config.ffn = 32;
  config.semantic_heads = config.heads = 2;
  config.acoustic_width = 2;
  config.layers = 2;
}

nlohmann::json about_codec(const Config& config) {
  return {{"name", "X-Codec 2"},
          {"purpose", "turns speech into codes and back"},
          {"codec",
           {{"codec", "xcodec2"},
            {"rate_hz", kRateHz},
            {"hop_samples", config.hop_samples()},
            {"channels", 1},
            {"codebooks", 1},
            {"codebook_size", weights::FsqCodebook(config.levels).size()}}},
          {"model", roles::about_model("xcodec2", config)}};
}

Config config_of_folder(const nlohmann::json& about, const std::string& where) {
  if (!roles::is_model(about, "xcodec2"))
    throw DataError(fmt::format("{} is no X-Codec 2 folder", where), "`timbre convert` makes one of a checkpoint");
  Config config;
  roles::read_options(config, about["model"]["config"], where);
  return config;
}

}  // namespace timbre::xcodec2
