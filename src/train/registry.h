#pragma once
#include "roles/registry.h"
#include "train/options.h"
#include "train/recipe.h"

namespace timbre::train {

struct RunOptions;

/// The flags of a reference's own trainer, and what they say of a run in our words. What was not given says nothing:
/// its values are optional, so that a continued run reads the same.
class ForeignTrainer {
 public:
  virtual ~ForeignTrainer() = default;
  virtual config::Fields fields() = 0;
  /// Turns what was given into the options of the loop and the model. Called when all are read, before anything is
  /// opened; again, with the same result, when a run is continued. Throws UsageError for contradictions.
  virtual void apply(RunOptions& run) = 0;
  /// Where the run has its folder and takes its data from, for a new run. Called after apply().
  virtual void place(RunOptions& run) = 0;
  /// The preset that these words ask for when none is named; "" = the model's first.
  virtual std::string preset(const std::vector<std::string>& words) const = 0;
};

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
  using TrainerMaker = std::function<std::shared_ptr<ForeignTrainer>()>;
  /// Throws std::logic_error for a model without recipe.
  void add_trainer(const std::string& model, std::string title, TrainerMaker make);

  /// {"model": {"kind", "config"}} of a foreign base that start_from() reads, so that its sizes need not be typed; null
  /// where it is none of those.
  using AboutBase = std::function<nlohmann::json(const std::filesystem::path& base)>;
  /// Throws std::logic_error for a model without recipe.
  void add_foreign_base(const std::string& model, AboutBase about);

  /// Another trainer's settings as a run file of ours, in YAML; nothing where the text is none of its files.
  using RunFile = std::function<std::optional<std::string>(const std::string& text, const std::string& where)>;
  void add_run_file(RunFile translate) { run_files_.push_back(std::move(translate)); }
  const std::vector<RunFile>& run_files() const { return run_files_; }

  struct Entry {
    Maker make;
    Defaults defaults;
    std::string trainer_title{};
    TrainerMaker trainer{};
    AboutBase about_base{};
  };
  /// Throws UsageError with "did you mean" and the list.
  const Entry& recipe(const std::string& model) const;
  const std::map<std::string, Entry>& recipes() const { return recipes_; }

 private:
  roles::Registry& roles_;
  std::map<std::string, Entry> recipes_;
  std::vector<RunFile> run_files_;
};

}  // namespace timbre::train

namespace timbre::models {
/// Generated: calls register_<m>_torch() of every folder in models/ and codecs/.
void register_all_torch(train::Registry& registry);
}  // namespace timbre::models
