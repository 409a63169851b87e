#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <span>

#include "base/event.h"
#include "batch/batch.h"
#include "nn/module.h"

/// What a model promises the training loop; the loop knows nothing else about it. A recipe owns a list of players
/// (parameters + losses + every n steps), so an adversarial pair needs no special case.
namespace timbre::train {

using nn::Tensor;

enum class Split { train, valid };

class Optimiser;
class Average;
class ForeignTrainer;

/// Where a recipe finds its data and what it is made for.
struct DataContext {
  std::filesystem::path corpus;
  std::uint64_t seed = 0;
  at::Device device = at::kCPU;
  int rank = 0;
  int world = 1;
  std::int64_t overfit_items =
      0;  ///< > 0: train and validate on the first so many items only (the loop cuts the lists)
  /// about() of the run being continued, else null: a continued run keeps its symbols and speakers.
  nlohmann::json continued = nullptr;
  EventSink events = no_events();
  std::filesystem::path run{};              ///< the run's folder; empty in a dry run
  const ForeignTrainer* trainer = nullptr;  ///< the reference's own flags, see registry.h
};

/// One player's place in the optimisation: a generator, a discriminator, or the only one.
struct Player {
  std::string name = "model";
  /// Parameters it moves, by name pattern (nn::matches). While it plays, all others have requires_grad off.
  std::vector<std::string> parameters = {"*"};
  std::int64_t every_n_steps = 1;
  std::int64_t first_step = 1;  ///< it does not play before: a discriminator that waits for its generator
  /// Parameters of players behind it in the step whose graph its forward pass records too: what it computes of them
  /// once, a recipe may hand on to their turn (a generator's output that the discriminator has heard first).
  std::vector<std::string> records = {};
};

/// One part of a loss as a sum and the unit it is a mean over. The loop adds up
///   Σ weight · sum / (count of the unit over the whole step: all ranks, all accumulated micro-batches),
/// so gradients do not depend on how a step was cut into pieces. Weight 0 = reported only.
struct Term {
  std::string name;  ///< "mel", "duration" …
  Tensor sum;        ///< scalar; carries the gradient in training
  std::string
      unit;  ///< a key of Batch::counts; a mean over the batch itself = multiply by counts["items"] and say "items"
  double weight = 1.0;
};

/// Where training stands.
struct StepInfo {
  std::int64_t step = 0;   ///< 1 = the first optimiser step
  std::int64_t batch = 0;  ///< mini-batches of this run up to and with this one, over all epochs; 0 in validation
  std::int64_t epoch = 0;  ///< 0 = the first pass over the data
  std::size_t player = 0;  ///< index into players()
  bool training = true;
  /// What the sum of a term will be divided by, by unit (weights aside): a loss that makes its gradients at once needs
  /// it before them. Null in validation.
  const std::map<std::string, double>* divisors = nullptr;
};

/// Where a run begins that goes on from another trainer's file.
struct Beginning {
  std::int64_t step = 0;                        ///< optimiser steps done
  std::int64_t batches = 0;                     ///< mini-batches done
  std::int64_t epoch = 0;                       ///< the next pass over the data; 0 = the first
  std::optional<double> base_lr{};              ///< what the schedule multiplies from here on instead of optim.lr
  std::optional<weights::TensorMap> average{};  ///< of the weights (average_every_batches)
};

/// Keeps books of its own beside the loop's: the files and the log of another trainer. Rank 0 alone calls it.
class Companion {
 public:
  virtual ~Companion() = default;
  /// Where the run stands, and what a checkpoint of another trainer holds.
  struct State {
    StepInfo info;  ///< info.batch: mini-batches done; info.epoch: the one being trained
    double lr = 0;  ///< the rate that the next step would be made with
    double base_lr = 0;
    const Optimiser& optimiser;
    const Average* average = nullptr;  ///< null without average_every_batches
  };
  /// One mini-batch has been through the network; that of the last one of a step is told after the step.
  struct Report {
    StepInfo info;
    std::int64_t batch_of_epoch = 0;  ///< 1 = the first
    double lr_before = 0, lr_after = 0;
    std::int64_t items = 0;
    const std::map<std::string, double>& counts;       ///< of Batch
    std::vector<std::pair<std::string, double>> sums;  ///< of the terms, undivided
    std::vector<std::string> messages;                 ///< of the update, if one was made
  };
  virtual void batch_done(const Report&) {}
  virtual void stepped(const State&) {}
  /// `means` by term over `counts` units of all ranks.
  virtual void validated(const State&, const std::map<std::string, double>& /*means*/,
                         const std::map<std::string, double>& /*counts*/) {}
  virtual void epoch_ended(const State&) {}
};

/// Takes what a recipe wants heard and seen; stored in samples/ and shown by TensorBoard.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  /// Mono, -1…1.
  virtual void audio(const std::string& tag, std::span<const float> samples_N, std::int64_t rate_hz) = 0;
  /// A whole PNG file.
  virtual void image(const std::string& tag, std::span<const unsigned char> png) = 0;
  virtual void text(const std::string& tag, const std::string& text) = 0;
};

/// Weights a new run starts from (--base).
struct Base {
  std::filesystem::path source;
  weights::TensorMap tensors;  ///< names as in the file
  /// Of a voice: voice.json. Of a run's checkpoint: its recipe's about(). Of a bare file: null.
  nlohmann::json about = nullptr;
};

/// What start_from() kept and what is new, one line each, shown to the user.
struct StartReport {
  std::int64_t kept_tensors = 0, new_tensors = 0;
  std::int64_t kept_values = 0, new_values = 0;  ///< single numbers
  std::vector<std::string> lines;  ///< "symbols: 43 of 51 kept, new: ʎ ɲ …", "speaker_emb.weight: new (1 speaker)"
};

/// A trainable thing. Made by the maker given to Registry::add_recipe with its resolved options, then open()ed once.
class Recipe {
 public:
  virtual ~Recipe() = default;

  /// Opens the corpus and builds the model. Missing columns are DataErrors whose `next` is the prepare command.
  /// First values of parameters: nn::InitSeed(context.seed) is in force.
  virtual void open(const DataContext& context) = 0;

  /// All weights of all players. Stays the same object.
  virtual nn::Module& model() = 0;
  virtual std::vector<Player> players() const { return {Player{}}; }

  /// Sizes of the items of a split, in the unit of units().
  virtual const std::vector<batch::Item>& items(Split split) const = 0;
  /// What the ranks of a run must have in common: they compare it before step 1, and a difference is a DataError that
  /// names both. The default is a hash of the names and sizes of all items; recipes that know more of their data (a
  /// hash of its rows) say that instead. At most 4,000 bytes, for people to read.
  virtual std::string data_fingerprint() const;

  /// What Item::units counts: "frames", "tokens", "samples".
  virtual std::string units() const { return "frames"; }
  /// Units per second of audio, so that progress can be told in hours of speech; 0 = not audio.
  virtual double units_per_s() const { return 0; }

  /// Reads the items and makes one batch on the CPU. Runs on the loader's thread while step() runs: touch nothing
  /// mutable. A file that is gone or broken is a DataError naming it.
  virtual batch::Batch collate(Split split, std::span<const std::size_t> items) const = 0;

  /// The same for a training step in pass `epoch` over the data: recipes whose items are random pieces of something
  /// longer draw them from (seed, epoch, item) here, and give fixed ones in collate(), for validation and trials.
  virtual batch::Batch collate_in_epoch(Split split, std::span<const std::size_t> items, std::int64_t /*epoch*/) const {
    return collate(split, items);
  }

  /// Forward pass of one player on a batch already on the device; the loop does backward, clipping and stepping.
  virtual std::vector<Term> losses(const batch::Batch& batch, const StepInfo& info) = 0;
  /// The terms of validation; the model is in evaluation mode and no gradient is recorded. The weighted total picks the
  /// best.
  virtual std::vector<Term> validate(const batch::Batch& batch, const StepInfo& info) { return losses(batch, info); }

  /// True where the validation loss says little about what is wanted (adversarial training, whose sound gets better
  /// while no distance does): the voice is made of the last weights, not of those with the lowest loss.
  virtual bool last_is_best() const { return false; }

  /// Bytes that the recipe's own stores (decoded clips) will take beside what the trial before step 1 sees.
  virtual double later_bytes() const { return 0; }

  /// Validation losses, by term, at or below which the utterances of --overfit count as learned by heart. Empty = a
  /// tenth of the untrained network's total.
  virtual std::map<std::string, double> memorised_at() const { return {}; }

  /// Artefacts for people; called after validation, in evaluation mode.
  virtual void samples(SampleSink&, const StepInfo&) {}

  /// Everything but the weights that a reader needs: {"model": {"kind", "config"}, "symbols", "speakers", "mel", …};
  /// the body of voice.json. Stored in every checkpoint.
  virtual nlohmann::json about() const = 0;

  /// Called once before the first step of a run that continues none of ours, with the optimisers of the players: a
  /// recipe that goes on from another trainer's file takes their state from there.
  virtual Beginning begin(std::span<Optimiser> /*optimisers*/) { return {}; }
  /// Null = the loop's own books are enough. Lives as long as the recipe.
  virtual Companion* companion() { return nullptr; }

  /// State besides weights that changes while training (a curriculum, running statistics). Saved, restored bit by bit.
  virtual nlohmann::json state() const { return nullptr; }
  virtual void load_state(const nlohmann::json&) {}

  /// New run from old weights. The default keeps every tensor whose name and shape agree. Override to map foreign
  /// names and to carry embedding rows over by symbol and speaker.
  virtual StartReport start_from(const Base& base);

  /// Writes the finished voice; default: voice.json = about() + {"provenance": …} and model.safetensors.
  virtual void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                           const nlohmann::json& provenance) const;

  /// Bytes one padded unit costs in a training step, as a first guess for the forecast; 0 = measure only.
  virtual double bytes_per_unit() const { return 0; }
};

}  // namespace timbre::train
