#include "exchange/exporter.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "audio/decode.h"
#include "audio/write.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "corpus/staged_folder.h"

namespace timbre::exchange {

using nlohmann::json;

config::Fields fields(ExportOptions& o) {
  config::Fields f;
  f.add("audio", o.audio,
        "link makes hard links (copies on another disk), copy copies, wav16 converts to 16-bit mono WAV; auto links "
        "what the layout can hold and converts the rest")
      .choices({"auto", "link", "copy", "wav16"});
  f.add("rate", o.rate_hz, "sampling rate that clips are converted to; 0 = each keeps its own")
      .range(0, 768'000)
      .metavar("HZ");
  f.add("speaker", o.speaker, "only this speaker");
  f.add("split", o.split, "only this split").choices({"all", "train", "valid", "test"});
  return f;
}

void Exporters::add(const std::string& name, std::function<Exporter()> make) { makers_[name] = std::move(make); }

Exporter Exporters::make(const std::string& name) const {
  auto it = makers_.find(name);
  if (it == makers_.end())
    throw UsageError(fmt::format("no export format '{}'; there are: {}", name, join(names(), ", ")),
                     did_you_mean(name, names()));
  return it->second();
}

std::vector<std::string> Exporters::names() const {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers_) names.push_back(name);
  return names;
}

json to_json(const ExportResult& r) {
  json skipped = json::array();
  for (const Skipped& s : r.skipped) skipped.push_back({{"id", s.id}, {"reason", s.reason}});
  return {{"utterances", r.utterances}, {"duration_s", r.duration_s}, {"linked", r.linked},
          {"copied", r.copied},         {"converted", r.converted},   {"left_in_place", r.left},
          {"splits", r.splits},         {"skipped", skipped},         {"notes", r.notes}};
}

std::string one_line(std::string_view text) {
  std::string line(trim(text));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return line;
}

std::string raw_text(const corpus::Utterance& u) {
  if (u.extra.is_object())
    if (auto it = u.extra.find("raw_text"); it != u.extra.end() && it->is_string()) return it->get<std::string>();
  return u.text;
}

ExportJob::ExportJob(const corpus::Corpus& corpus, const ExportRequest& request, fs::path staging, ClipForm form,
                     const EventSink& events)
    : corpus_(corpus),
      request_(request),
      staging_(std::move(staging)),
      out_(fs::absolute(request.out).lexically_normal()),
      form_(form),
      events_(events) {
  const ExportOptions& o = request.options;
  for (const corpus::Utterance& u : corpus.utterances())
    if ((o.speaker.empty() || u.speaker == o.speaker) && (o.split == "all" || u.split == o.split))
      utterances_.push_back(&u);
}

void ExportJob::count(const corpus::Utterance& u, const Placed* placed) {
  ++result.utterances;
  ++result.splits[u.split];
  result.duration_s += placed && placed->rate_hz > 0
                           ? static_cast<double>(placed->samples) / static_cast<double>(placed->rate_hz)
                           : u.duration_s;
}

void ExportJob::skip(const std::string& id, const std::string& reason) { result.skipped.push_back({id, reason}); }

void ExportJob::write(const fs::path& name, const std::string& text) const {
  const fs::path path = staging_ / name;
  make_folders(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();  // to disk when the folder is published
  if (!file) throw_file_error("write", path, errno);
}

namespace {

bool is_plain_wav(const audio::AudioInfo& info) { return info.format == "wav, 16 bit PCM" && info.channels == 1; }

enum class Way { left, linked, copied, converted };

Way way_of(const ExportOptions& o, ClipForm form, const audio::AudioInfo& info, const corpus::Utterance& u) {
  const bool wanted_rate = o.rate_hz == 0 || o.rate_hz == info.rate_hz;
  const bool fits = (form != ClipForm::wav16 || is_plain_wav(info)) && wanted_rate;
  if (o.audio == "wav16") return is_plain_wav(info) && wanted_rate ? Way::copied : Way::converted;
  if (o.audio == "auto") {
    if (!fits || (form == ClipForm::in_place && info.estimated)) return Way::converted;
    return form == ClipForm::in_place || form == ClipForm::embedded ? Way::left : Way::linked;
  }
  if (!fits)
    throw UsageError(
        fmt::format("{}: its clip is {}, {} channel(s), {} Hz; {}", u.id, info.format, info.channels, info.rate_hz,
                    wanted_rate ? "the layout holds 16-bit mono WAV" : "another rate was asked for"),
        "--audio auto converts such clips");
  return o.audio == "link" ? Way::linked : Way::copied;
}

/// A hard link, where the file system allows one. False = it does not.
bool link_file(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_hard_link(fs::canonical(from), to, failed);
  return !failed;
}

}  // namespace

Placed ExportJob::put(const corpus::Utterance& u, const fs::path& wanted) {
  const ExportOptions& o = request_.options;
  const fs::path from = corpus_.audio_path(u);
  std::error_code missing;
  if (!fs::is_regular_file(from, missing)) throw DataError(fmt::format("{}: no such file", from.string()));
  const audio::AudioInfo info = audio::probe_audio(from);
  Way way = way_of(o, form_, info, u);
  const std::string ending = way == Way::converted ? ".wav" : ascii_lower(from.extension().string());
  fs::path name = wanted;
  name += ending;
  Placed placed{.path = way == Way::left ? fs::absolute(from).lexically_normal() : out_ / name,
                .rate_hz = info.rate_hz,
                .channels = info.channels,
                .samples = info.samples,
                .ok = true};
  if (way != Way::left && !request_.dry_run) make_folders((staging_ / name).parent_path());
  if (way == Way::converted) {
    const audio::Clip clip = audio::decode_audio(
        from, o.rate_hz > 0 ? std::optional<std::int64_t>(o.rate_hz) : std::optional<std::int64_t>());
    placed.rate_hz = clip.rate_hz, placed.channels = 1;
    placed.samples = static_cast<std::int64_t>(clip.samples_N.size());
    if (!request_.dry_run) audio::write_staged_wav(staging_ / name, clip.samples_N, clip.rate_hz);
  } else if (way != Way::left && !request_.dry_run) {
    if (way == Way::linked && !link_file(from, staging_ / name)) way = Way::copied;
    if (way == Way::copied) copy_contents(from, staging_ / name);
  }
  if (form_ == ClipForm::embedded && way == Way::left) way = Way::copied;
  std::int64_t& counter = way == Way::left     ? result.left
                          : way == Way::linked ? result.linked
                          : way == Way::copied ? result.copied
                                               : result.converted;
  std::atomic_ref(counter).fetch_add(1, std::memory_order_relaxed);
  return placed;
}

Placed ExportJob::place_one(const corpus::Utterance& u, const fs::path& wanted) {
  try {
    return put(u, wanted);
  } catch (const DataError& error) {
    Placed failed;
    failed.fault = error.what();
    return failed;
  }
}

void ExportJob::place_each(const std::function<fs::path(std::size_t)>& wanted,
                           const std::function<void(std::size_t, const Placed&)>& each) {
  constexpr std::size_t kBatch = 512;
  const std::size_t all = utterances_.size();
  for (std::size_t from = 0; from < all; from += kBatch) {
    const std::size_t batch = std::min(kBatch, all - from);
    std::vector<fs::path> names(batch);
    std::vector<Placed> placed(batch);
    for (std::size_t i = 0; i < batch; ++i) names[i] = wanted(from + i);
    parallel_for(batch, [&](std::size_t i) {
      if (!names[i].empty()) placed[i] = place_one(*utterances_[from + i], names[i]);
    });
    for (std::size_t i = 0; i < batch; ++i) {
      if (names[i].empty()) continue;
      if (!placed[i].ok) {
        skip(utterances_[from + i]->id, placed[i].fault);
        continue;
      }
      count(*utterances_[from + i], &placed[i]);
      each(from + i, placed[i]);
    }
    emit_progress(events_, "export", static_cast<double>(from + batch), static_cast<double>(all), "clips");
  }
}

std::vector<Placed> ExportJob::place(const std::vector<fs::path>& wanted) {
  std::vector<Placed> placed(utterances_.size());
  place_each([&](std::size_t i) { return wanted[i]; }, [&](std::size_t i, const Placed& one) { placed[i] = one; });
  return placed;
}

namespace {

/// Whom the recordings belong to travels with them.
std::string attribution(const corpus::Corpus& corpus, const ExportRequest& request, const ExportResult& result) {
  const json& about = corpus.about();
  auto told = [&](const char* key) {
    auto it = about.find(key);
    std::string value = it != about.end() && it->is_string() ? it->get<std::string>() : std::string();
    return value.empty() ? std::string("not recorded") : one_line(value);
  };
  return fmt::format(
      "name: {}\nlicence: {}\nattribution: {}\nsource: {}\nutterances: {}\nduration_s: {:.3f}\nwritten by: {}\n",
      one_line(corpus.name()), told("licence"), told("attribution"), told("source"), result.utterances,
      result.duration_s, request.tool_version);
}

void refuse_options(const Exporter& exporter, const ExportRequest& request) {
  const ExportOptions& o = request.options;
  if (o.rate_hz > 0 && (o.audio == "link" || o.audio == "copy"))
    throw UsageError(fmt::format("--rate {} converts, --audio {} does not", o.rate_hz, o.audio), "--audio auto");
  if (exporter.clips == ClipForm::none && (o.rate_hz > 0 || o.audio != "auto"))
    throw UsageError(fmt::format("--format {} holds no clips: --audio and --rate have no meaning", exporter.name));
}

void refuse_nothing(const ExportJob& job) {
  if (!job.utterances().empty()) return;
  const ExportOptions& o = job.request().options;
  std::vector<std::string> speakers;
  for (const corpus::Utterance& u : job.corpus().utterances())
    if (std::find(speakers.begin(), speakers.end(), u.speaker) == speakers.end()) speakers.push_back(u.speaker);
  std::string hint = o.speaker.empty() ? "" : did_you_mean(o.speaker, speakers);
  throw UsageError(fmt::format("{}: no utterance{}{}", job.corpus().dir().string(),
                               o.speaker.empty() ? "" : fmt::format(" of speaker '{}'", o.speaker),
                               o.split == "all" ? "" : fmt::format(" in split '{}'", o.split)),
                   hint.empty() ? "timbre stats CORPUS tells what there is" : hint);
}

/// All that is found without writing: clips that are missing, the sizes.
ExportResult rehearse(const Exporter& exporter, ExportJob& job) {
  if (exporter.clips == ClipForm::none) {
    for (const corpus::Utterance* u : job.utterances()) job.count(*u);
    return std::move(job.result);
  }
  job.place_each([](std::size_t) { return fs::path("clip"); }, [](std::size_t, const Placed&) {});
  return std::move(job.result);
}

}  // namespace

ExportResult export_corpus(const Exporter& exporter, const ExportRequest& request, const EventSink& events) {
  refuse_options(exporter, request);
  const corpus::Corpus corpus = corpus::Corpus::open(request.corpus);
  const std::string why = "an export is never written over";
  corpus::StagedFolder::refuse_used(request.out, why);
  {
    ExportJob job(corpus, request, {}, exporter.clips, events);
    refuse_nothing(job);
    if (exporter.check) exporter.check(job);
    if (request.dry_run) return rehearse(exporter, job);
  }
  corpus::StagedFolder folder(request.out, "exporting", why);
  ExportJob job(corpus, request, folder.staging(), exporter.clips, events);
  exporter.write(job);
  if (job.result.utterances == 0)
    throw DataError(fmt::format("{}: nothing could be written; the first reason: {}", request.corpus.string(),
                                job.result.skipped.empty() ? "none given" : job.result.skipped[0].reason),
                    fmt::format("timbre check {}", request.corpus.string()));
  job.write("ATTRIBUTION.txt", attribution(corpus, request, job.result));
  if (!job.result.skipped.empty()) {
    std::string lines;
    for (const Skipped& s : job.result.skipped) lines += json{{"id", s.id}, {"reason", s.reason}}.dump() + "\n";
    job.write("skipped.jsonl", lines);
  }
  folder.publish();
  return std::move(job.result);
}

}  // namespace timbre::exchange
