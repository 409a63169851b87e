#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "cli/verb.h"
#include "tokenizer/tokenizer.h"

namespace timbre::cli {
namespace {

struct BenchTokenizer {
  std::string tokenizer, texts;
  std::int64_t times = 5;
};

config::Fields fields(BenchTokenizer& o) {
  config::Fields f;
  f.add("tokenizer", o.tokenizer, "folder of a tokenizer").positional().required().metavar("FOLDER");
  f.add("texts", o.texts, "JSON: lists of texts by name").positional().required().metavar("FILE");
  f.add("times", o.times, "passes; the fastest counts").range(1, 1000);
  return f;
}

double thread_cpu_s() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double best_s(std::int64_t times, const std::function<void()>& work) {
  double best = 1e300;
  for (std::int64_t i = 0; i < times; ++i) {
    const double began = thread_cpu_s();
    work();
    best = std::min(best, thread_cpu_s() - began);
  }
  return best;
}

int run(const BenchTokenizer& o, Context& context) {
  const auto lists = read_json(o.texts).get<std::map<std::string, std::vector<std::string>>>();
  nlohmann::json rows = {
      {"read_s", best_s(std::min<std::int64_t>(o.times, 3), [&] { (void)tokenizer::Tokenizer::read(o.tokenizer); })}};
  const auto tokenizer = tokenizer::Tokenizer::read(o.tokenizer);
  for (const auto& [name, texts] : lists) {
    std::vector<std::vector<std::int32_t>> ids(texts.size());
    std::size_t bytes = 0, tokens = 0;
    const double encode_s = best_s(o.times, [&] {
      for (std::size_t i = 0; i < texts.size(); ++i) ids[i] = tokenizer.encode(texts[i]);
    });
    for (std::size_t i = 0; i < texts.size(); ++i) bytes += texts[i].size(), tokens += ids[i].size();
    std::size_t decoded = 0;
    const double decode_s = best_s(o.times, [&] {
      for (const auto& text_ids : ids) decoded += tokenizer.decode(text_ids).size();
    });
    rows[name] = {{"tokens", tokens},
                  {"encode_mb_s", static_cast<double>(bytes) * 1e-6 / encode_s},
                  {"decode_mb_s", static_cast<double>(bytes) * 1e-6 / decode_s}};
    if (decoded == 0) throw DataError(o.texts + ": no texts");
  }
  if (context.json) {
    fmt::print(context.out, "{}\n", rows.dump(2));
    return 0;
  }
  fmt::print(context.out, "read     {:.0f} ms\n", rows["read_s"].get<double>() * 1000);
  for (const auto& [name, texts] : lists)
    fmt::print(context.out, "{:<10} {:>9} tokens, encode {:.1f} MB/s, decode {:.1f} MB/s\n", name,
               rows[name]["tokens"].get<std::size_t>(), rows[name]["encode_mb_s"].get<double>(),
               rows[name]["decode_mb_s"].get<double>());
  return 0;
}

}  // namespace

void register_bench_tokenizer(Verbs& verbs) {
  add_verb<BenchTokenizer>(verbs,
                           {.name = "bench-tokenizer",
                            .summary = "Tools: how fast texts become tokens on one thread",
                            .usage = "bench-tokenizer FOLDER TEXTS",
                            .examples = {"timbre bench-tokenizer models/llasa-1b texts.json --json"}},
                           fields, run);
}

}  // namespace timbre::cli
