#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"

/// Importers: a common dataset layout → a corpus folder. An importer only reads its layout and hands over entries; the
/// rest (probing, decoding, rejecting, writing) is done once, in import_corpus().
namespace timbre::exchange {

namespace fs = std::filesystem;

/// What an importer found for one utterance.
struct Entry {
  std::string id;          ///< made usable by make_id(); repeated ids are rejected
  fs::path audio;          ///< the source file
  bool temporary = false;  ///< `audio` lies in scratch() for this entry alone: moved into the corpus or removed
  std::string text;
  std::string speaker, language, split;
  std::string
      usual_language;  ///< that of the layout's well-known corpus, where neither the source nor the user names one
  std::optional<double> start_s, end_s;  ///< a piece of a longer recording: always written out, never left in place
  nlohmann::json extra;                  ///< null or object
  std::string file;                      ///< where the entry was read, for rejected.jsonl
  std::int64_t line = 0;                 ///< 0 = the whole file
  std::string textgrid;                  ///< bytes of a TextGrid of this piece, kept as textgrids/<id>.TextGrid
};

/// An entry that cannot be used. `reason` is one of few words ("no audio file"), so that reasons can be counted;
/// `detail` tells more.
struct Reject {
  std::string file;
  std::int64_t line = 0;
  std::string reason, detail, text;
};

/// Takes what an importer reads, in source order, in bounded memory.
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  virtual void add(Entry entry) = 0;
  virtual void reject(Reject reject) = 0;
  /// name, licence, attribution, source …: goes into corpus.json; a later value for a key wins.
  virtual void about(const std::string& key, nlohmann::json value) = 0;
  /// A remark shown once at the end ("12 files have no text").
  virtual void note(const std::string& text) = 0;
  /// A folder for unpacked files that lives as long as the import.
  virtual fs::path scratch() = 0;
};

/// Options of every import.
struct ImportOptions {
  std::string audio = "auto";
  std::string speaker, name, licence, attribution;  ///< "" = what the source says
  /// Of entries that the source names no language of; of the others, those alone are taken that it fits
  /// (text::tag_fits). "" = all, as the source says.
  std::string language;
  std::string encoding = "auto";  ///< of lists and texts, see encoding.h
  double min_duration_s = 0.02;
};
config::Fields fields(ImportOptions& options);

/// How much a source looks like a layout.
struct Likeness {
  int certainty = 0;  ///< 0 not at all, 1 may be, 2 probably, 3 by a file that nothing else has
  std::string found;  ///< what says so ("wav.scp", "lines of path|speaker|language|text")
};

/// One layout. Options live in a struct that `read` captures; `fields` lists them.
struct Importer {
  std::string name;     ///< the FORMAT word
  std::string summary;  ///< one line
  std::string layout;   ///< what the source must look like, for help and errors
  config::Fields fields;
  std::function<void(const std::vector<fs::path>& sources, const ImportOptions& options, EntrySink& sink)> read;
  std::string keeps = {};                  ///< what of the source goes into the corpus besides clip and text, for help
  std::vector<std::string> examples = {};  ///< complete command lines
  std::function<Likeness(const fs::path& source)> looks = {};  ///< quick: looks at few files
};

/// An importer whose options are a struct and which reads its sources one by one. `head` has the texts.
template <class Options>
Importer make_importer(Importer head, config::Fields (*fields)(Options&),
                       void (*read)(const fs::path&, const Options&, const ImportOptions&, EntrySink&)) {
  auto options = std::make_shared<Options>();
  head.fields = fields(*options);
  head.read = [options, read](const std::vector<fs::path>& sources, const ImportOptions& common, EntrySink& sink) {
    for (const fs::path& source : sources) read(source, *options, common, sink);
  };
  return head;
}

/// All importers; each src/exchange/importers/<x>.cpp has register_importer_<x>(Importers&).
class Importers {
 public:
  void add(const std::string& name, std::function<Importer()> make);
  /// A new one with default options. Throws UsageError with "did you mean".
  Importer make(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  std::map<std::string, std::function<Importer()>> makers_;
};

/// The prefix of a format's own options: "gpt-sovits" → "gpt_sovits".
std::string option_prefix(const std::string& format);

/// The layouts that `source` looks like, the surest first; never throws for what it finds there.
struct Guess {
  std::string format;
  Likeness likeness;
};
std::vector<Guess> guess_formats(const Importers& importers, const fs::path& source);

/// Generated: calls every register_importer_<x>.
void register_all_importers(Importers& importers);

struct ImportRequest {
  std::vector<fs::path> sources;  ///< usually one; asterisk takes the audio and the text package
  fs::path out;
  ImportOptions options;
  bool dry_run = false;      ///< reads and probes everything, writes nothing
  std::string tool_version;  ///< for corpus.json
};

struct ImportResult {
  std::int64_t utterances = 0, rejected = 0, mixed_to_mono = 0, stereo_left = 0, decoded = 0, copied = 0, linked = 0;
  double duration_s = 0;
  bool already_there = false;                   ///< the same import was finished before
  std::map<std::string, std::int64_t> reasons;  ///< rejected, by reason
  std::map<std::string, std::int64_t> rates_hz, speakers;
  std::map<std::string, std::int64_t> other_languages;  ///< left out, since another language was asked for
  std::vector<std::string> notes;
  nlohmann::json about;
};
nlohmann::json to_json(const ImportResult& result);

/// Runs the import. Throws UsageError (out holds something else), DataError (the layout is not there, nothing usable),
/// SystemError. Single unusable entries are in rejected.jsonl and counted.
ImportResult import_corpus(const Importer& importer, const ImportRequest& request, const EventSink& events);

/// `text` with what an id cannot hold replaced by '_' (path separators, control characters, leading dots), shortened
/// with a hash beyond 200 bytes.
std::string make_id(std::string_view text);

}  // namespace timbre::exchange
