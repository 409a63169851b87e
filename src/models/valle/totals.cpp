#include "models/valle/totals.h"

#include <fmt/format.h>

#include <algorithm>

namespace timbre::valle {

void Totals::add(std::string_view name, double value) {
  const auto found = std::find_if(sums_.begin(), sums_.end(), [&](const auto& sum) { return sum.first == name; });
  if (found == sums_.end())
    sums_.emplace_back(name, value);
  else
    found->second += value;
}

double Totals::value(std::string_view name) const {
  const auto found = std::find_if(sums_.begin(), sums_.end(), [&](const auto& sum) { return sum.first == name; });
  return found == sums_.end() ? 0.0 : found->second;
}

std::vector<std::pair<std::string, double>> Totals::per_frame() const {
  std::vector<std::pair<std::string, double>> out;
  for (const auto& [name, sum] : sums_)
    if (name != "frames" && name != "utterances") out.emplace_back(name, sum / frames());
  return out;
}

std::string Totals::text() const {
  std::string out;
  for (const auto& [name, mean] : per_frame()) out += fmt::format("{}={:.4g}, ", name, mean);
  return out + fmt::format("over {:.2f} frames. ", frames());
}

Totals& Totals::operator+=(const Totals& other) {
  for (const auto& [name, sum] : other.sums_) add(name, sum);
  return *this;
}

Totals& Totals::operator*=(double factor) {
  for (auto& [name, sum] : sums_) sum *= factor;
  return *this;
}

}  // namespace timbre::valle
