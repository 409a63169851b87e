#include "voice/token_voice.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace timbre::voice {
namespace {

constexpr std::array<const char*, 3> kMasks{"training", "card", "script"};
constexpr std::array<const char*, 3> kSpeeds{"fast", "slow", "medium"};

}  // namespace

std::string name_of(PromptMask mask) { return kMasks.at(static_cast<std::size_t>(mask)); }

PromptMask prompt_mask_of(const std::string& name) {
  const auto* const found = std::find(kMasks.begin(), kMasks.end(), name);
  if (found == kMasks.end())
    throw UsageError(fmt::format("prompt mask '{}': {}", name, did_you_mean(name, {kMasks.begin(), kMasks.end()})),
                     "training, card or script");
  return static_cast<PromptMask>(found - kMasks.begin());
}

nlohmann::json to_json(const TokenSpeaking& speaking) {
  nlohmann::json out = {{"date", speaking.date}, {"mask", name_of(speaking.mask)}};
  if (speaking.speeds) out["speeds"] = *speaking.speeds;
  if (speaking.pace.of({}) > 0)
    out["frames_per_letter"] = {{"medium", speaking.pace.medium},
                                {"slow", speaking.pace.slow},
                                {"fast", speaking.pace.fast},
                                {"text", speaking.pace.text}};
  return out;
}

TokenSpeaking token_speaking(const nlohmann::json& about, const std::string& where) {
  TokenSpeaking out;
  const auto found = about.find("speaking");
  if (found == about.end()) return out;
  try {
    out.date = found->value("date", out.date);
    out.mask = prompt_mask_of(found->value("mask", name_of(out.mask)));
    if (found->contains("speeds")) out.speeds = (*found)["speeds"].get<std::vector<std::string>>();
    const nlohmann::json pace = found->value("frames_per_letter", nlohmann::json::object());
    out.pace = {.medium = pace.value("medium", 0.0),
                .slow = pace.value("slow", 0.0),
                .fast = pace.value("fast", 0.0),
                .text = pace.value("text", 0.0)};
  } catch (const nlohmann::json::exception&) {
    throw DataError(
        fmt::format("{}: 'speaking' must hold date and mask (texts), speeds (a list of texts) and "
                    "frames_per_letter (numbers)",
                    where));
  } catch (const UsageError& wrong) {
    throw DataError(fmt::format("{}: speaking.mask: {}", where, wrong.what()));
  }
  const std::vector<std::string> none;
  for (const std::string& speed : out.speeds ? *out.speeds : none)
    if (std::find(kSpeeds.begin(), kSpeeds.end(), speed) == kSpeeds.end())
      throw DataError(fmt::format("{}: speaking.speeds: '{}' is none of fast, slow, medium", where, speed));
  return out;
}

}  // namespace timbre::voice
