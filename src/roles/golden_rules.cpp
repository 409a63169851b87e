#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "roles/golden.h"

namespace timbre::roles {
namespace {

/// Matches `c` against the set that starts at pattern[at] == '['; moves `at` behind it. False positive-free for an
/// unclosed set, which is a literal '['.
bool match_set(std::string_view pattern, std::size_t& at, char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && pattern[i] == '!';
  if (negated) ++i;
  const std::size_t first = i;
  std::size_t end = i;
  while (end < pattern.size() && (pattern[end] != ']' || end == first)) ++end;
  if (end >= pattern.size()) {
    ++at;
    return c == '[';
  }
  bool found = false;
  while (i < end) {
    if (i + 2 < end && pattern[i + 1] == '-') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 3;
    } else {
      found = found || pattern[i] == c;
      ++i;
    }
  }
  at = end + 1;
  return found != negated;
}

std::string pattern_of(const nlohmann::json& item, const char* list) {
  if (item.is_string()) return item.get<std::string>();
  if (item.is_object() && item.contains("match") && item["match"].is_string()) return item["match"].get<std::string>();
  throw DataError(fmt::format("set.json: an entry of \"{}\" is no pattern: {}", list, item.dump()));
}

Bound bound_of(const nlohmann::json& item) {
  Bound bound;
  bound.abs = item.value("abs", 0.0);
  bound.rel = item.value("rel", 0.0);
  bound.exact = item.value("exact", false);
  bound.ties = item.value("ties", std::int64_t{0});
  if (item.contains("share")) bound.share = item["share"].get<double>();
  return bound;
}

bool append_numbers(const nlohmann::json& value, std::size_t depth, Numbers& out, bool& leaf_seen) {
  if (value.is_number() || value.is_boolean()) {
    if (depth != out.shape.size() && leaf_seen) return false;
    leaf_seen = true;
    out.values.push_back(value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>());
    return depth == out.shape.size();
  }
  if (!value.is_array()) return false;
  const auto length = static_cast<std::int64_t>(value.size());
  if (depth == out.shape.size() && !leaf_seen) {
    out.shape.push_back(length);
  } else if (depth >= out.shape.size() || out.shape[depth] != length) {
    return false;
  }
  return std::all_of(value.begin(), value.end(),
                     [&](const auto& item) { return append_numbers(item, depth + 1, out, leaf_seen); });
}

std::string index_text(std::int64_t flat, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    index[i] = flat % shape[i];
    flat /= shape[i];
  }
  return fmt::format("[{}]", fmt::join(index, ","));
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    std::size_t next = p;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == '[' && match_set(pattern, next, text[t])) {
      p = next;
      ++t;
    } else if (p < pattern.size() && pattern[p] != '[' && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

SetRules::SetRules(const nlohmann::json& set) {
  const auto add = [&](const char* list, EntryKind kind) {
    if (!set.contains(list)) return;
    for (const auto& item : set[list]) {
      rules_.push_back({pattern_of(item, list), kind, kind == EntryKind::output ? bound_of(item) : Bound{}});
    }
  };
  add("unreachable", EntryKind::unreachable);
  add("inputs", EntryKind::input);
  add("bounds", EntryKind::output);
}

EntryKind SetRules::find(const std::string& entry, Bound* bound) const {
  for (const Rule& rule : rules_) {
    if (!glob_match(rule.pattern, entry)) continue;
    if (bound) *bound = rule.bound;
    return rule.kind;
  }
  return EntryKind::unclassified;
}

Numbers numbers_of(const weights::Tensor& tensor) { return {tensor.shape, tensor.to_f64()}; }

std::optional<Numbers> numbers_of(const nlohmann::json& value) {
  Numbers out;
  bool leaf_seen = false;
  if (!append_numbers(value, 0, out, leaf_seen)) return std::nullopt;
  return out;
}

ParityRow judge_numbers(const std::string& entry, const Numbers& got, const Numbers& want, const Bound& bound) {
  ParityRow row{.entry = entry, .status = "out", .shape = want.shape};
  if (got.shape != want.shape) {
    row.text = fmt::format("shape [{}] want [{}]", fmt::join(got.shape, ","), fmt::join(want.shape, ","));
    return row;
  }
  const std::size_t n = want.values.size();
  double largest = 0;
  std::size_t differ = 0, within = 0, worst = 0;
  bool elsewhere = false;  // NaN or infinity where the other has none
  for (const double w : want.values) largest = std::isfinite(w) ? std::max(largest, std::abs(w)) : largest;
  row.bound = bound.exact ? static_cast<double>(bound.ties) : bound.abs + bound.rel * largest;
  for (std::size_t i = 0; i < n; ++i) {
    const double g = got.values[i], w = want.values[i];
    const bool same = g == w || (std::isnan(g) && std::isnan(w));
    const bool both = std::isfinite(g) == std::isfinite(w);
    const double d = same ? 0 : std::abs((std::isfinite(w) ? g : 0) - (std::isfinite(w) ? w : 0));
    differ += !same;
    within += both && d <= row.bound;
    elsewhere = elsewhere || !both || (!std::isfinite(w) && !same);
    if (!(d <= row.error)) {  // also true for NaN
      row.error = d;
      worst = i;
    }
  }
  bool ok = false;
  if (bound.exact) {
    ok = static_cast<std::int64_t>(differ) <= bound.ties;
  } else if (bound.share) {
    ok = n == 0 || static_cast<double>(within) / static_cast<double>(n) >= *bound.share;
  } else {
    ok = !elsewhere && row.error <= row.bound;
  }
  row.status = ok ? "ok" : "out";
  if (n > 0) {
    const auto where = index_text(static_cast<std::int64_t>(worst), want.shape);
    row.text = fmt::format("{} got {:.8g} want {:.8g}", where, got.values[worst], want.values[worst]);
    if (bound.exact) row.text = fmt::format("{} of {} differ{}", differ, n, differ ? ": " + row.text : "");
    if (elsewhere) row.text = "NaN or infinity in other places: " + row.text;
    if (bound.exact) row.error = static_cast<double>(differ);
  }
  return row;
}

}  // namespace timbre::roles
