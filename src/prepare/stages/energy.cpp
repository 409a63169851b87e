#include "audio/averages.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct EnergySettings {
  std::string level = "phoneme";
  std::string averaging = "exact";
};

config::Fields fields(EnergySettings& s) {
  config::Fields f;
  f.add("level", s.level, "phoneme: mean over each phoneme; frame: one value a frame").choices({"phoneme", "frame"});
  f.add("averaging", s.averaging, "exact, or in_place: with ming024's slip where phonemes have no frames")
      .choices({"exact", "in_place"});
  return f;
}

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<EnergySettings>(job.settings, fields, "energy");
  return [&job, settings](const corpus::Utterance& utterance) -> RowResult {
    std::vector<float> energy_F = job.read("energy_frames", utterance.id).value().to_f32();
    if (settings.level == "phoneme") {
      const auto durations_P = job.read("durations", utterance.id).value().to_i64();
      energy_F = audio::average_by_duration(
          std::span<const float>(energy_F), durations_P,
          settings.averaging == "exact" ? audio::Averaging::exact : audio::Averaging::in_place);
    }
    const auto count = static_cast<std::int64_t>(energy_F.size());
    return Row{{"energy", weights::Tensor::of<float>({count}, std::move(energy_F))}};
  };
}

}  // namespace

void register_stage_energy(Stages& stages) {
  stages.add({.name = "energy",
              .summary = "loudness of each phoneme or frame: L2 norm of the spectrum",
              .makes = {"energy"},
              .settings = [] { return settings_of_struct<EnergySettings>(fields); },
              .needs =
                  [](const nlohmann::json&) {
                    return std::vector<std::string>{"energy_frames", "durations"};
                  },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
