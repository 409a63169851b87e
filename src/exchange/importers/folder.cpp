#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"

/// Any tree of clips with a text beside each: <name>.txt or <name>.lab.
namespace timbre::exchange {

namespace {

struct Options {
  std::string speaker = "none", split = "none", texts;
};

constexpr const char* kLayout = "a folder, of any depth, of clips with <name>.txt or <name>.lab beside each";

const std::vector<std::string> kTexts = {".txt", ".lab", ".normalized.txt", ".original.txt"};

class FolderReader {
 public:
  FolderReader(fs::path root, const Options& options, const ImportOptions& common, EntrySink& sink)
      : root_(std::move(root)), texts_(options.texts), options_(options), common_(common), sink_(sink) {}

  void read() {
    std::int64_t clips = 0;
    auto orphan = [&](const fs::path& file) {
      std::string name = ascii_lower(file.filename().string());
      for (const std::string& ending : {std::string(".normalized.txt"), std::string(".lab"), std::string(".txt")})
        if (name.ends_with(ending)) {
          if (!has_clip_beside(file, ending) && !name.ends_with(".original.txt") && !name.starts_with("readme"))
            sink_.reject({file.string(), 0, "no audio file", "no clip of that name beside it", {}});
          return;
        }
    };
    if (texts_.empty())
      each_clip(
          root_, [&](const fs::path& clip) { take(clip), ++clips; }, orphan);
    else
      each_clip(root_, [&](const fs::path& clip) { take(clip), ++clips; });
    if (clips == 0) throw DataError(fmt::format("{}: no clips in it; expected {}", root_.string(), kLayout));
  }

 private:
  void take(const fs::path& clip) {
    fs::path relative = clip.lexically_relative(root_);
    fs::path text = beside(texts_.empty() ? clip : texts_ / relative, kTexts);
    if (text.empty())
      return sink_.reject({clip.string(),
                           0,
                           "no text",
                           texts_.empty() ? "no .txt or .lab beside it" : "no .txt or .lab in " + texts_.string(),
                           {}});
    Entry entry;
    entry.id = fs::path(relative).replace_extension().generic_string();
    entry.audio = clip;
    entry.text = as_one_line(read_list(text, common_.encoding, 1 << 20));
    entry.speaker = part_of(relative, options_.speaker);
    entry.split = split_of(relative);
    entry.file = text.string();
    sink_.add(std::move(entry));
  }

  static std::string part_of(const fs::path& relative, const std::string& which) {
    fs::path folder = relative.parent_path();
    if (which == "none" || folder.empty()) return {};
    return which == "top" ? folder.begin()->string() : folder.filename().string();
  }

  std::string split_of(const fs::path& relative) const {
    if (options_.split != "top" || relative.parent_path().empty()) return {};
    return split_of_word(relative.begin()->string());
  }

  fs::path root_, texts_;
  const Options& options_;
  const ImportOptions& common_;
  EntrySink& sink_;
};

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  if (!fs::is_directory(source))
    throw DataError(fmt::format("{}: not a folder; expected {}", source.string(), kLayout));
  FolderReader(source, options, common, sink).read();
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("speaker", o.speaker, "whose name the speaker has: the folder a clip lies in, the topmost folder, or nobody")
      .choices({"none", "parent", "top"});
  f.add("split", o.split, "top: folders train, dev or valid, and test at the top are the split")
      .choices({"none", "top"});
  f.add("texts", o.texts, "folder of the texts, in the same tree as the clips, where they are not beside them")
      .metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  if (!fs::is_directory(source)) return {};
  fs::path clip = peek(source, [](const fs::path& p) { return is_clip(p) && !beside(p, kTexts).empty(); });
  return clip.empty() ? Likeness{} : Likeness{1, "clips with a text beside them"};
}

}  // namespace

void register_importer_folder(Importers& importers) {
  importers.add("folder", [] {
    return make_importer<Options>(
        {.name = "folder",
         .summary = "any tree of clips with <name>.txt or <name>.lab beside each",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "folders as the id; speaker and split where asked for",
         .examples = {"timbre import folder recordings/ --out corpora/mine --speaker Ada --language en",
                      "timbre import folder speakers/ --out corpora/many --folder.speaker parent"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
