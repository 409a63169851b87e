#include "models/valle/recipe_trainer.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "models/valle/layout.h"
#include "nn/module.h"
#include "train/job.h"

namespace timbre::valle {
namespace {

constexpr const char* kTruth = "true|false";

/// The reference's flags without an effect in it, or whose effect is another here.
void add_data_fields(config::Fields& f, TrainerOptions& o) {
  f.add("manifest_dir", o.manifest_dir,
        "without --corpus: the folder of cuts_train.jsonl.gz and cuts_dev.jsonl.gz; "
        "data/tokenized")
      .metavar("FOLDER");
  f.add("text_tokens", o.text_tokens,
        "without --corpus: the symbols' file; MANIFEST_DIR/unique_text_tokens.k2symbols. Of VALL-E X's characters "
        "(front end vallex:…) bpe_69.json, needed where no --base names them")
      .metavar("FILE");
  f.add("max_duration", o.max_duration, "seconds of audio a batch (batch.seconds); 40").range(0.1, 1e9);
  f.add("bucketing_sampler", o.bucketing_sampler,
        "batches of like duration; false: of what comes next, by ascending duration where --shuffle is false; true")
      .metavar(kTruth);
  f.add("shuffle", o.shuffle, "another order every epoch (batch.shuffle); true").metavar(kTruth);
  f.add("num_buckets", o.num_buckets,
        "buckets of like duration (batch.buckets); 10. The reference reads it and always takes 10")
      .range(1, 1e6);
  f.add("buffer_size", o.buffer_size, "clips held in the buckets (batch.buffer); 40000").range(1, 1e12);
  f.add("shuffle_buffer_size", o.shuffle_buffer_size, "batch.shuffle_buffer; 100000").range(1, 1e12);
  f.add("drop_last", o.drop_last,
        "what fills no batch at the end of an epoch is left out (batch.drop_last). The reference reads it and always "
        "drops in training; so does this when it is not given")
      .metavar(kTruth);
  f.add("input_strategy", o.input_strategy,
        "PrecomputedFeatures; PromptedPrecomputedFeatures for --prefix-mode 4: prompts from neighbours, for any corpus")
      .choices({"PrecomputedFeatures", "PromptedPrecomputedFeatures"});
  f.add("dataset", o.dataset, "whose rule finds neighbours of prefix mode 4 (libritts, ljspeech); else without effect");
  f.add("sampling_rate", o.sampling_rate, "taken, and without effect, as in the reference: codes have their own")
      .range(1, 1e6);
  f.add("num_workers", o.num_workers, "taken, and without effect: one thread makes batches ahead").range(0, 1024);
  f.add("return_cuts", o.return_cuts, "taken, and without effect, as in the reference").metavar(kTruth);
  f.add("concatenate_cuts", o.concatenate_cuts, "only false: clips are never joined").metavar(kTruth);
  f.add("duration_factor", o.duration_factor, "of concatenate_cuts: without effect");
  f.add("gap", o.gap, "of concatenate_cuts: without effect");
  f.add("on_the_fly_feats", o.on_the_fly_feats, "only false: VALL-E is trained on stored codes").metavar(kTruth);
  f.add("enable_spec_aug", o.enable_spec_aug, "only false: codes have no spectrum to mask").metavar(kTruth);
  f.add("spec_aug_time_warp_factor", o.spec_aug_time_warp_factor, "of enable_spec_aug: without effect");
}

void only_false(const std::optional<std::string>& value, const char* flag, const char* why) {
  if (truth(value, false, flag))
    throw UsageError(fmt::format("{} true: {}", flag, why), fmt::format("leave {} out", flag));
}

}  // namespace

bool truth(const std::optional<std::string>& text, bool otherwise, const char* flag) {
  if (!text) return otherwise;
  const std::string lower = ascii_lower(*text);
  for (const char* yes : {"yes", "true", "t", "y", "1"})
    if (lower == yes) return true;
  for (const char* no : {"no", "false", "f", "n", "0"})
    if (lower == no) return false;
  throw UsageError(fmt::format("{} '{}' is neither true nor false", flag, *text), "write true or false");
}

config::Fields fields(TrainerOptions& o) {
  config::Fields f;
  f.add("train_stage", o.train_stage, "0: all of the network, 1: the AR part (ar_*), 2: the NAR part (nar_*)")
      .range(0, 2);
  f.add(
       "exp_dir", o.exp_dir,
       "keep the trainer's files here: epoch-N.pt, checkpoint-N.pt, best-*-loss.pt, log/, tensorboard*/; the run's own "
       "folder is in it (run_stage1 …)")
      .metavar("FOLDER");
  f.add("num_epochs", o.num_epochs, "the last epoch (max_epochs); 20").range(1, 1e9);
  f.add("start_epoch", o.start_epoch, "N > 1: go on from EXP_DIR/epoch-(N-1).pt; 1").range(1, 1e9);
  f.add("start_batch", o.start_batch, "N > 0: go on from EXP_DIR/checkpoint-N.pt, whatever start_epoch says; 0")
      .range(0, 1e12);
  f.add("optimizer_name", o.optimizer_name, "update rule, with the trainer's settings of it; ScaledAdam")
      .choices({"ScaledAdam", "Eve", "AdamW", "Adam"});
  f.add("scheduler_name", o.scheduler_name,
        "Eden, Noam or Cosine; Eden. Cosine is warmup_cosine (the reference's call of it has its arguments swapped and "
        "fails)")
      .choices({"Eden", "Noam", "Cosine"});
  f.add("base_lr", o.base_lr, "optim.lr; 0.05. A run that goes on from a file with Eden keeps the file's, and says so")
      .range(0, 1e3);
  f.add("warmup_steps", o.warmup_steps, "schedule.warmup_steps, in batches; 200").range(0, 1e9);
  f.add("warmup_epochs", o.warmup_epochs, "taken, and without effect, as in the reference: warm-up counts batches");
  f.add("accumulate_grad_steps", o.accumulate_grad_steps, "batches a step (accumulate); 1").range(1, 1 << 16);
  f.add("dtype", o.dtype, "float32, bfloat16 or float16 (precision); float32")
      .choices({"float32", "bfloat16", "bf16", "float16", "fp16"});
  f.add("save_every_n", o.save_every_n, "EXP_DIR/checkpoint-N.pt every so many batches; 10000").range(1, 1e12);
  f.add("keep_last_k", o.keep_last_k, "so many checkpoint-N.pt stay; 20").range(1, 1e9);
  f.add("valid_interval", o.valid_interval,
        "validate every so many batches (valid_every_batches), and at the end of every epoch; 10000")
      .range(1, 1e12);
  f.add("average_period", o.average_period, "average_every_batches; 0").range(0, 1e12);
  f.add("filter_min_duration", o.filter_min_duration, "shorter clips are left out, in seconds").range(0, 1e9);
  f.add("filter_max_duration", o.filter_max_duration, "longer clips are left out, in seconds").range(0, 1e9);
  f.add("log_interval", o.log_interval, "a line in EXP_DIR/log every so many batches of an epoch").range(1, 1e9);
  f.add("tensorboard", o.tensorboard, "write EXP_DIR/tensorboard*; true").metavar(kTruth);
  f.add("visualize", o.visualize, "pictures of each validation's first clips in EXP_DIR/eval/step-N; false")
      .metavar(kTruth);
  f.add("oom_check", o.oom_check, "try the largest batches before the first step (probe); true").metavar(kTruth);
  f.add("world_size", o.world_size, "processes on this machine (ranks); 1").range(1, 1024);
  f.add("master_port", o.master_port, "taken, and without effect: ranks find each other").range(1, 65535);
  add_data_fields(f, o);
  return f;
}

fs::path Trainer::text_tokens() const {
  return options_.text_tokens ? fs::path(*options_.text_tokens) : manifest_dir() / "unique_text_tokens.k2symbols";
}

const train::TrainOptions& Trainer::loop() const {
  if (!loop_) throw std::logic_error("the trainer's flags were not applied");
  return *loop_;
}

bool Trainer::prompted() const { return options_.input_strategy == "PromptedPrecomputedFeatures"; }

std::string Trainer::preset(const std::vector<std::string>& words) const {
  for (const std::string& word : words)
    if (word.starts_with("--exp-dir") || word.starts_with("--exp_dir") || word.starts_with("--manifest-dir") ||
        word.starts_with("--manifest_dir"))
      return "lifeiteng";
  return "";
}

void Trainer::apply_rule(train::RunOptions& run) const {
  train::OptimOptions& o = run.loop.optim;
  if (options_.optimizer_name) {
    const std::string& name = *options_.optimizer_name;
    o.kind = name == "ScaledAdam" ? "scaled_adam" : ascii_lower(name);
    o.beta2 = name == "Eve" ? 0.98 : 0.95;
    o.weight_decay = name == "AdamW" ? 1e-2 : name == "Eve" ? 1e-3 : 0.0;
  }
  if (options_.base_lr) o.lr = *options_.base_lr;
  if (options_.scheduler_name)
    run.loop.schedule.kind =
        *options_.scheduler_name == "Cosine" ? "warmup_cosine" : ascii_lower(*options_.scheduler_name);
  if (options_.warmup_steps) run.loop.schedule.warmup_steps = *options_.warmup_steps;
  if (const auto* config = dynamic_cast<const Config*>(run.config.get())) run.loop.schedule.width = config->decoder_dim;
}

void Trainer::apply_batches(train::RunOptions& run) const {
  batch::SamplerOptions& o = run.loop.batch;
  if (options_.max_duration) o.seconds = *options_.max_duration;
  if (options_.num_buckets) o.buckets = *options_.num_buckets;
  if (options_.buffer_size) o.buffer = *options_.buffer_size;
  if (options_.shuffle_buffer_size) o.shuffle_buffer = *options_.shuffle_buffer_size;
  if (options_.shuffle) o.shuffle = truth(options_.shuffle, true, "--shuffle");
  if (!truth(options_.bucketing_sampler, true, "--bucketing-sampler")) {  // the reference's SimpleCutSampler
    o.buckets = 0;
    o.quadratic_seconds = 0;
    o.drop_last = false;
  }
  if (options_.drop_last) o.drop_last = truth(options_.drop_last, true, "--drop-last");
}

void Trainer::apply_loop(train::RunOptions& run) const {
  train::TrainOptions& o = run.loop;
  if (options_.num_epochs) {
    o.max_epochs = static_cast<double>(*options_.num_epochs);
  }
  if (options_.accumulate_grad_steps) o.accumulate = *options_.accumulate_grad_steps;
  if (options_.valid_interval) o.valid_every_batches = *options_.valid_interval;
  if (options_.average_period) o.average_every_batches = *options_.average_period;
  if (options_.oom_check) o.probe = truth(options_.oom_check, true, "--oom-check");
  if (options_.world_size) run.ranks = *options_.world_size;
  const std::int64_t save = options_.save_every_n.value_or(10000);
  if (o.average_every_batches > save)
    throw UsageError(fmt::format("--average-period {} is longer than --save-every-n {}", o.average_every_batches, save),
                     "an average would be saved before it is one: choose a shorter period");
}

void Trainer::apply_dtype(train::RunOptions& run) const {
  if (!options_.dtype) return;
  const std::string& dtype = *options_.dtype;
  run.loop.precision = dtype == "bfloat16" || dtype == "bf16" ? "bf16" : "fp32";
  if (run.device == "cpu") {
    // The reference's autocast reaches GPUs alone: on a CPU it computes in 32 bits, whatever --dtype says.
    if (dtype == "float32" || (run.loop.precision == "bf16" && train::computes_bf16())) return;
    run.loop.precision = "fp32";
    log::note(fmt::format(
        "--dtype {}: this CPU does not compute it; training in float32, as the reference does on CPUs", dtype));
  } else if (dtype == "float16" || dtype == "fp16") {
    throw UsageError(fmt::format("--dtype {}: losses are not scaled for it here", dtype),
                     "give --dtype bfloat16, as the recipe does");
  }
}

void Trainer::refuse_what_is_not_there(const train::RunOptions& run) const {
  for (const auto& [text, flag] : {std::pair(&options_.visualize, "--visualize"),
                                   {&options_.tensorboard, "--tensorboard"},
                                   {&options_.return_cuts, "--return-cuts"}})
    truth(*text, false, flag);
  only_false(options_.concatenate_cuts, "--concatenate-cuts", "clips are never joined");
  only_false(options_.on_the_fly_feats, "--on-the-fly-feats", "VALL-E is trained on stored codes");
  only_false(options_.enable_spec_aug, "--enable-spec-aug", "codes have no spectrum to mask");
  if (options_.filter_min_duration > options_.filter_max_duration)
    throw UsageError(fmt::format("--filter-min-duration {} is above --filter-max-duration {}",
                                 options_.filter_min_duration, options_.filter_max_duration));
  if (!keeps_files() && (start_epoch() > 1 || start_batch() > 0))
    throw UsageError("--start-epoch and --start-batch go on from files of an --exp-dir",
                     "name it, or go on with a run of timbre's by --continue");
  const auto* config = dynamic_cast<const Config*>(run.config.get());
  if (config && config->prefix_mode == 4 && options_.train_stage != 1 && !prompted())
    throw UsageError("--prefix-mode 4 takes its prompts from neighbours of a clip",
                     "add --input-strategy PromptedPrecomputedFeatures");
  if (config && config->network() == Network::transformer && options_.train_stage != 0)
    throw UsageError(fmt::format("--train-stage {}: --model-name Transformer has no stages", options_.train_stage),
                     "leave --train-stage out");
  if (config && config->network() == Network::transformer && !run.corpus.empty())
    throw UsageError(
        "--model-name Transformer, the debug network, is trained on mels of 100 bins, not on codes",
        "leave --corpus out, and name by --manifest-dir a folder of cuts that the reference's tokenizer.py "
        "made with --audio-extractor Fbank");
}

/// Where heads are tables (--share-embedding), a pattern that names the head means the table: `nar_predict_layers`
/// unfreezes all of them, as it does in seed 001's fork, where both names are one tensor.
void Trainer::name_ties(train::RunOptions& run) const {
  const auto* config = dynamic_cast<const Config*>(run.config.get());
  if (!config) return;
  const std::vector<Slot> slots = layout(*config);
  for (const auto& [patterns, what] :
       {std::pair(&run.loop.optim.unfreeze, "learn"), {&run.loop.optim.freeze, "stay"}}) {
    std::vector<std::string> more;
    for (const Slot& slot : slots)
      for (const std::string& pattern : *patterns)
        if (!slot.tied_to.empty() && nn::matches(pattern, slot.name) &&
            std::find(patterns->begin(), patterns->end(), slot.tied_to) == patterns->end() &&
            std::find(more.begin(), more.end(), slot.tied_to) == more.end())
          more.push_back(slot.tied_to);
    if (more.empty()) continue;
    log::note(fmt::format("--share-embedding: {} {} too, under another name", fmt::join(more, ", "), what));
    patterns->insert(patterns->end(), more.begin(), more.end());
  }
}

void Trainer::apply(train::RunOptions& run) {
  refuse_what_is_not_there(run);
  name_ties(run);
  apply_rule(run);
  apply_batches(run);
  apply_loop(run);
  apply_dtype(run);
  run.own_data = run.corpus.empty();
  loop_ = &run.loop;
}

void Trainer::place(train::RunOptions& run) {
  if (!keeps_files() || !run.out.empty()) return;
  const std::string stage =
      options_.train_stage == 0 ? std::string("run") : fmt::format("run_stage{}", options_.train_stage);
  run.out = (exp_dir() / stage).string();
  // Going on from a file is another run in timbre's sense: the one before keeps its folder.
  if (start_epoch() > 1 || start_batch() > 0)
    for (int n = 2; fs::exists(fs::path(run.out) / "run.yaml"); ++n)
      run.out = (exp_dir() / fmt::format("{}_{}", stage, n)).string();
}

void trainer_defaults(train::TrainOptions& o, const std::string& preset) {
  o.optim.kind = "scaled_adam";
  o.optim.lr = 0.05;
  o.optim.beta2 = 0.95;
  o.optim.eps = 1e-8;
  o.optim.scaled.clipping_update_period = 1000;
  o.optim.clip_norm = 1.0;
  o.schedule.kind = "eden";
  o.schedule.counts = "batches";
  o.schedule.warmup_steps = 200;
  o.normalise = "sum";
  o.batch.seconds = 40;
  o.batch.quadratic_seconds = 10;
  o.batch.seed = 0;
  o.max_epochs = 20;
  o.valid_every_batches = 10000;
  o.log_every_steps = 100;
  o.seed = 42;
  if (preset == "small" || preset == "debug") o.log_every_steps = 10;
}

}  // namespace timbre::valle
