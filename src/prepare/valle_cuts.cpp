#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/strings.h"
#include "exchange/cut_stats.h"
#include "exchange/lines.h"
#include "prepare/valle_stages.h"

/// Stage 3: which cuts are trained on, which are held out. Lines are copied as they stand.
namespace timbre::prepare {

namespace {

using Lines = std::vector<std::string>;

struct Sides {
  Lines train, dev, test;
  std::string rule;  ///< for people
};

fs::path cuts_path(const ValleJob& job, const std::string& part) {
  return job.tokenized() / fmt::format("{}_cuts_{}.jsonl.gz", job.recipe.prefix, part);
}

Lines lines_of(const fs::path& path) {
  Lines all;
  exchange::LineReader reader(path);
  for (std::string line; reader.next(line);)
    if (!trim(line).empty()) all.push_back(line);
  return all;
}

bool has(const std::vector<std::string>& parts, const std::string& part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

void append(Lines& to, Lines more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Lines slice(const Lines& all, std::size_t from, std::size_t count) {
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size()));
  return {first, first + static_cast<std::ptrdiff_t>(std::min(count, all.size() - std::min(from, all.size())))};
}

/// First train, next dev, last test; counts that were not given are the recipe's, or their share of a smaller copy.
Sides in_order(const ValleOptions& o, const Lines& all, std::int64_t whole, std::int64_t dev_of, std::int64_t test_of) {
  const auto count = static_cast<std::int64_t>(all.size());
  const bool scaled = count < whole - whole / 100;
  const auto held = [&](std::int64_t given, std::int64_t of_whole) {
    if (given >= 0) return given;
    return scaled ? std::max<std::int64_t>(1, (of_whole * count + whole / 2) / whole) : of_whole;
  };
  const std::int64_t dev = held(o.dev_count, dev_of), test = held(o.test_count, test_of);
  if (dev + test >= count)
    throw UsageError(fmt::format("{} cuts cannot spare {} for dev and {} for test", count, dev, test),
                     "give --dev-count and --test-count");
  const auto n = [](std::int64_t x) { return static_cast<std::size_t>(x); };
  Sides sides{slice(all, 0, n(count - dev - test)),
              slice(all, n(count - dev - test), n(dev)),
              slice(all, n(count - test), n(test)),
              {}};
  sides.rule = fmt::format("in the order of ids the first {} are train, the next {} dev, the last {} test",
                           count - dev - test, dev, test);
  if (scaled && (o.dev_count < 0 || o.test_count < 0))
    sides.rule += fmt::format(
        "; of {} cuts the recipe takes {} and {}, this is their share of {} (--dev-count and "
        "--test-count say otherwise)",
        whole, dev_of, test_of, count);
  return sides;
}

/// prepare.sh: all = the three train parts, dev-clean, test-clean; anything else = train on dev-clean, the first 400 of
/// test-clean for dev, all of it for test.
Sides libritts(const ValleJob& job, const std::vector<std::string>& parts) {
  Sides sides;
  const auto read = [&](const std::string& part) { return lines_of(cuts_path(job, part)); };
  bool trains = false;
  for (const std::string& part : parts) trains = trains || part.starts_with("train-");
  for (const char* part : {"dev-clean", "test-clean"})
    if (!has(parts, part))
      throw UsageError(fmt::format("the recipe libritts needs the part {}, and there are {}", part, join(parts, ", ")),
                       "for other trees: --recipe custom");
  if (trains) {
    for (const char* part : {"train-clean-100", "train-clean-360", "train-other-500"})
      if (has(parts, part)) append(sides.train, read(part));
    sides.dev = read("dev-clean");
    sides.test = read("test-clean");
    sides.rule = "the train parts are train, dev-clean dev, test-clean test";
    return sides;
  }
  sides.train = read("dev-clean");
  sides.test = read("test-clean");
  sides.dev = slice(sides.test, 0, job.options.dev_count >= 0 ? static_cast<std::size_t>(job.options.dev_count) : 400);
  sides.rule = fmt::format("without train parts dev-clean is train, the first {} of test-clean dev, all of it test",
                           sides.dev.size());
  return sides;
}

/// The first 400 of dev; what remains of dev goes before the train part.
Sides aishell(const ValleJob& job, const std::vector<std::string>& parts) {
  for (const char* part : {"train", "dev", "test"})
    if (!has(parts, part))
      throw UsageError(fmt::format("the recipe aishell needs the part {}, and there are {}", part, join(parts, ", ")));
  const Lines dev = lines_of(cuts_path(job, "dev"));
  const std::size_t held = job.options.dev_count >= 0 ? static_cast<std::size_t>(job.options.dev_count) : 400;
  Sides sides;
  sides.dev = slice(dev, 0, held);
  sides.train = slice(dev, held, dev.size());
  const std::size_t others = sides.train.size();
  append(sides.train, lines_of(cuts_path(job, "train")));
  sides.test = lines_of(cuts_path(job, "test"));
  sides.rule = fmt::format("the first {} of dev are dev, its other {} and the train part train, test is test",
                           sides.dev.size(), others);
  return sides;
}

Sides custom(const ValleJob& job, const std::vector<std::string>& parts) {
  Lines train, dev, test;
  for (const std::string& part : parts)
    append(part == "dev" ? dev : part == "test" ? test : train, lines_of(cuts_path(job, part)));
  if (dev.empty() && test.empty()) return in_order(job.options, train, 10000, 450, 50);
  Sides sides{std::move(train), std::move(dev), std::move(test), "as the corpus is divided"};
  if (sides.train.empty() && !sides.dev.empty() && !sides.test.empty()) {
    sides.train.swap(sides.dev);
    sides.rule += "; it has no train part: its dev part is train";
  }
  if (sides.train.empty())
    throw DataError("the corpus marks no utterance for training", "give the lines of its manifest a split");
  if (!sides.dev.empty()) return sides;
  sides.dev = slice(sides.test, 0, job.options.dev_count >= 0 ? static_cast<std::size_t>(job.options.dev_count) : 400);
  sides.rule += fmt::format("; it has no dev part: the first {} of test", sides.dev.size());
  return sides;
}

Sides sides_of(const ValleJob& job, const std::vector<std::string>& parts) {
  const std::string& recipe = job.recipe.name;
  if (recipe == "libritts") return libritts(job, parts);
  if (recipe == "aishell") return aishell(job, parts);
  if (recipe == "custom") return custom(job, parts);
  if (recipe == "baker") return in_order(job.options, lines_of(cuts_path(job, "all")), 10000, 450, 50);
  return {lines_of(cuts_path(job, "train")), lines_of(cuts_path(job, "dev")), lines_of(cuts_path(job, "test")),
          "as the manifests were divided: the first are train, the next dev, the last test"};
}

}  // namespace

ValleReport make_cuts(const ValleJob& job) {
  ValleReport report;
  std::vector<std::string> parts = wanted_parts(job, present_parts(job));
  std::erase_if(parts, [&](const std::string& part) { return !fs::is_regular_file(cuts_path(job, part)); });
  std::vector<fs::path> inputs;
  for (const std::string& part : parts) inputs.push_back(cuts_path(job, part));
  if (inputs.empty())
    throw DataError(fmt::format("{}: no {}_cuts_….jsonl.gz", job.tokenized().string(), job.recipe.prefix),
                    "make them: --stage 2");
  const DoneMarker marker(
      job.tokenized() / fmt::format(".{}.train.done", job.recipe.name),
      {{"inputs", hashes_of(inputs)},
       {"held_out", {{"dev_count", job.options.dev_count}, {"test_count", job.options.test_count}}}});
  if (marker.done()) {
    report.kept = true;
    return report;
  }
  if (const std::string stale = marker.stale(); !stale.empty()) report.lines.push_back("cuts are made anew: " + stale);
  const Sides sides = sides_of(job, parts);
  for (const auto& [name, lines] : {std::pair("train", &sides.train), {"dev", &sides.dev}, {"test", &sides.test}}) {
    const fs::path file = job.tokenized() / fmt::format("cuts_{}.jsonl.gz", name);
    const fs::path staged = job.tokenized() / fmt::format(".cuts_{}.part.jsonl.gz", name);
    exchange::LineWriter writer(staged);
    for (const std::string& line : *lines) writer.write(line);
    writer.close();
    fs::rename(staged, file);
    report.counts[name] = lines->size();
  }
  report.lines.push_back(sides.rule);
  marker.set();
  return report;
}

std::string cut_tables(const fs::path& tokenized) {
  std::string text;
  for (const char* part : {"train", "dev", "test"}) {
    const fs::path file = tokenized / fmt::format("cuts_{}.jsonl.gz", part);
    if (std::error_code missing; !fs::is_regular_file(file, missing)) continue;
    const auto stats = exchange::lhotse::cut_stats(file);
    text += fmt::format("##  {}\n", part);
    text += stats.cuts() == 0 ? std::string("no cuts\n") : stats.text();
    if (!text.ends_with('\n')) text += '\n';
    text += "\n\n";
  }
  return text;
}

}  // namespace timbre::prepare
