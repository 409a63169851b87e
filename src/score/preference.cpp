#include "score/preference.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"

namespace timbre::score {

using nlohmann::json;

namespace {

constexpr const char* kKeyFormat = "timbre comparison 1";
constexpr const char* kResultFormat = "timbre preference 1";

json trials_json(const Comparison& c) {
  json trials = json::array();
  for (const Trial& t : c.trials) trials.push_back({{"id", t.id}, {"text", t.text}, {"first", t.a_first ? "a" : "b"}});
  return trials;
}

std::string identity(const Comparison& c) {
  return hash_hex(json{c.a, c.b, c.question, trials_json(c)}.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// A field of a foreign document; throws DataError naming what is expected.
template <class T>
T take(const json& from, const char* field, const std::string& where, const char* expected) {
  try {
    return from.at(field).get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: field '{}': expected {}", where, field, expected));
  }
}

}  // namespace

double sign_test(std::int64_t wins_a, std::int64_t wins_b) {
  const std::int64_t n = wins_a + wins_b, fewer = std::min(wins_a, wins_b);
  if (n == 0) return 1;
  double tail = 0;
  for (std::int64_t k = 0; k <= fewer; ++k) {
    const auto of = static_cast<double>(n), chosen = static_cast<double>(k);
    tail += std::exp(std::lgamma(of + 1) - std::lgamma(chosen + 1) - std::lgamma(of - chosen + 1) - of * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

void make_blind(Comparison& c, std::int64_t seed) {
  Philox random(static_cast<std::uint64_t>(seed));
  random.shuffle(c.trials);
  std::vector<char> a_first(c.trials.size(), 0);
  std::fill_n(a_first.begin(), (c.trials.size() + 1) / 2, 1);
  random.shuffle(a_first);
  for (std::size_t i = 0; i < c.trials.size(); ++i) c.trials[i].a_first = a_first[i] != 0;
  c.id = identity(c);
}

json to_json(const Comparison& c) {
  return {{"format", kKeyFormat},   {"comparison", c.id},      {"a", c.a}, {"b", c.b},
          {"question", c.question}, {"trials", trials_json(c)}};
}

Comparison parse_comparison(const json& key, const std::string& where) {
  if (!key.is_object() || key.value("format", json()) != kKeyFormat)
    throw DataError(fmt::format("{}: not the key of a comparison", where),
                    "give the .key.json that timbre compare wrote beside the page");
  Comparison c;
  c.id = take<std::string>(key, "comparison", where, "a text");
  c.a = take<std::string>(key, "a", where, "a text"), c.b = take<std::string>(key, "b", where, "a text");
  c.question = take<std::string>(key, "question", where, "a text");
  const json trials = take<json::array_t>(key, "trials", where, "a list");
  for (const json& t : trials) {
    const auto first = take<std::string>(t, "first", where, "a or b");
    if (first != "a" && first != "b") throw DataError(fmt::format("{}: field 'first': expected a or b", where));
    c.trials.push_back(
        {take<std::string>(t, "id", where, "a text"), take<std::string>(t, "text", where, "a text"), first == "a"});
  }
  if (c.id != identity(c))
    throw DataError(fmt::format("{}: changed since it was written", where), "make the comparison again");
  return c;
}

void count_listener(const Comparison& c, const json& result, const std::string& where, Verdict& verdict) {
  if (!result.is_object() || result.value("format", json()) != kResultFormat)
    throw DataError(fmt::format("{}: not a listener's answers", where), "give the files that the page saved");
  if (take<std::string>(result, "comparison", where, "a text") != c.id)
    throw DataError(fmt::format("{}: answers to another comparison", where), "give the key of that one");
  std::set<std::int64_t> seen;
  const json answers = take<json::array_t>(result, "answers", where, "a list");
  for (const json& answer : answers) {
    const auto trial = take<std::int64_t>(answer, "trial", where, "a number");
    const auto choice = take<std::string>(answer, "choice", where, "first, second or same");
    if (trial < 0 || trial >= static_cast<std::int64_t>(c.trials.size()))
      throw DataError(fmt::format("{}: trial {}; the comparison has {}", where, trial, c.trials.size()));
    if (!seen.insert(trial).second) throw DataError(fmt::format("{}: trial {} is answered twice", where, trial));
    if (choice != "first" && choice != "second" && choice != "same")
      throw DataError(fmt::format("{}: choice '{}'; expected first, second or same", where, choice));
    const bool chose_a = (choice == "first") == c.trials[static_cast<std::size_t>(trial)].a_first;
    for (Tally* tally : {&verdict.all, &verdict.trials[static_cast<std::size_t>(trial)]})
      ++(choice == "same" ? tally->same : chose_a ? tally->a : tally->b);
  }
  ++verdict.listeners;
}

Verdict count_answers(const Comparison& c, std::span<const fs::path> results) {
  Verdict verdict;
  verdict.trials.resize(c.trials.size());
  for (const fs::path& path : results) count_listener(c, read_json(path), path.string(), verdict);
  return verdict;
}

json to_json(const Comparison& c, const Verdict& v) {
  json trials = json::array();
  for (std::size_t i = 0; i < c.trials.size(); ++i)
    trials.push_back({{"id", c.trials[i].id}, {"a", v.trials[i].a}, {"b", v.trials[i].b}, {"same", v.trials[i].same}});
  const Interval share = wilson_interval(v.all.a, v.all.decided());
  return {{"comparison", c.id},
          {"a", {{"name", c.a}, {"preferred", v.all.a}}},
          {"b", {{"name", c.b}, {"preferred", v.all.b}}},
          {"same", v.all.same},
          {"listeners", v.listeners},
          {"answers", v.all.answers()},
          {"share_a_95", {share.low, share.high}},
          {"p", sign_test(v.all.a, v.all.b)},
          {"trials", trials}};
}

std::string to_text(const Comparison& c, const Verdict& v) {
  std::string text = fmt::format("{}\n{} pairs, {} listener{}, {} answers\n", c.question, c.trials.size(), v.listeners,
                                 v.listeners == 1 ? "" : "s", v.all.answers());
  const std::size_t width = std::max({c.a.size(), c.b.size(), std::size_t(13)});
  for (const auto& [name, count] :
       {std::pair(c.a, v.all.a), {c.b, v.all.b}, {std::string("no difference"), v.all.same}})
    text += fmt::format("  {:<{}} {:>6}\n", name, width, count);
  if (v.all.decided() == 0) return text + "Nobody preferred either.\n";
  const bool a_leads = v.all.a >= v.all.b;
  const std::int64_t most = std::max(v.all.a, v.all.b);
  const Interval share = wilson_interval(most, v.all.decided());
  const double p = sign_test(v.all.a, v.all.b);
  return text + fmt::format(
                    "Of {} who decided, {:.0f} % preferred {} (95 % interval {:.0f}-{:.0f} %); sign test p = "
                    "{:.2g}: {}\n",
                    v.all.decided(), 100.0 * static_cast<double>(most) / static_cast<double>(v.all.decided()),
                    a_leads ? c.a : c.b, share.low * 100, share.high * 100, p,
                    p < 0.05 ? "unlikely to be chance" : "may well be chance");
}

}  // namespace timbre::score
