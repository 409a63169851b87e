#include "roles/network_folder.h"

#include "base/error.h"
#include "base/files.h"
#include "weights/safetensors.h"

namespace timbre::roles {
namespace {

constexpr const char* kWeights = "model.safetensors";

}  // namespace

nlohmann::json about_model(const std::string& kind, const ModelConfig& config) {
  const auto copy = config.clone();  // an option list is bound to what may be written
  return {{"kind", kind}, {"config", config::to_json(copy->fields())}, {"weights", kWeights}};
}

bool is_model(const nlohmann::json& about, const std::string& kind) {
  const auto model = about.find("model");  // the end for what is no object
  return model != about.end() && model->is_object() && model->contains("kind") && model->at("kind") == kind &&
         model->contains("config");
}

void read_options(ModelConfig& config, const nlohmann::json& values, const std::string& where) {
  config::Fields fields = config.fields();
  config::from_json(fields, values, where);
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
}

void read_model(ModelConfig& config, const std::string& kind, const nlohmann::json& about, const std::string& where) {
  if (!is_model(about, kind))
    throw DataError(fmt::format("{}: no {} model", where, kind), "timbre info shows what it is");
  read_options(config, about["model"]["config"], where + ": model.config");
}

fs::path weights_file(const fs::path& folder, const nlohmann::json& about) {
  return folder / about.at("model").value("weights", kWeights);
}

fs::path folder_of_network(const fs::path& given) {
  return fs::is_regular_file(given / "voice" / "voice.json") ? given / "voice" : given;
}

void refuse_existing(const fs::path& out) {
  if (fs::exists(out)) throw UsageError(fmt::format("{} exists already", out.string()), "choose another folder");
}

void write_network_folder(const fs::path& folder, const nlohmann::json& about, const weights::TensorMap& tensors) {
  make_folders(folder);
  weights::write_safetensors(folder / kWeights, tensors, {{"format", "pt"}});
  write_file_atomic(folder / "voice.json", about.dump(2) + "\n");
}

}  // namespace timbre::roles
