#include "voice/pace.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "text/letters.h"

namespace timbre::voice {
namespace {

using tokenizer::Speed;

constexpr double kSlower = 1.35, kFaster = 0.75;

std::size_t index_of(Speed speed) { return static_cast<std::size_t>(speed); }

/// Gauss elimination of a symmetric system; unknowns that nothing was said of are 0.
template <std::size_t N>
std::array<double, N> solved(std::array<std::array<double, N>, N> a, std::array<double, N> b) {
  std::array<bool, N> known{};
  const auto first = a;
  for (std::size_t k = 0; k < N; ++k) {
    // What is left of a column after the others were taken out is nothing where two go together in every row.
    const double whole = a[k][k];
    known[k] = whole > 1e-6 * first[k][k];
    if (!known[k]) continue;
    for (std::size_t r = 0; r < N; ++r) {
      if (r == k) continue;
      const double share = a[r][k] / whole;
      for (std::size_t c = 0; c < N; ++c) a[r][c] -= share * a[k][c];
      b[r] -= share * b[k];
    }
  }
  std::array<double, N> out{};
  for (std::size_t k = 0; k < N; ++k) out[k] = known[k] ? b[k] / a[k][k] : 0;
  return out;
}

}  // namespace

double letters_of(std::string_view text) {
  double letters = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = text::next_code_point(text, at);
    if (text::is_digit(c)) {
      letters += 4;
      continue;
    }
    switch (text::script_of(c)) {
      case text::Script::none:
        break;
      case text::Script::han:
      case text::Script::kana:
      case text::Script::hangul:
        letters += 5;
        break;
      default:
        letters += 1;
    }
  }
  return letters;
}

double Pace::of(std::optional<Speed> speed) const {
  const double base = medium > 0 ? medium : slow > 0 ? slow / kSlower : fast / kFaster;
  if (speed == Speed::slow) return slow > 0 ? slow : base * kSlower;
  if (speed == Speed::fast) return fast > 0 ? fast : base * kFaster;
  return base;
}

PaceOfRows::PaceOfRows(const tokenizer::Tokenizer& tokenizer)
    : tokenizer_(tokenizer), tokens_(tokenizer::SpeechTokens::of(tokenizer)) {}

void PaceOfRows::add(std::span<const std::int32_t> row) {
  const auto begin = std::find(row.begin(), row.end(), tokens_.text_understanding_start);
  const auto end = std::find(begin, row.end(), tokens_.text_understanding_end);
  if (end == row.end()) return;
  const auto frames =
      static_cast<double>(std::count_if(end, row.end(), [this](std::int32_t id) { return tokens_.is_speech(id); }));
  if (frames == 0) return;
  std::array<double, kUnknowns> letters{};  // by speed; behind them how many texts there are
  Speed speed = Speed::medium;
  std::vector<std::int32_t> text;
  const auto take = [&] {
    const double more = letters_of(tokenizer_.decode(text));
    letters[index_of(speed)] += more;
    letters[kSpeeds] += more > 0 ? 1 : 0;
    text.clear();
  };
  for (auto id = begin + 1; id != end; ++id) {
    std::optional<Speed> mark;
    for (const auto& [which, token] : {std::pair(Speed::fast, tokens_.fast), std::pair(Speed::slow, tokens_.slow),
                                       std::pair(Speed::medium, tokens_.medium)})
      if (token == *id) mark = which;
    if (!mark) {
      text.push_back(*id);
      continue;
    }
    take();
    speed = *mark;
    marked_[index_of(speed)] = true;
  }
  take();
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    for (std::size_t k = 0; k < kUnknowns; ++k) products_[i][k] += letters[i] * letters[k];
    targets_[i] += letters[i] * frames;
  }
}

Pace PaceOfRows::pace() const {
  auto found = solved(products_, targets_);
  if (found[kSpeeds] < 0) {  // nobody begins to speak before the recording: letters alone
    auto products = products_;
    products[kSpeeds] = {};
    for (auto& row : products) row[kSpeeds] = 0;
    found = solved(products, targets_);
  }
  const auto of = [&](Speed speed) { return std::max(0.0, found[index_of(speed)]); };
  return {.medium = of(Speed::medium), .slow = of(Speed::slow), .fast = of(Speed::fast), .text = found[kSpeeds]};
}

std::vector<std::string> PaceOfRows::speeds() const {
  std::vector<std::string> out;
  for (const auto& [which, name] :
       {std::pair(Speed::fast, "fast"), std::pair(Speed::slow, "slow"), std::pair(Speed::medium, "medium")})
    if (marked_[index_of(which)]) out.emplace_back(name);
  return out;
}

}  // namespace timbre::voice
