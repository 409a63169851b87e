#include "models/valle/draws.h"

#include "base/error.h"

namespace timbre::valle {

StepDraws::StepDraws(std::int64_t num_quantizers, std::uint64_t seed)
    : random_(seed),
      weights_(static_cast<std::size_t>(num_quantizers > 1 ? num_quantizers - 1 : 1),
               1.0 / static_cast<double>(num_quantizers > 1 ? num_quantizers - 1 : 1)) {}

std::int64_t StepDraws::stage() { return 1 + static_cast<std::int64_t>(random_.choices(weights_)); }

std::int64_t StepDraws::start(std::int64_t frames, std::int64_t prefix) { return random_.randint(0, frames - prefix); }

std::pair<std::int64_t, std::int64_t> prefix_range(const Config& config, std::int64_t shortest_frames) {
  const std::int64_t quarter = shortest_frames / 4;
  if (quarter == 0)
    throw DataError(fmt::format("an utterance of {} frames is too short for prefix_mode 1, which takes a quarter of it "
                                "as prompt",
                                shortest_frames),
                    "leave out such short ones (--filter-min-duration)");
  return {config.languages.empty() ? quarter : 0, 2 * quarter};
}

}  // namespace timbre::valle
