#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audio/decode.h"
#include "roles/registry.h"
#include "voice/speech.h"

/// Where the clips of a listening test come from.
namespace timbre::score {

/// Texts by prompt id, in the order they were given.
struct PromptTexts {
  std::vector<std::string> ids;
  std::map<std::string, std::string> text_of;
  void add(const std::string& id, std::string text);
};

/// Lines "id|text" or "text" (named 0001, 0002 …). Throws DataError without any, or for an id given twice.
PromptTexts read_prompts(const std::filesystem::path& file);

class ClipSource {
 public:
  virtual ~ClipSource() = default;
  const std::string& name() const { return name_; }
  /// The prompts it has clips of; nothing when it can make one of any text.
  virtual std::optional<std::vector<std::string>> ids() const = 0;
  /// "" where it does not know.
  virtual std::string text(const std::string& id) const = 0;
  /// Prompts that its maker kept out of training; empty when it names none.
  virtual std::vector<std::string> heldout() const { return {}; }
  /// Throws DataError when the clip cannot be had.
  virtual audio::Clip clip(const std::string& id, const std::string& text) = 0;

 protected:
  explicit ClipSource(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

/// What a path on the command line is.
enum class SourceKind { corpus, voice, folder };
/// Throws UsageError for what is neither a corpus, a voice, a run nor a folder of sound files.
SourceKind source_kind(const std::filesystem::path& path);

/// Sound files by their names; texts from NAME.txt, NAME.lab or NAME.json beside them.
std::unique_ptr<ClipSource> folder_source(const std::filesystem::path& folder);
/// The recordings of a corpus.
std::unique_ptr<ClipSource> corpus_source(const std::filesystem::path& folder);
/// A voice that speaks. `registry` must have running networks and outlive the source. Throws as voice::Speaker.
std::unique_ptr<ClipSource> voice_source(const std::filesystem::path& folder, const roles::Registry& registry,
                                         const voice::SayOptions& say);

}  // namespace timbre::score
