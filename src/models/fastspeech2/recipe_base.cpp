#include <ATen/ops/mean.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "models/fastspeech2/recipe.h"

/// Starting from another voice: which numbers are kept, which are new.
namespace timbre::fastspeech2 {
namespace {

/// Where the networks keep the phoneme table: ming024's and ours, torphix's at its last commit and before.
constexpr const char* kSymbolTables[] = {"encoder.src_word_emb.weight", "encoder.phoneme_embedding.weight",
                                         "phoneme_embedding.weight"};
constexpr const char* kSpeakerTable = "speaker_emb.weight";

/// IPA spellings of ARPAbet phones, nearest first, so that an English voice of ming024 helps one with IPA phones.
const std::map<std::string, std::vector<std::string>>& ipa_of_arpabet() {
  static const std::map<std::string, std::vector<std::string>> kTable = {{"AA", {"ɑː", "ɑ", "a"}},
                                                                         {"AE", {"æ"}},
                                                                         {"AH", {"ʌ", "ə"}},
                                                                         {"AO", {"ɔː", "ɔ"}},
                                                                         {"AW", {"aʊ"}},
                                                                         {"AY", {"aɪ"}},
                                                                         {"B", {"b"}},
                                                                         {"CH", {"tʃ"}},
                                                                         {"D", {"d"}},
                                                                         {"DH", {"ð"}},
                                                                         {"EH", {"ɛ"}},
                                                                         {"ER", {"ɜː", "ɚ"}},
                                                                         {"EY", {"eɪ", "e"}},
                                                                         {"F", {"f"}},
                                                                         {"G", {"ɡ"}},
                                                                         {"HH", {"h"}},
                                                                         {"IH", {"ɪ"}},
                                                                         {"IY", {"iː", "i"}},
                                                                         {"JH", {"dʒ"}},
                                                                         {"K", {"k"}},
                                                                         {"L", {"l"}},
                                                                         {"M", {"m"}},
                                                                         {"N", {"n"}},
                                                                         {"NG", {"ŋ"}},
                                                                         {"OW", {"oʊ", "o"}},
                                                                         {"OY", {"ɔɪ"}},
                                                                         {"P", {"p"}},
                                                                         {"R", {"ɹ", "r", "ɾ"}},
                                                                         {"S", {"s"}},
                                                                         {"SH", {"ʃ"}},
                                                                         {"T", {"t"}},
                                                                         {"TH", {"θ"}},
                                                                         {"UH", {"ʊ"}},
                                                                         {"UW", {"uː", "u"}},
                                                                         {"V", {"v"}},
                                                                         {"W", {"w"}},
                                                                         {"Y", {"j"}},
                                                                         {"Z", {"z"}},
                                                                         {"ZH", {"ʒ"}}};
  return kTable;
}

/// The base's symbols, and under IPA names those of ARPAbet that have no such name yet.
Vocabulary with_ipa_names(const Vocabulary& base, std::map<std::string, std::int64_t>& alias) {
  for (const auto& [arpabet, spellings] : ipa_of_arpabet()) {
    for (const std::string stress : {"1", "0", ""}) {
      const std::int64_t row = base.row(arpabet + stress);
      if (row < 0) continue;
      for (const std::string& ipa : spellings) alias.emplace((stress == "1" ? "ˈ" : "") + ipa, row);
    }
  }
  Vocabulary named;
  for (const auto& [name, row] : alias) named.symbols.push_back(name);
  return named;
}

/// ming024's fixed table has rows of the same name for Mandarin initials ("k") that an English voice never trained: its
/// ARPAbet rows ("K") are what IPA phones start from then.
bool trained_on_arpabet(const train::Base& base, const Vocabulary& theirs) {
  if (theirs.row("AA1") < 0) return false;
  return !base.about.is_object() || base.about.value("front_end", "") != "ming024:mandarin";
}

/// The base's tensors under the model's names: a bare ming024 file has "model." before them.
weights::TensorMap tensors_of(const train::Base& base, const std::string& symbol_table) {
  const std::string prefix = base.tensors.contains("model." + symbol_table) ? "model." : "";
  weights::TensorMap map;
  for (const auto& [name, tensor] : base.tensors) {
    if (name.starts_with(prefix)) map.set(name.substr(prefix.size()), tensor);
  }
  return map;
}

Vocabulary vocabulary_of(const train::Base& base, const weights::TensorMap& tensors, const std::string& symbol_table) {
  Vocabulary vocabulary;
  if (base.about.is_object()) {
    vocabulary.symbols = base.about.value("symbols", std::vector<std::string>{});
    vocabulary.speakers = base.about.value("speakers", std::vector<std::string>{});
  } else if (const auto* table = tensors.find(symbol_table)) {
    vocabulary.symbols = ming024_phones(table->shape.at(0));
  }
  return vocabulary;
}

struct Rows {
  Tensor table_VD;
  std::vector<std::string> kept, near, fresh;
};

/// Our table with the base's rows under it. `fresh_VD` holds our first values; rows without a model get the mean of the
/// base's.
Rows rows_by_name(const Tensor& fresh_VD, const Tensor& base_VD, const std::vector<std::string>& names,
                  const std::function<std::pair<std::int64_t, bool>(const std::string&)>& find, std::size_t first) {
  Rows rows{fresh_VD.clone(), {}, {}, {}};
  const Tensor mean_D =
      base_VD.narrow(0, static_cast<std::int64_t>(first), base_VD.size(0) - static_cast<std::int64_t>(first)).mean(0);
  for (std::size_t i = first; i < names.size(); ++i) {
    const auto [row, exact] = find(names[i]);
    Tensor target_D = rows.table_VD.select(0, static_cast<std::int64_t>(i));
    if (row >= 0 && row < base_VD.size(0)) {
      target_D.copy_(base_VD.select(0, row));
      (exact ? rows.kept : rows.near).push_back(names[i]);
    } else {
      // A tenth of its own first values keeps new rows apart.
      target_D.copy_(mean_D + 0.1 * target_D);
      rows.fresh.push_back(names[i]);
    }
  }
  return rows;
}

std::string summary(const char* what, const Rows& rows) {
  const std::size_t all = rows.kept.size() + rows.near.size() + rows.fresh.size();
  std::string line = fmt::format("{}: {} of {} kept", what, rows.kept.size(), all);
  if (!rows.near.empty()) line += fmt::format("; from a near one: {}", join(rows.near, " "));
  if (!rows.fresh.empty()) line += fmt::format("; new: {}", join(rows.fresh, " "));
  return line;
}

}  // namespace

train::StartReport carry_over(Network& model, const Vocabulary& vocabulary, const train::Base& base) {
  const at::NoGradGuard no_grad;
  const weights::TensorMap ours = model.state_dict();
  const std::string symbol_table = *std::find_if(std::begin(kSymbolTables), std::end(kSymbolTables) - 1,
                                                 [&](const char* name) { return ours.contains(name); });
  weights::TensorMap tensors = tensors_of(base, symbol_table);
  const Vocabulary theirs = vocabulary_of(base, tensors, symbol_table);
  train::StartReport report;

  const auto* symbols = tensors.find(symbol_table);
  if (symbols && symbols->shape.size() == 2 && symbols->shape[1] == ours.at(symbol_table).shape[1] &&
      !theirs.symbols.empty()) {
    std::map<std::string, std::int64_t> alias;
    const Vocabulary ipa = with_ipa_names(theirs, alias);
    const bool by_sound = trained_on_arpabet(base, theirs) && vocabulary.row("AA1") < 0;
    const auto find = [&](const std::string& phone) -> std::pair<std::int64_t, bool> {
      if (const auto named = alias.find(phone); by_sound && named != alias.end()) return {named->second, false};
      if (const std::int64_t row = theirs.row(phone); row >= 0) return {row, true};
      if (const std::int64_t row = theirs.nearest_row(phone); row >= 0) return {row, false};
      const std::int64_t named = ipa.nearest_row(phone);
      return {named < 0 ? -1 : alias.at(ipa.symbols[static_cast<std::size_t>(named)]), false};
    };
    const Rows rows =
        rows_by_name(nn::to_torch(ours.at(symbol_table)), nn::to_torch(*symbols), vocabulary.symbols, find, 1);
    tensors.set(symbol_table, nn::from_torch(rows.table_VD));
    report.lines.push_back(summary("symbols", rows));
    report.new_values += static_cast<std::int64_t>(rows.fresh.size()) * symbols->shape[1];
  }
  const auto* speakers = tensors.find(kSpeakerTable);
  const auto* our_speakers = ours.find(kSpeakerTable);
  if (speakers && our_speakers && speakers->shape.size() == 2 && speakers->shape[1] == our_speakers->shape[1]) {
    const auto find = [&](const std::string& name) -> std::pair<std::int64_t, bool> {
      return {theirs.speaker_row(name), true};
    };
    const Rows rows = rows_by_name(nn::to_torch(*our_speakers), nn::to_torch(*speakers), vocabulary.speakers, find, 0);
    tensors.set(kSpeakerTable, nn::from_torch(rows.table_VD));
    report.lines.push_back(summary("speakers", rows));
    report.new_values += static_cast<std::int64_t>(rows.fresh.size()) * speakers->shape[1];
  } else if (speakers && !our_speakers) {
    report.lines.push_back("speakers: the base's table is dropped, the new voice has one speaker");
  } else if (our_speakers) {
    report.lines.push_back(fmt::format("speakers: new table of {}", our_speakers->shape.at(0)));
  }

  const nn::LoadReport loaded = model.load_state_dict(tensors);
  for (const std::string& name : loaded.loaded) report.kept_values += ours.at(name).numel();
  report.kept_values -= report.new_values;  // rows without a model in tensors that were kept
  report.kept_tensors = static_cast<std::int64_t>(loaded.loaded.size());
  for (const std::string& name : loaded.missing) {
    report.new_values += ours.at(name).numel();
    report.lines.push_back(name + ": new, the base has none");
  }
  for (const std::string& line : loaded.mismatched) {
    report.new_values += ours.at(line.substr(0, line.find(':'))).numel();
    report.lines.push_back(line + ": new");
  }
  report.new_tensors = static_cast<std::int64_t>(loaded.missing.size() + loaded.mismatched.size());
  if (report.kept_tensors == 0) {
    throw UsageError(
        fmt::format("{}: no tensor of it fits this network", base.source.string()),
        "use the base's own configuration: --preset ming024 for ming024 checkpoints, or the options in its voice.json");
  }
  return report;
}

}  // namespace timbre::fastspeech2
