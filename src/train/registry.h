#pragma once
#include "roles/registry.h"
#include "train/options.h"
#include "train/recipe.h"

namespace timbre::train {

/// What `timbre train` can train, by model name; the torch half of each model adds itself.
class Registry {
 public:
  using Maker = std::function<std::unique_ptr<Recipe>(const roles::ModelConfig& config)>;
  /// Sets the loop's defaults for a model and preset, before flags and run file are read.
  using Defaults = std::function<void(TrainOptions& options, const std::string& preset)>;

  explicit Registry(roles::Registry& roles) : roles_(roles) {}
  roles::Registry& roles() { return roles_; }

  /// `model` must be a ModelSpec of roles(). Throws std::logic_error for a name that is taken.
  void add_recipe(const std::string& model, Maker make, Defaults defaults = {});

  struct Entry {
    Maker make;
    Defaults defaults;
  };
  /// Throws UsageError with "did you mean" and the list.
  const Entry& recipe(const std::string& model) const;
  const std::map<std::string, Entry>& recipes() const { return recipes_; }

 private:
  roles::Registry& roles_;
  std::map<std::string, Entry> recipes_;
};

}  // namespace timbre::train

namespace timbre::models {
/// Generated: calls register_<m>_torch() of every folder in models/ and codecs/.
void register_all_torch(train::Registry& registry);
}  // namespace timbre::models
