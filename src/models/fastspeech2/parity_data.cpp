#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/parity_parts.h"
#include "prepare/ming024_folder.h"
#include "text/cleaners.h"
#include "text/ming024_front_end.h"
#include "text/phonemes.h"
#include "text/pinyin.h"
#include "text/prepare_align.h"
#include "text/symbols.h"

/// The text and data entries of the set, computed by text/ and prepare/.
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kCases = "cases.json";
const std::vector<std::string> kEnglish = {"english_cleaners"};

std::string text_at(const ParityRun& run, const std::string& pointer) {
  return run.input_json(kCases, pointer + "/text").get<std::string>();
}

void put_phones(ParityRun& run, const std::string& pointer, const std::string& front_end, const std::string& lexicon) {
  text::FrontEndOptions options;
  if (run.has_file(lexicon)) options.lexicon = run.input_path(lexicon);
  const auto phones = text::make_front_end(front_end, options)->phonemize(text_at(run, pointer)).phones;
  const std::string braced = text::braced(phones);
  run.put_json(kCases, pointer + "/phonemes", braced);
  run.put_json(kCases, pointer + "/ids", text::text_to_sequence(braced, kEnglish));
}

/// The names between `before` and the next slash of all files that start with `before`.
std::vector<std::string> folders_below(const ParityRun& run, const std::string& before) {
  std::set<std::string> names;
  for (const std::string& file : run.files()) {
    if (!file.starts_with(before)) continue;
    const std::size_t slash = file.find('/', before.size());
    if (slash != std::string::npos) names.insert(file.substr(before.size(), slash - before.size()));
  }
  return {names.begin(), names.end()};
}

/// "id|speaker|{PH ON}|text" by id.
std::map<std::string, std::vector<std::string>> lines_by_id(const std::vector<std::string>& lines) {
  std::map<std::string, std::vector<std::string>> table;
  for (const std::string& line : lines) {
    const auto parts = split(line, '|');
    if (parts.size() >= 4) table[parts[0]] = parts;
  }
  return table;
}

/// [B, longest], filled up with 0.
json padded(const std::vector<std::vector<std::int64_t>>& rows) {
  std::size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  json out = json::array();
  for (auto row : rows) {
    row.resize(longest);
    out.push_back(row);
  }
  return out;
}

/// Dataset.collate_fn: the given ids, in their order, as padded lists.
void put_collate(ParityRun& run, const std::string& at, const prepare::Ming024Data& data) {
  const auto lines = lines_by_id(data.lines_in_order);
  std::map<std::string, weights::Tensor> arrays(data.arrays.begin(), data.arrays.end());
  json raw_texts = json::array(), speakers = json::array(), text_lens = json::array(), mel_lens = json::array();
  std::vector<std::vector<std::int64_t>> texts, durations;
  for (const std::string id : run.input_json(kCases, at + "/ids")) {
    const auto& line = lines.at(id);
    const std::string& speaker = line[1];
    const auto array = [&](const char* kind) {
      return arrays.at(fmt::format("{0}/{1}-{0}-{2}.npy", kind, speaker, id));
    };
    texts.push_back(text::text_to_sequence(line[2], kEnglish));
    durations.push_back(array("duration").to_i64());
    raw_texts.push_back(line[3]);
    speakers.push_back(data.speakers.at(speaker));
    text_lens.push_back(texts.back().size());
    mel_lens.push_back(array("mel").shape.at(0));
  }
  run.put_json(kCases, at + "/raw_texts", raw_texts);
  run.put_json(kCases, at + "/speakers", speakers);
  run.put_json(kCases, at + "/texts", padded(texts));
  run.put_json(kCases, at + "/text_lens", text_lens);
  run.put_json(kCases, at + "/mel_lens", mel_lens);
  run.put_json(kCases, at + "/durations", padded(durations));
}

/// True when the dataset has every id of a collate case.
bool has_all(const ParityRun& run, const std::string& at, const prepare::Ming024Data& data) {
  const auto lines = lines_by_id(data.lines_in_order);
  const json ids = run.input_json(kCases, at + "/ids");
  return std::all_of(ids.begin(), ids.end(), [&](const json& id) { return lines.contains(id.get<std::string>()); });
}

/// preprocess.py on one dataset: arrays, statistics, speakers, lines.
prepare::Ming024Data put_dataset(ParityRun& run, const std::string& dataset) {
  const std::string out = "data/preprocessed_data/" + dataset + "/";
  const prepare::Ming024Data data =
      prepare::prepare_ming024({.config = run.input_path("data/config/preprocess_" + dataset + ".yaml"),
                                .raw = run.dir() / "data/raw_data" / dataset,
                                .textgrids = run.dir() / (out + "TextGrid")});
  for (const auto& [name, tensor] : data.arrays) run.put(out + name, "-", tensor);
  run.put_json(out + "stats.json", "", data.stats);
  run.put_json(out + "speakers.json", "", data.speakers);
  run.put_json(kCases, "/preprocess_" + dataset + "/lines_in_order", data.lines_in_order);
  return data;
}

}  // namespace

void data_parity(ParityRun& run) {
  // Phoneme-level data first: what collate is shown on.
  std::vector<std::string> datasets = folders_below(run, "data/raw_data/");
  std::reverse(datasets.begin(), datasets.end());
  std::set<std::string> collated;
  for (const std::string& dataset : datasets) {
    const prepare::Ming024Data data = put_dataset(run, dataset);
    for (const std::string& i : run.keys(kCases, "/collate")) {
      if (!collated.contains(i) && has_all(run, "/collate/" + i, data)) {
        put_collate(run, "/collate/" + i, data);
        collated.insert(i);
      }
    }
  }
  for (const std::string& folder : folders_below(run, "data/corpus/")) {
    const std::string dataset = folder.substr(0, folder.find('-'));  // LJSpeech-1.1 is prepared as LJSpeech
    for (const auto& item : text::prepare_align_texts(dataset, run.dir() / "data/corpus" / folder)) {
      run.put_bytes(fmt::format("data/prepared/{}/{}/{}.lab", dataset, item.speaker, item.id), item.lab);
    }
  }
}

void text_parity(ParityRun& run) {
  if (run.has_json(kCases, "/symbols")) run.put_json(kCases, "/symbols", text::ming024_symbols());
  for (const std::string& i : run.keys(kCases, "/english"))
    put_phones(run, "/english/" + i, "ming024:english", "lexicon_english.txt");
  for (const std::string& i : run.keys(kCases, "/mandarin")) {
    const std::string at = "/mandarin/" + i;
    run.put_json(kCases, at + "/pinyin", text::pinyin_tone3(text_at(run, at)));
    put_phones(run, at, "ming024:mandarin", "lexicon_pinyin_subset.txt");
  }
  for (const std::string& i : run.keys(kCases, "/text_to_sequence")) {
    const std::string at = "/text_to_sequence/" + i;
    const std::string given = text_at(run, at);
    const auto ids = text::text_to_sequence(given, kEnglish);
    run.put_json(kCases, at + "/cleaned", text::english_cleaners(given));
    run.put_json(kCases, at + "/ids", ids);
    run.put_json(kCases, at + "/back", text::sequence_to_text(ids));
    run.put_json(kCases, at + "/transliteration", text::transliteration_cleaners(given));
    run.put_json(kCases, at + "/basic", text::basic_cleaners(given));
  }
}

}  // namespace timbre::fastspeech2
