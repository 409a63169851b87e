#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/event.h"
#include "config/fields.h"
#include "corpus/corpus.h"

/// Exporters: a corpus → a layout that other programs read. An exporter only lays out; choosing utterances, placing
/// clips and making the folder whole is done once, in export_corpus().
namespace timbre::exchange {

namespace fs = std::filesystem;

/// Options of every export.
struct ExportOptions {
  std::string audio = "auto";
  std::int64_t rate_hz = 0;   ///< 0 = each clip's own
  std::string speaker;        ///< only this one; "" = all
  std::string split = "all";  ///< only this one
};
config::Fields fields(ExportOptions& options);

/// What clips a layout holds.
enum class ClipForm {
  none,      ///< no clips at all
  wav16,     ///< 16-bit mono WAV
  any,       ///< whatever the corpus has
  in_place,  ///< named by path: left where they are, unless --audio says otherwise
  embedded,  ///< inside the exporter's own files, which takes them from where they are
};

/// A clip after it was placed.
struct Placed {
  fs::path path;  ///< where it will be once the export is done: absolute
  std::int64_t rate_hz = 0, channels = 0, samples = 0;
  bool ok = false;    ///< false = skipped, and told
  std::string fault;  ///< why
};

struct ExportRequest {
  fs::path corpus, out;
  ExportOptions options;
  bool dry_run = false;
  std::string tool_version;
};

struct ExportResult {
  std::int64_t utterances = 0, linked = 0, copied = 0, converted = 0, left = 0;
  double duration_s = 0;
  std::map<std::string, std::int64_t> splits;  ///< utterances by split; "" = none given
  std::vector<Skipped> skipped;
  std::vector<std::string> notes;
};
nlohmann::json to_json(const ExportResult& result);

/// What an exporter works with.
class ExportJob {
 public:
  ExportJob(const corpus::Corpus& corpus, const ExportRequest& request, fs::path staging, ClipForm form,
            const EventSink& events);

  const corpus::Corpus& corpus() const { return corpus_; }
  const ExportRequest& request() const { return request_; }
  /// Those that --speaker and --split leave, in the order of the manifest.
  const std::vector<const corpus::Utterance*>& utterances() const { return utterances_; }
  /// Files go here; it becomes `out`.
  const fs::path& staging() const { return staging_; }
  /// `out`, absolute.
  const fs::path& out() const { return out_; }
  const EventSink& events() const { return events_; }

  /// Places the clip of every utterance i at staging()/wanted(i) + its ending and hands it to `each`, in order, a few
  /// hundred in memory at a time. Faults are counted and told. Throws as place().
  void place_each(const std::function<fs::path(std::size_t i)>& wanted,
                  const std::function<void(std::size_t i, const Placed& placed)>& each);
  /// Places the clip of utterance i at staging()/wanted[i] + its ending, on all threads; those of an empty name are
  /// left out. Throws UsageError when --audio link or copy cannot give what the layout holds, SystemError.
  std::vector<Placed> place(const std::vector<fs::path>& wanted);
  /// One clip alone; safe to call on many threads. `wanted` without ending.
  Placed place_one(const corpus::Utterance& utterance, const fs::path& wanted);
  /// Counts utterance `u` as written.
  void count(const corpus::Utterance& u, const Placed* placed = nullptr);
  /// Counts it as left out.
  void skip(const std::string& id, const std::string& reason);
  void note(const std::string& text) { result.notes.push_back(text); }
  /// Writes a text file below staging(), making its folder.
  void write(const fs::path& name, const std::string& text) const;

  ExportResult result;

 private:
  Placed put(const corpus::Utterance& u, const fs::path& wanted);
  const corpus::Corpus& corpus_;
  const ExportRequest& request_;
  fs::path staging_, out_;
  ClipForm form_;
  const EventSink& events_;
  std::vector<const corpus::Utterance*> utterances_;
};

/// One layout. Options live in a struct that `write` captures; `fields` lists them.
struct Exporter {
  std::string name;     ///< the --format word
  std::string summary;  ///< one line
  ClipForm clips = ClipForm::wav16;
  config::Fields fields;
  /// Refuses what the layout cannot hold, before anything is written. May be empty.
  std::function<void(const ExportJob& job)> check;
  std::function<void(ExportJob& job)> write;
};

/// All exporters; each src/exchange/exporters/<x>.cpp and src/prepare/exporters/<x>.cpp has
/// register_exporter_<x>(Exporters&).
class Exporters {
 public:
  void add(const std::string& name, std::function<Exporter()> make);
  /// A new one with default options. Throws UsageError with "did you mean".
  Exporter make(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  std::map<std::string, std::function<Exporter()>> makers_;
};

/// Generated: calls every register_exporter_<x> of src/exchange/exporters.
void register_all_exporters(Exporters& exporters);

/// Runs the export: `request.out` appears whole or not at all, with ATTRIBUTION.txt and, where clips were left out,
/// skipped.jsonl. Throws UsageError (out holds something, options that do not fit), DataError (no corpus, nothing
/// usable), SystemError.
ExportResult export_corpus(const Exporter& exporter, const ExportRequest& request, const EventSink& events);

/// Names made fit for a layout, each once: the second "a" is refused.
class UniqueNames {
 public:
  bool insert(const std::string& name) { return names_.insert(name).second; }

 private:
  std::unordered_set<std::string> names_;
};

/// `text` on one line: tabs and line breaks become spaces, those at the ends go.
std::string one_line(std::string_view text);
/// What the source wrote, where the importer kept it beside what is spoken.
std::string raw_text(const corpus::Utterance& utterance);

}  // namespace timbre::exchange
