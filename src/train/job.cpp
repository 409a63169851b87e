#include "train/job.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "nn/init.h"
#include "nn/threads.h"
#include "train/parts.h"

namespace timbre::train {
namespace {

/// What may be changed when a run goes on: when it ends, what it reports and keeps. Everything else would make it
/// another run.
const std::set<std::string> kMayChange = {"max_steps",
                                          "max_epochs",
                                          "max_minutes",
                                          "patience",
                                          "keep",
                                          "log_every_steps",
                                          "save_every_steps",
                                          "save_every_minutes",
                                          "sample_every_steps",
                                          "valid_every_steps",
                                          "valid_at_epoch_end",
                                          "probe",
                                          "shard_optimiser",
                                          "continue",
                                          "from",
                                          "ranks",
                                          "model",
                                          "out",
                                          "base"};

/// The options that say when a run ends.
struct End {
  const char* name;
  void (*forget)(TrainOptions&);
};
constexpr End kEnds[] = {{"max_steps", [](TrainOptions& o) { o.max_steps = 0; }},
                         {"max_epochs", [](TrainOptions& o) { o.max_epochs = 0; }},
                         {"max_minutes", [](TrainOptions& o) { o.max_minutes = 0; }}};

/// Where any end is given, those from further out (run file, preset) no longer count: `--max-steps 5000` means 5,000
/// steps, also where the preset ends after 60 epochs. Several ends from one place: whichever comes first.
bool keep_given_ends(TrainOptions& o, const std::function<bool(const char*)>& given) {
  if (std::none_of(std::begin(kEnds), std::end(kEnds), [&](const End& end) { return given(end.name); })) return false;
  for (const End& end : kEnds)
    if (!given(end.name)) end.forget(o);
  return true;
}

/// A run that was prolonged and then stopped goes on to the end it was given last, not to that of its run file.
void keep_last_ends(const nlohmann::json& state, config::Fields& fields) {
  const auto options = state.find("options");
  if (options == state.end()) return;
  for (const End& end : kEnds)
    if (options->contains(end.name)) fields.find(end.name)->assign(options->at(end.name).dump(), "state.json");
}

bool is_run_file(const std::string& word) {
  return word.ends_with(".yaml") || word.ends_with(".yml") || word.ends_with(".json");
}

/// A run file's text; another trainer's settings are put into our words.
std::string run_file_text(const std::string& file, const Registry& registry) {
  std::string text = read_file(file);
  if (!file.ends_with(".json")) return text;
  for (const Registry::RunFile& translate : registry.run_files())
    if (auto ours = translate(text, file)) return *ours;
  throw DataError(fmt::format("{}: no settings of a trainer that is known here", file),
                  "a run file is YAML (recipes/), or config_speed.json as Llasa's speed trainer reads it");
}

/// A continued run has its own run file; another one beside it would be a guess between two acts.
void refuse_run_file(const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (is_run_file(word))
      throw UsageError("both a run file and --continue were given",
                       "leave the run file out: a continued run has its own");
}

/// One process at a time in a run folder.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) {
    make_folders(folder);
    fd_ = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0)
      throw SystemError(fmt::format("cannot write in {}: {}", folder.string(), std::strerror(errno)),
                        "choose a folder you may write to with --out");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0)
      throw SystemError(fmt::format("another process is training in {}", folder.string()),
                        "wait for it, or choose another folder with --out");
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

std::string default_folder(const RunOptions& o) {
  char stamp[32];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  return fmt::format("runs/{}{}{}-{}", o.model, o.preset.empty() ? "" : "-", o.preset, stamp);
}

void check_continued(const RunOptions& o, const config::Fields& fields) {
  const nlohmann::json was = nlohmann::json::parse(o.continued_values);
  // Minutes became a number of steps when the run began; the same minutes again change nothing.
  if (o.loop.max_minutes > 0 && (o.loop.max_minutes != was.at("max_minutes") ||
                                 o.loop.max_steps != was.at("max_steps") || o.loop.max_epochs != was.at("max_epochs")))
    throw UsageError("--max-minutes counts from the start of a run and cannot be given when it is continued",
                     "say where it shall end with --max-steps or --max-epochs");
  const nlohmann::json flat_was = was.flatten(), flat_now = config::to_json(fields).flatten();
  for (const auto& [key, value] : flat_now.items()) {
    std::string name = key.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    if (kMayChange.contains(name.substr(0, name.find('.'))) || (flat_was.contains(key) && flat_was[key] == value))
      continue;
    throw UsageError(fmt::format("'{}' cannot be changed when a run is continued (it is {} there, not {})", name,
                                 flat_was.contains(key) ? flat_was[key].dump() : "absent", value.dump()),
                     fmt::format("leave it out, or start a new run from these weights: timbre train {} --base {} …",
                                 o.model, o.continue_run));
  }
}

/// The checkpoint a run goes on from; none when it was killed before its first.
std::optional<Checkpoint> find_checkpoint(const RunOptions& o) {
  const fs::path folder = fs::path(o.continue_run) / "checkpoints";
  remove_leftovers(folder);
  if (!o.from.empty()) return load_checkpoint(folder / o.from);
  const auto list = list_checkpoints(folder);
  if (list.empty()) return std::nullopt;
  return load_checkpoint(list.back().second);
}

void say_base(const Base& base, const StartReport& report, RunLog& log) {
  const double all = static_cast<double>(report.kept_values + report.new_values);
  const std::string head =
      fmt::format("from {}: {} of {} tensors kept ({:.1f} % of the values), {} new", base.source.string(),
                  report.kept_tensors, report.kept_tensors + report.new_tensors,
                  100.0 * static_cast<double>(report.kept_values) / std::max(all, 1.0), report.new_tensors);
  log::note(head);
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < report.lines.size() && (i < kShown || log::level() >= log::Level::verbose); ++i)
    log::note("  " + report.lines[i]);
  if (report.lines.size() > kShown && log::level() < log::Level::verbose)
    log::note(fmt::format("  … {} more lines with -v", report.lines.size() - kShown));
  log.event("base", 0,
            {{"source", base.source.string()},
             {"text", head},
             {"lines", report.lines},
             {"kept_tensors", report.kept_tensors},
             {"new_tensors", report.new_tensors}});
}

/// Training takes and gives back the same large arrays every step. Given back to the system, each would come back as
/// fresh pages to be cleared: 6 % of the time of a step (measured, one thread, the small preset).
void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  ::mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void check_corpus(const RunOptions& o, const Registry& registry) {
  const bool wanted = !const_cast<Registry&>(registry).roles().model(o.model).own_data && !o.own_data;
  if (wanted && o.corpus.empty()) throw UsageError("no corpus was given", "--corpus FOLDER");
  if (!wanted && !o.own_data && !o.corpus.empty())
    throw UsageError(fmt::format("{} has data of its own and takes no corpus", o.model), "leave --corpus out");
}

nlohmann::json provenance_of(const RunOptions& o) {
  nlohmann::json p{{"run", fs::absolute(o.out).lexically_normal().filename().string()}, {"preset", o.preset}};
  if (!o.corpus.empty()) p["corpus"] = o.corpus;
  if (!o.base.empty()) p["base"] = o.base;
  return p;
}

/// Learning by heart needs far more passes than the preset's end, and no look at the losses after every one of them.
/// What was given stays.
void set_overfit_defaults(RunOptions& o, const std::function<bool(const char*)>& given) {
  constexpr std::int64_t kSteps = 3000, kValidEvery = 50;
  if (std::none_of(std::begin(kEnds), std::end(kEnds), [&](const End& end) { return given(end.name); })) {
    for (const End& end : kEnds) end.forget(o.loop);
    o.loop.max_steps = kSteps;
    o.stop_when_memorised = true;
  }
  if (!given("valid_every_steps")) o.loop.valid_every_steps = kValidEvery;
  if (!given("valid_at_epoch_end")) o.loop.valid_at_epoch_end = false;
}

/// The loop's options with parts of the model turned into its parameters' names.
TrainOptions with_parts(const RunOptions& o, const Registry& registry, const nn::Module& model) {
  std::vector<std::string> names;
  const std::vector<nn::Named> parameters = model.named_parameters();
  for (const nn::Named& named : parameters) names.push_back(named.name);
  TrainOptions options = o.loop;
  options.optim = resolve_parts(o.loop.optim, const_cast<Registry&>(registry).roles().model(o.model).parts, names);
  return options;
}

void start_from_base(const RunOptions& o, Recipe& recipe, bool first, const fs::path& run, const EventSink& screen) {
  const Base base = open_base(o.base);
  const StartReport report = recipe.start_from(base);
  RunLog log(run, 0, screen);
  if (first) say_base(base, report, log);
}

/// What a base says of itself: our own folders in their voice.json, others as the model's recipe reads them.
nlohmann::json about_of_base(const fs::path& base, const Registry::Entry& entry) {
  if (entry.about_base)
    if (nlohmann::json about = entry.about_base(base); about.is_object()) return about;
  return open_base(base).about;
}

/// The reference's own flags, in our words.
void obey_trainer(RunOptions& o, bool continuing) {
  if (!o.trainer) return;
  o.trainer->apply(o);
  if (!continuing) o.trainer->place(o);
}

/// As many as before where the run goes on with as many ranks: then it does so bit by bit.
void set_threads(const std::optional<Checkpoint>& resume, const Ranks& ranks) {
  const int now = thread_count(), before = resume ? resume->state.value("threads", now) : now;
  if (before != now && resume->state.value("world", 1) == ranks.world()) {
    log::note(fmt::format("using {} threads as before (not {}), so that the run goes on bit by bit", before, now));
    set_thread_count(before);
  }
  at::set_num_threads(thread_count());
}

int exit_code(const Outcome& outcome) {
  if (outcome.signal != 0) return 128 + outcome.signal;
  return outcome.overfit && !outcome.overfit->pass() ? 1 : 0;
}

}  // namespace

config::Fields fields(RunOptions& o) {
  config::Fields f;
  f.add("model", o.model, "a model, or a run file (RUN.yaml)").positional().metavar("MODEL|RUN.yaml");
  f.add("preset", o.preset, "sizes and settings to start from; the model's first when not given");
  f.add("corpus", o.corpus, "the prepared corpus").metavar("FOLDER");
  f.add("out", o.out, "run folder to make; default runs/MODEL-PRESET-TIME").metavar("FOLDER");
  f.add("base", o.base, "new run from these weights: a voice, a run, a checkpoint or a weights file")
      .alias("restore_path")
      .metavar("VOICE|FILE");
  f.add("continue", o.continue_run, "the same run goes on: everything is restored")
      .alias("continue_path")
      .metavar("RUN");
  f.add("from", o.from, "with --continue: this checkpoint instead of the last").metavar("step_…");
  f.add("device", o.device, "where to compute").choices({"cpu", "cuda"});
  f.add("ranks", o.ranks, "processes that share the work on this machine").range(1, 1024);
  f.group("", fields(o.loop));
  return f;
}

void extend_fields(RunOptions& o, config::Fields& all, const std::vector<std::string>& words,
                   const Registry& registry) {
  const auto word = [&](const char* name) { return config::peek_flag(all, words, name).value_or(""); };
  std::string model = word("model"), file;
  const std::string continued = word("continue");
  if (!continued.empty())
    file = (fs::path(continued) / "run.yaml").string();
  else if (is_run_file(model))
    file = model;
  std::string text;
  if (!file.empty()) {
    if (!continued.empty() && !fs::exists(file))
      throw DataError(fmt::format("{} is not a run folder: it has no run.yaml", continued),
                      "give the folder that `timbre train` made");
    text = run_file_text(file, registry);
    model = config::peek_yaml(text, "model", file).value_or("");
    if (model.empty())
      throw DataError(fmt::format("{}: key 'model' is missing", file),
                      fmt::format("add a line such as 'model: {}'",
                                  registry.recipes().empty() ? "…" : registry.recipes().begin()->first));
  }
  if (model.empty()) return;
  const Registry::Entry& entry = registry.recipe(model);
  const roles::ModelSpec& spec = const_cast<Registry&>(registry).roles().model(model);
  std::string preset = word("preset");
  if (preset.empty() && !text.empty()) preset = config::peek_yaml(text, "preset", file).value_or("");
  o.trainer = entry.trainer ? entry.trainer() : nullptr;
  if (preset.empty() && o.trainer) preset = o.trainer->preset(words);
  if (preset.empty() && !spec.presets.empty()) preset = spec.presets.front().name;
  o.config = spec.config_of(preset);
  if (entry.defaults) entry.defaults(o.loop, preset.substr(0, preset.find(',')));
  // The list is made anew, since defaults are taken when a field is added.
  const auto listed = [&] {
    config::Fields list = fields(o);
    if (!spec.parts.empty())
      list.group("lr", part_fields(o.loop.optim, spec.parts),
                 "Learning rate of a part; where two match, the first counts");
    list.group("", o.config->fields(), "Model");
    if (o.trainer) list.group("", o.trainer->fields(), entry.trainer_title);
    return list;
  };
  config::Fields fresh = listed();
  std::string base = word("base");
  if (base.empty() && !text.empty()) base = config::peek_yaml(text, "base", file).value_or("");
  if (!base.empty() && continued.empty()) {
    const nlohmann::json about = about_of_base(base, entry);
    if (about.is_object() && about.contains("model") && about["model"].value("kind", "") == model &&
        about["model"].contains("config")) {
      config::Fields own = o.config->fields();
      auto values = about["model"]["config"];
      values.erase("split");  // who was held out belongs to the old corpus, not to the model
      config::from_json(own, values, base + " (model.config)");
      fresh = listed();
    }
  }
  if (!text.empty()) {
    config::read_yaml(fresh, text, file);
    if (continued.empty()) keep_given_ends(o.loop, [&](const char* name) { return fresh.find(name)->given(); });
  }
  if (config::Field* field = fresh.find("preset")) field->assign(preset, "--preset");
  if (!continued.empty()) o.continued_values = config::to_json(fresh).dump();
  o.end_given =
      keep_given_ends(o.loop, [&](const char* name) { return config::peek_flag(fresh, words, name).has_value(); });
  const auto utterances = config::peek_flag(fresh, words, "overfit");
  if (continued.empty() && (utterances ? *utterances != "0" : o.loop.overfit > 0))
    set_overfit_defaults(o, [&](const char* name) {
      return fresh.find(name)->given() || config::peek_flag(fresh, words, name).has_value();
    });
  all = std::move(fresh);
}

at::Device open_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const int count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (count <= 0)
    throw SystemError(at::hasCUDA() ? "--device cuda: no usable NVIDIA GPU was found"
                                    : "--device cuda: this LibTorch was built for CPUs only",
                      at::hasCUDA() ? "check nvidia-smi, or use --device cpu"
                                    : "build against a CUDA wheel of torch (TIMBRE_TORCH_DIR), or use --device cpu");
  const char* local = std::getenv("LOCAL_RANK");
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(local ? std::atoi(local) % count : 0));
}

bool computes_bf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

void require_precision(const std::string& precision, const at::Device& device) {
  if (precision == "fp32" || device.is_cuda() || computes_bf16()) return;
  throw SystemError("--precision " + precision +
                        ": this CPU has neither AVX512-BF16 nor AMX; imitated, it is 1.5 to 2.6 times slower than fp32",
                    "leave --precision at fp32");
}

std::string list_models(const Registry& registry) {
  std::string text;
  for (const auto& [name, entry] : registry.recipes()) {
    const roles::ModelSpec& spec = const_cast<Registry&>(registry).roles().model(name);
    std::string presets;
    for (const roles::Preset& preset : spec.presets) presets += (presets.empty() ? "" : ", ") + preset.name;
    text += fmt::format("  {:<14} {}{}\n", name, spec.summary,
                        presets.empty() ? "" : fmt::format(" (presets: {})", presets));
  }
  return text;
}

int run_job(RunOptions& o, config::Fields& all_fields, const Registry& registry, const std::vector<std::string>& words,
            bool dry_run, const EventSink& events, Outcome* outcome) {
  const bool continuing = !o.continue_run.empty();
  if (!o.config)
    throw UsageError("no model was named",
                     fmt::format("timbre train MODEL --corpus FOLDER; models:\n{}", list_models(registry)));
  if (continuing) refuse_run_file(words);
  // On the command line the run file stood where a model's name may stand; from here on only the name counts.
  if (is_run_file(o.model))
    o.model = config::peek_yaml(run_file_text(o.model, registry), "model", o.model).value_or("");
  if (continuing) check_continued(o, all_fields);
  obey_trainer(o, continuing);
  if (!o.from.empty() && !continuing)
    throw UsageError("--from goes with --continue", "use --base to start a new run from a checkpoint");
  if (!continuing) check_corpus(o, registry);
  const std::vector<std::string> problems = o.config->problems();
  if (!problems.empty()) throw UsageError(join(problems, "\n"));
  const at::Device device = open_device(o.device);
  require_precision(o.loop.precision, device);
  if (o.ranks > 1 && !is_rank()) return launch_ranks(static_cast<int>(o.ranks), words);
  const Ranks ranks;
  if (continuing) o.out = o.continue_run;
  if (o.out.empty()) o.out = default_folder(o);
  o.out = ranks.texts(o.out).front();  // the name holds the time, and rank 0's counts
  const fs::path run = o.out;
  std::optional<FolderLock> lock;
  std::optional<Checkpoint> resume;
  if (!continuing && fs::exists(run / "run.yaml"))
    throw UsageError(
        fmt::format("{} is a run already", run.string()),
        fmt::format("go on with it: timbre train --continue {}; or choose another folder with --out", run.string()));
  if (ranks.first() && !dry_run) lock.emplace(run);
  if (continuing) resume = find_checkpoint(o);
  if (resume && !o.end_given) keep_last_ends(resume->state, all_fields);
  keep_freed_memory();
  set_threads(resume, ranks);

  const std::unique_ptr<Recipe> recipe = registry.recipe(o.model).make(*o.config);
  const EventSink screen = ranks.first() ? events : no_events();
  {
    const nn::InitSeed seed(static_cast<std::uint64_t>(o.loop.seed));
    recipe->open({.corpus = o.corpus,
                  .seed = static_cast<std::uint64_t>(o.loop.seed),
                  .device = device,
                  .rank = ranks.rank(),
                  .world = ranks.world(),
                  .overfit_items = o.loop.overfit,
                  .continued = resume ? resume->state.value("about", nlohmann::json()) : nlohmann::json(),
                  .events = screen,
                  .run = dry_run ? fs::path() : run,
                  .trainer = o.trainer.get()});
  }
  if (!o.base.empty() && !resume)
    start_from_base(o, *recipe, ranks.first(), ranks.first() && !dry_run ? run : fs::path(), screen);
  recipe->model().to(device);
  log::detail(fmt::format("matrix products: {}; {} threads", nn::matrix_kernels(), thread_count()));
  nlohmann::json resolved = config::to_json(all_fields);
  const TrainOptions loop = with_parts(o, registry, recipe->model());
  // Not before all options are known to fit: a folder with a run file is a run, and the same command is typed again.
  if (!continuing && !dry_run && ranks.first()) write_file_atomic(run / "run.yaml", config::to_yaml(all_fields, true));
  Job job{.recipe = *recipe,
          .options = loop,
          .ranks = ranks,
          .run = run,
          .device = device,
          .resolved = resolved,
          .provenance = provenance_of(o),
          .resume = std::move(resume),
          .dry_run = dry_run,
          .stop_when_memorised = o.stop_when_memorised,
          .events = screen};
  *outcome = train(job);
  return exit_code(*outcome);
}

}  // namespace timbre::train
