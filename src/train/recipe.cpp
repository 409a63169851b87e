#include "train/recipe.h"

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "train/registry.h"
#include "weights/safetensors.h"

namespace timbre::train {

std::string Recipe::data_fingerprint() const {
  std::string all;
  for (const Split split : {Split::train, Split::valid}) {
    all += split == Split::train ? "train\n" : "valid\n";
    for (const batch::Item& item : items(split)) all += fmt::format("{}\t{}\n", item.id, item.units);
  }
  return fmt::format("{} + {} items, {}", items(Split::train).size(), items(Split::valid).size(), hash_hex(all));
}

StartReport Recipe::start_from(const Base& base) {
  const nn::LoadReport loaded = model().load_state_dict(base.tensors);
  StartReport report;
  std::map<std::string, std::int64_t> sizes;
  for (const nn::Named& named : model().named_state()) sizes[named.name] = named.tensor.numel();
  for (const std::string& name : loaded.loaded) {
    ++report.kept_tensors;
    report.kept_values += sizes[name];
  }
  for (const auto& [name, size] : sizes) report.new_values += size;
  report.new_values -= report.kept_values;
  report.new_tensors = static_cast<std::int64_t>(sizes.size()) - report.kept_tensors;
  for (const std::string& name : loaded.missing) report.lines.push_back(name + ": new (not in the base)");
  for (const std::string& text : loaded.mismatched) report.lines.push_back(text + ": new (another shape)");
  for (const std::string& name : loaded.unexpected) report.lines.push_back(name + ": of the base, not used");
  if (report.kept_tensors == 0)
    throw DataError(fmt::format("{}: no tensor fits this model by name and shape", base.source.string()),
                    "look at it with: timbre info " + base.source.string());
  return report;
}

void Recipe::write_voice(const fs::path& folder, const weights::TensorMap& tensors,
                         const nlohmann::json& provenance) const {
  make_folders(folder);
  weights::write_safetensors(folder / "model.safetensors", tensors);
  nlohmann::json voice = about();
  voice["provenance"] = provenance;
  write_file_atomic(folder / "voice.json", voice.dump(2) + "\n");
}

void Registry::add_recipe(const std::string& model, Maker make, Defaults defaults) {
  if (!recipes_.emplace(model, Entry{std::move(make), std::move(defaults)}).second)
    throw std::logic_error(fmt::format("recipe '{}' is registered twice", model));
}

void Registry::add_trainer(const std::string& model, std::string title, TrainerMaker make) {
  const auto found = recipes_.find(model);
  if (found == recipes_.end()) throw std::logic_error(fmt::format("no recipe '{}' for a trainer", model));
  found->second.trainer_title = std::move(title);
  found->second.trainer = std::move(make);
}

void Registry::add_foreign_base(const std::string& model, AboutBase about) {
  const auto found = recipes_.find(model);
  if (found == recipes_.end()) throw std::logic_error(fmt::format("no recipe '{}' for a base", model));
  found->second.about_base = std::move(about);
}

const Registry::Entry& Registry::recipe(const std::string& model) const {
  const auto found = recipes_.find(model);
  if (found != recipes_.end()) return found->second;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [name, entry] : recipes_) {
    names.push_back(name);
    list += (list.empty() ? "" : ", ") + name;
  }
  const std::string nearest = did_you_mean(model, names);
  throw UsageError(fmt::format("there is no trainable model '{}'", model),
                   nearest.empty() ? fmt::format("models: {}", list) : nearest);
}

}  // namespace timbre::train
