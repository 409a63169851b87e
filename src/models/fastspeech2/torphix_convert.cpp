#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "models/fastspeech2/torphix_names.h"
#include "roles/network_folder.h"
#include "voice/voice.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

/// torphix's checkpoint ↔ a voice. Beside the checkpoint, or in its own tree (trained_models/, config/,
/// data/database/<dataset>/processed_dataset/), model.yaml, data.yaml and all_metadata.json are looked for.
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;

/// The number in a checkpoint's name: its time (fs2_model.1654683600.pth.tar), its step (epoch=2-step=6.ckpt). -1 for
/// other files.
std::int64_t number_of(const fs::path& file) {
  const std::string name = file.filename().string();
  const bool raw = name.starts_with("fs2_model.") && name.ends_with(".tar"), lightning = name.ends_with(".ckpt");
  if (!raw && !lightning) return -1;
  const std::size_t from = raw ? 10 : name.rfind("step=") == name.npos ? name.npos : name.rfind("step=") + 5;
  std::int64_t number = 0;
  for (std::size_t i = from; i < name.size() && name[i] >= '0' && name[i] <= '9' && number < (1ll << 58); ++i)
    number = number * 10 + (name[i] - '0');
  return number;
}

/// The file itself, or the newest checkpoint of a folder, Lightning's before bare weights; empty when there is none.
fs::path checkpoint_in(const fs::path& source) {
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored)) return source;
  std::vector<fs::path> found;
  for (const auto& item : fs::directory_iterator(source, ignored))
    if (number_of(item.path()) >= 0) found.push_back(item.path());
  std::sort(found.begin(), found.end());
  const auto rank = [](const fs::path& p) { return std::pair(p.extension() == ".ckpt", number_of(p)); };
  const auto best = std::max_element(found.begin(), found.end(),
                                     [&](const fs::path& a, const fs::path& b) { return rank(a) < rank(b); });
  return best == found.end() ? fs::path() : *best;
}

/// A file named `name` near the checkpoint, or the one given as an option; empty when absent.
fs::path companion(const roles::ConvertRequest& request, const fs::path& checkpoint, const std::string& name) {
  const std::string option = name.substr(0, name.find('.'));
  if (request.options.contains(option)) return request.options[option].get<std::string>();
  const fs::path folder = checkpoint.parent_path();
  for (const fs::path& candidate : {folder / name, folder / "config" / name, folder / ".." / "config" / name})
    if (fs::exists(candidate)) return candidate;
  return {};
}

fs::path metadata_of(const roles::ConvertRequest& request, const fs::path& checkpoint, const fs::path& data_yaml) {
  const fs::path beside = companion(request, checkpoint, "all_metadata.json");
  if (!beside.empty() || data_yaml.empty()) return beside;
  // Its tree: fastspeech2/config/data.yaml, fastspeech2/data/database/<dataset>/processed_dataset/.
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const fs::path& base : {data_yaml.parent_path() / "..", data_yaml.parent_path()})
    for (const char* database : {"data/database", "database"})
      for (const auto& dataset : fs::directory_iterator(base / database, ignored))
        if (const fs::path file = dataset.path() / "processed_dataset/all_metadata.json"; fs::exists(file, ignored))
          found.push_back(file);
  return found.size() == 1 ? found[0] : fs::path();
}

void note(const roles::ConvertRequest& request, const std::string& text) { request.events({"note", {{"text", text}}}); }

VarianceStatistics statistics_of_bins(const weights::TensorMap& model) {
  const auto one = [&](const char* name) {
    const auto bins = model.at(name).to_f64();
    if (bins.empty()) throw DataError(fmt::format("{} is empty", name));
    return Statistics{bins.front(), bins.back(), 0, 1};
  };
  return {one("variance_adaptor.pitch_bins"), one("variance_adaptor.energy_bins")};
}

const char* symbol_table(const Config& config) {
  return config.compat == "torphix-head" ? "encoder.phoneme_embedding.weight" : "phoneme_embedding.weight";
}

}  // namespace

bool looks_like_torphix(const fs::path& source) {
  std::error_code ignored;
  const fs::path checkpoint = checkpoint_in(source);
  if (checkpoint.empty() || number_of(checkpoint) < 0 || !fs::is_regular_file(checkpoint, ignored)) return false;
  if (checkpoint.extension() != ".ckpt") return true;
  try {  // many programs write Lightning's files under such names
    const weights::Value root = weights::read_torch(checkpoint, {.verify_crc = false});
    const weights::Value* state = root.find("state_dict");
    return state && state->find("fs2.variance_adaptor.pitch_bins");
  } catch (const std::exception&) {
    return false;
  }
}

void torphix_to_voice(const roles::ConvertRequest& request) {
  const fs::path file = checkpoint_in(request.source);
  if (file.empty())
    throw UsageError(fmt::format("{}: no fs2_model.*.tar or *.ckpt in it", request.source.string()),
                     "give the checkpoint file or its folder");
  const TorphixCheckpoint checkpoint = read_torphix_checkpoint(file);
  const TorphixSettings settings{companion(request, file, "model.yaml"), companion(request, file, "data.yaml")};
  Config config = torphix_config(checkpoint.model, settings);
  if (settings.model.empty())
    note(request,
         "no model.yaml beside the checkpoint: its own dropout and phoneme-level pitch and energy are assumed");
  if (settings.data.empty()) note(request, "no data.yaml beside the checkpoint: LJSpeech's audio settings are assumed");
  VarianceStatistics statistics = statistics_of_bins(checkpoint.model);
  if (const fs::path metadata = metadata_of(request, file, settings.data); !metadata.empty())
    statistics = read_torphix_metadata(read_json(metadata), metadata.string());
  else
    note(request,
         "no all_metadata.json beside the checkpoint: ranges are read from the bins, mean and deviation are unknown");

  roles::refuse_existing(request.out);
  make_folders(request.out);
  weights::write_safetensors(request.out / "model.safetensors", checkpoint.model, {{"format", "pt"}});
  if (checkpoint.adam && checkpoint.lightning && !checkpoint.adam->exp_avg.empty())
    save_adam(request.out / "optimizer.safetensors", *checkpoint.adam, to_json(*checkpoint.lightning));
  const std::int64_t steps = checkpoint.lightning ? checkpoint.lightning->global_step : number_of(file);
  voice::write_voice(request.out, {{"name", request.out.filename().string()},
                                   {"model", roles::about_model("fastspeech2", config)},
                                   {"front_end", config.front_end},
                                   {"language", "en"},
                                   {"symbols", ming024_phones(checkpoint.model.at(symbol_table(config)).shape.at(0))},
                                   {"speakers", {"1"}},
                                   {"mel", config::to_json(audio::fields(config.mel))},
                                   {"stats", statistics_json(statistics)},
                                   {"vocoder", {{"kind", "griffin-lim"}}},
                                   {"provenance",
                                    {{"imported_from", "torphix"},
                                     {"file", file.filename().string()},
                                     {checkpoint.lightning ? "steps" : "time", steps}}}});
}

void voice_to_torphix(const roles::ConvertRequest& request) {
  const voice::Voice voice = voice::Voice::open(request.source);
  const json& about = voice.about();
  Config config;
  config::Fields fields = config.fields();
  config::from_json(fields, about.at("model").at("config"), (voice.dir() / "voice.json").string());
  if (!is_torphix(config))
    throw UsageError(fmt::format("{}: this network (compat={}) is not one that torphix's code can run",
                                 voice.dir().string(), config.compat),
                     "only voices trained with --preset torphix or imported from torphix go back");
  TorphixCheckpoint checkpoint;
  checkpoint.model = weights::read_safetensors(roles::weights_file(voice.dir(), about));
  const auto rows = checkpoint.model.at(symbol_table(config)).shape.at(0);
  if (about.at("symbols") != json(ming024_phones(rows)))
    note(request,
         "this voice has symbols of its own: symbols.json tells the rows; torphix's text/symbols.py must be "
         "changed to them");
  // Written into modules/postnet.py there.
  const bool head = config.compat == "torphix-head";
  if (config.postnet_filter_first != 256 || config.postnet_filter != (head ? 512 : 256))
    note(request, fmt::format("this post-net has {} and {} channels; torphix's code has 256 and {} written into "
                              "modules/postnet.py: change it there",
                              config.postnet_filter_first, config.postnet_filter, head ? 512 : 256));
  if (config.max_frames != 5000)
    note(request, fmt::format("this voice's tables have {} positions; torphix's modules/layers.py says max_len 5000: "
                              "change it there",
                              config.max_frames));
  json lightning;
  if (fs::exists(voice.dir() / "optimizer.safetensors"))
    checkpoint.adam = load_adam(voice.dir() / "optimizer.safetensors", &lightning);

  roles::refuse_existing(request.out);
  make_folders(request.out);
  const json provenance = about.value("provenance", json::object());
  const std::int64_t number =
      provenance.value("time", provenance.value("steps", provenance.value("step", std::int64_t{0})));
  write_torphix_weights(
      request.out / (head ? fmt::format("fs2_model.{}.pth.tar", number) : fmt::format("fs2_model.pth.{}.tar", number)),
      checkpoint.model);
  json step_lr;
  if (checkpoint.adam && lightning.is_object()) {
    checkpoint.lightning = lightning_from(lightning);
    write_torphix_lightning(
        request.out / fmt::format("epoch={}-step={}.ckpt", std::max<std::int64_t>(checkpoint.lightning->epoch - 1, 0),
                                  checkpoint.lightning->global_step),
        checkpoint);
    if (!checkpoint.lightning->lr_schedulers.empty()) step_lr = checkpoint.lightning->lr_schedulers[0];
  }
  write_file_atomic(request.out / "all_metadata.json",
                    torphix_metadata(read_statistics(about.at("stats"), voice.dir().string())).dump());
  write_file_atomic(request.out / "symbols.json", about.at("symbols").dump());
  const std::string name = voice.name();
  write_torphix_yaml(request.out, is_safe_relative(name) && name.find('/') == name.npos ? name : "Custom", config, rows,
                     checkpoint.adam, step_lr);
}

}  // namespace timbre::fastspeech2
