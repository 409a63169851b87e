#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "codecs/hifigan/config.h"
#include "weights/checkpoint_value.h"
#include "weights/tensor.h"

/// The files of jik876/hifi-gan: config.json, g_<steps> (the generator), do_<steps> (discriminators and optimisers).
/// Tensor names are the same on both sides.
namespace timbre::hifigan {

namespace fs = std::filesystem;

/// Our options out of upstream's config.json; keys that are absent keep the published V1's values. Throws DataError
/// naming `where` and the key.
Config config_of_upstream(const nlohmann::ordered_json& upstream, const std::string& where);
/// The way back: `base` (the file it came from, or null for upstream's own defaults) with our sizes put in.
nlohmann::ordered_json upstream_config(const Config& config, const nlohmann::ordered_json& base);

/// One g_<steps>.
struct GeneratorFile {
  weights::TensorMap tensors;  ///< conv_pre.bias, conv_pre.weight_g …, or conv_pre.weight without weight norm
  bool weight_norm = true;
  /// How the file spells a layer's norm: "weight_g" (torch.nn.utils.weight_norm) or "original0"
  /// (torch.nn.utils.parametrizations); names in `tensors` are always of the first kind.
  std::string spelling = "weight_g";
  bool bare = false;  ///< the state dict itself, not under "generator"
};

/// Throws DataError naming the file and what is missing. "module." in front of names (several GPUs) is dropped.
GeneratorFile read_generator_file(const fs::path& path);
void write_generator_file(const fs::path& path, const GeneratorFile& file);

/// Throws DataError naming tensor, its shape and the expected one, unless they are the generator of `config`.
void expect_generator(const weights::TensorMap& tensors, const Config& config, const std::string& where);

/// Names, shapes in the order of upstream's state_dict().
struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};
std::vector<NamedShape> generator_shapes(const Config& config);

/// The file of a folder with the highest number: g_00012000. Empty when there is none.
fs::path newest(const fs::path& folder, const std::string& prefix);
/// The number in a name like g_00012000; nothing for other names.
std::optional<std::int64_t> steps_of(const fs::path& file);

/// An AdamW that has not stepped, as torch's state_dict() has it, for so many parameters.
weights::Value fresh_adamw(std::int64_t parameters, double lr);

/// Names of the parameters (no buffers) in a state dict of discriminators, in its order.
std::vector<std::string> parameters_of(const weights::Value& state_dict);

}  // namespace timbre::hifigan
