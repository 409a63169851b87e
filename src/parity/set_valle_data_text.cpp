#include <algorithm>
#include <set>

#include "base/error.h"
#include "exchange/lines.h"
#include "parity/sets.h"
#include "roles/golden.h"
#include "roles/parity_part.h"
#include "text/espeak.h"
#include "text/k2_symbols.h"
#include "text/phonemizer.h"
#include "text/pypinyin.h"
#include "text/token_rows.h"

/// The part of valle_data about texts: tokens by the reference's back ends, the file of all symbols, rows of texts.
namespace timbre::parity {

namespace {

using nlohmann::json;

constexpr const char* kCases = "cases.json";
constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kSymbols = "tokenized/unique_text_tokens.k2symbols";

/// What a back end of the reference makes of a text, by its name there.
std::string phonemized(const std::string& backend, const std::string& text) {
  if (backend == "espeak") return text::phonemizer_text(text::find_espeak_voice("en-us").identifier, text);
  if (backend == "pypinyin") return text::pypinyin_text(text, text::PinyinTokens::syllables);
  if (backend == "pypinyin_initials_finals") return text::pypinyin_text(text, text::PinyinTokens::initials_finals);
  throw DataError(fmt::format("there is no text back end '{}'", backend));
}

void texts(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/text")) {
    const std::string entry = "/text/" + i;
    roles::attempt(run, kCases + (":" + entry) + "/*", [&] {
      const std::string made = phonemized(run.input_json(kCases, entry + "/backend").get<std::string>(),
                                          run.input_json(kCases, entry + "/text").get<std::string>());
      run.put_json(kCases, entry + "/phonemized", made);
      if (run.has_json(kCases, entry + "/tokens"))
        run.put_json(kCases, entry + "/tokens", text::phonemized_tokens(made));
    });
  }
}

/// The symbols of a prepared corpus: of the sentences of its manifest, without their prosody marks.
text::K2Symbols corpus_symbols(roles::ParityRun& run) {
  std::set<std::string> tokens;
  for (const std::string& file : run.files()) {
    if (!file.starts_with("manifests/") || file.find("supervisions") == std::string::npos) continue;
    exchange::LineReader lines(run.input_path(file));
    for (std::string line; lines.next(line);) {
      const json supervision = json::parse(line, nullptr, false);
      if (!supervision.is_object()) continue;
      const std::string text = supervision.at("custom").at("normalized_text");
      for (std::string& token : text::phonemized_tokens(text::pypinyin_text(text, text::PinyinTokens::initials_finals)))
        tokens.insert(std::move(token));
    }
  }
  return text::make_k2_symbols(tokens);
}

json row_of_symbol(const text::TokenRows& rows) {
  json map = json::object();
  for (const std::string& symbol : rows.symbols()) map[symbol] = rows.row(symbol);
  return map;
}

void collated(roles::ParityRun& run, const text::TokenRows& rows) {
  std::set<std::string> unknown;
  const auto batch =
      rows.batch(run.input_json(kCases, "/collater_inputs").get<std::vector<std::vector<std::string>>>(), unknown);
  const auto texts = static_cast<std::int64_t>(batch.ids_BS.size());
  std::vector<std::int64_t> flat;
  for (const auto& ids : batch.ids_BS) flat.insert(flat.end(), ids.begin(), ids.end());
  const auto longest = static_cast<std::int64_t>(flat.size()) / std::max<std::int64_t>(texts, 1);
  for (const char* way : {"collater.", "collater.index."}) {  // the reference has two ways to the same
    run.put(kTensors, way + std::string("ids"), weights::Tensor::of<std::int64_t>({texts, longest}, flat));
    run.put(kTensors, way + std::string("lens"), weights::Tensor::of<std::int64_t>({texts}, batch.lengths_B));
  }
}

void run_texts(roles::ParityRun& run) {
  texts(run);
  roles::attempt(run, "*collater*", [&] {
    const text::K2Symbols symbols = corpus_symbols(run);
    if (run.has_file(kSymbols)) run.put_bytes(kSymbols, text::format_k2_symbols(symbols));
    const text::TokenRows rows(text::collater_rows(symbols), text::collater_policy(), kSymbols);
    run.put_json(kCases, "/collater_symbol_to_id", row_of_symbol(rows));
    collated(run, rows);
  });
  roles::attempt(run, "cases.json:/english_symbol_to_id*", [&] {
    const auto symbols = text::read_k2_symbols(run.input_path("english.k2symbols"));
    const text::TokenRows rows(text::collater_rows(symbols), text::collater_policy(), "english.k2symbols");
    run.put_json(kCases, "/english_symbol_to_id", row_of_symbol(rows));
  });
}

}  // namespace

void register_set_valle_data_text(roles::Registry& registry) { registry.add_parity_part("valle_data", run_texts); }

}  // namespace timbre::parity
