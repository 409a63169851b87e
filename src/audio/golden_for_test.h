#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

/// Golden data for the tests of this folder, which stands below weights/ and so reads the little it needs itself.
namespace timbre::audio {

/// $TIMBRE_GOLDEN, else ../shared/golden, else tests/golden; empty when the set is in none of them.
inline std::filesystem::path golden_folder(const std::string& set) {
  std::vector<std::filesystem::path> places;
  if (const char* given = std::getenv("TIMBRE_GOLDEN"))
    places.push_back(given);
  else
    places.push_back("../shared/golden");
  places.push_back("tests/golden");
  for (const auto& place : places) {
    if (std::filesystem::exists(place / set / "set.json")) return place / set;
  }
  return {};
}

#define TIMBRE_NEED_GOLDEN(folder, set)                                      \
  const std::filesystem::path folder = golden_folder(set);                   \
  if (folder.empty()) {                                                      \
    if (const char* ci = std::getenv("CI"); ci && std::string(ci) == "true") \
      FAIL() << "golden set " << set << " is missing";                       \
    GTEST_SKIP() << "golden set " << set << " is not here";                  \
  }

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Tensors of a safetensors file as doubles.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::filesystem::path& path) : bytes_(slurp(path)) {
    std::uint64_t n;
    std::memcpy(&n, bytes_.data(), 8);
    header_ = nlohmann::json::parse(bytes_.substr(8, n));
    start_ = 8 + n;
  }
  bool has(const std::string& name) const { return header_.contains(name); }
  const nlohmann::json& header() const { return header_; }
  std::vector<std::int64_t> shape(const std::string& name) const { return header_.at(name).at("shape"); }
  std::vector<double> values(const std::string& name) const {
    const auto& about = header_.at(name);
    const std::string type = about.at("dtype");
    const std::size_t from = start_ + about.at("data_offsets").at(0).get<std::size_t>(),
                      to = start_ + about.at("data_offsets").at(1).get<std::size_t>();
    std::vector<double> out;
    auto each = [&]<class T>(T) {
      for (std::size_t at = from; at < to; at += sizeof(T)) {
        T v;
        std::memcpy(&v, bytes_.data() + at, sizeof v);
        out.push_back(static_cast<double>(v));
      }
    };
    if (type == "F32")
      each(0.0f);
    else if (type == "F64")
      each(0.0);
    else if (type == "I64")
      each(std::int64_t{});
    else
      ADD_FAILURE() << name << " has type " << type;
    return out;
  }

 private:
  std::string bytes_;
  nlohmann::json header_;
  std::size_t start_ = 0;
};

/// The largest |got − want| and where.
template <class A, class B>
double largest_difference(const A& got, const B& want, std::size_t* where = nullptr) {
  EXPECT_EQ(got.size(), want.size());
  double worst = 0;
  for (std::size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(d <= worst)) {
      worst = d;
      if (where) *where = i;
    }
  }
  return worst;
}

/// [rows, columns] → [columns, rows].
inline std::vector<double> transposed(const std::vector<double>& x, std::size_t rows) {
  std::vector<double> out(x.size());
  const std::size_t columns = x.size() / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = x[r * columns + c];
  }
  return out;
}

}  // namespace timbre::audio
