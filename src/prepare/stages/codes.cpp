#include <algorithm>
#include <optional>

#include "base/threads.h"
#include "prepare/codecs.h"
#include "prepare/stage.h"

/// Columns codes.<codec>: each clip as a codec's codes, frames × codebooks.
namespace timbre::prepare {
namespace {

struct CodesSettings {
  std::string codec;
  double bandwidth_kbps = 0;
  std::int64_t codebooks = 0;
};

config::Fields fields(CodesSettings& s) {
  config::Fields f;
  f.add("codec", s.codec, "folder of the codec").metavar("FOLDER");
  f.add("bandwidth", s.bandwidth_kbps, "kbit/s, for codecs that have several; 0 = all codebooks").range(0, 1000);
  f.add("codebooks", s.codebooks, "the first so many codebooks; 0 = all").range(0, 1024);
  return f;
}

/// Opened once a run: what facts and rows both need.
std::shared_ptr<roles::Codec> open(const CodesSettings& settings, const std::string& column) {
  auto codec = open_codec(settings.codec);
  if ("codes." + codec->name() != column)
    throw UsageError(fmt::format("{} is the codec {}: it makes codes.{}, not {}", settings.codec, codec->name(),
                                 codec->name(), column));
  return codec;
}

nlohmann::json facts(const nlohmann::json& given, const std::string& column) {
  const auto settings = options_from<CodesSettings>(given, fields, column);
  const auto codec = open(settings, column);
  return codec_facts(*codec, codebooks_wanted(*codec, settings.bandwidth_kbps, settings.codebooks));
}

/// Planar channels × samples at the codec's rate. Throws DataError for what no codec can take.
std::vector<float> load(const StageJob& job, const corpus::Utterance& utterance, const roles::Codec& codec) {
  CodecClip clip = load_clip(job.corpus.audio_path(utterance), codec);
  const std::int64_t samples = static_cast<std::int64_t>(clip.wave_CN.size()) / codec.channels();
  if (samples < codec.hop_samples())
    throw DataError(fmt::format("too short: {} samples at {} Hz, a frame of {} has {}", samples, codec.rate_hz(),
                                codec.name(), codec.hop_samples()));
  if (clip.source_channels != codec.channels())
    job.tally("clips of other channels than the codec's", fmt::format("{} channels", clip.source_channels));
  if (clip.source_rate_hz != codec.rate_hz())
    job.tally("clips of other rates than the codec's, resampled", fmt::format("{} Hz", clip.source_rate_hz));
  return std::move(clip.wave_CN);
}

RowResult row_of(const roles::Codes& codes, const std::string& id, const std::string& column) {
  if (codes.segments.size() != 1 || codes.segments.front().scale != 1.0f)
    return Skipped{id,
                   "this codec divides recordings into pieces of their own loudness, which a column of codes "
                   "does not hold"};
  const roles::CodeSegment& all = codes.segments.front();
  return Row{{column, weights::Tensor::of<std::int32_t>({all.frames, codes.codebooks}, all.codes_FQ)}};
}

MakeRows together(const StageJob& job, const std::string& column) {
  const auto settings = options_from<CodesSettings>(job.settings, fields, column);
  const std::shared_ptr<roles::Codec> codec = open(settings, column);
  const std::int64_t codebooks = codebooks_wanted(*codec, settings.bandwidth_kbps, settings.codebooks);
  return [&job, codec, codebooks, column](std::span<const corpus::Utterance* const> utterances) {
    std::vector<RowResult> results(utterances.size());
    std::vector<std::vector<float>> waves(utterances.size());
    parallel_for(utterances.size(), [&](std::size_t i) {
      try {
        waves[i] = load(job, *utterances[i], *codec);
      } catch (const DataError& error) {
        results[i] = Skipped{utterances[i]->id, error.what()};
      }
    });
    std::vector<std::size_t> usable;
    std::vector<std::vector<float>> batch;
    for (std::size_t i = 0; i < waves.size(); ++i) {
      if (waves[i].empty()) continue;
      usable.push_back(i);
      batch.push_back(std::move(waves[i]));
    }
    std::vector<std::optional<roles::Codes>> codes(batch.size());
    try {
      const auto all = codec->encode_all(batch, codebooks);
      for (std::size_t i = 0; i < all.size(); ++i) codes[i] = all[i];
    } catch (const DataError&) {  // one of them: find out which
      for (std::size_t i = 0; i < batch.size(); ++i) {
        try {
          codes[i] = codec->encode(batch[i], codebooks);
        } catch (const DataError& error) {
          results[usable[i]] = Skipped{utterances[usable[i]]->id, error.what()};
        }
      }
    }
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (codes[i]) results[usable[i]] = row_of(*codes[i], utterances[usable[i]]->id, column);
    return results;
  };
}

}  // namespace

void register_stage_codes(Stages& stages) {
  stages.add_family("codes.", [](const std::string& column) {
    return Stage{.name = column,
                 .summary = "each clip as codes of the codec " + column.substr(std::string("codes.").size()),
                 .makes = {column},
                 .settings = [] { return settings_of_struct<CodesSettings>(fields); },
                 .files = {"codec"},
                 .needs = [](const nlohmann::json&) { return std::vector<std::string>{}; },
                 .rows = {},
                 .all = {},
                 .together = [column](const StageJob& job) { return together(job, column); },
                 .facts = [column](const nlohmann::json& settings) { return facts(settings, column); }};
  });
}

}  // namespace timbre::prepare
