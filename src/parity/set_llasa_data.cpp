#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "audio/linear_pcm.h"
#include "audio/vad.h"
#include "base/files.h"
#include "base/strings.h"
#include "corpus/memmap_rows.h"
#include "parity/sets.h"
#include "prepare/captions.h"
#include "prepare/llasa_recipe.h"
#include "prepare/speaking_rate.h"
#include "roles/parity_part.h"
#include "text/syllables.h"
#include "weights/npy.h"

/// llasa_data: speaking rates, classes, memmap files and training rows of the speed-control fine-tune, by the code of
/// `timbre prepare … --recipe llasa-speed` with --as-reference.
namespace timbre::parity {

namespace {

using nlohmann::json;
using prepare::RowMaker;
using roles::ParityRun;
using tokenizer::Tokenizer;

constexpr const char* kCases = "cases.json";
constexpr const char* kTensors = "cases.safetensors";

/// A folder of its own, gone at the end.
class Scratch {
 public:
  Scratch() : dir_(fs::temp_directory_path() / fmt::format("timbre-llasa-data-{}", ::getpid())) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& dir() const { return dir_; }

 private:
  fs::path dir_;
};

fs::path folder_of(const ParityRun& run, const std::string& file) { return run.input_path(file).parent_path(); }

// ---- rates and classes ----

json names_with_ending(const std::vector<prepare::RatedClip>& clips) {
  json names = json::array();
  for (const prepare::RatedClip& clip : clips) names.push_back(clip.name + ".wav");
  return names;
}

std::vector<std::string> names_of(const std::vector<prepare::RatedClip>& clips) {
  std::vector<std::string> names;
  for (const prepare::RatedClip& clip : clips) names.push_back(clip.name);
  return names;
}

json classes_of(const prepare::SpeakerSpeeds& speeds) {
  return {{"slow", names_with_ending(speeds.slow)},
          {"fast", names_with_ending(speeds.fast)},
          {"medium", names_with_ending(speeds.medium)}};
}

void rates_and_classes(ParityRun& run) {
  prepare::LlasaOptions options;
  options.recipe = "llasa-speed";
  options.source = folder_of(run, "Genshin/metadata.csv").string();
  options.as_reference = true;
  const EventSink events = no_events();
  const prepare::LlasaSource source = prepare::read_llasa_source({.options = options, .events = events});
  json kept = json::array(), speech_s = json::object(), rates = json::object(), cleaned = json::object();
  std::map<std::string, std::vector<prepare::RatedClip>> speakers;
  for (const prepare::LlasaClip& clip : source.clips) {
    if (clip.audio.empty() || prepare::count_words(clip.text) < options.min_words) continue;
    const std::string file = clip.name + ".wav";
    const double seconds = prepare::voiced_seconds(clip.audio);
    kept.push_back({file, clip.text});
    speech_s[file] = seconds;
    cleaned[file] = text::letters_and_blanks(clip.text);
    const auto syllables = run.input_json(kCases, "/syllables/" + file).get<double>();
    if (seconds == 0 || syllables == 0) continue;
    rates[file] = seconds / syllables;
    speakers[clip.speaker].push_back({clip.name, seconds / syllables});
  }
  run.put_json(kCases, "/kept_pairs", kept);
  run.put_json(kCases, "/speech_seconds", speech_s);
  run.put_json(kCases, "/cleaned_caption", cleaned);
  run.put_json(kCases, "/seconds_per_syllable", rates);
  json classes = json::object(), valid = json::array();
  const Scratch scratch;
  for (const auto& [speaker, clips] : speakers) {
    const prepare::SpeakerSpeeds speeds = prepare::divide_by_speed(speaker, clips, options.rules);
    classes[speaker] = classes_of(speeds);
    if (!speeds.why_not.empty()) continue;
    valid.push_back(speaker);
    prepare::write_speed_lists(scratch.dir(),
                               {speaker, names_of(speeds.slow), names_of(speeds.medium), names_of(speeds.fast)});
    for (const char* name : prepare::kSpeedNames) {
      const std::string list = fmt::format("{}/{}.txt", speaker, name);
      run.put_bytes("Genshin/speaker_withDifferent_speed/" + list, read_file(scratch.dir() / list));
    }
  }
  run.put_json(kCases, "/classes", classes);
  run.put_json(kCases, "/valid_speakers", valid);
}

/// Rates on and around the thresholds. The set asks for the classes of clips that it lists nowhere as given ("the
/// number in a name is its seconds per syllable"), so the rates stand here: both thresholds, a hair beyond each, and
/// the middle of each class.
void threshold_cases(ParityRun& run) {
  std::vector<prepare::RatedClip> clips;
  for (const char* rate : {"0.3000001", "0.1699999", "0.17", "0.3", "0.5", "0.05", "0.2"})
    clips.push_back({fmt::format("S_{}", rate), *parse_double(rate)});
  run.put_json(kCases, "/threshold_cases", {{"S", classes_of(prepare::divide_by_speed("S", clips, {}))}});
}

/// vad.<stem>.mode<m>.<ms>ms and pcm16k.<stem>.
void voices(ParityRun& run) {
  const fs::path wav = folder_of(run, "Genshin/metadata.csv") / "wav";
  const auto samples_of = [&](const std::string& stem) { return audio::linear_pcm16(wav / (stem + ".wav"), 16000); };
  for (const std::string& name : run.names(kTensors)) {
    if (name.starts_with("pcm16k.")) {
      std::vector<std::int16_t> samples = samples_of(name.substr(7));
      const auto count = static_cast<std::int64_t>(samples.size());
      run.put(kTensors, name, weights::Tensor::of<std::int16_t>({count}, std::move(samples)));
    }
    if (!name.starts_with("vad.") || !name.ends_with("ms")) continue;
    const std::size_t dot = name.rfind('.'), mode = name.rfind(".mode");
    if (dot == std::string::npos || mode == std::string::npos || mode < 4) continue;
    const auto frame_ms = parse_int(name.substr(dot + 1, name.size() - dot - 3));
    const auto strictness = parse_int(name.substr(mode + 5, dot - mode - 5));
    if (!frame_ms || !strictness) continue;
    std::vector<std::uint8_t> flags =
        audio::voice_flags(samples_of(name.substr(4, mode - 4)), 16000, {.frame_ms = *frame_ms, .mode = *strictness});
    const auto count = static_cast<std::int64_t>(flags.size());
    run.put(kTensors, name, weights::Tensor::of<std::uint8_t>({count}, std::move(flags)));
  }
}

// ---- rows ----

/// The tokenizers of the set llasa_tokenizer, which lies beside this one; a copy of this set alone is read with the one
/// that tests would take.
fs::path tokenizer_folder(const ParityRun& run) {
  std::vector<fs::path> places = {fs::absolute(run.dir()).lexically_normal().parent_path()};
  if (places[0].filename().empty()) places[0] = places[0].parent_path();
  if (const char* given = std::getenv("TIMBRE_GOLDEN")) places.emplace_back(given);
  places.insert(places.end(), {"../shared/golden", "tests/golden"});
  for (const fs::path& place : places)
    if (fs::is_regular_file(place / "llasa_tokenizer" / "base" / "tokenizer.json")) return place / "llasa_tokenizer";
  throw DataError(fmt::format("{}: no llasa_tokenizer/ beside it", run.dir().string()),
                  "its rows are ids of that set's tokenizers: put it beside this one, or set TIMBRE_GOLDEN");
}

void put_memmaps(ParityRun& run, const std::string& folder, const fs::path& made) {
  for (const char* split : {"train", "val"}) {
    const std::string memmap = fmt::format("{}_input_ids.memmap", split),
                      shape = fmt::format("{}_input_ids_shape.npy", split);
    run.put_bytes(folder + "/" + memmap, read_file(made / memmap));
    run.put(folder + "/" + shape, "-", weights::read_npy(made / shape));
  }
}

void put_row(ParityRun& run, const std::string& name, const tokenizer::TrainingRow& row) {
  const auto put = [&](const char* field, const std::vector<std::int32_t>& ids) {
    const std::string entry = name + "." + field;
    if (run.has(kTensors, entry))
      run.put(kTensors, entry, weights::Tensor::of<std::int32_t>({static_cast<std::int64_t>(ids.size())}, ids));
  };
  put("input_ids", row.input_ids);
  put("labels", row.labels);
  put("attention_mask", row.attention_mask);
}

const std::string& text_of(const prepare::Captions& captions, const std::string& name) {
  static const std::string kNone;
  const prepare::Caption* caption = captions.find(name);
  return caption == nullptr ? kNone : caption->text;
}

/// The rows of the plan, as the memmap script makes them.
class SpeedMemmap {
 public:
  SpeedMemmap(ParityRun& run, const fs::path& tokenizers)
      : run_(run),
        tokenizer_(with_speeds(Tokenizer::read(tokenizers / "base"))),
        maker_(tokenizer_, kLength, 0, RowMaker::TooLong::drop, false),
        corpus_(folder_of(run, "text_corpus/metadata.csv")),
        captions_(prepare::Captions::read((corpus_ / "metadata.csv").string())),
        codes_(corpus_ / "vq_codes") {}

  void make() {
    corpus::MemmapRowsWriter train(scratch_.dir(), "train", kLength), val(scratch_.dir(), "val", kLength);
    json dropped = json::array();
    for (const std::string& i : run_.keys(kCases, "/speed_memmap/plan")) {
      const std::string entry = "/speed_memmap/plan/" + i;
      const auto word = [&](const char* key) { return run_.input_json(kCases, entry + "/" + key).get<std::string>(); };
      const std::string medium = word("medium");
      corpus::MemmapRowsWriter& out = word("split") == "val" ? val : train;
      const RowMaker::Result row = row_of(medium, word("partner"), word("tag"));
      if (const auto* made = std::get_if<RowMaker::Row>(&row)) {
        run_.put_json(kCases, entry + "/row", out.size());
        out.add(made->ids);
      } else {
        run_.put_json(kCases, entry + "/row", nullptr);
        dropped.push_back(medium);
      }
    }
    train.commit();
    val.commit();
    run_.put_json(kCases, "/speed_memmap/train_rows", train.size());
    run_.put_json(kCases, "/speed_memmap/val_rows", val.size());
    run_.put_json(kCases, "/speed_memmap/dropped", dropped);
    put_memmaps(run_, "Genshin_speedV2_bin", scratch_.dir());
  }

  void expand(const Tokenizer& speed) {
    const tokenizer::RowExpander expander(speed);
    json lengths = json::array();
    const corpus::MemmapRows train = corpus::MemmapRows::open(scratch_.dir(), "train");
    for (const json& i : run_.input_json(kCases, "/train_rows/rows")) {
      const auto row = train.row(i.get<std::int64_t>());
      const auto end = std::find(row.rbegin(), row.rend(), maker_.rows().tokens().speech_generation_end);
      lengths.push_back(row.rend() - end);
      put_row(run_, fmt::format("speed_row.{}", i.get<std::int64_t>()),
              expander.expand(row, fmt::format("row {}", i.dump())));
    }
    run_.put_json(kCases, "/train_rows/overhead_tokens", expander.overhead());
    run_.put_json(kCases, "/train_rows/lengths_in_memmap", lengths);
    const corpus::MemmapRows val = corpus::MemmapRows::open(scratch_.dir(), "val");
    for (const json& i : run_.input_json(kCases, "/val_rows"))
      put_row(run_, fmt::format("speed_val_row.{}", i.get<std::int64_t>()),
              expander.expand(val.row(i.get<std::int64_t>()), fmt::format("val row {}", i.dump())));
  }

 private:
  static constexpr std::int64_t kLength = 2048;
  static Tokenizer with_speeds(Tokenizer tokenizer) {
    tokenizer::add_speed_tokens(tokenizer);
    return tokenizer;
  }
  RowMaker::Result row_of(const std::string& medium, const std::string& partner, const std::string& tag) const {
    if (captions_.find(medium) == nullptr || captions_.find(partner) == nullptr) return std::string("no caption");
    return maker_.paired(text_of(captions_, medium), medium,
                         tag == "fast" ? tokenizer::Speed::fast : tokenizer::Speed::slow, text_of(captions_, partner),
                         partner, codes_);
  }

  ParityRun& run_;
  Scratch scratch_;
  Tokenizer tokenizer_;
  RowMaker maker_;
  fs::path corpus_;
  prepare::Captions captions_;
  prepare::CodesFolder codes_;
};

void base_memmap(ParityRun& run, const fs::path& tokenizers) {
  constexpr std::int64_t kLength = 2048;
  const Tokenizer tokenizer = Tokenizer::read(tokenizers / "base");
  const RowMaker maker(tokenizer, kLength, 0, RowMaker::TooLong::cut, false);
  const fs::path corpus = folder_of(run, "base_corpus/metadata.csv");
  const auto captions = prepare::Captions::read((corpus / "metadata.csv").string());
  const prepare::CodesFolder codes(corpus / "vq_codes");
  const auto row_of = [&](const std::string& id) { return maker.plain(text_of(captions, id), id, codes); };
  const Scratch scratch;
  for (const char* split : {"train", "val"}) {
    corpus::MemmapRowsWriter out(scratch.dir(), split, kLength);
    for (const json& id : run.input_json(kCases, fmt::format("/base_memmap/{}_ids", split))) {
      const RowMaker::Result row = row_of(id.get<std::string>());
      if (const auto* made = std::get_if<RowMaker::Row>(&row)) out.add(made->ids);
    }
    out.commit();
  }
  put_memmaps(run, "base_bin", scratch.dir());
  for (const std::string& id : run.keys(kCases, "/base_memmap/text_tokens_with_two_specials"))
    run.put_json(kCases, "/base_memmap/text_tokens_with_two_specials/" + id,
                 maker.rows().text_ids(text_of(captions, id)).size());
  const tokenizer::RowExpander expander(tokenizer);
  for (const std::string& i : run.keys(kCases, "/base_rows")) {
    const auto id = run.input_json(kCases, "/base_rows/" + i + "/id").get<std::string>();
    const RowMaker::Result made = row_of(id);
    if (std::holds_alternative<std::string>(made)) continue;
    const auto row = expander.expand(std::get<RowMaker::Row>(made).ids, id, tokenizer::MissingEnd::allow);
    run.put_json(kCases, "/base_rows/" + i + "/supervised", row.supervised);
    run.put_json(kCases, "/base_rows/" + i + "/has_sge", row.has_end);
    put_row(run, "base_row." + i, row);
  }
}

void run_llasa_data(ParityRun& run) {
  using roles::attempt;
  attempt(run, "cases.json:/[kscv]*", [&] { rates_and_classes(run); });
  attempt(run, "cases.json:/threshold_cases*", [&] { threshold_cases(run); });
  attempt(run, "cases.safetensors:[vp]*", [&] { voices(run); });
  attempt(run, "*", [&] {
    const fs::path tokenizers = tokenizer_folder(run);
    attempt(run, "*speed*", [&] {
      SpeedMemmap rows(run, tokenizers);
      rows.make();
      rows.expand(Tokenizer::read(tokenizers / "speed"));
    });
    attempt(run, "*base*", [&] { base_memmap(run, tokenizers); });
  });
}

}  // namespace

void register_set_llasa_data(roles::Registry& registry) { registry.add_parity_part("llasa_data", run_llasa_data); }

}  // namespace timbre::parity
