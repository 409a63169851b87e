#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/python_random.h"
#include "base/strings.h"
#include "corpus/code_batch.h"
#include "corpus/dynamic_buckets.h"
#include "corpus/neighbours.h"
#include "parity/sets.h"
#include "prepare/tokenized_cuts.h"
#include "roles/golden.h"
#include "roles/parity_part.h"
#include "text/k2_symbols.h"

/// The part of valle_data about batches: samplers, neighbours, Python's generator, a collated batch.
namespace timbre::parity {

namespace {

using nlohmann::json;

constexpr const char* kCases = "cases.json";
constexpr const char* kTensors = "cases.safetensors";

/// "1.16.0" is before 1.20, whose samplers shuffle within the buckets and take the edges from the head of the list.
bool shuffles_the_stream(const std::string& version) {
  const auto parts = split(version, '.');
  const auto minor = parts.size() > 1 ? parse_int(parts[1]) : std::nullopt;
  return parts[0] == "1" && minor && *minor < 20;
}

/// A sampler's arguments as lhotse names them; what is not named has lhotse's default.
corpus::BucketOptions options_of(const json& args, bool simple) {
  corpus::BucketOptions o;
  const auto take = [&](const char* name, auto& value) {
    if (const auto found = args.find(name); found != args.end() && !found->is_null()) found->get_to(value);
  };
  take("max_duration", o.max_duration_s);
  take("max_cuts", o.max_cuts);
  take("num_buckets", o.num_buckets);
  take("quadratic_duration", o.quadratic_s);
  take("shuffle", o.shuffle);
  take("drop_last", o.drop_last);
  take("seed", o.seed);
  take("buffer_size", o.buffer);
  take("shuffle_buffer_size", o.shuffle_buffer);
  take("num_cuts_for_bins_estimate", o.edges_from);
  if (simple) o.num_buckets = 0;
  return o;
}

json numbers(const std::vector<double>& values) {
  json all = json::array();
  for (const double value : values) all.push_back(value);
  return all;
}

void sampler_run(roles::ParityRun& run, const std::string& version, const std::string& at,
                 const std::vector<double>& durations_s) {
  const bool simple = run.input_json(kCases, at + "/sampler") == "SimpleCutSampler";
  const corpus::BucketOptions options = options_of(run.input_json(kCases, at + "/args"), simple);
  int world = 1;
  if (run.has_json(kCases, at + "/world_size")) world = run.input_json(kCases, at + "/world_size").get<int>();
  const corpus::DynamicBuckets first(durations_s, options);
  std::vector<double> edges = first.edges();
  if (!shuffles_the_stream(version) && !simple) {
    const auto head = std::min<std::size_t>(durations_s.size(), static_cast<std::size_t>(options.edges_from));
    edges = corpus::bucket_edges({durations_s.begin(), durations_s.begin() + static_cast<std::ptrdiff_t>(head)},
                                 options.num_buckets);
  }
  run.put_json(kCases, at + "/bucket_edges", numbers(edges));
  if (!simple && !shuffles_the_stream(version)) return;  // its batches may be over their limit
  json results = json::array();
  for (int rank = 0; rank < world; ++rank)
    for (const json& epoch : run.input_json(kCases, at + "/epochs")) {
      const corpus::DynamicBuckets sampler(durations_s, options, rank, world, corpus::LastRound::keep);
      results.push_back({{"rank", rank}, {"epoch", epoch}, {"batches", sampler.epoch(epoch.get<std::int64_t>())}});
    }
  run.put_json(kCases, at + "/result", std::move(results));
}

void samplers(roles::ParityRun& run) {
  if (!run.has_json(kCases, "/sampler_durations")) return;
  const auto durations_s = run.input_json(kCases, "/sampler_durations").get<std::vector<double>>();
  for (const std::string& version : run.keys(kCases, "/samplers"))
    for (const std::string& i : run.keys(kCases, "/samplers/" + version)) {
      const std::string at = "/samplers/" + version + "/" + i;
      roles::attempt(run, kCases + (":" + at) + "/*", [&] { sampler_run(run, version, at, durations_s); });
    }
}

void neighbour_lists(roles::ParityRun& run) {
  for (const std::string& corpus : run.keys(kCases, "/neighbours")) {
    const std::string at = "/neighbours/" + corpus;
    if (!run.has_json(kCases, at + "/ids_in_order")) continue;  // one that the reference refuses, as neighbour_rule()
    roles::attempt(run, kCases + (":" + at) + "/*", [&] {
      const auto ids = run.input_json(kCases, at + "/ids_in_order").get<std::vector<std::string>>();
      const auto speakers = run.input_json(kCases, at + "/speakers").get<std::vector<std::string>>();
      const auto all = corpus::neighbours(corpus::neighbour_rule(corpus), ids, speakers);
      json named = json::object();
      for (std::size_t i = 0; i < ids.size(); ++i)
        for (const std::size_t place : all[i]) named[ids[i]].push_back(ids[place]);
      run.put_json(kCases, at + "/neighbours", std::move(named));
    });
  }
}

/// "seed0_random_first_6", "seed1234_randrange10_first_20": the seed, the method with its bound, how many.
json draw(const std::string& name) {
  const std::vector<std::string> words = split(name, '_');
  const auto number = [&](const std::string& word, std::string_view prefix) -> std::int64_t {
    const auto value =
        word.starts_with(prefix) ? parse_int(std::string_view(word).substr(prefix.size())) : std::nullopt;
    if (!value || *value < 0) throw DataError(fmt::format("python_random '{}': '{}' is no {}N", name, word, prefix));
    return *value;
  };
  if (words.size() != 4 || words[2] != "first")
    throw DataError(fmt::format("python_random '{}': expected seedN_METHOD_first_N", name));
  PythonRandom random(static_cast<std::uint64_t>(number(words[0], "seed")));
  json drawn = json::array();
  for (std::int64_t i = number(words[3], ""); i > 0; --i) {
    if (words[1] == "random")
      drawn.push_back(random.random());
    else if (words[1].starts_with("getrandbits"))
      drawn.push_back(random.bits(static_cast<int>(number(words[1], "getrandbits"))));
    else
      drawn.push_back(random.below(static_cast<std::uint64_t>(number(words[1], "randrange"))));
  }
  return drawn;
}

void python_random(roles::ParityRun& run) {
  for (const std::string& name : run.keys(kCases, "/python_random"))
    roles::attempt(run, kCases + (":/python_random/" + name) + "*",
                   [&] { run.put_json(kCases, "/python_random/" + name, draw(name)); });
}

/// The rows that a text of the batch is, as TextTokenCollater writes them: `<bos>`, tokens, `<eos>`, then `<pad>`.
void batch_text(roles::ParityRun& run, const prepare::TokenizedCuts& cuts, std::size_t first, std::size_t count) {
  std::set<std::string> symbols;
  for (const prepare::TokenizedCut& cut : cuts.all()) symbols.insert(cut.tokens.begin(), cut.tokens.end());
  const std::vector<std::string> rows = text::collater_rows(text::make_k2_symbols(symbols));
  std::map<std::string, std::int64_t> row_of;
  for (std::size_t i = 0; i < rows.size(); ++i) row_of.emplace(rows[i], static_cast<std::int64_t>(i));
  std::vector<std::int64_t> lens, ids;
  for (std::size_t i = first; i < first + count; ++i)
    lens.push_back(static_cast<std::int64_t>(cuts.all()[i].tokens.size()) + 2);
  const std::int64_t longest = *std::max_element(lens.begin(), lens.end());
  for (std::size_t i = first; i < first + count; ++i) {
    ids.push_back(row_of.at("<bos>"));
    for (const std::string& token : cuts.all()[i].tokens) ids.push_back(row_of.at(token));
    ids.push_back(row_of.at("<eos>"));
    ids.resize((i - first + 1) * static_cast<std::size_t>(longest), row_of.at("<pad>"));
  }
  const auto texts = static_cast<std::int64_t>(count);
  run.put(kTensors, "batch.text_tokens", weights::Tensor::of<std::int64_t>({texts, longest}, std::move(ids)));
  run.put(kTensors, "batch.text_tokens_lens", weights::Tensor::of<std::int64_t>({texts}, std::move(lens)));
}

/// SpeechSynthesisDataset on the cuts from number 2 on of the batch path's manifest, as many as the batch has.
void batch(roles::ParityRun& run) {
  constexpr std::size_t kFirst = 2;
  const std::size_t count = run.keys(kCases, "/batch/utt_id").size();
  if (count == 0) return;
  const prepare::TokenizedCuts cuts(run.input_path(run.input_json(kCases, "/batch_path").get<std::string>()));
  if (cuts.all().size() < kFirst + count)
    throw DataError(fmt::format("a batch of {} of {} cuts", count, cuts.all().size()));
  std::vector<weights::Tensor> codes_FQ;
  json ids = json::array(), texts = json::array();
  for (std::size_t i = kFirst; i < kFirst + count; ++i) {
    ids.push_back(cuts.all()[i].id);
    texts.push_back(cuts.all()[i].text);
    codes_FQ.push_back(cuts.codes_FQ(i));
  }
  run.put_json(kCases, "/batch/utt_id", std::move(ids));
  run.put_json(kCases, "/batch/text", std::move(texts));
  const corpus::CodeBatch padded = corpus::pad_codes(codes_FQ);
  run.put(kTensors, "batch.audio_features", padded.codes_BFQ);
  run.put(kTensors, "batch.audio_features_lens", padded.lens_B);
  batch_text(run, cuts, kFirst, count);
}

void run_batches(roles::ParityRun& run) {
  roles::attempt(run, "cases.json:/samplers/*", [&] { samplers(run); });
  neighbour_lists(run);
  python_random(run);
  roles::attempt(run, "cases.*:*batch*", [&] { batch(run); });
}

}  // namespace

void register_set_valle_data_batches(roles::Registry& registry) { registry.add_parity_part("valle_data", run_batches); }

}  // namespace timbre::parity
