#include "codecs/hifigan/convert.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/hifigan/files.h"
#include "roles/network_folder.h"
#include "weights/load.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace timbre::hifigan {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using weights::Value;

constexpr const char* kTraining = "training.safetensors";

fs::path generator_of(const fs::path& source) {
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored)) return source;
  return newest(source, "g_");
}

}  // namespace

bool looks_like_upstream(const fs::path& source) {
  const fs::path file = generator_of(source);
  if (file.empty()) return false;
  try {
    const Value root = weights::read_torch(file, {.verify_crc = false});
    const Value* state = root.find("generator");
    if (!state) state = &root;
    return state->is_dict() && state->find("conv_pre.bias") && state->find("ups.0.bias") &&
           state->find("conv_post.bias");
  } catch (const Error&) {
    return false;  // no checkpoint at all: somebody else's format
  }
}

void upstream_to_voice(const roles::ConvertRequest& request) {
  const fs::path file = generator_of(request.source);
  if (file.empty())
    throw UsageError(fmt::format("{}: no g_<steps> in it", request.source.string()),
                     "give the generator's file or its folder");
  const fs::path settings = request.options.contains("config") ? fs::path(request.options["config"].get<std::string>())
                                                               : file.parent_path() / "config.json";
  if (!fs::exists(settings))
    throw DataError(fmt::format("{}: no config.json beside it, which says its sizes and its mels", file.string()),
                    "give it with --set config=FILE");
  const auto upstream = read_json<ordered_json>(settings);
  GeneratorFile generator = read_generator_file(file);
  Config config = config_of_upstream(upstream, settings.string());
  config.generator.weight_norm = generator.weight_norm;
  expect_generator(generator.tensors, config, file.string());
  roles::refuse_existing(request.out);
  json about = about_network(config);
  about["provenance"] = {{"imported_from", "hifigan"},
                         {"file", file.filename().string()},
                         {"steps", steps_of(file).value_or(0)},
                         {"spelling", generator.spelling},
                         {"bare", generator.bare}};
  // Kept as it stands (order of keys, spelling of numbers) for the way back.
  about["upstream_config"] = upstream.dump();
  const auto steps = steps_of(file);
  const fs::path training = steps ? file.parent_path() / fmt::format("do_{:08}", *steps) : fs::path();
  if (!training.empty() && fs::exists(training)) {
    const Value root = weights::read_torch(training);
    if (!root.find("mpd") || !root.find("msd"))
      throw DataError(fmt::format("{}: no discriminators (mpd, msd) in it", training.string()),
                      "move it away to import the generator alone");
    make_folders(request.out);
    weights::save(request.out / kTraining, root);
  } else {
    request.events({"note", {{"text", "no do_ file of the same number beside it: the generator alone is imported"}}});
  }
  roles::write_network_folder(request.out, about, generator.tensors);
}

void voice_to_upstream(const roles::ConvertRequest& request) {
  const fs::path folder = roles::folder_of_network(request.source), file = folder / "voice.json";
  const json about = read_json(file);
  const Config config = config_of(about, file.string());
  const json provenance = about.value("provenance", json::object());
  GeneratorFile generator;
  generator.tensors = weights::read_safetensors(roles::weights_file(folder, about));
  generator.spelling = provenance.value("spelling", "weight_g");
  generator.bare = provenance.value("bare", false);
  expect_generator(generator.tensors, config, (folder / "model.safetensors").string());
  for (std::size_t block = 0; block < config.generator.dilations.size(); ++block)
    if (const std::size_t wanted = config.generator.resblock == "1" ? 3 : 2;
        config.dilations_of(block).size() != wanted)
      throw DataError(
          fmt::format("{}: upstream's resblock {} has {} dilations, this network's block {} has '{}'", file.string(),
                      config.generator.resblock, wanted, block, config.generator.dilations[block]),
          "upstream's code cannot run it");
  if (config.discriminators.width != 1 || config.discriminators.scales != 3 ||
      config.discriminators.periods != DiscriminatorOptions().periods)
    request.events({"note",
                    {{"text",
                      "the discriminators are not of upstream's sizes: its inference loads g_, its training needs "
                      "these sizes in its models.py"}}});
  weights::TensorMap in_torchs_order;
  const auto order = generator_shapes(config);
  for (const auto& [name, shape] : order) in_torchs_order.insert(name, generator.tensors.at(name));
  generator.tensors = std::move(in_torchs_order);
  roles::refuse_existing(request.out);
  make_folders(request.out);
  const auto given = about.value("upstream_config", std::string());
  const ordered_json upstream = upstream_config(
      config, given.empty() ? ordered_json() : parse_json<ordered_json>(given, file.string() + ": upstream_config"));
  write_file_atomic(request.out / "config.json", upstream.dump(4) + "\n");
  std::int64_t steps = provenance.value("steps", provenance.value("step", std::int64_t{0}));
  if (fs::exists(folder / kTraining)) {
    Value root = weights::load(folder / kTraining).root;
    if (const Value* counted = root.find("steps")) steps = counted->as_int();
    const double lr = upstream.value("learning_rate", 2e-4);
    if (!root.find("optim_g"))
      root.put("optim_g",
               fresh_adamw(static_cast<std::int64_t>(parameters_of(Value::state_dict(generator.tensors)).size()), lr));
    if (!root.find("optim_d"))
      root.put("optim_d", fresh_adamw(static_cast<std::int64_t>(parameters_of(root.at("msd")).size() +
                                                                parameters_of(root.at("mpd")).size()),
                                      lr));
    weights::write_torch_zip(request.out / fmt::format("do_{:08}", steps), root);
  }
  write_generator_file(request.out / fmt::format("g_{:08}", steps), generator);
}

}  // namespace timbre::hifigan
