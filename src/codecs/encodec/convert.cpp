#include "codecs/encodec/convert.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/encodec/files.h"
#include "roles/network_folder.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::encodec {
namespace {

using nlohmann::json;

constexpr const char* kOriginalFile = "encodec.th";

void write_folder(const roles::ConvertRequest& request, const Config& config, const weights::TensorMap& tensors,
                  const char* format) {
  roles::refuse_existing(request.out);
  json about = about_codec(config);
  about["provenance"] = {{"imported_from", format}, {"file", request.source.filename().string()}};
  roles::write_network_folder(request.out, about, tensors);
}

struct Ours {
  Config config;
  weights::TensorMap tensors;
};

Ours read_ours(const roles::ConvertRequest& request) {
  const fs::path file = request.source / "voice.json";
  const json about = read_json(file);
  Ours ours{config_of_folder(about, file.string()), {}};
  ours.tensors = weights::read_safetensors(roles::weights_file(request.source, about));
  roles::refuse_existing(request.out);
  make_folders(request.out);
  return ours;
}

}  // namespace

bool looks_like_original(const fs::path& source) {
  std::error_code ignored;
  if (!fs::is_regular_file(source, ignored)) return false;
  try {
    const auto format = weights::format_of(source);
    if (format != weights::Format::torch_zip && format != weights::Format::torch_legacy) return false;
    const auto loaded = weights::load(source, {.verify_crc = false});
    return loaded.root.find("quantizer.vq.layers.0._codebook.embed") &&
           loaded.root.find("encoder.model.0.conv.conv.bias");
  } catch (const Error&) {
    return false;  // no checkpoint at all: somebody else's format
  }
}

void original_to_folder(const roles::ConvertRequest& request) {
  const auto tensors = read_original(request.source);
  write_folder(request, config_of_tensors(tensors, request.source.string()), tensors, "encodec");
}

void folder_to_original(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  write_original(request.out / kOriginalFile, ours.tensors);
}

bool looks_like_transformers(const fs::path& source) {
  std::error_code ignored;
  if (!fs::is_regular_file(source / "config.json", ignored)) return false;
  try {
    const json settings = read_json(source / "config.json");
    return settings.is_object() && settings.contains("model_type") && settings["model_type"] == "encodec";
  } catch (const Error&) {
    return false;
  }
}

void transformers_to_folder(const roles::ConvertRequest& request) {
  const fs::path file = request.source / "config.json";
  if (!fs::is_regular_file(file))
    throw UsageError(fmt::format("{}: no config.json in it", request.source.string()),
                     "give the folder of a Hugging Face EnCodec model");
  const std::string where = request.source.string();
  const auto tensors = from_transformers(weights::load_tensors(request.source), where);
  Config config = config_of_tensors(tensors, where);
  read_transformers_config(read_json(file), config, file.string());
  write_folder(request, config, tensors, "encodec-hf");
}

void folder_to_transformers(const roles::ConvertRequest& request) {
  const std::string names = request.options.value("names", "parametrizations");
  if (names != "parametrizations" && names != "weight_g")
    throw UsageError(fmt::format("names={}: expected parametrizations or weight_g", names));
  const Ours ours = read_ours(request);
  weights::write_safetensors(request.out / "model.safetensors", to_transformers(ours.tensors, names == "weight_g"),
                             {{"format", "pt"}});
  write_file_atomic(request.out / "config.json", transformers_config(ours.config).dump(2) + "\n");
}

}  // namespace timbre::encodec
