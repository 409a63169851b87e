#include "models/valle/utterances.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/threads.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "prepare/tokenized_cuts.h"

namespace timbre::valle {

struct Utterances::State {
  explicit State(const UtteranceOptions& o) : options(o) {}

  UtteranceOptions options;
  std::vector<Utterance> all;
  std::vector<std::size_t> places;  ///< of each in what `read` takes
  std::function<weights::Tensor(std::size_t)> read;
  std::vector<Skipped> quarantined;
  std::int64_t too_short = 0, too_long = 0;

  void add(Utterance utterance, std::size_t place) {
    if (utterance.duration_s < options.min_duration_s)
      ++too_short;
    else if (utterance.duration_s > options.max_duration_s)
      ++too_long;
    else if (utterance.frames < options.min_frames)
      quarantined.push_back(
          {utterance.id, fmt::format("{} frames of codes: too short to take a quarter as prompt", utterance.frames)});
    else
      all.push_back(std::move(utterance)), places.push_back(place);
  }

  std::string fault_of(const weights::Tensor& stored) const {
    if (options.mel_bins == 0) return prepare::code_fault(stored, options.codebooks, options.codebook_size);
    if (stored.shape.size() != 2 || stored.shape[1] != options.mel_bins)
      return fmt::format("{}; expected frames × {} mel bins", stored.describe(), options.mel_bins);
    const std::vector<float> values = stored.to_f32();
    const bool whole = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    return whole ? "" : "a mel with numbers that are not finite";
  }

  std::string fault(std::size_t at) const {
    try {
      const weights::Tensor codes_FQ = read(places[at]);
      if (codes_FQ.shape.size() == 2 && codes_FQ.shape[0] != all[at].frames)
        return fmt::format("{} frames are stored, {} were", codes_FQ.shape[0], all[at].frames);
      return fault_of(codes_FQ);
    } catch (const DataError& problem) {
      return problem.what();
    }
  }

  /// Moves what has a fault to the quarantine.
  void check() {
    std::vector<std::string> faults(all.size());
    if (options.check_codes) parallel_for(all.size(), [&](std::size_t i) { faults[i] = fault(i); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!faults[i].empty()) {
        quarantined.push_back({all[i].id, faults[i]});
        continue;
      }
      if (kept != i) all[kept] = std::move(all[i]), places[kept] = places[i];
      ++kept;
    }
    all.resize(kept);
    places.resize(kept);
  }

  void expect_some(const std::string& where) const {
    if (!all.empty()) return;
    const std::int64_t seen = too_short + too_long + static_cast<std::int64_t>(quarantined.size());
    std::string why = quarantine_text(quarantined, static_cast<std::size_t>(seen));
    throw DataError(fmt::format("{}: no utterance is left to train on; of {}, {} are shorter than {} s, {} longer than "
                                "{} s{}{}",
                                where, seen, too_short, options.min_duration_s, too_long, options.max_duration_s,
                                why.empty() ? "" : "\n", why),
                    quarantined.empty() ? "loosen --filter-min-duration and --filter-max-duration"
                                        : "mend the data, or prepare it again: timbre prepare … --recipe NAME");
  }
};

namespace {

/// "code 1024 at frame 3" and "code 1030 at frame 9" are one reason.
std::string without_numbers(const std::string& reason) {
  std::string plain;
  for (const char c : reason)
    if (c >= '0' && c <= '9') {
      if (plain.empty() || plain.back() != '#') plain += '#';
    } else {
      plain += c;
    }
  return plain;
}

}  // namespace

Utterances::Utterances(std::unique_ptr<State> state) : state_(std::move(state)) {}
Utterances::Utterances(Utterances&&) noexcept = default;
Utterances& Utterances::operator=(Utterances&&) noexcept = default;
Utterances::~Utterances() = default;

Utterances Utterances::of_corpus(const corpus::Corpus& corpus, const std::string& codes, const std::string& tokens,
                                 std::span<const std::size_t> wanted, const UtteranceOptions& options) {
  auto state = std::make_unique<State>(options);
  auto codes_of = std::make_shared<const corpus::Column>(corpus::Column::open(corpus.dir(), codes));
  const corpus::Column tokens_of = corpus::Column::open(corpus.dir(), tokens);
  std::map<std::string, std::string> skipped;
  for (const corpus::Column* column : {codes_of.get(), &tokens_of})
    for (const Skipped& s : column->skipped()) skipped.emplace(s.id, s.reason);
  std::vector<std::string> ids;
  for (const std::size_t place : wanted) {
    const corpus::Utterance& u = corpus.utterances().at(place);
    const std::string* lacking = !tokens_of.has(u.id) ? &tokens : !codes_of->has(u.id) ? &codes : nullptr;
    if (lacking != nullptr) {
      const auto reason = skipped.find(u.id);
      state->quarantined.push_back(
          {u.id, "no " + *lacking + (reason == skipped.end() ? std::string() : ": " + reason->second)});
      continue;
    }
    Utterance utterance{.id = u.id, .text = u.text, .speaker = u.speaker, .language = u.language};
    utterance.tokens = corpus::tensor_list(tokens_of.get(u.id));
    utterance.duration_s = u.duration_s;
    const weights::Tensor codes_FQ = codes_of->get(u.id);
    utterance.frames = codes_FQ.shape.empty() ? 0 : codes_FQ.shape[0];
    if (utterance.tokens.empty() || utterance.frames < 1) {
      state->quarantined.push_back({u.id, utterance.tokens.empty() ? "text without tokens" : "no frame of codes"});
      continue;
    }
    ids.push_back(u.id);
    state->add(std::move(utterance), ids.size() - 1);
  }
  state->read = [codes_of, ids = std::move(ids)](std::size_t place) { return codes_of->get(ids[place]); };
  state->check();
  state->expect_some(corpus.dir().string());
  return Utterances(std::move(state));
}

Utterances Utterances::of_cuts(const fs::path& manifest, const UtteranceOptions& options) {
  auto state = std::make_unique<State>(options);
  auto cuts = std::make_shared<const prepare::TokenizedCuts>(manifest);
  state->quarantined = cuts->quarantined();
  for (std::size_t i = 0; i < cuts->all().size(); ++i) {
    const prepare::TokenizedCut& cut = cuts->all()[i];
    state->add({.id = cut.id,
                .text = cut.text,
                .speaker = cut.speaker,
                .language = cut.language,
                .tokens = cut.tokens,
                .duration_s = cut.duration_s,
                .frames = cut.frames},
               i);
  }
  state->read = [cuts](std::size_t place) { return cuts->codes_FQ(place); };
  state->check();
  state->expect_some(manifest.string());
  return Utterances(std::move(state));
}

const std::vector<Utterance>& Utterances::all() const { return state_->all; }
const std::vector<Skipped>& Utterances::quarantined() const { return state_->quarantined; }
std::int64_t Utterances::too_short() const { return state_->too_short; }
std::int64_t Utterances::too_long() const { return state_->too_long; }

std::vector<double> Utterances::durations_s() const {
  std::vector<double> durations;
  durations.reserve(size());
  for (const Utterance& u : all()) durations.push_back(u.duration_s);
  return durations;
}

weights::Tensor Utterances::codes_FQ(std::size_t place) const {
  const Utterance& about = state_->all.at(place);
  const UtteranceOptions& o = state_->options;
  const weights::Tensor stored_FQ = state_->read(state_->places[place]);
  std::string fault = prepare::code_fault(stored_FQ, o.codebooks, o.codebook_size);
  if (fault.empty() && stored_FQ.shape[0] != about.frames)
    fault = fmt::format("{} frames are stored, {} were when it was opened", stored_FQ.shape[0], about.frames);
  if (!fault.empty()) throw DataError(fmt::format("codes of {}: {}", about.id, fault));
  const auto columns = static_cast<std::size_t>(stored_FQ.shape[1]), wanted = static_cast<std::size_t>(o.codebooks);
  std::vector<std::int64_t> all = stored_FQ.to_i64();
  if (columns != wanted) {
    for (std::size_t f = 0; f < static_cast<std::size_t>(about.frames); ++f)
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(f * columns), wanted,
                  all.begin() + static_cast<std::ptrdiff_t>(f * wanted));
    all.resize(static_cast<std::size_t>(about.frames) * wanted);
  }
  return weights::Tensor::of<std::int64_t>({about.frames, o.codebooks}, std::move(all));
}

weights::Tensor Utterances::mel_FM(std::size_t place) const {
  const Utterance& about = state_->all.at(place);
  const weights::Tensor stored = state_->read(state_->places[place]);
  std::string fault = state_->fault_of(stored);
  if (fault.empty() && stored.shape[0] != about.frames)
    fault = fmt::format("{} frames are stored, {} were when it was opened", stored.shape[0], about.frames);
  if (!fault.empty()) throw DataError(fmt::format("mel of {}: {}", about.id, fault));
  return weights::Tensor::of<float>(stored.shape, stored.to_f32());
}

std::string quarantine_text(std::span<const Skipped> quarantined, std::size_t utterances) {
  if (quarantined.empty()) return {};
  constexpr std::size_t kReasons = 5, kIds = 3;
  struct Group {
    std::string example;
    std::vector<std::string> ids;
  };
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  for (const Skipped& s : quarantined) {
    auto [group, fresh] = groups.try_emplace(without_numbers(s.reason), Group{s.reason, {}});
    if (fresh) order.push_back(group->first);
    group->second.ids.push_back(s.id);
  }
  std::stable_sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return groups.at(a).ids.size() > groups.at(b).ids.size();
  });
  std::string text = fmt::format("{} of {} utterances are quarantined:", quarantined.size(), utterances);
  for (std::size_t i = 0; i < std::min(kReasons, order.size()); ++i) {
    const Group& group = groups.at(order[i]);
    text += fmt::format("\n  {} × {}: ", group.ids.size(), group.example);
    for (std::size_t k = 0; k < std::min(kIds, group.ids.size()); ++k) text += (k > 0 ? ", " : "") + group.ids[k];
    if (group.ids.size() > kIds) text += " …";
  }
  if (order.size() > kReasons) text += fmt::format("\n  and {} other reasons", order.size() - kReasons);
  return text;
}

}  // namespace timbre::valle
