#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "roles/codec.h"

/// How the stages codes.<name> come by a network without linking one, as speaker_vectors.h does it for speaker
/// encoders: the program says how a codec's folder is opened (cli/codec.cpp), by its engine where it has one.
namespace timbre::prepare {

using OpenCodec = std::function<std::shared_ptr<roles::Codec>(const std::filesystem::path&)>;

/// Set once, before the first stage runs.
OpenCodec& codec_opener();

/// Throws UsageError when no folder was named, std::logic_error when nobody said how.
std::shared_ptr<roles::Codec> open_codec(const std::filesystem::path& folder);

/// A codec's folder (or the run that trained one), found and told apart from voices and vocoders by its voice.json
/// alone. Throws UsageError saying what the folder is instead.
struct CodecFolder {
  std::filesystem::path dir;
  nlohmann::json about;  ///< voice.json
  std::string kind;      ///< model.kind: what the codec's column is named after
};
CodecFolder find_codec_folder(const std::filesystem::path& given);

/// "codes.encodec" of a codec's folder.
std::string codes_column(const std::filesystem::path& codec_folder);

/// A recording as a codec takes it. Other rates and numbers of channels are converted as the encodec package does
/// (audio/convert.h), since codes depend on the filter.
struct CodecClip {
  std::vector<float> wave_CN;  ///< planar, at the codec's rate
  std::int64_t source_rate_hz = 0, source_channels = 0;
};
/// Throws as audio::decode_audio.
CodecClip load_clip(const std::filesystem::path& path, const roles::Codec& codec);

/// What readers of codes need to know: codec, rate_hz, hop_samples, channels, codebooks (of the column), codebook_size.
nlohmann::json codec_facts(const roles::Codec& codec, std::int64_t codebooks);

/// How many codebooks `bandwidth_kbps` (0 = not given) or `codebooks` (0 = not given) ask for; all without either.
/// Throws UsageError when both are given, or the codec has not so many.
std::int64_t codebooks_wanted(const roles::Codec& codec, double bandwidth_kbps, std::int64_t codebooks);

}  // namespace timbre::prepare
