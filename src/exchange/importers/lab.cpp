#include <algorithm>
#include <map>
#include <memory>

#include "align/textgrid.h"
#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"

/// One folder a speaker, a text beside each clip: <speaker>/<utt>.wav with <utt>.lab, .txt or .TextGrid (Montreal
/// Forced Aligner, ming024's raw_path, fish-speech).
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "auto", textgrids, id = "path";
};

constexpr const char* kLayout =
    "a folder of <speaker>/<utt>.wav with <utt>.lab, <utt>.txt or <utt>.TextGrid beside each";

const std::vector<std::pair<std::string, std::string>> kTexts = {
    {"lab", ".lab"}, {"txt", ".txt"}, {"txt", ".normalized.txt"}, {"textgrid", ".TextGrid"}, {"textgrid", ".textgrid"}};

bool is_silence(std::string_view label) {
  std::string word = ascii_lower(trim(label));
  for (const char* silence : {"", "sil", "sp", "spn", "<eps>", "<unk>", "<sil>"})
    if (word == silence) return true;
  return false;
}

/// The words of a tier in order.
std::string words_of(const align::Tier& tier) {
  std::string text;
  for (const align::Interval& interval : tier.intervals)
    if (!is_silence(interval.label)) text += (text.empty() ? "" : " ") + std::string(trim(interval.label));
  return text;
}

class LabReader {
 public:
  LabReader(fs::path root, const Options& options, const ImportOptions& common, EntrySink& sink)
      : root_(std::move(root)), options_(options), common_(common), sink_(sink) {}

  void read() {
    read_splits();
    each_clip(
        root_, [this](const fs::path& clip) { take(clip); },
        [this](const fs::path& file) {
          if (file.extension() == ".lab" && !has_clip_beside(file, ".lab"))
            sink_.reject({file.string(), 0, "no audio file", {}, {}});
        });
    if (clips_ == 0) throw DataError(fmt::format("{}: no clips in it; expected {}", root_.string(), kLayout));
  }

 private:
  /// splits.tsv: the path of a clip without its ending, and its side.
  void read_splits() {
    const fs::path table = root_ / "splits.tsv";
    std::error_code missing;
    if (!fs::is_regular_file(table, missing)) return;
    const std::string text = read_list(table, common_.encoding);
    each_line(text, [&](const Line& line) {
      const std::vector<std::string> cells = split(trim(line.text), '\t');
      if (cells.size() == 2 && (cells[1] == "train" || cells[1] == "valid" || cells[1] == "test"))
        split_of_[cells[0]] = cells[1];
      else
        throw DataError(fmt::format("{}, line {}: expected a clip's path, a tab, and train, valid or test",
                                    table.string(), line.number));
    });
  }

  void take(const fs::path& clip) {
    ++clips_;
    fs::path relative = clip.lexically_relative(root_);
    Entry entry;
    entry.audio = clip;
    const std::string place = fs::path(relative).replace_extension().generic_string();
    entry.id = options_.id == "name" ? clip.stem().string() : place;
    if (auto side = split_of_.find(place); side != split_of_.end()) entry.split = side->second;
    if (std::distance(relative.begin(), relative.end()) > 1) entry.speaker = relative.begin()->string();
    entry.file = clip.string();
    fs::path grid = find_grid(relative);
    if (!grid.empty()) entry.extra = {{"textgrid", fs::absolute(grid).lexically_normal().string()}};
    for (const auto& [kind, ending] : kTexts) {
      if (options_.text != "auto" && options_.text != kind) continue;
      fs::path text = fs::path(clip).replace_extension();
      text += ending;
      std::error_code missing;
      if (!fs::is_regular_file(text, missing)) continue;
      entry.file = text.string();
      if (kind == "textgrid") return take_grid(text, std::move(entry));
      entry.text = as_one_line(read_list(text, common_.encoding, 1 << 20));
      return sink_.add(std::move(entry));
    }
    sink_.reject({clip.string(), 0, "no text", "no .lab, .txt or .TextGrid beside it", {}});
  }

  fs::path find_grid(const fs::path& relative) const {
    fs::path base = fs::path(options_.textgrids.empty() ? root_ : fs::path(options_.textgrids)) / relative;
    std::error_code missing;
    for (const char* ending : {".TextGrid", ".textgrid"})
      if (fs::path grid = fs::path(base).replace_extension(ending); fs::is_regular_file(grid, missing)) return grid;
    // torphix/fastspeech2-TTS keeps a speaker's TextGrids in a folder of their own beside the clips.
    const fs::path apart = (base.parent_path() / "TextGrid" / base.filename()).replace_extension(".TextGrid");
    if (fs::is_regular_file(apart, missing)) return apart;
    return {};
  }

  /// A "words" tier is a finished alignment of one utterance. Other tiers are what an aligner is given: a tier a
  /// speaker, an interval an utterance.
  void take_grid(const fs::path& file, Entry entry) {
    align::TextGrid grid;
    try {
      grid = align::read_textgrid(file);
    } catch (const DataError& error) {
      return sink_.reject({file.string(), 0, "TextGrid cannot be read", error.what(), {}});
    }
    if (const align::Tier* words = grid.find("words")) {
      entry.text = words_of(*words);
      return sink_.add(std::move(entry));
    }
    std::int64_t pieces = 0;
    for (const align::Tier& tier : grid.tiers) {
      if (tier.of_points) continue;
      for (const align::Interval& interval : tier.intervals) {
        if (is_silence(interval.label)) continue;
        Entry piece = entry;
        piece.id += fmt::format("_{:04}", ++pieces);
        piece.text = std::string(trim(interval.label));
        if (grid.tiers.size() > 1 || piece.speaker.empty()) piece.speaker = tier.name;
        piece.start_s = interval.start_s;
        piece.end_s = interval.end_s;
        sink_.add(std::move(piece));
      }
    }
    if (pieces == 0) sink_.reject({file.string(), 0, "no text", "no interval with a label", {}});
  }

  fs::path root_;
  const Options& options_;
  const ImportOptions& common_;
  EntrySink& sink_;
  std::int64_t clips_ = 0;
  std::map<std::string, std::string> split_of_;
};

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  if (!fs::is_directory(source))
    throw DataError(fmt::format("{}: not a folder; expected {}", source.string(), kLayout));
  // database/<dataset> of torphix/fastspeech2-TTS: raw_data/ beside it holds the same clips before they were prepared.
  const fs::path prepared = source / "preprocessed_dataset";
  LabReader(fs::is_directory(prepared) ? prepared : source, options, common, sink).read();
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "what to read beside each clip; auto takes the first there is, in this order")
      .choices({"auto", "lab", "txt", "textgrid"});
  f.add("id", o.id, "what names an utterance: its path below the folder, or the clip's name alone")
      .choices({"path", "name"});
  f.add("textgrids", o.textgrids, "folder of <speaker>/<utt>.TextGrid, where they are apart; noted in the manifest")
      .metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  if (!fs::is_directory(source)) return {};
  if (peek(source, [](const fs::path& p) { return p.extension() == ".lab" && has_clip_beside(p, ".lab"); }).empty())
    return {};
  return {2, ".lab files beside clips"};
}

}  // namespace

void register_importer_lab(Importers& importers) {
  importers.add("lab", [] {
    return make_importer<Options>(
        {.name = "lab",
         .summary = "a folder a speaker with a .lab, .txt or TextGrid beside each clip (MFA, fish-speech, ming024)",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; pieces, where a TextGrid holds utterances; extra.textgrid, which timbre prepare then takes "
                  "instead of aligning",
         .examples = {"timbre import lab speakers/ --out corpora/many --audio wav16"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
