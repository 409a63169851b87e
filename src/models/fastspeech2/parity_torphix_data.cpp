#include <algorithm>
#include <map>

#include "base/error.h"
#include "models/fastspeech2/parity_parts.h"
#include "prepare/torphix_folder.h"
#include "text/cleaners.h"
#include "text/symbols.h"

/// The text and data entries of golden/fastspeech2_torphix, computed by text/ and prepare/.
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kCases = "cases.json";

/// ming024's table under another name for the padding.
std::vector<std::string> torphix_symbols() {
  std::vector<std::string> symbols = text::ming024_symbols();
  symbols.front() = "<PAD>";
  return symbols;
}

std::vector<std::string> cleaners_of(const ParityRun& run) {
  return run.has_file("data.yaml") ? prepare::read_torphix_settings(run.input_path("data.yaml")).cleaners
                                   : std::vector<std::string>{"english_cleaners"};
}

/// The names between `before` and the next slash of all files that start with `before`.
std::vector<std::string> folders_below(const ParityRun& run, const std::string& before) {
  std::vector<std::string> names;
  for (const std::string& file : run.files()) {
    if (!file.starts_with(before)) continue;
    const std::string name = file.substr(before.size(), file.find('/', before.size()) - before.size());
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

/// An utterance as the reference's Dataset gives it.
struct Item {
  std::vector<std::int64_t> ids;
  std::string raw_text;
  std::int64_t durations = 0, pitches = 0, energies = 0, frames = 0, mels = 0, sum = 0;
};

std::vector<std::pair<std::string, Item>> items_of(const prepare::TorphixSpeaker& speaker,
                                                   const std::vector<std::string>& cleaners) {
  const std::map<std::string, weights::Tensor> arrays(speaker.arrays.begin(), speaker.arrays.end());
  std::vector<std::pair<std::string, Item>> items;
  for (const json& entry : speaker.data) {
    Item item;
    std::string braced;
    for (const std::string phone : entry.at("phonemes")) braced += (braced.empty() ? "{" : " ") + phone;
    item.ids = text::text_to_sequence(braced + "}", cleaners);
    item.raw_text = entry.at("raw_text");
    const auto array = [&](const char* key) { return arrays.at(entry.at(key).get<std::string>()); };
    const weights::Tensor durations = array("duration"), mel = array("mel");
    item.durations = durations.shape.at(0);
    for (const std::int64_t d : durations.to_i64()) item.sum += d;
    item.pitches = array("pitch").shape.at(0);
    item.energies = array("energy").shape.at(0);
    item.mels = mel.shape.at(0);
    item.frames = mel.shape.at(1);
    items.emplace_back(entry.at("id").get<std::string>(), std::move(item));
  }
  return items;
}

/// collate_fn over all items of a speaker: shapes, lengths and texts.
json collated(const std::vector<std::pair<std::string, Item>>& items) {
  std::int64_t durations = 0, pitches = 0, energies = 0, frames = 0, mels = 0, phones = 0;
  json texts = json::array(), text_lens = json::array(), mel_lens = json::array();
  for (const auto& [id, item] : items) {
    durations = std::max(durations, item.durations);
    pitches = std::max(pitches, item.pitches);
    energies = std::max(energies, item.energies);
    frames = std::max(frames, item.frames);
    mels = std::max(mels, item.mels);
    phones = std::max(phones, static_cast<std::int64_t>(item.ids.size()));
    texts.push_back(item.raw_text);
    text_lens.push_back(item.ids.size());
    mel_lens.push_back(item.frames);
  }
  const auto count = static_cast<std::int64_t>(items.size());
  return {{"durations", {count, durations}},
          {"pitchs", {count, pitches}},
          {"mels", {count, mels, frames}},
          {"energies", {count, energies}},
          {"phonemes", {count, phones}},
          {"text_lens", json::array({count})},
          {"mel_lens", json::array({count})},
          {"text_max_len", phones},
          {"mel_max_len", frames},
          {"raw_text", texts},
          {"text_lens_values", text_lens},
          {"mel_lens_values", mel_lens}};
}

/// `value`'s entries that the set asks for.
void put_entries(ParityRun& run, const std::string& at, const json& value) {
  for (const std::string& key : run.keys(kCases, at))
    if (value.contains(key)) run.put_json(kCases, at + "/" + key, value.at(key));
}

/// A JSON pointer's way to write a key.
std::string escaped(std::string key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

void put_created(ParityRun& run, const std::string& dataset) {
  const std::string base = "database/" + dataset + "/";
  const prepare::TorphixSettings settings = prepare::read_torphix_settings(run.input_path("data.yaml"));
  const prepare::TorphixData data = prepare::create_torphix(run.dir() / base / "preprocessed_dataset", settings);
  const std::string out = base + "processed_dataset/";
  run.put_json(out + "all_metadata.json", "", data.metadata);
  for (const prepare::TorphixSpeaker& speaker : data.speakers) {
    const std::string place = out + speaker.name + "/";
    for (const auto& [name, tensor] : speaker.arrays) run.put(place + name, "-", tensor);
    run.put_json(place + speaker.name + "_data.json", "/data", speaker.data);
    if (speaker.normalised) run.put_json(place + "all_metadata.json", "", data.metadata);
    const auto items = items_of(speaker, settings.cleaners);
    for (const auto& [id, item] : items)
      put_entries(run, "/dataset_items/" + escaped(speaker.name + "/" + id),
                  {{"phoneme_ids", item.ids},
                   {"n_phonemes", item.ids.size()},
                   {"sum_duration", item.sum},
                   {"mel_frames", item.frames}});
    put_entries(run, "/dataset_items/" + escaped("collate/" + speaker.name), collated(items));
  }
}

}  // namespace

void torphix_text_parity(ParityRun& run) {
  if (run.has_json(kCases, "/symbols")) run.put_json(kCases, "/symbols", torphix_symbols());
  const std::vector<std::string> cleaners = cleaners_of(run);
  for (const std::string& i : run.keys(kCases, "/text_to_sequence")) {
    const std::string at = "/text_to_sequence/" + i;
    const auto given = run.input_json(kCases, at + "/text").get<std::string>();
    const auto ids = text::text_to_sequence(given, cleaners);
    run.put_json(kCases, at + "/cleaned", text::clean_text(given, cleaners));
    run.put_json(kCases, at + "/ids", ids);
    run.put_json(kCases, at + "/back", text::sequence_to_text(ids));
  }
}

void torphix_data_parity(ParityRun& run) {
  for (const std::string& dataset : folders_below(run, "database/")) {
    const std::string raw = "database/" + dataset + "/raw_data/";
    for (const std::string& folder : folders_below(run, raw)) {
      if (!run.has_file(raw + folder + "/metadata.csv")) continue;
      for (const prepare::TorphixLab& lab : prepare::torphix_labs(run.input_path(raw + folder + "/metadata.csv")))
        run.put_bytes(fmt::format("database/{}/preprocessed_dataset/1/{}.lab", dataset, lab.id), lab.lab);
    }
    // What prepare made has no alignment; what create reads has.
    const std::string wanted = "database/" + dataset + "/processed_dataset/";
    if (std::any_of(run.files().begin(), run.files().end(), [&](const auto& f) { return f.starts_with(wanted); }))
      put_created(run, dataset);
  }
}

}  // namespace timbre::fastspeech2
