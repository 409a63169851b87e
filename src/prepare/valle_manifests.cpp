#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/files.h"
#include "base/strings.h"
#include "corpus/corpus.h"
#include "exchange/importer.h"
#include "exchange/lines.h"
#include "prepare/valle_stages.h"

/// Stage 1. Each recipe's importer makes a corpus; of that the manifests are written with the fields of lhotse's own
/// recipe.
namespace timbre::prepare {

namespace {

using exchange::LineWriter;
using json = nlohmann::ordered_json;

std::string text_of(const nlohmann::json& extra, const char* key, const std::string& otherwise = {}) {
  if (!extra.is_object()) return otherwise;
  const auto found = extra.find(key);
  return found != extra.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

json channels_of(const corpus::Utterance& u) {
  json channels = json::array();
  for (std::int64_t c = 0; c < std::max<std::int64_t>(1, u.channels); ++c) channels.push_back(c);
  return channels;
}

json recording_of(const corpus::Utterance& u, const fs::path& audio) {
  const std::int64_t samples = std::llround(u.duration_s * static_cast<double>(u.rate_hz));
  json recording;
  recording["id"] = u.id;
  recording["sources"] = {{{"type", "file"}, {"channels", channels_of(u)}, {"source", audio.string()}}};
  recording["sampling_rate"] = u.rate_hz;
  recording["num_samples"] = samples;
  recording["duration"] = static_cast<double>(samples) / static_cast<double>(u.rate_hz);
  recording["channel_ids"] = channels_of(u);
  return recording;
}

/// What lhotse's recipe of the corpus keeps, under its names.
json supervision_of(const std::string& recipe, const corpus::Utterance& u, const json& recording) {
  const auto& extra = u.extra;
  json s;
  s["id"] = u.id;
  s["recording_id"] = u.id;
  s["start"] = 0.0;
  s["duration"] = recording["duration"];
  s["channel"] = u.channels > 1 ? recording["channel_ids"] : json(0);
  json custom = json::object();
  if (recipe == "baker") {
    s["text"] = text_of(extra, "prosody", u.text);
    custom["pinyin"] = text_of(extra, "pinyin");
    custom["normalized_text"] = u.text;
  } else if (recipe == "ljspeech") {
    s["text"] = text_of(extra, "raw_text", u.text);
    custom["normalized_text"] = u.text;
  } else {
    s["text"] = u.text;
  }
  if (recipe == "libritts") {
    custom["orig_text"] = text_of(extra, "raw_text", u.text);
    if (extra.is_object() && extra.contains("snr_db")) custom["snr"] = extra["snr_db"];
  }
  const bool chinese = recipe == "baker" || recipe == "aishell";
  const std::string language = recipe == "custom" ? u.language : chinese ? "Chinese" : "English";
  if (!language.empty()) s["language"] = language;
  const bool one_speaker = recipe == "baker" || recipe == "ljspeech";  // whom lhotse's recipes do not name
  if (!u.speaker.empty() && !one_speaker) s["speaker"] = u.speaker;
  if (const std::string gender = one_speaker ? "female" : text_of(extra, "gender");
      !gender.empty() && recipe != "aishell")
    s["gender"] = gender;
  if (!custom.empty()) s["custom"] = std::move(custom);
  return s;
}

std::string part_of(const std::string& recipe, const corpus::Utterance& u, const fs::path& audio) {
  if (recipe == "baker" || recipe == "ljspeech") return "all";
  if (recipe == "libritts") return text_of(u.extra, "part", "all");
  const std::string side = u.split == "valid" ? "dev" : u.split;
  if (recipe == "aishell" && side.empty()) return audio.parent_path().parent_path().filename().string();
  return side.empty() ? "all" : side;
}

/// Recordings and supervisions of a part.
struct Manifests {
  Manifests(const ValleJob& job, const std::string& part)
      : recordings(path(job, "recordings", part)), supervisions(path(job, "supervisions", part)) {}
  static fs::path path(const ValleJob& job, const char* kind, const std::string& part) {
    return job.manifests() / fmt::format("{}_{}_{}.jsonl.gz", job.recipe.prefix, kind, part);
  }
  void write(const json& recording, const json& supervision) {
    recordings.write(recording.dump());
    supervisions.write(supervision.dump());
    ++count;
  }
  void close() {
    recordings.close();
    supervisions.close();
  }
  LineWriter recordings, supervisions;
  std::int64_t count = 0;
};

corpus::Corpus corpus_of(const ValleJob& job, ValleReport& report) {
  const fs::path source = job.options.source;
  if (fs::is_regular_file(source / "manifest.jsonl") && fs::is_regular_file(source / "corpus.json"))
    return corpus::Corpus::open(source);
  if (!fs::exists(source))
    throw UsageError(fmt::format("{}: there is no such folder", source.string()),
                     job.recipe.dataset.empty() ? "give a folder of recordings with texts, or a corpus"
                                                : "--stage 0 fetches the corpus into it");
  exchange::Importers all;
  exchange::register_all_importers(all);
  std::string format = job.recipe.importer;
  if (format.empty()) {
    const auto guesses = exchange::guess_formats(all, source);
    if (guesses.empty())
      throw DataError(fmt::format("{}: no layout that timbre knows", source.string()),
                      "import it first: timbre import FORMAT SRC --out CORPUS, then give the corpus");
    format = guesses.front().format;
    report.lines.push_back(
        fmt::format("{} is read as {}: {}", source.string(), format, guesses.front().likeness.found));
  }
  exchange::ImportRequest request;
  request.sources = {source};
  request.out = job.corpus();
  request.tool_version = job.tool_version;
  const auto result = exchange::import_corpus(all.make(format), request, job.events);
  if (result.rejected > 0)
    report.lines.push_back(fmt::format("{} {} of {} cannot be used: {}", result.rejected,
                                       result.rejected == 1 ? "entry" : "entries", source.string(),
                                       (job.corpus() / "rejected.jsonl").string()));
  return corpus::Corpus::open(job.corpus());
}

/// How many cuts of LJSpeech are held out.
std::pair<std::int64_t, std::int64_t> held_out(const ValleOptions& o, std::int64_t all) {
  // 12500/200/400 of 13,100; a smaller copy in the same proportion.
  const auto scaled = [&](std::int64_t given, std::int64_t of_all) {
    if (given >= 0) return std::min(given, all);
    return all >= 13000 ? of_all : std::max<std::int64_t>(1, of_all * all / 13100);
  };
  return {scaled(o.dev_count, 200), scaled(o.test_count, 400)};
}

/// prepare.sh divides LJSpeech here: the last are held out, dev before test.
void divide_ljspeech(const ValleJob& job, const std::vector<std::pair<json, json>>& lines, ValleReport& report) {
  const auto all = static_cast<std::int64_t>(lines.size());
  const auto [dev, test] = held_out(job.options, all);
  if (dev + test >= all)
    throw UsageError(fmt::format("{} cuts cannot spare {} for dev and {} for test", all, dev, test),
                     "give --dev-count and --test-count");
  Manifests train(job, "train"), held(job, "dev"), last(job, "test");
  for (std::int64_t i = 0; i < all; ++i) {
    const auto& [recording, supervision] = lines[static_cast<std::size_t>(i)];
    (i < all - dev - test ? train : i < all - test ? held : last).write(recording, supervision);
  }
  for (auto [name, part] : {std::pair("train", &train), {"dev", &held}, {"test", &last}}) {
    part->close();
    report.counts[name] = part->count;
  }
}

}  // namespace

ValleReport make_manifests(const ValleJob& job) {
  ValleReport report;
  nlohmann::json made_of = {{"recipe", job.recipe.name}, {"source", fs::absolute(job.options.source).string()}};
  if (const fs::path list = fs::path(job.options.source) / "manifest.jsonl"; fs::is_regular_file(list))
    made_of["inputs"] = hashes_of({list});
  if (job.recipe.name == "ljspeech")
    made_of["held_out"] = {{"dev_count", job.options.dev_count}, {"test_count", job.options.test_count}};
  const DoneMarker marker(job.manifests() / fmt::format(".{}.done", job.recipe.name), made_of);
  if (marker.done()) {
    report.kept = true;
    return report;
  }
  if (const std::string stale = marker.stale(); !stale.empty())
    report.lines.push_back("manifests are made anew: " + stale);
  fs::create_directories(job.manifests());
  const corpus::Corpus corpus = corpus_of(job, report);
  for (const std::string& part : present_parts(job))  // of an earlier source
    for (const char* kind : {"recordings", "supervisions"}) fs::remove(Manifests::path(job, kind, part));
  std::map<std::string, std::unique_ptr<Manifests>> parts;
  std::vector<std::pair<json, json>> lines;
  for (const corpus::Utterance& u : corpus.utterances()) {
    const fs::path audio = fs::absolute(corpus.audio_path(u)).lexically_normal();
    const std::string name = part_of(job.recipe.name, u, audio);
    auto& part = parts[name];
    if (!part) part = std::make_unique<Manifests>(job, name);
    json recording = recording_of(u, audio);
    json supervision = supervision_of(job.recipe.name, u, recording);
    part->write(recording, supervision);
    if (job.recipe.name == "ljspeech") lines.emplace_back(std::move(recording), std::move(supervision));
  }
  for (auto& [name, part] : parts) {
    part->close();
    report.counts[name] = part->count;
  }
  if (job.recipe.name == "ljspeech") divide_ljspeech(job, lines, report);
  for (const auto& [name, count] : report.counts.items())
    report.lines.push_back(fmt::format("{}: {} recordings", name, count.get<std::int64_t>()));
  marker.set();
  return report;
}

}  // namespace timbre::prepare
