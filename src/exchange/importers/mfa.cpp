#include "exchange/importers/mfa.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"

/// Montreal Forced Aligner: a corpus of <speaker>/<utt>.wav with .lab, .txt or TextGrid, and the TextGrids it wrote.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "auto", aligned;
  double pause_s = 0.5;
};

constexpr const char* kLayout =
    "a folder of <speaker>/<utt>.wav and the aligner's TextGrids (tiers words and phones): beside the clips, or in a "
    "folder of the same shape given as a second source or by --mfa.aligned";

bool is_silence(std::string_view label) {
  std::string word = ascii_lower(trim(label));
  return word.empty() || word == "sil" || word == "sp" || word == "<eps>" || word == "<sil>";
}
bool is_unknown(std::string_view label) {
  std::string word = ascii_lower(trim(label));
  return word == "spn" || word == "<unk>" || word == "[unk]" || word == "<spoken_noise>";
}

class MfaReader {
 public:
  MfaReader(fs::path root, fs::path aligned, const Options& options, const ImportOptions& common, EntrySink& sink)
      : root_(std::move(root)), aligned_(std::move(aligned)), options_(options), common_(common), sink_(sink) {}

  void read() {
    std::int64_t clips = 0;
    each_clip(root_, [&](const fs::path& clip) { take(clip), ++clips; });
    if (clips == 0) throw DataError(fmt::format("{}: no clips in it; expected {}", root_.string(), kLayout));
    if (grids_ == 0)
      throw DataError(fmt::format("no TextGrid with a tier of words in {}; expected {}", aligned_.string(), kLayout),
                      "for text beside the clips without alignment: timbre import lab");
  }

 private:
  /// <aligned>/<speaker>/<utt>.TextGrid, or <aligned>/<utt>.TextGrid as older versions wrote single-speaker folders.
  fs::path grid_of(const fs::path& relative) const {
    for (const fs::path& base : {aligned_ / relative, aligned_ / relative.filename()})
      if (fs::path grid = beside(base, {".TextGrid", ".textgrid"}); !grid.empty()) return grid;
    return {};
  }

  std::optional<align::TextGrid> open(const fs::path& path) {
    try {
      return align::parse_textgrid(read_list(path, common_.encoding, 1 << 28), path.string());
    } catch (const DataError& error) {
      sink_.reject({path.string(), 0, "TextGrid cannot be read", error.what(), {}});
      return std::nullopt;
    }
  }

  void take(const fs::path& clip) {
    fs::path relative = clip.lexically_relative(root_), path = grid_of(relative);
    if (path.empty())
      return sink_.reject({clip.string(), 0, "not aligned", "no TextGrid of it in " + aligned_.string(), {}});
    std::optional<align::TextGrid> grid = open(path);
    if (!grid) return;
    std::vector<MfaTiers> tiers = mfa_tiers(*grid);
    if (tiers.empty()) return sink_.reject({path.string(), 0, "not aligned", "no tier of words in its TextGrid", {}});
    ++grids_;
    Entry entry;
    entry.audio = clip;
    entry.id = fs::path(relative).replace_extension().generic_string();
    if (std::distance(relative.begin(), relative.end()) > 1) entry.speaker = relative.begin()->string();
    entry.file = path.string();
    fs::path given = beside(clip, {".TextGrid", ".textgrid"});
    std::error_code missing;
    bool several = tiers.size() > 1 || !tiers[0].speaker.empty();
    if (!given.empty() && !fs::equivalent(given, path, missing)) {
      if (auto utterances = open(given); utterances && mfa_tiers(*utterances).empty())
        return take_utterances(*utterances, tiers, entry);
    }
    if (several) return take_stretches(tiers, entry);
    take_whole(tiers[0], clip, path, std::move(entry));
  }

  void take_whole(const MfaTiers& tiers, const fs::path& clip, const fs::path& grid, Entry entry) {
    bool unknown = false;
    std::string words = mfa_text(*tiers.words, unknown), written;
    if (fs::path text = beside(clip, {".lab", ".txt", ".normalized.txt"}); !text.empty() && options_.text != "words")
      written = as_one_line(read_list(text, common_.encoding, 1 << 20));
    entry.text = written.empty() ? words : written;
    if (written.empty() && unknown)
      return sink_.reject(
          {grid.string(), 0, "a spoken word without label", "spn or <unk> in the tier of words", words});
    if (!written.empty() && written != words) entry.extra["aligned_words"] = words;
    if (tiers.phones) entry.extra["textgrid"] = fs::absolute(grid).lexically_normal().string();
    sink_.add(std::move(entry));
  }

  /// The corpus' own TextGrid: a tier a speaker, an interval an utterance.
  void take_utterances(const align::TextGrid& utterances, const std::vector<MfaTiers>& aligned, const Entry& entry) {
    std::int64_t number = 0;
    for (const align::Tier& tier : utterances.tiers) {
      if (tier.of_points) continue;
      auto tiers =
          std::find_if(aligned.begin(), aligned.end(), [&](const MfaTiers& t) { return t.speaker == tier.name; });
      if (tiers == aligned.end() && aligned.size() == 1) tiers = aligned.begin();
      for (const align::Interval& interval : tier.intervals) {
        if (is_silence(interval.label)) continue;
        ++number;
        std::string speaker = utterances.tiers.size() > 1 || entry.speaker.empty() ? tier.name : entry.speaker;
        if (tiers == aligned.end())
          sink_.reject({entry.file, 0, "not aligned", "no tier of words for " + tier.name, interval.label});
        else
          add_piece(*tiers, entry, speaker, number, interval.start_s, interval.end_s, as_one_line(interval.label));
      }
    }
  }

  void take_stretches(const std::vector<MfaTiers>& aligned, const Entry& entry) {
    std::int64_t number = 0;
    for (const MfaTiers& tiers : aligned)
      for (const MfaStretch& stretch : mfa_stretches(*tiers.words, options_.pause_s)) {
        ++number;
        if (stretch.unknown)
          sink_.reject({entry.file, 0, "a spoken word without label",
                        fmt::format("{:.2f} to {:.2f} s", stretch.start_s, stretch.end_s), stretch.text});
        else
          add_piece(tiers, entry, tiers.speaker, number, stretch.start_s, stretch.end_s, stretch.text);
      }
  }

  void add_piece(const MfaTiers& tiers, const Entry& entry, const std::string& speaker, std::int64_t number,
                 double start_s, double end_s, const std::string& text) {
    Entry piece = entry;
    piece.id += fmt::format("_{:04}", number);
    piece.speaker = speaker;
    piece.text = text;
    piece.start_s = start_s, piece.end_s = end_s;
    if (tiers.phones) piece.textgrid = align::format_textgrid(mfa_piece(tiers, start_s, end_s));
    sink_.add(std::move(piece));
  }

  fs::path root_, aligned_;
  const Options& options_;
  const ImportOptions& common_;
  EntrySink& sink_;
  std::int64_t grids_ = 0;
};

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("aligned", o.aligned, "folder of the aligner's TextGrids; default: the second source, else the corpus itself")
      .metavar("DIR");
  f.add("text", o.text, "auto takes .lab or .txt beside a clip and the aligned words where there is none")
      .choices({"auto", "words"});
  f.add("pause_s", o.pause_s,
        "recordings of several speakers are cut where one pauses that long, unless the corpus has TextGrids of its own")
      .range(0.05, 60)
      .metavar("SECONDS");
  return f;
}

Likeness looks(const fs::path& source) {
  if (!fs::is_directory(source)) return {};
  fs::path grid = peek(source, [](const fs::path& p) { return ascii_lower(p.extension().string()) == ".textgrid"; });
  if (grid.empty() || mfa_tiers(align::read_textgrid(grid)).empty()) return {};
  return {2, "TextGrids with a tier of words"};
}

bool overlaps(const align::Interval& x, double start_s, double end_s) {
  double middle_s = (x.start_s + x.end_s) / 2;
  return middle_s > start_s && middle_s < end_s;
}

}  // namespace

std::vector<MfaTiers> mfa_tiers(const align::TextGrid& grid) {
  std::vector<MfaTiers> found;
  for (const align::Tier& tier : grid.tiers) {
    if (tier.of_points || (tier.name != "words" && !tier.name.ends_with(" - words"))) continue;
    MfaTiers tiers;
    tiers.words = &tier;
    if (tier.name != "words") tiers.speaker = tier.name.substr(0, tier.name.size() - 8);
    std::string phones = tiers.speaker.empty() ? "phones" : tiers.speaker + " - phones";
    for (const align::Tier& other : grid.tiers)
      if (!other.of_points && other.name == phones) tiers.phones = &other;
    found.push_back(tiers);
  }
  return found;
}

std::string mfa_text(const align::Tier& words, bool& unknown) {
  std::vector<std::string> text;
  unknown = false;
  for (const align::Interval& interval : words.intervals) {
    if (is_silence(interval.label)) continue;
    unknown |= is_unknown(interval.label);
    text.emplace_back(trim(interval.label));
  }
  return join(text, " ");
}

std::vector<MfaStretch> mfa_stretches(const align::Tier& words, double pause_s) {
  std::vector<MfaStretch> stretches;
  double spoken_to_s = -1;
  for (const align::Interval& interval : words.intervals) {
    if (is_silence(interval.label)) continue;
    if (stretches.empty() || interval.start_s - spoken_to_s >= pause_s)
      stretches.push_back({interval.start_s, interval.end_s, "", false});
    MfaStretch& last = stretches.back();
    last.end_s = spoken_to_s = interval.end_s;
    last.text += (last.text.empty() ? "" : " ") + std::string(trim(interval.label));
    last.unknown |= is_unknown(interval.label);
  }
  return stretches;
}

align::TextGrid mfa_piece(const MfaTiers& tiers, double start_s, double end_s) {
  align::TextGrid piece{.start_s = 0, .end_s = end_s - start_s, .tiers = {}};
  for (auto [name, source] : {std::pair("words", tiers.words), {"phones", tiers.phones}}) {
    if (!source) continue;
    align::Tier tier{
        .name = name, .start_s = 0, .end_s = piece.end_s, .of_points = false, .intervals = {}, .points = {}};
    for (const align::Interval& x : source->intervals)
      if (overlaps(x, start_s, end_s))
        tier.intervals.push_back(
            {std::max(0.0, x.start_s - start_s), std::min(piece.end_s, x.end_s - start_s), x.label});
    align::fill_gaps(tier, "");
    piece.tiers.push_back(std::move(tier));
  }
  return piece;
}

void register_importer_mfa(Importers& importers) {
  importers.add("mfa", [] {
    auto options = std::make_shared<Options>();
    Importer importer{.name = "mfa",
                      .summary = "a corpus aligned by the Montreal Forced Aligner: clips and TextGrids",
                      .layout = kLayout,
                      .fields = fields(*options),
                      .read = {},
                      .keeps =
                          "speaker; words become the text where no .lab is there; the TextGrid with its phones "
                          "(extra.textgrid), which timbre prepare then takes instead of aligning; aligned_words in "
                          "extra",
                      .examples = {"timbre import mfa corpus/ aligned/ --out corpora/mine"},
                      .looks = looks};
    importer.read = [options](const std::vector<fs::path>& sources, const ImportOptions& common, EntrySink& sink) {
      for (const fs::path& source : sources)
        if (!fs::is_directory(source))
          throw DataError(fmt::format("{}: not a folder; expected {}", source.string(), kLayout));
      if (sources.size() > 2)
        throw UsageError("mfa takes the corpus and the folder of TextGrids, and nothing else",
                         "import several corpora one by one");
      fs::path aligned = !options->aligned.empty() ? fs::path(options->aligned) : sources.back();
      MfaReader(sources[0], aligned, *options, common, sink).read();
    };
    return importer;
  });
}

}  // namespace timbre::exchange
