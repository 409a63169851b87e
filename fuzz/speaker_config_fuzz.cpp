// folders: base config audio text tokenizer align weights corpus plot roles voice fetch exchange prepare models/speaker_encoder
#include <nlohmann/json.hpp>

#include "fuzz/folder_input.h"
#include "models/speaker_encoder/files.h"

/// config.json of a Mozilla speaker encoder beside a small network. What was accepted is written and read again: the
/// same hearing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  static const weights::TensorMap model = [] {
    weights::TensorMap map;
    const auto add = [&](const char* name, std::int64_t rows, std::int64_t columns) {
      map.insert(name, weights::Tensor::of<float>({rows, columns},
                                                  std::vector<float>(static_cast<std::size_t>(rows * columns))));
    };
    add("layers.0.lstm.weight_ih_l0", 8, 40);
    add("layers.0.lstm.weight_hh_l0", 8, 2);
    add("layers.0.linear.weight", 3, 2);
    return map;
  }();
  fuzz::guarded([&] {
    const auto settings =
        speaker_encoder::parse_mozilla_config({reinterpret_cast<const char*>(data), size}, "config.json");
    const auto config = speaker_encoder::mozilla_config(model, settings, "config.json");
    if (!config.problems().empty()) return;
    const auto written = speaker_encoder::mozilla_settings(config).dump();
    const auto again =
        speaker_encoder::mozilla_config(model, speaker_encoder::parse_mozilla_config(written, "written"), "written");
    audio::SpeakerMelOptions same = again.audio;
    same.mel.f_max_hz = config.audio.mel.f_max_hz;  // half the rate is written as a number
    fuzz::must(same == config.audio);
  });
  return 0;
}
