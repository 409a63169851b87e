#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "corpus/prompts.h"
#include "exchange/archive.h"
#include "exchange/clip_tree.h"
#include "exchange/importer.h"

/// The prompts of the Asterisk telephone system, as Debian packages them: asterisk-core-sounds-XX-g722 (clips in one
/// folder a voice, with digits/, letters/ …) and asterisk-core-sounds-XX (core-sounds-XX.txt.gz: `name: text`).
namespace timbre::exchange {

namespace {

struct Options {
  std::string texts, speech = "strict";
};

constexpr const char* kLayout =
    "the packages asterisk-core-sounds-XX-g722 and asterisk-core-sounds-XX (.deb files, or folders they were unpacked "
    "into): "
    "clips named as in core-sounds-XX.txt";

/// Best first: raw G.722 is 16 kHz, Asterisk's own .wav and the rest are 8 kHz.
const std::vector<std::string> kEndings = {".g722", ".sln16", ".flac", ".wav", ".gsm", ".ulaw", ".alaw"};

/// What lies in the sources.
struct Found {
  std::map<std::string, fs::path> texts;                          ///< language → core-sounds-XX.txt
  std::map<std::string, std::map<std::string, fs::path>> voices;  ///< folder of a voice → prompt name → clip
  std::vector<fs::path> copyrights;
};

std::size_t rank(const fs::path& clip) {
  return static_cast<std::size_t>(std::find(kEndings.begin(), kEndings.end(), ascii_lower(clip.extension().string())) -
                                  kEndings.begin());
}

/// "core-sounds-en.txt.gz" → "en"; "" for other files.
std::string language_of_texts(const std::string& name) {
  std::string stem = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  for (const char* prefix : {"core-sounds-", "extra-sounds-"})
    if (stem.starts_with(prefix) && stem.ends_with(".txt"))
      return stem.substr(std::string(prefix).size(), stem.size() - std::string(prefix).size() - 4);
  return {};
}

Found look(const std::vector<fs::path>& roots) {
  Found found;
  std::map<fs::path, std::vector<fs::path>> clips;  ///< by folder
  for (const fs::path& root : roots) {
    for (const auto& entry : fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied)) {
      if (!entry.is_regular_file()) continue;
      std::string name = entry.path().filename().string();
      if (std::string language = language_of_texts(name); !language.empty())
        found.texts.emplace(language, entry.path());
      else if (name == "copyright" || name.starts_with("CREDITS") || name.starts_with("LICENSE"))
        found.copyrights.push_back(entry.path());
      else if (rank(entry.path()) < kEndings.size())
        clips[entry.path().parent_path()].push_back(entry.path());
    }
  }
  std::sort(found.copyrights.begin(), found.copyrights.end());
  // A voice is the topmost folder that holds clips; its subfolders are part of the prompts' names.
  for (const auto& [folder, files] : clips) {
    fs::path voice = folder;
    for (fs::path up = folder; up.has_relative_path(); up = up.parent_path())
      if (clips.contains(up)) voice = up;
    for (const fs::path& clip : files) {
      std::string name = clip.lexically_relative(voice).replace_extension().generic_string();
      auto [it, is_new] = found.voices[voice.string()].emplace(name, clip);
      if (!is_new && rank(clip) < rank(it->second)) it->second = clip;
    }
  }
  return found;
}

/// The voice folder to take: the one of `language`, named like en_US_f_Allison; the only one otherwise.
std::string choose_voice(const Found& found, const std::string& language) {
  std::vector<std::string> fit, names;
  for (const auto& [folder, clips] : found.voices) {
    std::string name = fs::path(folder).filename().string();
    names.push_back(name);
    if (name.starts_with(language + "_") || name == language) fit.push_back(folder);
  }
  if (fit.size() == 1) return fit[0];
  if (fit.empty() && found.voices.size() == 1) return found.voices.begin()->first;
  throw DataError(fmt::format("{} folders of clips for language '{}': {}; expected one",
                              fit.empty() ? "no" : std::to_string(fit.size()), language, join(names, ", ")),
                  "give the folder of one voice as the source");
}

std::string choose_language(const Found& found, const std::string& wanted) {
  std::vector<std::string> languages;
  for (const auto& [language, path] : found.texts) languages.push_back(language);
  std::string base = wanted.substr(0, wanted.find_first_of("-_"));
  if (languages.empty())
    throw DataError(
        fmt::format("no core-sounds-XX.txt among the sources; expected {}", kLayout),
        "apt-get download asterisk-core-sounds-en, and give that file as one more source (or --asterisk.texts FILE)");
  if (!wanted.empty()) {
    for (const std::string& name : {wanted, base})
      if (found.texts.contains(name)) return name;
    throw UsageError(fmt::format("--language {}: the sources hold {}", wanted, join(languages, ", ")));
  }
  if (languages.size() > 1)
    throw UsageError(fmt::format("the sources hold several languages: {}", join(languages, ", ")),
                     fmt::format("--language {}", languages[0]));
  return languages[0];
}

/// Folder names carry the region: en_US_f_Allison → "en-US", "Allison".
struct VoiceName {
  std::string language, given_name;
};
VoiceName parse_voice(const std::string& folder, const std::string& language) {
  std::vector<std::string> parts = split(fs::path(folder).filename().string(), '_');
  if (parts.size() == 4 && parts[0] == language && parts[1].size() == 2) return {parts[0] + "-" + parts[1], parts[3]};
  return {language, ""};
}

void read_prompts(const fs::path& texts, const std::map<std::string, fs::path>& clips, const Entry& pattern,
                  const Options& options, EntrySink& sink) {
  std::map<std::string, std::vector<std::string>> folded;  ///< lower-case name → names of clips
  for (const auto& [name, clip] : clips) folded[ascii_lower(name)].push_back(name);
  std::set<std::string> used;
  std::int64_t number = 0;
  for (const std::string& raw : split(read_text(texts), '\n')) {
    ++number;
    std::string_view line = trim(raw);
    if (line.empty() || line.front() == ';') continue;
    auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      sink.reject({texts.string(), number, "no ':' between name and text", {}, std::string(line)});
      continue;
    }
    std::string name(trim(line.substr(0, colon)));
    corpus::Prompt prompt = corpus::read_prompt(trim(line.substr(colon + 1)));
    auto clip = clips.find(name);
    // The lists of some languages differ from the clips in upper and lower case (digits/1f for digits/1F).
    if (auto near = folded.find(ascii_lower(name));
        clip == clips.end() && near != folded.end() && near->second.size() == 1)
      clip = clips.find(near->second[0]);
    if (clip != clips.end()) used.insert(clip->first);
    Reject reject{texts.string(), number, prompt.fault, name, std::string(trim(line.substr(colon + 1)))};
    if (clip == clips.end()) reject.reason = "no audio file";
    if (!reject.reason.empty() && (options.speech == "strict" || clip == clips.end() || prompt.text.empty())) {
      sink.reject(std::move(reject));
      continue;
    }
    Entry entry = pattern;
    entry.id = clip->first;
    entry.audio = clip->second;
    entry.text = prompt.text;
    if (prompt.changed) entry.extra = {{"raw_text", reject.text}};
    entry.file = texts.string();
    entry.line = number;
    sink.add(std::move(entry));
  }
  for (const auto& [name, clip] : clips)
    if (!used.contains(name)) sink.reject({clip.string(), 0, "no text", name, {}});
}

void read(const std::vector<fs::path>& sources, const Options& options, const ImportOptions& common, EntrySink& sink) {
  std::vector<fs::path> roots;
  for (const fs::path& source : sources) {
    if (fs::is_directory(source)) {
      roots.push_back(source);
    } else if (is_archive(source)) {
      fs::path into = sink.scratch() / source.stem();
      unpack(source, into);
      roots.push_back(into);
    } else {
      throw DataError(fmt::format("{}: neither a folder nor a package; expected {}", source.string(), kLayout));
    }
  }
  Found found = look(roots);
  if (found.voices.empty())
    throw DataError(fmt::format("{}: no clips in it; expected {}", sources[0].string(), kLayout));
  if (!options.texts.empty()) {
    std::string language = language_of_texts(fs::path(options.texts).filename().string());
    found.texts = {{language.empty() ? common.language : language, fs::path(options.texts)}};
  }
  std::string language = choose_language(found, common.language);
  std::string voice = choose_voice(found, language);
  VoiceName name = parse_voice(voice, language);
  corpus::Credits credits;
  for (const fs::path& path : found.copyrights)
    if (credits.licence.empty()) credits = corpus::read_credits(read_text(path), language);
  // The package credits the recording's speaker by full name; it is the voice's own only when the given name agrees.
  bool agrees = name.given_name.empty() || starts_with_icase(credits.recorded_by, name.given_name);
  Entry pattern;
  pattern.speaker = agrees && !credits.recorded_by.empty() ? credits.recorded_by : name.given_name;
  pattern.language = name.language;
  sink.about("name", fmt::format("asterisk-core-sounds-{}", language));
  sink.about("licence", credits.licence);
  sink.about("attribution", credits.attribution);
  if (!credits.source.empty()) sink.about("source", credits.source);
  if (credits.licence.empty()) sink.note("no copyright file among the sources: the licence is not known (--licence)");
  read_prompts(found.texts.at(language), found.voices.at(voice), pattern, options, sink);
}

Likeness looks(const fs::path& source) {
  auto is_texts = [](const fs::path& p) { return !language_of_texts(p.filename().string()).empty(); };
  std::string name = source.filename().string();
  if (name.starts_with("asterisk-core-sounds") && name.ends_with(".deb")) return {3, "a package of Asterisk's prompts"};
  if (!fs::is_directory(source) || peek(source, is_texts).empty()) return {};
  return {3, "core-sounds-XX.txt"};
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("texts", o.texts, "the list of texts, where it is not among the sources").metavar("FILE");
  f.add("speech", o.speech,
        "strict leaves out prompts whose text may not be what is said (words in brackets, lost letters)")
      .choices({"strict", "all"});
  return f;
}

}  // namespace

void register_importer_asterisk(Importers& importers) {
  importers.add("asterisk", [] {
    auto options = std::make_shared<Options>();
    return Importer{.name = "asterisk",
                    .summary = "prompts of the Asterisk telephone system, as Debian packages them (en es fr it ru)",
                    .layout = kLayout,
                    .fields = fields(*options),
                    .read = [options](const std::vector<fs::path>& sources, const ImportOptions& common,
                                      EntrySink& sink) { read(sources, *options, common, sink); },
                    .keeps = "speaker, language, licence and attribution from the package; raw_text in extra",
                    .examples = {"timbre import asterisk asterisk-core-sounds-en-g722_1.6.1-1_all.deb "
                                 "asterisk-core-sounds-en_1.6.1-1_all.deb --out corpora/en"},
                    .looks = looks};
  });
}

}  // namespace timbre::exchange
