#include "exchange/intake.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#include "audio/decode.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "exchange/archive.h"
#include "exchange/encoding.h"
#include "text/language_tag.h"

namespace timbre::exchange {

using nlohmann::json;

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

const fs::path& ScratchFolder::path() {
  if (path_.empty()) {
    std::string name = (fs::temp_directory_path() / "timbre-import-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw SystemError(fmt::format("{}: cannot be made: {}", name, std::strerror(errno)), "set TMPDIR");
    path_ = name;
  }
  return path_;
}

bool ScratchFolder::holds(const fs::path& file) const {
  return !path_.empty() && file.string().starts_with(path_.string() + "/");
}

std::string ScratchFolder::stable_name(const fs::path& file) const {
  return holds(file) ? file.string().substr(path_.string().size()) : file.string();
}

std::string ScratchFolder::without(std::string text) const {
  const std::string folder = path_.string() + "/";
  for (std::size_t at = 0; !path_.empty() && (at = text.find(folder, at)) != std::string::npos;)
    text.erase(at, folder.size());
  return text;
}

namespace {

/// Hashes entries and rejects as the importer hands them over, without opening a clip.
class Listing {
 public:
  explicit Listing(const ScratchFolder& scratch) : scratch_(scratch) {}
  void add(const Entry& e) {
    std::error_code missing;
    auto size = fs::file_size(e.audio, missing);
    take(fmt::format("+{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", e.id, scratch_.stable_name(e.audio),
                     missing ? -1 : std::int64_t(size), e.text, e.speaker,
                     e.language.empty() ? e.usual_language : e.language, e.split, e.start_s.value_or(-1),
                     e.end_s.value_or(-1), e.extra.dump(-1, ' ', false, json::error_handler_t::replace)) +
         e.textgrid);
  }
  void reject(const Reject& r) { take(fmt::format("-{}\n{}\n{}\n{}", r.line, r.reason, r.detail, r.text)); }
  std::string hash() const { return hash_hex(waiting_); }

 private:
  void take(const std::string& text) {
    waiting_ += text;
    if (waiting_.size() > (1u << 20)) waiting_ = hash_hex(waiting_);
  }
  const ScratchFolder& scratch_;
  std::string waiting_;
};

class ListingSink : public EntrySink {
 public:
  void add(Entry e) override {
    listing_.add(e);
    std::error_code ignored;
    if (e.temporary) fs::remove(e.audio, ignored);
  }
  void reject(Reject r) override { listing_.reject(r); }
  void about(const std::string&, json) override {}
  void note(const std::string&) override {}
  fs::path scratch() override { return scratch_.path(); }
  std::string hash() const { return listing_.hash(); }

 private:
  ScratchFolder scratch_;
  Listing listing_{scratch_};
};

/// What became of one entry.
struct Outcome {
  corpus::Utterance utterance;
  std::string reason, detail;  ///< reason not empty = rejected
  enum class Way { linked, copied, decoded } way = Way::linked;
  bool mixed = false;
};

/// What a source keeps besides must not be taken for a field of the manifest.
void step_aside(json& extra) {
  if (!extra.is_object()) return;
  for (const char* field :
       {"id", "audio", "text", "speaker", "language", "duration_s", "rate_hz", "channels", "split", "audio_bytes"})
    if (auto it = extra.find(field); it != extra.end()) {
      extra[std::string("source_") + field] = std::move(*it);
      extra.erase(field);
    }
}

/// Two times of a list are the same within this: lists round to milliseconds or hundredths.
constexpr double kRounding_s = 0.005;
/// So far may a piece reach beyond its recording: lists made from other copies of it differ by that much.
constexpr double kOvershoot_s = 0.5;

/// One recording decoded at most once for all its pieces in a batch.
class DecodedOnce {
 public:
  const audio::Clip& get(const fs::path& path) {
    if (!clip_ || path_ != path) clip_ = audio::decode_audio(path), path_ = path;
    return *clip_;
  }

 private:
  fs::path path_;
  std::optional<audio::Clip> clip_;
};

/// True when start and end say no more than "all of it".
bool is_whole(const Entry& e, double duration_s) {
  return e.start_s.value_or(0) <= kRounding_s && e.end_s.value_or(duration_s) >= duration_s - kRounding_s;
}

std::string piece_fault(const Entry& e, double duration_s) {
  double start_s = e.start_s.value_or(0), end_s = e.end_s.value_or(duration_s);
  if (end_s <= start_s && start_s < duration_s) return "piece ends before it starts";
  if (start_s < 0 || start_s >= duration_s || end_s > duration_s + kOvershoot_s)
    return "piece lies outside its recording";
  return {};
}

std::string piece_text(const Entry& e, double duration_s) {
  return fmt::format("{:.3f} to {:.3f} s of {:.3f} s", e.start_s.value_or(0), e.end_s.value_or(duration_s), duration_s);
}

/// Formats that later steps read as quickly as WAV and with a known length.
bool is_quick(const audio::AudioInfo& info) {
  return !info.estimated && (info.format.starts_with("wav") || info.format.starts_with("flac") ||
                             info.format.starts_with("ogg") || info.format.starts_with("aiff"));
}

std::string short_reason(const std::string& what) { return what.size() > 300 ? what.substr(0, 300) + "…" : what; }

/// Probes, decodes and writes in batches; keeps the order of the source.
class Intake : public EntrySink {
 public:
  Intake(const ImportRequest& request, corpus::CorpusWriter* writer, const EventSink& events)
      : request_(request), writer_(writer), events_(events) {}

  void add(Entry e) override {
    listing_.add(e);
    e.id = make_id(e.id);
    step_aside(e.extra);
    e.text = std::string(trim(e.text));
    if (!request_.options.speaker.empty()) e.speaker = request_.options.speaker;
    if (!choose_language(e)) return forget(e);
    Reject r{e.file, e.line, {}, {}, e.text};
    if (std::string fault = corpus::id_fault(e.id); !fault.empty())
      r.reason = "unusable id", r.detail = fmt::format("'{}' {}", e.id, fault);
    else if (!is_valid_utf8(e.text) || !is_valid_utf8(e.speaker))
      r.reason = "text is not UTF-8";
    else if (e.text.empty())
      r.reason = "no text", r.detail = e.id;
    else if (!ids_.insert(e.id))
      r.reason = "id came before", r.detail = e.id;
    if (!r.reason.empty()) {
      forget(e);
      return record_reject(r);
    }
    batch_.push_back(std::move(e));
    if (batch_.size() >= kBatch) work();
  }

  void reject(Reject r) override {
    listing_.reject(r);
    record_reject(r);
  }

  void about(const std::string& key, json value) override { about_[key] = std::move(value); }
  void note(const std::string& text) override { result.notes.push_back(text); }
  fs::path scratch() override { return scratch_.path(); }

  void finish() {
    work();
    if (!result.other_languages.empty() && result.utterances > 0)
      note(fmt::format("left out, being in other languages than {}: {}", request_.options.language, other_languages()));
    result.about = about_;
  }
  std::string listing_hash() const { return listing_.hash(); }
  /// "fr 540, it 550"
  std::string other_languages() const {
    std::vector<std::string> counts;
    for (const auto& [language, count] : result.other_languages)
      counts.push_back(fmt::format("{} {}", language, count));
    return join(counts, ", ");
  }

  ImportResult result;

 private:
  static constexpr std::size_t kBatch = 512;

  /// False for an entry of another language than the one that is asked for.
  bool choose_language(Entry& e) {
    const std::string& wanted = request_.options.language;
    if (e.language.empty()) {
      e.language = wanted.empty() ? e.usual_language : wanted;
    } else if (!wanted.empty() && !text::tag_fits(e.language, wanted)) {
      ++result.other_languages[e.language];
      return false;
    } else if (wanted.find('-') != wanted.npos) {
      e.language = wanted;  // "en-US" says more than "en"; of two equal ones the user's spelling
    }
    return true;
  }

  void record_reject(const Reject& r) {
    ++result.rejected;
    ++result.reasons[r.reason];
    if (!writer_) return;
    json line = {{"file", scratch_.stable_name(r.file)}, {"line", r.line}, {"reason", r.reason}};
    if (!r.detail.empty()) line["detail"] = r.detail;
    if (!r.text.empty()) line["text"] = r.text;
    writer_->reject(line);
  }

  /// Unpacked clips are many times a batch: none stays longer than it is needed.
  static void forget(const Entry& e) {
    std::error_code ignored;
    if (e.temporary) fs::remove(e.audio, ignored);
  }

  void work() {
    std::vector<Outcome> outcomes(batch_.size());
    // The pieces of one recording go to one thread, which decodes it once.
    std::map<std::string, std::size_t> job_of;
    std::vector<std::vector<std::size_t>> jobs;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      bool piece = batch_[i].start_s || batch_[i].end_s;
      auto [it, is_new] = piece ? job_of.emplace(batch_[i].audio.string(), jobs.size()) : std::pair(job_of.end(), true);
      if (is_new) jobs.emplace_back();
      jobs[piece ? it->second : jobs.size() - 1].push_back(i);
    }
    parallel_for(jobs.size(), [&](std::size_t j) {
      DecodedOnce decoded;
      for (std::size_t i : jobs[j]) outcomes[i] = take(batch_[i], decoded);
    });
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      record(batch_[i], std::move(outcomes[i]));
      forget(batch_[i]);
    }
    batch_.clear();
    emit_progress(events_, "import", static_cast<double>(result.utterances), 0, "clips");
  }

  void record(const Entry& e, Outcome&& o) {
    if (!o.reason.empty()) return record_reject({e.file, e.line, o.reason, o.detail, e.text});
    ++result.utterances;
    result.duration_s += o.utterance.duration_s;
    ++result.rates_hz[std::to_string(o.utterance.rate_hz)];
    ++result.speakers[o.utterance.speaker];
    result.mixed_to_mono += o.mixed;
    result.stereo_left += o.utterance.channels > 1;
    (o.way == Outcome::Way::linked   ? result.linked
     : o.way == Outcome::Way::copied ? result.copied
                                     : result.decoded) += 1;
    if (writer_) writer_->add(o.utterance);
  }

  /// One clip; runs on many threads.
  Outcome take(const Entry& e, DecodedOnce& decoded) {
    Outcome o;
    corpus::Utterance& u = o.utterance;
    u.id = e.id, u.text = e.text, u.speaker = e.speaker, u.language = e.language, u.split = e.split, u.extra = e.extra;
    std::error_code missing;
    if (!fs::is_regular_file(e.audio, missing)) {
      o.reason = "no audio file";
      o.detail = scratch_.stable_name(e.audio);
      return o;
    }
    try {
      place(e, audio::probe_audio(e.audio), decoded, o);
    } catch (const DataError& error) {
      o.reason = "audio cannot be read";
      o.detail = short_reason(scratch_.without(error.what()));
    }
    if (o.reason.empty() && u.duration_s < request_.options.min_duration_s) {
      o.reason = "audio is too short";
      o.detail = fmt::format("{:.3f} s", u.duration_s);
      if (u.audio.front() != '/' && writer_) fs::remove(writer_->staging() / u.audio, missing);
    }
    if (o.reason.empty() && !e.textgrid.empty()) keep_textgrid(e, u);
    return o;
  }

  void keep_textgrid(const Entry& e, corpus::Utterance& u) const {
    if (!u.extra.is_object()) u.extra = json::object();
    u.extra["textgrid"] = "textgrids/" + u.id + ".TextGrid";
    if (!writer_) return;
    make_folders(writer_->staging() / "textgrids");
    fs::path path = writer_->staging() / "textgrids" / (u.id + ".TextGrid");
    std::ofstream out(path, std::ios::binary);
    if (!(out << e.textgrid).flush()) throw_file_error("write", path, errno);
  }

  void place(const Entry& e, const audio::AudioInfo& info, DecodedOnce& decoded, Outcome& o) {
    const std::string& mode = request_.options.audio;
    corpus::Utterance& u = o.utterance;
    bool packed = scratch_.holds(e.audio), piece = e.start_s || e.end_s;
    if (piece && !info.estimated) {
      o.reason = piece_fault(e, info.duration_s);
      if (!o.reason.empty()) o.detail = piece_text(e, info.duration_s);
      if (!o.reason.empty()) return;
      piece = !is_whole(e, info.duration_s);
    }
    bool decode = piece || mode == "wav16" || (mode == "auto" && !is_quick(info));
    u.rate_hz = info.rate_hz, u.channels = info.channels, u.duration_s = info.duration_s;
    if (decode) return write_decoded(e, info, piece, decoded, o);
    if (mode == "copy" || packed) {
      o.way = Outcome::Way::copied;
      u.audio = "audio/" + u.id + e.audio.extension().string();
      if (writer_) {
        make_folders(writer_->staging() / "audio");
        std::error_code failed;
        if (e.temporary) fs::rename(e.audio, writer_->staging() / u.audio, failed);
        if (e.temporary && !failed) return note_size(u);
        copy_contents(e.audio, writer_->staging() / u.audio);
      }
    } else {
      u.audio = fs::absolute(e.audio).lexically_normal().string();
    }
    u.audio_bytes = static_cast<std::int64_t>(fs::file_size(e.audio));
  }

  void note_size(corpus::Utterance& u) const {
    u.audio_bytes = static_cast<std::int64_t>(fs::file_size(writer_->staging() / u.audio));
  }

  void write_decoded(const Entry& e, const audio::AudioInfo& info, bool piece, DecodedOnce& decoded, Outcome& o) {
    corpus::Utterance& u = o.utterance;
    o.way = Outcome::Way::decoded;
    u.audio = "audio/" + u.id + ".wav";
    if (!writer_ && (!piece || !info.estimated)) {  // dry run: the probe has told enough
      if (piece) u.duration_s = std::min(u.duration_s, e.end_s.value_or(u.duration_s)) - e.start_s.value_or(0);
      o.mixed = u.channels > 1;
      u.channels = 1;
      return;
    }
    const audio::Clip& clip = decoded.get(e.audio);
    std::size_t first = 0, last = clip.samples_N.size();
    double rate = static_cast<double>(clip.rate_hz);
    if (piece) {
      o.reason = piece_fault(e, clip.duration_s());
      if (!o.reason.empty()) o.detail = piece_text(e, clip.duration_s());
      if (!o.reason.empty()) return;
      if (e.start_s) first = std::min(last, static_cast<std::size_t>(std::llround(*e.start_s * rate)));
      if (e.end_s) last = std::clamp(static_cast<std::size_t>(std::llround(*e.end_s * rate)), first, last);
    }
    u.rate_hz = clip.rate_hz;
    u.channels = 1;
    u.duration_s = static_cast<double>(last - first) / rate;
    o.mixed = clip.source_channels > 1;
    if (o.mixed) {
      if (!u.extra.is_object()) u.extra = json::object();
      u.extra["source_channels"] = clip.source_channels;
    }
    if (!writer_ || last == first) return;
    make_folders(writer_->staging() / "audio");
    audio::write_staged_wav(writer_->staging() / u.audio, std::span(clip.samples_N).subspan(first, last - first),
                            clip.rate_hz);
    note_size(u);
  }

  const ImportRequest& request_;
  corpus::CorpusWriter* writer_;
  const EventSink& events_;
  ScratchFolder scratch_;
  Listing listing_{scratch_};
  corpus::IdSet ids_;
  std::vector<Entry> batch_;
  json about_ = json::object();
};

/// What decides whether two imports are the same one.
json request_json(const Importer& importer, const ImportRequest& request) {
  ImportOptions options = request.options;
  json sources = json::array();
  for (const fs::path& source : request.sources) sources.push_back(fs::absolute(source).lexically_normal().string());
  return {{"format", importer.name},
          {"sources", sources},
          {"options", config::to_json(fields(options))},
          {"format_options", config::to_json(importer.fields)}};
}

/// What ATTRIBUTION.txt says, which every export of ours has: a layout made elsewhere must not be taken for the data
/// set it is laid out like.
json told_by_export(const fs::path& source) {
  const fs::path file = source / "ATTRIBUTION.txt";
  std::error_code missing;
  json told = json::object();
  if (!fs::is_regular_file(file, missing)) return told;
  for (const std::string& line : split(read_text(file, 1 << 20), '\n'))
    for (const char* key : {"name", "licence", "attribution"})
      if (line.starts_with(std::string(key) + ": ")) {
        const std::string value = line.substr(std::string_view(key).size() + 2);
        told[key] = value == "not recorded" ? "" : value;
      }
  return told;
}

/// The finished import at `out`, when it is this one.
std::optional<ImportResult> finished_before(const Importer& importer, const ImportRequest& request,
                                            const json& wanted) {
  std::error_code missing;
  if (!fs::exists(request.out / "corpus.json", missing)) return std::nullopt;
  json about = json::parse(read_file(request.out / "corpus.json"), nullptr, false);
  if (about.is_discarded() || !about.is_object() || about.value("import", json()) != wanted) return std::nullopt;
  if (about.value("listing_hash", "") != listing_hash(importer, request)) {
    throw UsageError(fmt::format("{}: holds this import, but the source has changed since; a corpus is never changed",
                                 request.out.string()),
                     "give another --out, or remove that folder first");
  }
  ImportResult result;
  result.already_there = true;
  result.utterances = about.value("utterances", 0);
  result.rejected = about.value("rejected", 0);
  result.duration_s = about.value("duration_s", 0.0);
  result.about = about;
  return result;
}

/// "it looks like vctk (txt/ and wav48/): timbre import vctk …"; "" when `source` looks like nothing or like `importer`
/// itself.
std::string other_format(const Importer& importer, const fs::path& source) {
  Importers all;
  register_all_importers(all);
  std::vector<Guess> guesses = guess_formats(all, source);
  if (guesses.empty() || guesses[0].format == importer.name) return {};
  return fmt::format("it looks like {} ({}): timbre import {} {} --out CORPUS", guesses[0].format,
                     guesses[0].likeness.found, guesses[0].format, source.string());
}

}  // namespace

std::string listing_hash(const Importer& importer, const ImportRequest& request) {
  ListingSink sink;
  importer.read(request.sources, request.options, sink);
  return sink.hash();
}

ImportResult import_corpus(const Importer& importer, const ImportRequest& request, const EventSink& events) {
  if (request.sources.empty())
    throw UsageError("nothing to import", fmt::format("timbre import {} SOURCE --out CORPUS", importer.name));
  for (const fs::path& source : request.sources)
    if (!fs::exists(source))
      throw DataError(fmt::format("{}: no such file or folder; expected {}", source.string(), importer.layout),
                      "check the path, or quote it when it holds spaces");
  check_encoding(request.options.encoding);
  json import = request_json(importer, request);
  if (!request.dry_run)
    if (auto before = finished_before(importer, request, import)) return *before;

  std::unique_ptr<corpus::CorpusWriter> writer;
  if (!request.dry_run) writer = std::make_unique<corpus::CorpusWriter>(request.out);
  Intake intake(request, writer.get(), events);
  try {
    importer.read(request.sources, request.options, intake);
  } catch (const DataError& error) {
    std::string other = other_format(importer, request.sources[0]);
    if (other.empty()) throw;
    throw DataError(error.what(), other);
  }
  intake.finish();
  if (intake.result.utterances == 0 && !intake.result.other_languages.empty())
    throw DataError(fmt::format("{}: no clip in the language '{}'; it holds: {}", request.sources[0].string(),
                                request.options.language, intake.other_languages()),
                    "name one of these with --language, or none to take all");
  ImportResult result = std::move(intake.result);
  if (result.utterances == 0) {
    std::string why, other = other_format(importer, request.sources[0]);
    for (const auto& [reason, count] : result.reasons)
      why += fmt::format("{}{} ({})", why.empty() ? "" : ", ", reason, count);
    throw DataError(fmt::format("{}: nothing usable in it{}; expected {}", request.sources[0].string(),
                                why.empty() ? "" : ": " + why, importer.layout),
                    other.empty() ? fmt::format("timbre import {} --help", importer.name) : other);
  }
  if (result.rejected > result.utterances)
    if (std::string other = other_format(importer, request.sources[0]); !other.empty())
      result.notes.push_back("more was rejected than taken, and " + other);
  json about = {{"name", fs::absolute(request.sources[0]).lexically_normal().stem().string()},
                {"licence", ""},
                {"attribution", ""},
                {"source", request.sources[0].string()}};
  about.update(result.about);
  about.update(told_by_export(request.sources[0]));
  for (auto [key, value] : {std::pair("name", request.options.name),
                            {"licence", request.options.licence},
                            {"attribution", request.options.attribution}})
    if (!value.empty()) about[key] = value;
  about["format"] = importer.name;
  about["tool_version"] = request.tool_version;
  about["import"] = import;
  result.about = about;
  if (writer) {
    about["listing_hash"] = intake.listing_hash();
    writer->finish(about);
  }
  return result;
}

}  // namespace timbre::exchange
