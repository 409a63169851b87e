#include "prepare/run.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/recipe_data.h"
#include "cli/verb.h"
#include "prepare/aligner_column.h"
#include "prepare/codecs.h"
#include "prepare/corpus_languages.h"
#include "prepare/lhotse_codes.h"
#include "prepare/ming024_columns.h"
#include "prepare/run_file.h"
#include "prepare/speaker_vectors.h"
#include "prepare/teacher.h"
#include "roles/registry.h"

namespace timbre::cli {
namespace {

struct PrepareVerb {
  std::string corpus, model, preset, base, only, from_ming024, from_torphix, take_aligner, shard = "0/1";
  std::string codec, from_lhotse, mels_of;  // without --for
  double bandwidth_kbps = 0;
  std::int64_t codebooks = 0;
  std::int64_t stage = 0, stop_stage = -1;
  bool redo = false, compact = false;
  prepare::ValleOptions recipe;                // of --recipe, which is a verb of its own
  prepare::LlasaOptions llasa;                 // the same, of Llasa's recipes
  std::unique_ptr<roles::ModelConfig> config;  // of the model named by --for
  const roles::ModelSpec* spec = nullptr;
  roles::Registry registry;
};

config::Fields fields(PrepareVerb& o) {
  config::Fields f;
  f.add("corpus", o.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.add("for", o.model, "a model, or the run file that will be trained").metavar("MODEL|RUN.yaml");
  f.add("recipe", o.recipe.recipe,
        "instead of columns, the manifests, tokens and cuts of a VALL-E recipe (baker, libritts, aishell, ljspeech, "
        "custom), or Llasa's rows (llasa-speed, llasa): timbre prepare --recipe NAME --help")
      .metavar("NAME");
  f.add("preset", o.preset, "preset of the model").metavar("NAME");
  f.add("base", o.base, "voice or run that training will start from: its options are the defaults").metavar("VOICE");
  f.add("only", o.only, "one stage alone").metavar("STAGE");
  f.add("stage", o.stage, "first stage to run, by number").range(0, 99).metavar("N");
  f.add("stop_stage", o.stop_stage, "last stage to run, by number; -1 = all").range(-1, 99).metavar("M");
  f.add("shard", o.shard, "worker I of N: makes every N-th utterance").metavar("I/N");
  f.add("from_ming024", o.from_ming024,
        "take the columns from a data folder of ming024/FastSpeech2 (preprocessed_path) instead of making them")
      .metavar("DIR");
  f.add("from_torphix", o.from_torphix, "the same from processed_dataset of torphix/fastspeech2-TTS").metavar("DIR");
  f.add("take_aligner", o.take_aligner,
        "align with the aligner of another prepared corpus, which may be larger, instead of training one")
      .metavar("CORPUS");
  f.add("redo", o.redo, "make the columns anew even when they are fresh");
  f.add("compact", o.compact, "afterwards, merge what many shards and interruptions left into few files");
  return f;
}

// A voice to start from decides the options of its model, as it does in training.
void take_base(const std::string& base, const std::string& model, config::Fields& own) {
  if (!fs::exists(base))
    throw UsageError(fmt::format("--base {}: there is no such file or folder", base), "give a voice or run folder");
  if (!fs::is_directory(base)) return;  // a foreign checkpoint says nothing about columns
  nlohmann::json about;
  for (const char* inside : {"voice.json", "voice/voice.json", "state.json"}) {  // of a voice, a run, a checkpoint
    if (!fs::exists(fs::path(base) / inside)) continue;
    about = nlohmann::json::parse(read_file(fs::path(base) / inside), nullptr, false);
    if (std::string_view(inside) == "state.json" && about.is_object())
      about = about.value("about", nlohmann::json::object());
    break;
  }
  if (!about.is_object() || !about.contains("model") || about["model"].value("kind", "") != model ||
      !about["model"].contains("config"))
    return;
  config::from_json(own, about["model"]["config"], base + " (model.config)");
}

// The model's own options join ours; a run file gives their values, flags then override them.
void extend(PrepareVerb& o, config::Fields& f, const std::vector<std::string>& words) {
  if (const auto recipe = config::peek_flag(f, words, "recipe")) {
    f.list().clear();
    f.group("", recipe->starts_with("llasa") ? recipe_fields(o.llasa) : recipe_fields(o.recipe));
    return;
  }
  const auto wanted = config::peek_flag(f, words, "for");
  if (!wanted) {  // a model that eats codes says itself of which codec
    config::Fields codes;
    codes.add("codec", o.codec, "without --for: make the column codes.<its name> with this codec").metavar("FOLDER");
    codes.add("bandwidth", o.bandwidth_kbps, "of the codec, in kbit/s; 0 = all its codebooks").range(0, 1000);
    codes.add("codebooks", o.codebooks, "the first so many of the codec's; 0 = all").range(0, 1024);
    codes
        .add("from_lhotse", o.from_lhotse,
             "take the codes from lhotse's cuts (custom.codes, or features in HDF5 or .npy) instead of computing them")
        .metavar("CUTS");
    f.group("", std::move(codes), "codes of a codec");
    config::Fields mels;
    mels.add("mels_of", o.mels_of,
             "without --for: make the column mel_of.<its kind> with this voice, which follows each recording's "
             "durations, pitch and energy; to fine-tune a vocoder on")
        .metavar("VOICE");
    f.group("", std::move(mels), "mels of a voice");
    return;
  }
  models::register_all(o.registry);
  std::string name = *wanted, preset = config::peek_flag(f, words, "preset").value_or(""), yaml;
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    yaml = read_file(name);
    name = config::peek_yaml(yaml, "model", *wanted).value_or("");
    if (name.empty())
      throw DataError(fmt::format("{}: no key 'model'", *wanted),
                      "name the model to be trained, as in `model: fastspeech2`");
    if (preset.empty()) preset = config::peek_yaml(yaml, "preset", *wanted).value_or("");
  }
  o.spec = &o.registry.model(name);
  o.config = o.spec->config_of(preset);
  config::Fields own = o.config->fields();
  std::string base = config::peek_flag(f, words, "base").value_or("");
  if (base.empty() && !yaml.empty()) base = config::peek_yaml(yaml, "base", *wanted).value_or("");
  if (!base.empty()) take_base(base, name, own);
  if (!yaml.empty()) prepare::assign_known(own, yaml, *wanted);
  own = o.config->fields();  // made anew: defaults are taken when a field is added
  f.group("", std::move(own), o.spec->name + " (" + (preset.empty() ? o.spec->presets.front().name : preset) + ")");
}

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  if (interrupted.exchange(true)) std::_Exit(130);  // the second Ctrl-C does not wait
}

std::vector<prepare::ColumnRequest> requests_of(const PrepareVerb& o) {
  std::vector<prepare::ColumnRequest> requests;
  if (!o.mels_of.empty()) {
    roles::Registry registry;
    models::register_all(registry);
    return prepare::requests_of_teacher(o.mels_of, registry);
  }
  if (!o.spec) {
    const std::string folder = prepare::find_codec_folder(o.codec).dir.string();
    return {{prepare::codes_column(o.codec),
             {{"codec", folder}, {"bandwidth", o.bandwidth_kbps}, {"codebooks", o.codebooks}}}};
  }
  for (auto& need : o.spec->columns(*o.config)) requests.push_back({need.column, need.settings});
  return requests;
}

void print_plan(const prepare::Plan& plan, Context& context) {
  static constexpr const char* kStates[] = {"missing", "stale", "partly there", "complete"};
  nlohmann::json steps = nlohmann::json::array();
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = plan.steps[i];
    const char* state = kStates[static_cast<int>(step.state)];
    if (context.json)
      steps.push_back({{"stage", step.stage->name},
                       {"makes", step.stage->makes},
                       {"state", state},
                       {"done", step.done},
                       {"total", step.total},
                       {"settings", step.settings}});
    else
      fmt::print(context.out, "{} {:<11} {:<13} {:>6}/{:<6} {}\n", i, step.stage->name, state, step.done, step.total,
                 step.why.empty() ? step.stage->summary : step.why);
  }
  if (context.json)
    fmt::print(context.out, "{}\n", nlohmann::json{{"steps", steps}, {"missing", plan.missing()}}.dump(2));
}

// An utterance that an earlier stage skipped was told of there.
void print_skipped(const std::vector<Skipped>& skipped, Context& context) {
  constexpr std::size_t kShown = 5;
  std::vector<const Skipped*> fresh;
  for (const auto& item : skipped) {
    const auto colon = item.reason.find(": ");
    const bool inherited = colon != std::string::npos && item.reason.starts_with("no ") &&
                           prepare::Stages::built_in().maker(item.reason.substr(3, colon - 3)) != nullptr;
    if (!inherited) fresh.push_back(&item);
  }
  for (std::size_t i = 0; i < std::min(kShown, fresh.size()); ++i)
    fmt::print(context.out, "  skipped {}: {}\n", fresh[i]->id, fresh[i]->reason);
  if (fresh.size() > kShown) fmt::print(context.out, "  … and {} more (--json lists them)\n", fresh.size() - kShown);
}

// "  words in no lexicon, read by g2p_en's network: 2 different, 3 in all: frob 2, grault 1"
void print_tallies(const prepare::StageReport& report, Context& context) {
  constexpr std::size_t kShown = 8;
  for (const auto& [kind, items] : report.tallies) {
    std::vector<std::pair<std::int64_t, std::string>> often;
    std::int64_t all = 0;
    for (const auto& [item, times] : items) often.emplace_back(-times, item), all += times;
    std::sort(often.begin(), often.end());
    std::string list;
    for (std::size_t i = 0; i < std::min(kShown, often.size()); ++i)
      list += fmt::format("{}{} {}", i ? ", " : "", often[i].second, -often[i].first);
    if (often.size() > kShown) list += fmt::format(" … and {} more (--json lists them)", often.size() - kShown);
    fmt::print(context.out, "  {}: {} different, {} in all: {}\n", kind, items.size(), all, list);
  }
}

void print_report(const prepare::Report& report, Context& context) {
  if (context.json) {
    fmt::print(context.out, "{}\n", prepare::to_json(report).dump(2));
    return;
  }
  for (const auto& s : report.stages) {
    if (s.postponed) continue;
    fmt::print(context.out, "{:<11} {} made, {} kept, {} skipped  {}\n", s.stage, s.made, s.kept, s.skipped.size(),
               s.made || !s.skipped.empty() ? human_seconds(s.seconds) : "");
    print_skipped(s.skipped, context);
    if (!s.summary.empty()) fmt::print(context.out, "  {}\n", s.summary);
    print_tallies(s, context);
  }
}

void compact(const corpus::Corpus& corpus, const std::vector<prepare::ColumnRequest>& requests) {
  const auto plan = prepare::make_plan(corpus, requests);
  if (!plan.complete())
    throw UsageError(fmt::format("--compact merges finished columns; missing: {}", join(plan.missing(), ", ")),
                     "call it again when every shard is done");
  for (const auto& step : plan.steps)
    for (const auto& [column, state] : step.columns) corpus::compact_column(corpus.dir(), step.key(column));
}

/// The columns of another program's folder, and its held-out side as a list for training.
int take_folder(const PrepareVerb& o, const corpus::Corpus& corpus, Context& context) {
  if (!o.from_ming024.empty() && !o.from_torphix.empty())
    throw UsageError("--from-ming024 and --from-torphix exclude each other", "give one of them");
  const std::string& folder = o.from_ming024.empty() ? o.from_torphix : o.from_ming024;
  const auto import = o.from_ming024.empty() ? prepare::import_torphix : prepare::import_ming024;
  const prepare::Ming024Import taken = import(corpus, folder, requests_of(o), o.redo);
  const fs::path valid = corpus.dir() / "ming024_valid.txt";
  if (!taken.valid_ids.empty()) write_file_atomic(valid, join(taken.valid_ids, "\n") + "\n");
  if (context.json) {
    nlohmann::json skipped = nlohmann::json::object(), broken = nlohmann::json::object();
    for (const Skipped& s : taken.skipped) skipped[s.id] = s.reason;
    for (const Skipped& s : taken.broken) broken[s.id] = s.reason;
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"utterances", taken.utterances}, {"skipped", skipped}, {"broken", broken}}.dump(2));
    return 0;
  }
  fmt::print(context.out, "took the columns of {} utterances from {}; {} skipped\n", taken.utterances, folder,
             taken.skipped.size());
  print_skipped(taken.skipped, context);
  print_skipped(taken.broken, context);
  if (!taken.valid_ids.empty())
    fmt::print(context.out, "its val.txt: timbre train … --split.valid-list {}\n", valid.string());
  return 0;
}

int take_codes(const PrepareVerb& o, const corpus::Corpus& corpus, Context& context) {
  const auto taken = prepare::take_lhotse_codes(corpus, o.from_lhotse, requests_of(o).front(), o.redo);
  if (context.json) {
    nlohmann::json skipped = nlohmann::json::object(), broken = nlohmann::json::object();
    for (const Skipped& s : taken.skipped) skipped[s.id] = s.reason;
    for (const Skipped& s : taken.broken) broken[s.id] = s.reason;
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"utterances", taken.utterances}, {"skipped", skipped}, {"broken", broken}}.dump(2));
    return 0;
  }
  fmt::print(context.out, "took the codes of {} utterances from {}; {} skipped\n", taken.utterances, o.from_lhotse,
             taken.skipped.size());
  print_skipped(taken.skipped, context);
  print_skipped(taken.broken, context);
  return 0;
}

/// The voice that the stages mel_of.<kind> follow recordings with; engines cannot.
std::shared_ptr<const roles::Synthesizer> open_teacher(const roles::VoiceFiles& voice) {
  roles::Registry registry;
  if (!add_running_networks(registry)) throw NeedsTorch();
  registry.prefer(roles::Backend::torch);
  return registry.make_synthesizer(voice);
}

void expect_one_wish(const PrepareVerb& o) {
  if (!o.codec.empty() && !o.mels_of.empty())
    throw UsageError("--codec and --mels-of make two different columns", "call timbre prepare for each");
  if (!o.spec && !(o.from_ming024.empty() && o.from_torphix.empty()))
    throw UsageError("--from-ming024 and --from-torphix take the columns of a model", "--for fastspeech2 --preset …");
  if (!o.from_lhotse.empty() && o.codec.empty())
    throw UsageError("--from-lhotse takes codes of a codec, and --codec does not say of which", "--codec FOLDER");
  if (!o.spec && o.codec.empty() && o.mels_of.empty())
    throw UsageError("nothing says which columns to make",
                     "--for MODEL or --for RUN.yaml for what a model trains on, --codec FOLDER for codes of a codec, "
                     "--mels-of VOICE for mels of a voice");
}

int run(const PrepareVerb& o, Context& context) {
  if (!o.recipe.recipe.empty()) return run_recipe(o.recipe, context);
  if (!o.llasa.recipe.empty()) return run_recipe(o.llasa, context);
  expect_one_wish(o);
  if (const auto problems = o.spec ? o.config->problems() : std::vector<std::string>{}; !problems.empty())
    throw UsageError(join(problems, "\n"));
  const auto shard = corpus::Shard::parse(o.shard);
  if (!o.from_lhotse.empty() && shard.count > 1)
    throw UsageError("--from-lhotse takes all codes at once, so it has no shards", "leave --shard out");
  const auto corpus = o.from_ming024.empty() ? corpus::Corpus::open(o.corpus, shard) : corpus::Corpus::open(o.corpus);
  const auto requests = requests_of(o);
  if (context.dry_run) {
    print_plan(prepare::make_plan(corpus, requests), context);
    return 0;
  }
  if (!o.from_ming024.empty() || !o.from_torphix.empty()) return take_folder(o, corpus, context);
  if (!prepare::speaker_encoder_opener()) {
    for (const auto& step : prepare::make_plan(corpus, requests).steps)
      if (step.stage->network && step.state != corpus::ColumnState::Kind::complete) throw NeedsTorch();
  }
  for (const auto& step : prepare::make_plan(corpus, requests).steps) {
    if (!step.settings.contains("front_end") || step.state != corpus::ColumnState::Kind::complete)
      continue;  // the stage itself says so when it runs
    const auto front_end = step.settings["front_end"].get<std::string>();
    if (const std::string unread = prepare::unread_languages(corpus, front_end); !unread.empty()) log::warn(unread);
  }
  if (!o.from_lhotse.empty()) return take_codes(o, corpus, context);
  bool redo = o.redo;
  if (!o.take_aligner.empty()) {
    prepare::take_aligner(corpus, o.take_aligner, requests, redo);
    redo = false;  // done: what depended on another aligner is gone
  }
  interrupted = false;
  const auto before = std::signal(SIGINT, on_interrupt);
  prepare::RunOptions options{.shard = shard,
                              .only = o.only,
                              .first_stage = o.stage,
                              .last_stage = o.stop_stage,
                              .redo = redo,
                              .stop = &interrupted};
  const auto report = prepare::run_plan(corpus, requests, options, context.events);
  std::signal(SIGINT, before);
  print_report(report, context);
  if (report.stopped) throw SystemError("stopped; what was made is kept", "call the same command again to go on");
  if (o.compact) compact(corpus, requests);
  return 0;
}

}  // namespace

void register_prepare(Verbs& verbs) {
  prepare::teacher_opener() = open_teacher;
  add_verb<PrepareVerb>(
      verbs,
      {.name = "prepare",
       .summary = "Data: make the columns a model trains on",
       .usage = "prepare CORPUS --for MODEL|RUN.yaml|--codec FOLDER|--mels-of VOICE|--recipe NAME [OPTIONS]",
       .examples = {"timbre prepare corpora/en --for fastspeech2",
                    "timbre prepare corpora/en --for fastspeech2 --shard 3/64",
                    "timbre prepare corpora/en --for my-run.yaml --only pitch --redo",
                    "timbre prepare corpora/en --codec codecs/encodec --only codes.encodec",
                    "timbre prepare corpora/en --mels-of runs/first",
                    "timbre prepare download --recipe baker --codec codecs/encodec --stage -1 "
                    "--stop-stage 3",
                    "timbre prepare Genshin --recipe llasa-speed --codec voices/small_codec --tokenizer Llasa-1B",
                    "timbre prepare corpora/lj --for fastspeech2 --preset ming024 --from-ming024 "
                    "preprocessed_data/LJSpeech"},
       .writes = true},
      fields, run, extend);
}

}  // namespace timbre::cli
