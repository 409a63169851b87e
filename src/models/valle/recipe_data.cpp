#include "models/valle/recipe_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "batch/collate.h"
#include "corpus/neighbours.h"
#include "models/valle/layout.h"
#include "models/valle/vocabulary.h"
#include "prepare/plan.h"
#include "text/bpe_symbols.h"
#include "text/k2_symbols.h"

namespace timbre::valle {
namespace {

/// Stream of the pieces of neighbours, apart from those of data order and dropout.
constexpr std::uint64_t kPromptStream = 7ull << 40;

bool is_vallex(const std::string& front_end) { return front_end.starts_with("vallex:"); }

text::TokenPolicy policy_of(const Config& config) {
  return is_vallex(config.front_end) ? text::bpe_policy() : text::collater_policy();
}

/// The symbols with a role first, then what the texts hold, by code point.
std::vector<std::string> symbols_of(const text::TokenPolicy& policy, const std::set<std::string>& tokens) {
  std::vector<std::string> symbols;
  const auto add = [&](const std::string& symbol) {
    if (!symbol.empty() && std::find(symbols.begin(), symbols.end(), symbol) == symbols.end())
      symbols.push_back(symbol);
  };
  for (const std::string& role : {policy.unknown, policy.pad, policy.bos, policy.eos}) add(role);
  for (const std::string& token : tokens) add(token);
  return symbols;
}

fs::path cuts_of(const fs::path& folder, const char* side) {
  for (const char* ending : {".jsonl.gz", ".jsonl"})
    if (const fs::path file = folder / fmt::format("cuts_{}{}", side, ending); fs::exists(file)) return file;
  throw DataError(fmt::format("{}: there is no cuts_{}.jsonl.gz", folder.string(), side),
                  "name a prepared corpus by --corpus, or the folder that `timbre prepare … --recipe` or the "
                  "reference's prepare.sh made by --manifest-dir");
}

}  // namespace

Data::Data(const train::DataContext& context, const Config& config, const Trainer& trainer)
    : config_(config), trainer_(trainer), seed_(context.seed) {
  if (context.corpus.empty())
    open_cuts(context);
  else
    open_corpus(context);
  list(context);
  list_languages(context);
  choose_rows(context);
}

UtteranceOptions Data::utterance_options() const {
  // The NAR part hears a quarter of the shortest utterance of a batch first: at least one frame.
  const bool quartered = trainer_.options().train_stage != 1 && config_.num_quantizers > 1 && config_.prefix_mode == 1;
  return {.min_duration_s = trainer_.options().filter_min_duration,
          .max_duration_s = trainer_.options().filter_max_duration,
          .min_frames = quartered ? 4 : 1,
          .codebooks = config_.num_quantizers,
          .codebook_size = config_.codebook_size,
          .mel_bins = mels() ? kMelBins : 0};
}

void Data::open_corpus(const train::DataContext& context) {
  corpus_.emplace(corpus::Corpus::open(context.corpus));
  std::vector<prepare::ColumnRequest> wanted;
  const auto needs = columns_of(config_);
  for (const roles::ColumnNeed& need : needs) wanted.push_back({need.column, need.settings});
  prepare::require_columns(*corpus_, wanted, "valle");
  const nlohmann::json made = corpus::Column::open(context.corpus, needs.at(1).column).settings();
  codec_ = {{"codec", needs.at(1).column.substr(std::string_view("codes.").size())},
            {"codebooks", config_.num_quantizers},
            {"codebook_size", config_.codebook_size}};
  for (const char* fact : {"rate_hz", "hop_samples", "channels"})
    if (made.contains(fact)) codec_[fact] = made[fact];
  const corpus::Split split = corpus::make_split(corpus_->utterances(), config_.split);
  std::vector<std::size_t> places[2];
  for (std::size_t i = 0; i < corpus_->utterances().size(); ++i) {
    const corpus::Side of = split.side_of[i];
    if (of == corpus::Side::test) test_ids_.push_back(corpus_->utterances()[i].id);
    if (of == corpus::Side::train || of == corpus::Side::valid) places[of == corpus::Side::valid].push_back(i);
  }
  const UtteranceOptions options = utterance_options();
  for (std::size_t s = 0; s < 2; ++s)
    if (!places[s].empty())
      utterances_[s].emplace(
          Utterances::of_corpus(*corpus_, needs.at(1).column, needs.at(0).column, places[s], options));
}

void Data::open_cuts(const train::DataContext&) {
  const UtteranceOptions options = utterance_options();
  // The reference's tokenizer knows one codec: EnCodec at 24 kHz.
  codec_ = {{"codec", "encodec"},
            {"rate_hz", 24000},
            {"hop_samples", 320},
            {"channels", 1},
            {"codebooks", config_.num_quantizers},
            {"codebook_size", config_.codebook_size}};
  const fs::path folder = trainer_.manifest_dir();
  utterances_[0].emplace(Utterances::of_cuts(cuts_of(folder, "train"), options));
  utterances_[1].emplace(Utterances::of_cuts(cuts_of(folder, "dev"), options));
}

void Data::list(const train::DataContext& context) {
  for (std::size_t s = 0; s < 2; ++s) {
    if (!utterances_[s]) continue;
    std::vector<std::string> ids, speakers;
    for (const Utterance& u : utterances_[s]->all()) {
      items_[s].push_back({u.id, u.frames, u.duration_s});
      frames_[s].push_back(u.frames);
      ids.push_back(u.id);
      speakers.push_back(u.speaker);
      if (language_.empty()) language_ = u.language;
    }
    if (const std::string text = quarantine_text(utterances_[s]->quarantined(), utterances_[s]->size()); !text.empty())
      context.events({"warning", {{"text", text}}});
    if (const std::int64_t out = utterances_[s]->too_short() + utterances_[s]->too_long(); out > 0)
      context.events(
          {"warning",
           {{"text", fmt::format("{} clips of the {} side are shorter than {:g} s or longer than {:g} s and "
                                 "left out (--filter-min-duration, --filter-max-duration)",
                                 out, s == 0 ? "training" : "validation", trainer_.options().filter_min_duration,
                                 trainer_.options().filter_max_duration)}}});
    if (config_.prefix_mode != 4 || !trainer_.prompted()) continue;
    const std::string dataset = ascii_lower(trainer_.options().dataset.value_or("speaker"));
    const bool known = dataset == "libritts" || dataset == "ljspeech";
    neighbours_[s] = corpus::neighbours(corpus::neighbour_rule(known ? dataset : "speaker"), ids, speakers);
  }
  if (items_[0].empty())
    throw DataError("no clip is on the training side", "look at the split and at the duration filter");
}

void Data::list_languages(const train::DataContext&) {
  if (config_.languages.empty()) return;
  for (std::size_t s = 0; s < 2; ++s) {
    if (!utterances_[s]) continue;
    for (const Utterance& u : utterances_[s]->all()) {
      const std::string code = ascii_lower(u.language).substr(0, 2);
      const std::string language = code == "ch" ? "zh" : code;  // lhotse's Baker recipe says "Chinese"
      const auto found = std::find(config_.languages.begin(), config_.languages.end(), language);
      const std::string read_as = is_vallex(config_.front_end) ? config_.front_end.substr(7) : "";
      if (found != config_.languages.end() && !read_as.empty() && read_as != "mix" && read_as != language)
        throw DataError(
            fmt::format("clip '{}' is in '{}', and its text was read as '{}' (front end {}): its tokens would get the "
                        "embedding of another language than they are of",
                        u.id, u.language, read_as, config_.front_end),
            fmt::format("prepare it with --front-end vallex:{} or vallex:mix, or correct the clip's language",
                        language));
      if (found == config_.languages.end())
        throw DataError(fmt::format("clip '{}' is in '{}', of which the network has no row: it knows {}", u.id,
                                    u.language, fmt::join(config_.languages, ", ")),
                        u.language.empty() ? "give the clips of the manifest their language"
                                           : "leave such clips out, or name their language by a row of --languages");
      languages_[s].push_back(found - config_.languages.begin());
    }
  }
}

void Data::choose_rows(const train::DataContext& context) {
  const text::TokenPolicy policy = policy_of(config_);
  if (context.continued.is_object()) {
    rows_.emplace(context.continued.at("symbols").get<std::vector<std::string>>(), policy, "the run's checkpoint");
  } else if (!corpus_ && is_vallex(config_.front_end) && trainer_.text_tokens().extension() == ".json") {
    rows_.emplace(text::read_bpe_symbols(trainer_.text_tokens()), policy, trainer_.text_tokens().string());
  } else if (!corpus_ && !is_vallex(config_.front_end) && fs::exists(trainer_.text_tokens())) {
    rows_.emplace(text::collater_rows(text::read_k2_symbols(trainer_.text_tokens())), policy,
                  trainer_.text_tokens().string());
  } else if (!corpus_ && !is_vallex(config_.front_end)) {
    throw DataError(fmt::format("{} is not there", trainer_.text_tokens().string()),
                    "it is made with the cuts; name another by --text-tokens");
  } else {
    std::set<std::string> tokens;
    for (const auto& side : utterances_)
      if (side)
        for (const Utterance& u : side->all()) tokens.insert(u.tokens.begin(), u.tokens.end());
    rows_.emplace(symbols_of(policy, tokens), policy, (corpus_ ? context.corpus : trainer_.manifest_dir()).string());
  }
  check_rows("the data");
}

std::string Data::guessed_front_end() const { return front_end_of(rows_->symbols()); }

void Data::use_symbols(std::vector<std::string> symbols, const text::TokenPolicy& policy, const std::string& where) {
  rows_.emplace(std::move(symbols), policy, where);
  check_rows(where);
}

/// Every token must have a row before the first step, not in the middle of an epoch.
void Data::check_rows(const std::string& where) const {
  const auto rows = static_cast<std::int64_t>(rows_->symbols().size());
  if (rows > config_.text_rows)
    throw UsageError(
        fmt::format("{}: {} symbols do not fit into {} rows of the text tables", where, rows, config_.text_rows),
        fmt::format("--text-rows {}", rows));
  std::set<std::string> lacking;
  std::string example;
  for (const auto& side : utterances_)
    if (side)
      for (const Utterance& u : side->all())
        for (const std::string& token : u.tokens)
          if (!rows_->has(token) && lacking.insert(token).second && example.empty()) example = u.id;
  if (lacking.empty()) return;
  if (!rows_->policy().unknown.empty())
    return log::warn(
        fmt::format("{}: {} (first in clip '{}')", where, text::unknown_warning(lacking, rows_->policy()), example));
  throw DataError(fmt::format("{}: {} tokens of the data have no row: {} (first in clip '{}')", where, lacking.size(),
                              fmt::join(lacking, " "), example),
                  "these texts were made by another tokenizer than the table's: prepare them with its front end, or "
                  "name the table that was made with them");
}

void Data::put_prompts(batch::Batch& batch, train::Split split, std::span<const std::size_t> items,
                       std::int64_t epoch) const {
  const std::size_t s = side(split);
  if (neighbours_[s].empty()) return;
  Philox noise(seed_, kPromptStream + (static_cast<std::uint64_t>(epoch) << 24) + items.front());
  PythonRandom random(noise.below(1ull << 62));
  const auto pieces = corpus::draw_prompts(items, neighbours_[s], frames_[s], config_.prompt_frames, random);
  std::vector<std::int64_t> codes;
  for (const corpus::PromptPiece& piece : pieces) {
    const std::vector<std::int64_t> all = utterances_[s]->codes_FQ(piece.utterance).to_i64();
    const auto first = all.begin() + piece.first_frame * config_.num_quantizers;
    codes.insert(codes.end(), first, first + piece.frames * config_.num_quantizers);
  }
  batch.put("prompts_BYQ",
            nn::to_torch(weights::Tensor::of<std::int64_t>(
                {static_cast<std::int64_t>(items.size()), pieces.front().frames, config_.num_quantizers}, codes)));
}

void Data::put_codes(batch::Batch& batch, std::size_t side, std::span<const std::size_t> items,
                     std::int64_t longest) const {
  const auto B = static_cast<std::int64_t>(items.size()), Q = config_.num_quantizers;
  std::vector<std::int64_t> codes_BYQ(static_cast<std::size_t>(B * longest * Q), 0);
  for (std::int64_t b = 0; b < B; ++b) {
    const std::vector<std::int64_t> codes = utterances_[side]->codes_FQ(items[static_cast<std::size_t>(b)]).to_i64();
    std::copy(codes.begin(), codes.end(), codes_BYQ.begin() + b * longest * Q);
  }
  batch.put("codes_BYQ", nn::to_torch(weights::Tensor::of<std::int64_t>({B, longest, Q}, std::move(codes_BYQ))));
}

void Data::put_mels(batch::Batch& batch, std::size_t side, std::span<const std::size_t> items,
                    std::int64_t longest) const {
  const auto B = static_cast<std::int64_t>(items.size());
  std::vector<float> mel_BFM(static_cast<std::size_t>(B * longest * kMelBins), 0.0f);
  for (std::int64_t b = 0; b < B; ++b) {
    const std::vector<float> mel = utterances_[side]->mel_FM(items[static_cast<std::size_t>(b)]).to_f32();
    std::copy(mel.begin(), mel.end(), mel_BFM.begin() + b * longest * kMelBins);
  }
  batch.put("mel_BFM", nn::to_torch(weights::Tensor::of<float>({B, longest, kMelBins}, std::move(mel_BFM))));
}

batch::Batch Data::collate(train::Split split, std::span<const std::size_t> items, std::int64_t epoch) const {
  const std::size_t s = side(split);
  batch::Batch batch;
  std::vector<std::vector<std::string>> texts;
  std::vector<std::int64_t> lengths, languages;
  std::int64_t longest = 0;
  double frames = 0;
  for (const std::size_t item : items) {
    const Utterance& u = utterances_[s]->all()[item];
    batch.ids.push_back(u.id);
    texts.push_back(u.tokens);
    lengths.push_back(u.frames);
    if (!languages_[s].empty()) languages.push_back(languages_[s][item]);
    longest = std::max(longest, u.frames);
    frames += static_cast<double>(u.frames);
  }
  const auto B = static_cast<std::int64_t>(items.size());
  mels() ? put_mels(batch, s, items, longest) : put_codes(batch, s, items, longest);
  std::set<std::string> unknown;
  const text::TokenBatch tokens = rows_->batch(texts, unknown);
  batch.put("text_BX", batch::pad_ids(tokens.ids_BS, rows_->pad()));
  batch.put("text_lens_B", batch::to_lengths(tokens.lengths_B));
  batch.put("code_lens_B", batch::to_lengths(lengths));
  if (!languages.empty()) batch.put("language_BX", nn::to_torch(weights::Tensor::of<std::int64_t>({B, 1}, languages)));
  put_prompts(batch, split, items, epoch);
  batch.counts = {{"frames", frames}, {"utterances", static_cast<double>(B)}};
  batch.real_units = frames;
  batch.padded_units = static_cast<double>(longest * B);
  return batch;
}

double Data::bigram_top10() const {
  if (!utterances_[1] || mels()) return 0;
  corpus::CodeBigram bigram(config_.codebook_size);
  const auto first_codes = [&](const Utterances& all, std::size_t place) {
    const std::vector<std::int64_t> codes = all.codes_FQ(place).to_i64();
    std::vector<std::int64_t> first;
    for (std::size_t i = 0; i < codes.size(); i += static_cast<std::size_t>(config_.num_quantizers))
      first.push_back(codes[i]);
    return first;
  };
  for (std::size_t i = 0; i < utterances_[0]->size(); ++i) bigram.learn(first_codes(*utterances_[0], i));
  corpus::CodeBigram::Score score;
  for (std::size_t i = 0; i < utterances_[1]->size(); ++i)
    score += bigram.score(first_codes(*utterances_[1], i), config_.prepend_bos);
  return score.share();
}

Inputs inputs_of(const batch::Batch& batch) {
  const auto lengths = [&](const char* name) { return nn::from_torch(batch[name].cpu()).to_i64(); };
  Inputs in;
  in.text_BX = batch["text_BX"];
  in.text_lens_B = lengths("text_lens_B");
  in.codes_BYQ = batch["codes_BYQ"];
  in.code_lens_B = lengths("code_lens_B");
  if (batch.has("prompts_BYQ")) in.prompts_BYQ = batch["prompts_BYQ"];
  if (batch.has("language_BX")) in.language_BX = batch["language_BX"];
  return in;
}

}  // namespace timbre::valle
