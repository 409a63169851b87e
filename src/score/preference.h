#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "score/measures.h"

/// A blind preference test of two sides: which clip is heard first, what listeners answered, and what it says.
namespace timbre::score {

/// Probability of a split at least as uneven as this by chance, if neither side were better: the exact two-sided sign
/// test (binomial, p = 1/2). 1 when there is no answer.
double sign_test(std::int64_t wins_a, std::int64_t wins_b);

struct Trial {
  std::string id, text;
  bool a_first = true;
};

/// What was compared and in which order: the key that opens the answers.
struct Comparison {
  std::string id;  ///< a hash of everything below
  std::string a, b, question;
  std::vector<Trial> trials;
};

/// Shuffles `trials` and lets A be heard first in half of them (one more of an odd number), by `seed`; sets the id.
void make_blind(Comparison& comparison, std::int64_t seed);

nlohmann::json to_json(const Comparison& comparison);
/// Throws DataError naming `where` and the field.
Comparison parse_comparison(const nlohmann::json& key, const std::string& where);

struct Tally {
  std::int64_t a = 0, b = 0, same = 0;
  std::int64_t decided() const { return a + b; }
  std::int64_t answers() const { return a + b + same; }
};

struct Verdict {
  std::int64_t listeners = 0;
  Tally all;
  std::vector<Tally> trials;  ///< as in Comparison::trials
};

/// Adds one listener's answers, as the page saves them. Throws DataError for answers to another comparison, an answer
/// to no trial, an unknown choice, or a trial answered twice.
void count_listener(const Comparison& comparison, const nlohmann::json& result, const std::string& where,
                    Verdict& verdict);
/// Counts the files of several listeners. Throws as above and for what is no JSON.
Verdict count_answers(const Comparison& comparison, std::span<const std::filesystem::path> results);

nlohmann::json to_json(const Comparison& comparison, const Verdict& verdict);
std::string to_text(const Comparison& comparison, const Verdict& verdict);

}  // namespace timbre::score
