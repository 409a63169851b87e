#include <algorithm>
#include <map>

#include "base/strings.h"
#include "exchange/exporter.h"
#include "exchange/importer.h"  // make_id

/// LibriTTS: <part>/<speaker>/<chapter>/<utt>.wav with .original.txt and .normalized.txt, <speaker>_<chapter>.trans.tsv
/// and .book.tsv a chapter, SPEAKERS.txt. Its readers take the speaker from the utterance's name, so names are
/// <speaker>_<chapter>_…: an id that already is one stays, others become <speaker>_0_<id>; ids.tsv tells which.
/// Parts carry LibriTTS' own names, because its readers look for those.
namespace timbre::exchange {

namespace {

/// A speaker as a part of a name: without what separates parts or columns.
std::string speaker_word(const std::string& speaker) {
  std::string word = make_id(speaker.empty() ? "speaker" : speaker);
  for (char& c : word)
    if (c == '_' || c == '|' || c == ' ' || c == '\t' || c == ';') c = '-';
  return word;
}

/// A name without white space, which splits the columns of book.tsv.
std::string tight(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

struct Name {
  std::string speaker, chapter, utterance;
};

Name name_of(const corpus::Utterance& u) {
  Name name{speaker_word(u.speaker), "0", {}};
  const std::vector<std::string> pieces = timbre::split(u.id, '_');
  const bool is_number = pieces.size() > 2 && parse_int(pieces[1]).has_value();
  if (is_number && pieces[0] == name.speaker && u.id.find(' ') == std::string::npos) {
    name.chapter = pieces[1];
    name.utterance = u.id;
  } else {
    name.utterance = fmt::format("{}_0_{}", name.speaker, tight(u.id));
  }
  return name;
}

std::string part_of(const corpus::Utterance& u) {
  return u.split == "valid" ? "dev-clean" : u.split == "test" ? "test-clean" : "train-clean-100";
}

struct Chapter {
  std::string transcript, book;
};

struct Speaker {
  std::string written, gender = "?", part;
  double seconds = 0;
};

void write_speakers(ExportJob& job, const std::map<std::string, Speaker>& speakers) {
  std::string table = ";ID  |SEX| SUBSET           |MINUTES| NAME\n";
  for (const auto& [word, s] : speakers)
    table +=
        fmt::format("{:<5}| {} | {:<17}| {:.2f} | {}\n", word, s.gender, s.part, s.seconds / 60, one_line(s.written));
  job.write("SPEAKERS.txt", table);
}

std::string gender_of(const corpus::Utterance& u) {
  if (!u.extra.is_object()) return "?";
  auto it = u.extra.find("gender");
  if (it == u.extra.end() || !it->is_string()) return "?";
  const std::string gender = ascii_lower(it->get<std::string>());
  return gender.starts_with('f') ? "F" : gender.starts_with('m') ? "M" : "?";
}

void write(ExportJob& job) {
  const auto& utterances = job.utterances();
  std::vector<Name> names;
  std::vector<fs::path> wanted;
  UniqueNames unique;
  for (const corpus::Utterance* u : utterances) {
    names.push_back(name_of(*u));
    const Name& n = names.back();
    const bool is_new = unique.insert(n.utterance);
    if (!is_new) job.skip(u->id, fmt::format("another clip is named '{}'", n.utterance));
    wanted.push_back(is_new ? fs::path(part_of(*u)) / n.speaker / n.chapter / n.utterance : fs::path());
  }
  const std::vector<Placed> placed = job.place(wanted);
  std::map<fs::path, Chapter> chapters;
  std::map<std::string, Speaker> speakers;
  std::string ids;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (!placed[i].ok) continue;
    const corpus::Utterance& u = *utterances[i];
    const Name& n = names[i];
    const std::string original = one_line(raw_text(u)), normalized = one_line(u.text);
    for (const auto& [ending, text] : {std::pair(".original.txt", &original), {".normalized.txt", &normalized}}) {
      fs::path file = wanted[i];
      file += ending;
      job.write(file, *text + "\n");
    }
    Chapter& chapter = chapters[wanted[i].parent_path() / fmt::format("{}_{}", n.speaker, n.chapter)];
    chapter.transcript += fmt::format("{}\t{}\t{}\n", n.utterance, original, normalized);
    chapter.book += fmt::format("{}\t{}\tnan\n", n.utterance, original);  // the last column is a noise ratio, not known
    Speaker& speaker = speakers[n.speaker];
    speaker.written = u.speaker, speaker.part = part_of(u);
    if (speaker.gender == "?") speaker.gender = gender_of(u);
    speaker.seconds += static_cast<double>(placed[i].samples) / static_cast<double>(placed[i].rate_hz);
    if (n.utterance != u.id) ids += fmt::format("{}\t{}\n", n.utterance, u.id);
  }
  for (const auto& [place, chapter] : chapters) {
    job.write(place.string() + ".trans.tsv", chapter.transcript);
    job.write(place.string() + ".book.tsv", chapter.book);
  }
  write_speakers(job, speakers);
  if (!ids.empty()) {
    job.write("ids.tsv", ids);
    job.note("the layout wants names of its own, <speaker>_<chapter>_…: ids.tsv has them beside the ids");
  }
}

}  // namespace

void register_exporter_libritts(Exporters& exporters) {
  exporters.add("libritts", [] {
    return Exporter{.name = "libritts",
                    .summary = "<part>/<speaker>/<chapter>/ with .original.txt and .normalized.txt, as LibriTTS has it",
                    .clips = ClipForm::wav16,
                    .fields = {},
                    .check = {},
                    .write = write};
  });
}

}  // namespace timbre::exchange
