#include "prepare/codecs.h"

#include <stdexcept>

#include "audio/convert.h"
#include "audio/decode.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace timbre::prepare {

OpenCodec& codec_opener() {
  static OpenCodec opener;
  return opener;
}

std::shared_ptr<roles::Codec> open_codec(const std::filesystem::path& folder) {
  if (folder.empty()) throw UsageError("codes need a codec", "--codec FOLDER, as timbre train or convert made it");
  const OpenCodec& open = codec_opener();
  if (!open) throw std::logic_error("nobody said how a codec is opened");
  return open(folder);
}

CodecFolder find_codec_folder(const std::filesystem::path& given) {
  CodecFolder found{given, nullptr, ""};
  if (fs::exists(found.dir / "voice" / "voice.json")) found.dir /= "voice";  // of a run
  const fs::path file = found.dir / "voice.json";
  const std::string next = "timbre train small_codec makes a codec, timbre convert reads those of other programs";
  if (!fs::exists(file))
    throw UsageError(fmt::format("{} is no codec: {}", given.string(),
                                 fs::exists(given) ? "it has no voice.json" : "there is no such folder"),
                     next);
  found.about = parse_json(read_file(file), file.string());
  const auto model = found.about.is_object() ? found.about.find("model") : found.about.end();
  if (!found.about.is_object() || model == found.about.end() || !model->is_object() || !model->contains("kind") ||
      !model->at("kind").is_string())
    throw DataError(fmt::format("{}: no model.kind; expected the voice.json of a codec", file.string()), next);
  found.kind = model->at("kind");
  return found;
}

std::string codes_column(const std::filesystem::path& codec_folder) {
  return "codes." + find_codec_folder(codec_folder).kind;
}

CodecClip load_clip(const std::filesystem::path& path, const roles::Codec& codec) {
  audio::Channels source = audio::decode_channels(path);
  CodecClip clip{.wave_CN = {}, .source_rate_hz = source.rate_hz, .source_channels = source.channels};
  audio::ConvertOptions how{.from_hz = source.rate_hz,
                            .to_hz = codec.rate_hz(),
                            .from_channels = source.channels,
                            .to_channels = codec.channels()};
  if (how.from_channels > how.to_channels && how.to_channels > 1) {  // what is surround becomes one, then several
    source.wave_CN = audio::convert_audio(
        source.wave_CN,
        {.from_hz = how.from_hz, .to_hz = how.from_hz, .from_channels = how.from_channels, .to_channels = 1});
    how.from_channels = 1;
  }
  clip.wave_CN = audio::convert_audio(source.wave_CN, how);
  return clip;
}

nlohmann::json codec_facts(const roles::Codec& codec, std::int64_t codebooks) {
  return {{"codec", codec.name()},        {"rate_hz", codec.rate_hz()}, {"hop_samples", codec.hop_samples()},
          {"channels", codec.channels()}, {"codebooks", codebooks},     {"codebook_size", codec.codebook_size()}};
}

std::int64_t codebooks_wanted(const roles::Codec& codec, double bandwidth_kbps, std::int64_t codebooks) {
  if (bandwidth_kbps > 0 && codebooks > 0)
    throw UsageError("--bandwidth and --codebooks say the same thing in two ways", "give one of them");
  if (bandwidth_kbps > 0) return codec.codebooks_of(bandwidth_kbps);
  if (codebooks > codec.codebooks())
    throw UsageError(fmt::format("--codebooks {}: {} has {}", codebooks, codec.name(), codec.codebooks()));
  return codebooks > 0 ? codebooks : codec.codebooks();
}

}  // namespace timbre::prepare
