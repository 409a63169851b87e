#include "codecs/vocos/convert.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/vocos/files.h"
#include "roles/network_folder.h"
#include "weights/load.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace timbre::vocos {
namespace {

constexpr const char* kYaml = "config.yaml";
constexpr const char* kWeights = "pytorch_model.bin";

fs::path folder_of(const fs::path& source) {
  std::error_code ignored;
  if (!fs::is_regular_file(source, ignored)) return source;
  return source.has_parent_path() ? source.parent_path() : fs::path(".");
}

}  // namespace

bool looks_like_vocos(const fs::path& source) {
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored) && source.filename() != kYaml && source.filename() != kWeights) return false;
  const fs::path folder = folder_of(source);
  if (!fs::is_regular_file(folder / kYaml, ignored) || !fs::is_regular_file(folder / kWeights, ignored)) return false;
  try {
    return read_file(folder / kYaml).find("ISTFTHead") != std::string::npos;
  } catch (const Error&) {
    return false;
  }
}

void vocos_to_folder(const roles::ConvertRequest& request) {
  roles::refuse_existing(request.out);
  const fs::path folder = folder_of(request.source), yaml = folder / kYaml, weights_file = folder / kWeights;
  Config config = parse_yaml(read_file(yaml), yaml.string());
  const weights::TensorMap tensors = weights::load_tensors(weights_file);
  fit_to_tensors(config, tensors, weights_file.string());
  if (!tensors.contains("head.out.weight") || !tensors.contains("backbone.embed.weight"))
    throw DataError(fmt::format("{}: no tensors 'backbone.embed.weight' and 'head.out.weight'", weights_file.string()),
                    "a Vocos has them");
  nlohmann::json about = about_network(config);
  about["provenance"] = {{"imported_from", "vocos"}, {"file", weights_file.filename().string()}};
  roles::write_network_folder(request.out, about, tensors);
}

void folder_to_vocos(const roles::ConvertRequest& request) {
  roles::refuse_existing(request.out);
  const fs::path folder = roles::folder_of_network(request.source), file = folder / "voice.json";
  const nlohmann::json about = read_json(file);
  const Config config = config_of(about, file.string());
  const weights::TensorMap tensors = weights::read_safetensors(roles::weights_file(folder, about));
  if (!config.takes_codes() && config.mel.convention != "vocos")
    request.events({"note",
                    {{"text", fmt::format("the reference's own feature extractor makes other mels than this vocoder "
                                          "takes (convention {}, floor {}): give decode() mels of timbre features",
                                          config.mel.convention, config.mel.floor)}}});
  make_folders(request.out);
  weights::write_torch_zip(request.out / kWeights, weights::Value::state_dict(tensors));
  write_file_atomic(request.out / kYaml, to_yaml(config));
}

}  // namespace timbre::vocos
