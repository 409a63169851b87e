#include "models/valle/recipe_files.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "models/valle/layout.h"
#include "train/forecast.h"
#include "weights/torch_file.h"

namespace timbre::valle {

using weights::Value;

namespace {

fs::path tensorboard_folder(const fs::path& dir, std::int64_t stage) {
  return dir / (stage == 0 ? std::string("tensorboard") : fmt::format("tensorboard_stage{}", stage));
}

std::int64_t integer(const Checkpoint& from, const char* key, std::int64_t otherwise) {
  const Value* value = from.parameter(key);
  return value && value->kind() == Value::Kind::integer ? value->as_int() : otherwise;
}

double real(const Checkpoint& from, const char* key, double otherwise) {
  const Value* value = from.parameter(key);
  return value && (value->kind() == Value::Kind::real || value->kind() == Value::Kind::integer) ? value->as_real()
                                                                                                : otherwise;
}

}  // namespace

TrainerFiles::TrainerFiles(const Trainer& trainer, const Config& config, nn::Module& model, bool first,
                           double bigram_top10)
    : trainer_(trainer),
      loop_(trainer.loop()),
      config_(config),
      model_(model),
      first_(first),
      bigram_top10_(bigram_top10),
      dir_(trainer.exp_dir()) {
  constexpr std::int64_t kResetInterval = 200;
  books_ = std::make_unique<Books>(trainer.options().log_interval, kResetInterval,
                                   Books::Sinks{[this](const std::string& text) { line(text); },
                                                [this](const std::string& tag, double value, std::int64_t batch) {
                                                  if (board_) board_->scalar(tag, value, batch);
                                                }});
}

void TrainerFiles::open_log() {
  if (!first_ || log_.is_open()) return;
  make_folders(dir_ / "log");
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  log_.open(dir_ / "log" / fmt::format("log-train-{:%Y-%m-%d-%H-%M-%S}", now), std::ios::app);
  if (!log_) throw SystemError(fmt::format("cannot write in {}", (dir_ / "log").string()), "choose another --exp-dir");
  if (trainer_.tensorboard()) {
    const fs::path folder = tensorboard_folder(dir_, trainer_.options().train_stage);
    make_folders(folder);
    board_ = std::make_unique<train::TensorBoard>(folder, 0);
  }
  std::string text;
  for (const Slot& slot : layout(config_)) text += fmt::format("{} [{}]\n", slot.name, fmt::join(slot.shape, ", "));
  write_file_atomic(dir_ / "model.txt", text);
  line("Training started");
  line(fmt::format("Number of model parameters: {}", model_.parameter_count()));
  if (bigram_top10_ > 0) line(fmt::format("bigram_top10={:.4g} over the validation frames", bigram_top10_));
}

void TrainerFiles::line(const std::string& text) {
  if (!log_.is_open()) return;
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  log_ << fmt::format("{:%Y-%m-%d %H:%M:%S} INFO {}\n", now, text);
  log_.flush();
}

void TrainerFiles::load_weights() {
  const std::int64_t batch = trainer_.start_batch(), epoch = trainer_.start_epoch();
  open_log();
  if (batch <= 0 && epoch <= 1) return;
  const fs::path file =
      dir_ / (batch > 0 ? fmt::format("checkpoint-{}.pt", batch) : fmt::format("epoch-{}.pt", epoch - 1));
  if (!fs::exists(file))
    throw UsageError(
        fmt::format("{} is not there: --start-{} {} goes on from it", file.string(), batch > 0 ? "batch" : "epoch",
                    batch > 0 ? batch : epoch),
        fmt::format("copy the file to go on from to that name, as the recipe does with best-valid-loss.pt, "
                    "or leave --start-{} out",
                    batch > 0 ? "batch" : "epoch"));
  from_ = read_checkpoint(file, {.strict = false});
  std::vector<std::string> notes = from_->notes;
  load_network(model_, config_, *from_, file.string(), notes);
  const std::int64_t saved_stage = integer(*from_, "train_stage", 0), stage = trainer_.options().train_stage;
  resumption_ = resume(saved_stage, stage, epoch, batch, integer(*from_, "batch_idx_train", 0),
                       integer(*from_, "cur_epoch", epoch - 1));
  line(fmt::format("Loading checkpoint from {}", file.string()));
  if (saved_stage != stage) {
    back_up_best(saved_stage);
    log::note(fmt::format("{} is of stage {}: stage {} starts from its weights at epoch {}, with a new optimiser",
                          file.string(), saved_stage, stage, resumption_.start_epoch));
  }
  if (resumption_.books_kept)
    books_->best = {real(*from_, "best_train_loss", books_->best.train_loss),
                    real(*from_, "best_valid_loss", books_->best.valid_loss), integer(*from_, "best_train_epoch", -1),
                    integer(*from_, "best_valid_epoch", -1)};
  for (const std::string& note : notes) log::note(note);
}

/// The epochs' files stay, unlike the run's own checkpoints: 2.7 GB each at the recipe's size.
void TrainerFiles::require_room() const {
  if (!first_ || loop_.max_epochs <= 0) return;
  double weights = 0, trained = 0;
  for (const nn::Named& named : model_.named_state()) weights += static_cast<double>(named.tensor.nbytes());
  for (const nn::Named& named : model_.named_parameters())
    if (named.tensor.requires_grad()) trained += static_cast<double>(named.tensor.nbytes());
  const double file = weights * (loop_.average_every_batches > 0 ? 2 : 1) + 2 * trained;
  constexpr double kBest = 2;  // best-train-loss.pt, best-valid-loss.pt
  const double files = std::max(0.0, loop_.max_epochs - static_cast<double>(resumption_.start_epoch) + 1) + kBest;
  const auto free = static_cast<double>(free_disk_bytes(dir_));
  if (file * files <= free) return;
  throw SystemError(fmt::format("{} will get {:.0f} files of {:.1f} GB, and {:.1f} GB are free there", dir_.string(),
                                files, file / 1e9, free / 1e9),
                    "name an --exp-dir with more room, or fewer --num-epochs");
}

void TrainerFiles::back_up_best(std::int64_t saved_stage) const {
  if (!first_) return;
  for (const char* which : {"train", "valid"}) {
    const fs::path best = dir_ / fmt::format("best-{}-loss.pt", which);
    if (fs::exists(best))
      fs::copy_file(best, dir_ / fmt::format("best-{}-loss-stage{}.pt", which, saved_stage),
                    fs::copy_options::overwrite_existing);
  }
}

train::Beginning TrainerFiles::begin(train::Optimiser& optimiser) {
  open_log();
  require_room();
  train::Beginning begun;
  if (!from_) return begun;
  const std::string where = "the file that the run goes on from";
  begun.batches = saved_ = resumption_.batch_idx_train;  // the file that it goes on from is that batch's checkpoint
  begun.epoch = resumption_.start_epoch - 1;
  if (resumption_.optimizer_kept && from_->optimizer.is_dict()) {
    optimiser.load_torch(from_->optimizer, optimiser_names(config_, trainer_.options().train_stage), where);
    begun.step = optimiser.steps();
  }
  if (resumption_.scheduler_kept) begun.base_lr = base_lr_of(from_->scheduler);
  if (begun.base_lr && *begun.base_lr != loop_.optim.lr) {
    const std::string text = fmt::format(
        "--base-lr {:g} does not count: the schedule goes on with {:g}, as the file has it (so does the "
        "reference's). A new rate needs a new run: --base FILE",
        loop_.optim.lr, *begun.base_lr);
    log::note(text);
    line(text);
  }
  if (loop_.average_every_batches > 0 && !from_->model_avg.empty())
    begun.average = without_ties(config_, from_->model_avg);
  from_.reset();
  return begun;
}

void TrainerFiles::batch_done(const Report& report) {
  if (report.batch_of_epoch == 1 && board_)
    board_->scalar("train/epoch", static_cast<double>(report.info.epoch + 1), report.info.batch - 1);
  books_->batch_done(report);
}

void TrainerFiles::set_run_parameters(Value& p, const State& state, std::int64_t epoch) const {
  const TrainerOptions& t = trainer_.options();
  p.put("best_train_loss", books_->best.train_loss);
  p.put("best_valid_loss", books_->best.valid_loss);
  p.put("best_train_epoch", books_->best.train_epoch);
  p.put("best_valid_epoch", books_->best.valid_epoch);
  p.put("batch_idx_train", state.info.batch);
  p.put("log_interval", t.log_interval);
  p.put("reset_interval", 200);
  p.put("valid_interval", loop_.valid_every_batches);
  p.put("world_size", t.world_size.value_or(1));
  p.put("num_epochs", static_cast<std::int64_t>(std::llround(loop_.max_epochs)));
  p.put("start_epoch", trainer_.start_epoch());
  p.put("start_batch", trainer_.start_batch());
  p.put("exp_dir", dir_.string());
  p.put("optimizer_name", loop_.optim.kind == "scaled_adam" ? "ScaledAdam"
                          : loop_.optim.kind == "eve"       ? "Eve"
                          : loop_.optim.kind == "adamw"     ? "AdamW"
                                                            : "Adam");
  p.put("scheduler_name", loop_.schedule.kind == "eden" ? "Eden" : loop_.schedule.kind == "noam" ? "Noam" : "Cosine");
  p.put("base_lr", state.base_lr);
  p.put("warmup_steps", loop_.schedule.warmup_steps);
  p.put("seed", loop_.seed);
  p.put("inf_check", loop_.inf_check);
  p.put("save_every_n", t.save_every_n.value_or(10000));
  p.put("keep_last_k", t.keep_last_k.value_or(20));
  p.put("average_period", loop_.average_every_batches);
  p.put("accumulate_grad_steps", loop_.accumulate);
  p.put("dtype", loop_.precision == "bf16" ? "bfloat16" : "float32");
  p.put("filter_min_duration", t.filter_min_duration);
  p.put("filter_max_duration", t.filter_max_duration);
  p.put("train_stage", t.train_stage);
  p.put("visualize", trainer_.visualizes());
  p.put("oom_check", loop_.probe);
  p.put("manifest_dir", trainer_.manifest_dir().string());
  p.put("max_duration", loop_.batch.seconds);
  p.put("num_buckets", loop_.batch.buckets);
  p.put("dataset", t.dataset.value_or("libritts"));
  p.put("input_strategy", t.input_strategy.value_or("PrecomputedFeatures"));
  p.put("text_tokens", trainer_.text_tokens().string());
  p.put("sampling_rate", t.sampling_rate.value_or(24000));
  p.put("cur_epoch", epoch);
  if (std::isfinite(books_->train_loss())) p.put("train_loss", books_->train_loss());
  set_parameters(p, config_);
}

Checkpoint TrainerFiles::checkpoint(const State& state, std::int64_t epoch) const {
  Checkpoint made;
  made.config = config_;
  made.model = with_ties(config_, model_.state_dict());
  if (state.average) {
    weights::TensorMap average;
    for (const auto& [name, tensor] : state.average->state())
      average.insert(name, tensor.dtype == weights::DType::f64
                               ? weights::Tensor::of<float>(tensor.shape, tensor.to_f32())
                               : tensor);
    made.model_avg = with_ties(config_, average);
  }
  const bool with_base = loop_.schedule.kind == "eden";
  made.optimizer = state.optimiser.torch_state(optimiser_names(config_, trainer_.options().train_stage), state.lr,
                                               with_base ? std::optional(state.base_lr) : std::nullopt);
  made.scheduler = scheduler_state(loop_.schedule, state, loop_.accumulate);
  made.grad_scaler = Value::dict();
  set_run_parameters(made.parameters, state, epoch);
  return made;
}

void TrainerFiles::stepped(const State& state) {
  const std::int64_t every = trainer_.options().save_every_n.value_or(10000), due = state.info.batch / every;
  if (due == 0 || due == saved_ / every) return;
  saved_ = state.info.batch;
  const fs::path file = dir_ / fmt::format("checkpoint-{}.pt", state.info.batch);
  line(fmt::format("Saving checkpoint to {}", file.string()));
  write_checkpoint(file, checkpoint(state, state.info.epoch + 1));
  remove_old_checkpoints();
}

void TrainerFiles::remove_old_checkpoints() const {
  std::vector<std::pair<long long, fs::path>> all;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    long long batch = 0;
    int used = 0;
    const std::string name = entry.path().filename().string();
    if (std::sscanf(name.c_str(), "checkpoint-%lld.pt%n", &batch, &used) == 1 && used == static_cast<int>(name.size()))
      all.emplace_back(batch, entry.path());
  }
  std::sort(all.begin(), all.end());
  const auto keep = static_cast<std::size_t>(trainer_.options().keep_last_k.value_or(20));
  std::error_code code;
  for (std::size_t i = 0; i + keep < all.size(); ++i) fs::remove(all[i].second, code);
}

void TrainerFiles::validated(const State& state, const std::map<std::string, double>& means,
                             const std::map<std::string, double>& counts) {
  const double frames = counts.at("loss");
  Totals valid;
  valid.add("frames", frames);
  for (const char* name : {"loss", "ArTop10Accuracy", "NarTop10Accuracy", "bigram_top10", "stop_loss", "stop_accuracy"})
    if (const auto found = means.find(name); found != means.end()) valid.add(name, found->second * frames);
  books_->validation_begins();
  books_->validated(state.info.epoch + 1, state.info.batch, valid,
                    static_cast<std::int64_t>(train::peak_resident_bytes() / 1e6));
  if (board_) board_->flush();
  if (!trainer_.visualizes() || !pictures_) return;
  const fs::path folder = dir_ / "eval" / fmt::format("step-{:06d}", state.info.batch);
  make_folders(folder);
  const Pictures pictures = pictures_();
  for (const auto& [name, png] : pictures)
    write_file_atomic(folder / (name + ".png"), std::string(png.begin(), png.end()));
}

void TrainerFiles::epoch_ended(const State& state) {
  const std::int64_t epoch = state.info.epoch + 1;
  books_->epoch_ended(epoch);
  const fs::path file = dir_ / fmt::format("epoch-{}.pt", epoch);
  line(fmt::format("Saving checkpoint to {}", file.string()));
  write_checkpoint(file, checkpoint(state, epoch));
  const auto copy = [&](std::int64_t best, const char* name) {
    if (best == epoch) fs::copy_file(file, dir_ / name, fs::copy_options::overwrite_existing);
  };
  copy(books_->best.train_epoch, "best-train-loss.pt");
  copy(books_->best.valid_epoch, "best-valid-loss.pt");
  if (board_) board_->flush();
}

nlohmann::json TrainerFiles::state() const { return {{"books", books_->state()}, {"saved", saved_}}; }

void TrainerFiles::load_state(const nlohmann::json& state) {
  books_->load_state(state.at("books"));
  saved_ = state.at("saved");
}

}  // namespace timbre::valle
