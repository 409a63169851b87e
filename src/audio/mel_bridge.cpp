#include "audio/mel_bridge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "audio/mel_scaling.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

/// Settings that only rename values; all others must agree.
constexpr std::array kRenaming = {"log", "gain", "floor", "convention"};

bool renames(const std::string& name) {
  return std::find(kRenaming.begin(), kRenaming.end(), name) != kRenaming.end() || name.starts_with("range.");
}

/// The upper edge as a number, however it is written.
MelOptions spelled_out(MelOptions o) {
  if (o.f_max_hz <= 0) o.f_max_hz = static_cast<double>(o.rate_hz) / 2;
  return o;
}

bool same_scale(const MelOptions& a, const MelOptions& b) {
  return (a.convention == "vocos") == (b.convention == "vocos");
}

/// Calls `each` for every setting that differs, with its name and both values.
template <class Each>
void differences(const MelOptions& from, const MelOptions& to, Each each) {
  MelOptions a = spelled_out(from), b = spelled_out(to);
  const auto mine = fields(a), other = fields(b);
  for (std::size_t i = 0; i < mine.list().size(); ++i) {
    const auto one = mine.list()[i].value(), two = other.list()[i].value();
    if (one != two) each(mine.list()[i].name(), one, two);
  }
}

}  // namespace

std::optional<std::string> mel_obstacle(const MelOptions& from, const MelOptions& to) {
  std::optional<std::string> found;
  differences(from, to, [&](const std::string& name, const auto&, const auto&) {
    if (!found && (!renames(name) || (name == "convention" && !same_scale(from, to)))) found = name;
  });
  return found;
}

MelBridge::MelBridge(const MelOptions& from, const MelOptions& to, const std::string& takes, const std::string& makes)
    : from_(from), to_(to), changes_(false) {
  if (const auto obstacle = mel_obstacle(from, to)) {
    differences(from, to, [&](const std::string& name, const auto& have, const auto& want) {
      if (name == *obstacle)
        throw DataError(fmt::format("{} wants mel.{} = {}, {} makes {}", takes, name, want.dump(), makes, have.dump()),
                        "choose a vocoder that was trained with these mel settings");
    });
  }
  differences(from, to, [&](const std::string&, const auto&, const auto&) { changes_ = true; });
}

void MelBridge::apply(std::span<float> values) const {
  if (!changes_) return;
  if (from_.range.enabled) from_range(values, from_.range);
  for (float& v : values) {
    double x = v;
    if (from_.log != "none") {
      x /= from_.gain;
      x = from_.log == "ln" ? std::exp(x) : std::pow(10.0, x);
    }
    x = std::max(x, to_.floor);
    if (to_.log != "none") x = (to_.log == "ln" ? std::log(x) : std::log10(x)) * to_.gain;
    v = static_cast<float>(x);
  }
  if (to_.range.enabled) to_range(values, to_.range);
}

std::string MelBridge::text() const {
  std::string out;
  differences(from_, to_, [&](const std::string& name, const auto& have, const auto& want) {
    const auto plain = [](const auto& value) {
      return value.is_string() ? value.template get<std::string>() : value.dump();
    };
    out += fmt::format("{}{} {} → {}", out.empty() ? "" : ", ", name, plain(have), plain(want));
  });
  return out;
}

}  // namespace timbre::audio
