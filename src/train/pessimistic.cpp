#include "train/pessimistic.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace timbre::train {
namespace {

using Items = std::vector<std::size_t>;

double most(const Items& items, std::span<const double> of) {
  double most = 0;
  for (const std::size_t item : items) most = std::max(most, of[item]);
  return most;
}

double sum(const Items& items, std::span<const double> of) {
  double sum = 0;
  for (const std::size_t item : items) sum += of[item];
  return sum;
}

}  // namespace

std::string Pessimistic::text() const {
  return fmt::format("{} = {:.10g}{}", criterion, value, criterion.starts_with("max_num_") ? "" : " s");
}

std::vector<Pessimistic> pessimistic_batches(const std::vector<Items>& batches, std::span<const double> seconds) {
  const auto count = [](const Items& items) { return static_cast<double>(items.size()); };
  const std::pair<const char*, std::function<double(const Items&)>> criteria[] = {
      {"single_longest_cut", [&](const Items& items) { return most(items, seconds); }},
      {"single_longest_supervision", [&](const Items& items) { return most(items, seconds); }},
      {"largest_batch_cuts_duration", [&](const Items& items) { return sum(items, seconds); }},
      {"largest_batch_supervisions_duration", [&](const Items& items) { return sum(items, seconds); }},
      {"max_num_cuts", count},
      {"max_num_supervisions", count}};
  std::vector<Pessimistic> all;
  for (const auto& [name, value] : criteria) {
    if (batches.empty()) break;
    Pessimistic best{name, value(batches[0]), 0};
    for (std::size_t b = 1; b < batches.size(); ++b)
      if (const double now = value(batches[b]); now > best.value) best.value = now, best.batch = b;
    all.push_back(std::move(best));
  }
  return all;
}

}  // namespace timbre::train
