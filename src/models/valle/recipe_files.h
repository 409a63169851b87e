#pragma once
#include <filesystem>
#include <fstream>
#include <memory>

#include "models/valle/checkpoint.h"
#include "models/valle/model.h"
#include "models/valle/recipe_books.h"
#include "models/valle/recipe_trainer.h"
#include "train/optim.h"
#include "train/tensorboard.h"

/// The exp_dir of lifeiteng's trainer, written so that its own code goes on from it: epoch-N.pt, checkpoint-N.pt,
/// best-train-loss.pt, best-valid-loss.pt, log/, tensorboard*/, model.txt.
namespace timbre::valle {

/// What the trainer does with the state of the file it goes on from: the rules of load_checkpoint_if_available.
struct Resumption {
  std::int64_t start_epoch = 1, start_batch = 0, batch_idx_train = 0;
  bool optimizer_kept = false, scheduler_kept = false, books_kept = false;
};
/// `saved_epoch`: the file's cur_epoch.
Resumption resume(std::int64_t saved_stage, std::int64_t stage, std::int64_t start_epoch, std::int64_t start_batch,
                  std::int64_t saved_batches, std::int64_t saved_epoch);

/// The parameters of one stage in the order in which the trainer gives them to its optimiser.
std::vector<std::string> optimiser_names(const Config& config, std::int64_t stage);

/// The scheduler's part of a checkpoint, as icefall's Eden and the trainer's Noam write it.
weights::Value scheduler_state(const train::ScheduleOptions& schedule, const train::Companion::State& state,
                               std::int64_t accumulate);
/// The base rate in such a state; nothing when there is none.
std::optional<double> base_lr_of(const weights::Value& scheduler);

/// Loads the weights of a checkpoint into a network. Text tables of another size are fitted, with a line in `notes` of
/// what was kept. Throws DataError naming what else does not fit.
void load_network(nn::Module& model, const Config& config, Checkpoint& checkpoint, const std::string& where,
                  std::vector<std::string>& notes);

/// (name, PNG)
using Pictures = std::vector<std::pair<std::string, std::vector<unsigned char>>>;
/// Pictures of the first clips of a batch: bits by frame and what was said for which code.
Pictures pictures_of(const Valle& model, const Inputs& inputs, Stage stage);

class TrainerFiles final : public train::Companion {
 public:
  TrainerFiles(const Trainer& trainer, const Config& config, nn::Module& model, bool first, double bigram_top10 = 0);

  /// Reads the file that --start-epoch or --start-batch names, and loads its weights; nothing without them.
  void load_weights();
  train::Beginning begin(train::Optimiser& optimiser);
  /// What --visualize draws at validations.
  void visualise(std::function<Pictures()> pictures) { pictures_ = std::move(pictures); }

  void batch_done(const Report& report) override;
  void stepped(const State& state) override;
  void validated(const State& state, const std::map<std::string, double>& means,
                 const std::map<std::string, double>& counts) override;
  void epoch_ended(const State& state) override;

  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  void open_log();
  void require_room() const;
  void line(const std::string& text);
  void back_up_best(std::int64_t saved_stage) const;
  Checkpoint checkpoint(const State& state, std::int64_t epoch) const;
  void set_run_parameters(weights::Value& parameters, const State& state, std::int64_t epoch) const;
  void remove_old_checkpoints() const;

  const Trainer& trainer_;
  const train::TrainOptions& loop_;
  const Config& config_;
  nn::Module& model_;
  bool first_;
  double bigram_top10_;
  fs::path dir_;
  std::optional<Checkpoint> from_;
  Resumption resumption_;
  std::unique_ptr<Books> books_;
  std::unique_ptr<train::TensorBoard> board_;
  std::ofstream log_;
  std::function<Pictures()> pictures_;
  std::int64_t saved_ = 0;  ///< batch of the last checkpoint-N.pt
};

}  // namespace timbre::valle
