#include "models/g2p/words.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "text/data_table.h"

namespace timbre::g2p {
namespace {

bool is_spelt(std::string_view word) {
  return !word.empty() && word.find_first_not_of(kLetters.substr(1)) == std::string_view::npos;
}

}  // namespace

Dictionary read_cmudict(const Config& config) {
  const text::DataTable& table = text::cmudict_table();
  std::vector<std::pair<std::string_view, std::vector<std::string>>> kept;
  std::map<std::string, std::int64_t, std::less<>> row_of;
  Dictionary out;
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const std::string_view word = table.key(i);
    std::vector<std::string> phones = split_whitespace(table.value(i));
    if (!is_spelt(word) || static_cast<std::int64_t>(word.size()) > config.max_letters ||
        static_cast<std::int64_t>(phones.size()) > config.max_phones) {
      ++out.left_out;
      continue;
    }
    for (const std::string& phone : phones) row_of.emplace(phone, 0);
    kept.emplace_back(word, std::move(phones));
  }
  out.symbols = {"_", "<s>", "</s>"};
  for (auto& [phone, row] : row_of) {
    row = static_cast<std::int64_t>(out.symbols.size());
    out.symbols.push_back(phone);
  }
  out.entries.reserve(kept.size());
  for (const auto& [word, phones] : kept) {
    Entry& entry = out.entries.emplace_back(Entry{std::string(word), {}});
    entry.phones.reserve(phones.size());
    for (const std::string& phone : phones) entry.phones.push_back(row_of.at(phone));
  }
  return out;
}

std::vector<std::int64_t> letter_rows(std::string_view word) {
  if (!is_spelt(word))
    throw UsageError(fmt::format("'{}' is no word of letters", word), "a word of a–z and ', in lower case");
  std::vector<std::int64_t> rows;
  for (const char letter : word) rows.push_back(static_cast<std::int64_t>(kLetters.find(letter)));
  return rows;
}

Side side_of(std::string_view word, const SplitOptions& options) {
  constexpr std::size_t kDigits = 16;  // 64 bits
  const std::uint64_t stream = std::strtoull(hash_hex(word).substr(0, kDigits).c_str(), nullptr, 16);
  const double place = Philox(static_cast<std::uint64_t>(options.seed), stream).uniform();
  if (place < options.valid_share) return Side::valid;
  return place < options.valid_share + options.test_share ? Side::test : Side::train;
}

std::vector<std::string> phone_names(std::span<const std::int64_t> rows, const std::vector<std::string>& symbols) {
  std::vector<std::string> names;
  for (const std::int64_t row : rows) names.push_back(symbols.at(static_cast<std::size_t>(row)));
  return names;
}

std::string_view without_stress(std::string_view phone) {
  if (!phone.empty() && phone.back() >= '0' && phone.back() <= '2') phone.remove_suffix(1);
  return phone;
}

std::int64_t phone_errors(std::span<const std::string> said, std::span<const std::string> wanted) {
  std::vector<std::int64_t> cost(wanted.size() + 1);  // of turning what was said so far into the first w wanted ones
  std::iota(cost.begin(), cost.end(), 0);
  for (const std::string& phone : said) {
    std::int64_t diagonal = cost[0]++;
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      const std::int64_t exchanged = diagonal + (without_stress(phone) == without_stress(wanted[w]) ? 0 : 1);
      diagonal = cost[w + 1];
      cost[w + 1] = std::min({exchanged, diagonal + 1, cost[w] + 1});
    }
  }
  return cost.back();
}

}  // namespace timbre::g2p
