#include <fmt/format.h>

#include <algorithm>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "prepare/codecs.h"
#include "roles/code_vocoder.h"
#include "roles/codes_file.h"
#include "roles/network_folder.h"
#include "roles/registry.h"

namespace timbre::cli {
namespace {

struct CodecVerb {
  std::string action, codec, vocoder, out, format = ".safetensors";
  std::vector<std::string> inputs;
  double bandwidth_kbps = 0, stream_s = 0;
  std::int64_t codebooks = 0;
};

config::Fields fields(CodecVerb& o) {
  config::Fields f;
  f.add("action", o.action, "encode (recordings to codes) or decode").positional().required().metavar("encode|decode");
  f.add("inputs", o.inputs, "files, or folders of them").positional().required().metavar("INPUT…");
  f.add("codec", o.codec, "folder of a codec, or the run that trained it").required().metavar("FOLDER");
  f.add("out", o.out, "file for one input, folder for several").letter('o').required().metavar("PATH");
  f.add("bandwidth", o.bandwidth_kbps, "encode: kbit/s, for codecs that have several; 0 = all codebooks")
      .range(0, 1000)
      .metavar("KBPS");
  f.add("codebooks", o.codebooks, "encode: the first so many codebooks; 0 = all").range(0, 1024);
  f.add("stream", o.stream_s, "work in pieces of so many seconds, as a live stream would; 0 = at once")
      .range(0, 60)
      .metavar("SECONDS");
  f.add("vocoder", o.vocoder, "decode: a vocoder of the codec's codes makes the samples, instead of the codec itself")
      .metavar("FOLDER");
  f.add("format", o.format, "encode into a folder: ending of the files that hold the codes").metavar(".ENDING");
  return f;
}

std::shared_ptr<roles::Codec> open_folder(const fs::path& given) {
  const prepare::CodecFolder folder = prepare::find_codec_folder(given);
  roles::Registry registry;
  const bool has_torch = add_running_networks(registry);
  try {
    return registry.make_codec({folder.dir, folder.about, {}});
  } catch (const DataError&) {
    if (!has_torch) throw NeedsTorch();                      // the other program may have it, or says what is wrong
    const auto model = registry.models().find(folder.kind);  // a voice or a vocoder; a codec's own faults stay
    if (model == registry.models().end() || folder.about.contains("codec") || !folder.about.contains("mel")) throw;
    throw UsageError(fmt::format("{} is no codec: {}, {}", given.string(), folder.kind, model->second.summary),
                     "timbre train small_codec makes a codec, timbre convert reads those of other programs");
  }
}

/// One input and where its result goes.
struct Work {
  fs::path from, to;
};

std::vector<Work> work_of(const CodecVerb& o, bool encode) {
  std::vector<Work> list;
  bool many = o.inputs.size() > 1;
  const std::string ending = encode ? (o.format.starts_with('.') ? o.format : "." + o.format) : ".wav";
  for (const std::string& input : o.inputs) {
    if (!fs::is_directory(input)) {
      list.push_back({input, {}});
      continue;
    }
    many = true;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(input)) {
      const std::string name = ascii_lower(entry.path().extension().string());
      const bool codes = roles::codes_formats().contains(name);
      if (entry.is_regular_file() && codes != encode && !name.empty()) files.push_back(entry.path());
    }
    if (files.empty())
      throw DataError(fmt::format("{}: no file to {}", input, encode ? "encode" : "decode (.safetensors, .npy …)"));
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) list.push_back({file, {}});
  }
  for (Work& work : list) work.to = many ? fs::path(o.out) / (work.from.stem().string() + ending) : fs::path(o.out);
  if (many) {
    std::vector<std::string> targets;
    for (const Work& work : list) targets.push_back(work.to.string());
    std::sort(targets.begin(), targets.end());
    if (const auto twice = std::adjacent_find(targets.begin(), targets.end()); twice != targets.end())
      throw UsageError(fmt::format("two inputs would both become {}", *twice), "encode them into two folders");
  }
  return list;
}

roles::Codes encode_stream(roles::Codec& codec, std::span<const float> all_CN, std::int64_t codebooks, double piece_s) {
  const auto stream = codec.encode_stream(codebooks);
  if (!stream)
    throw UsageError(fmt::format("{} cannot encode a stream: its codes depend on the whole recording", codec.name()),
                     "leave --stream out");
  const auto channels = static_cast<std::size_t>(codec.channels());
  const std::size_t samples = all_CN.size() / channels;
  roles::Codes codes{.codebooks = codebooks, .samples = static_cast<std::int64_t>(samples), .segments = {}};
  roles::CodeSegment segment;
  const auto add = [&](const std::vector<std::int32_t>& more) {
    segment.codes_FQ.insert(segment.codes_FQ.end(), more.begin(), more.end());
  };
  const auto piece = std::max<std::size_t>(1, static_cast<std::size_t>(piece_s * static_cast<double>(codec.rate_hz())));
  for (std::size_t from = 0; from < samples; from += piece) {
    std::vector<float> wave_CN;
    for (std::size_t c = 0; c < channels; ++c) {
      const auto part = all_CN.subspan(c * samples + from, std::min(piece, samples - from));
      wave_CN.insert(wave_CN.end(), part.begin(), part.end());
    }
    add(stream->push(wave_CN));
  }
  add(stream->finish());
  segment.frames = static_cast<std::int64_t>(segment.codes_FQ.size()) / codebooks;
  codes.segments.push_back(std::move(segment));
  return codes;
}

std::vector<float> decode_stream(roles::Codec& codec, const roles::Codes& codes, double piece_s) {
  const auto stream = codes.segments.size() == 1 ? codec.decode_stream(codes.codebooks) : nullptr;
  if (!stream)
    throw UsageError(fmt::format("{} cannot decode a stream: its samples depend on the whole recording", codec.name()),
                     "leave --stream out");
  const std::span<const std::int32_t> all = codes.segments.front().codes_FQ;
  const double frame_s = static_cast<double>(codec.hop_samples()) / static_cast<double>(codec.rate_hz());
  const auto piece =
      std::max<std::size_t>(1, static_cast<std::size_t>(piece_s / frame_s)) * static_cast<std::size_t>(codes.codebooks);
  std::vector<std::vector<float>> channels(static_cast<std::size_t>(codec.channels()));
  const auto add = [&](const std::vector<float>& more_CN) {
    const std::size_t each = more_CN.size() / channels.size();
    for (std::size_t c = 0; c < channels.size(); ++c) {
      const auto begin = more_CN.begin() + static_cast<std::ptrdiff_t>(c * each);
      channels[c].insert(channels[c].end(), begin, begin + static_cast<std::ptrdiff_t>(each));
    }
  };
  for (std::size_t from = 0; from < all.size(); from += piece)
    add(stream->push(all.subspan(from, std::min(piece, all.size() - from))));
  add(stream->finish());
  std::vector<float> wave_CN;
  for (auto& channel : channels) {
    channel.resize(static_cast<std::size_t>(codes.samples), 0.0f);
    wave_CN.insert(wave_CN.end(), channel.begin(), channel.end());
  }
  return wave_CN;
}

nlohmann::json encode_one(const CodecVerb& o, const Work& work, roles::Codec& codec, bool write) {
  const auto clip = prepare::load_clip(work.from, codec);
  const std::int64_t codebooks = prepare::codebooks_wanted(codec, o.bandwidth_kbps, o.codebooks);
  roles::Codes codes;
  try {
    if (o.stream_s > 0) {
      codes = encode_stream(codec, clip.wave_CN, codebooks, o.stream_s);
    } else {
      codes = codec.encode(clip.wave_CN, codebooks);
    }
  } catch (const DataError& problem) {
    throw DataError(fmt::format("{}: {}", work.from.string(), problem.what()), problem.next());
  }
  if (write) {
    if (work.to.has_parent_path()) make_folders(work.to.parent_path());
    roles::write_codes(work.to, codes, codec);
  }
  std::int64_t frames = 0;
  for (const auto& segment : codes.segments) frames += segment.frames;
  std::string changed;
  if (clip.source_channels > codec.channels())
    changed += fmt::format("; {} channels mixed to {}", clip.source_channels, codec.channels());
  if (clip.source_channels < codec.channels()) changed += fmt::format("; 1 channel repeated as {}", codec.channels());
  if (clip.source_rate_hz != codec.rate_hz())
    changed += fmt::format("; resampled from {} to {} Hz", clip.source_rate_hz, codec.rate_hz());
  return {{"from", work.from.string()},
          {"to", work.to.string()},
          {"frames", frames},
          {"codebooks", codebooks},
          {"samples", codes.samples},
          {"seconds", static_cast<double>(codes.samples) / static_cast<double>(codec.rate_hz())},
          {"source_rate_hz", clip.source_rate_hz},
          {"source_channels", clip.source_channels},
          {"changed", changed}};
}

std::vector<float> samples_of(const CodecVerb& o, const roles::Codes& codes, const Work& work, roles::Codec& codec,
                              roles::CodeVocoder* vocoder) {
  if (!vocoder) return o.stream_s > 0 ? decode_stream(codec, codes, o.stream_s) : codec.decode(codes);
  try {
    return vocoder->decode(codes, codec);
  } catch (const DataError& problem) {
    throw DataError(fmt::format("{}: {}", work.from.string(), problem.what()), problem.next());
  }
}

nlohmann::json decode_one(const CodecVerb& o, const Work& work, roles::Codec& codec, roles::CodeVocoder* vocoder,
                          bool write) {
  const roles::Codes codes = roles::read_codes(work.from, codec);
  const std::vector<float> wave_CN = samples_of(o, codes, work, codec, vocoder);
  if (write) {
    if (work.to.has_parent_path()) make_folders(work.to.parent_path());
    if (codec.channels() == 1)
      audio::write_audio(work.to, wave_CN, codec.rate_hz());
    else
      audio::write_wav_channels(work.to, wave_CN, codec.channels(), codec.rate_hz());
  }
  std::int64_t frames = 0;
  for (const auto& segment : codes.segments) frames += segment.frames;
  return {{"from", work.from.string()},
          {"to", work.to.string()},
          {"frames", frames},
          {"codebooks", codes.codebooks},
          {"samples", codes.samples},
          {"seconds", static_cast<double>(codes.samples) / static_cast<double>(codec.rate_hz())},
          {"changed", vocoder ? "; samples made by " + vocoder->name() : ""}};
}

/// Null without --vocoder. No vocoder of codes needs LibTorch.
std::unique_ptr<roles::CodeVocoder> open_vocoder(const CodecVerb& o, const roles::Codec& codec) {
  if (o.vocoder.empty()) return nullptr;
  roles::Registry registry;
  models::register_all(registry);
  auto vocoder = registry.make_code_vocoder(roles::folder_of_network(o.vocoder));
  vocoder->expect(codec);
  return vocoder;
}

int run(const CodecVerb& o, Context& context) {
  const bool encode = o.action == "encode";
  if (!encode && o.action != "decode")
    throw UsageError(fmt::format("codec {}: {}", o.action, did_you_mean(o.action, {"encode", "decode"})),
                     "timbre codec encode INPUT… or timbre codec decode INPUT…");
  if (!encode && (o.bandwidth_kbps > 0 || o.codebooks > 0))
    throw UsageError("--bandwidth and --codebooks choose what is encoded; a file of codes says itself how many it has");
  if (encode && !o.vocoder.empty()) throw UsageError("--vocoder makes samples of codes: it has no part in encoding");
  if (o.stream_s > 0 && !o.vocoder.empty())
    throw UsageError("--stream and --vocoder exclude each other: a vocoder of codes takes the whole recording",
                     "leave one of them out");
  const auto codec = open_folder(o.codec);
  const auto vocoder = open_vocoder(o, *codec);
  if (encode) prepare::codebooks_wanted(*codec, o.bandwidth_kbps, o.codebooks);  // before any file is read
  nlohmann::json done = nlohmann::json::array(), failed = nlohmann::json::array();
  const auto list = work_of(o, encode);
  for (const Work& work : list) {
    try {
      done.push_back(encode ? encode_one(o, work, *codec, !context.dry_run)
                            : decode_one(o, work, *codec, vocoder.get(), !context.dry_run));
    } catch (const DataError& problem) {
      if (list.size() == 1) throw;
      failed.push_back({{"from", work.from.string()}, {"why", problem.what()}});
      continue;
    }
    const auto& last = done.back();
    if (!context.json)
      fmt::print(context.out, "{} → {}: {:.2f} s, {} frames × {} codebooks{}\n", last["from"].get<std::string>(),
                 last["to"].get<std::string>(), last["seconds"].get<double>(), last["frames"].get<std::int64_t>(),
                 last["codebooks"].get<std::int64_t>(), last["changed"].get<std::string>());
  }
  if (context.json)
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"codec", codec->name()}, {"done", done}, {"failed", failed}}.dump(2));
  if (failed.empty()) return 0;
  std::string why;
  for (const auto& item : failed) why += "\n  " + item["why"].get<std::string>();
  throw DataError(fmt::format("{} of {} files could not be {}d:{}", failed.size(), list.size(), o.action, why));
}

}  // namespace

void register_codec(Verbs& verbs) {
  prepare::codec_opener() = open_folder;
  add_verb<CodecVerb>(
      verbs,
      {.name = "codec",
       .summary = "Models: a recording to a codec's codes, and back",
       .usage = "codec encode|decode INPUT… --codec FOLDER -o PATH",
       .examples = {"timbre codec encode a.wav --codec codecs/encodec --bandwidth 6 -o a.safetensors",
                    "timbre codec decode a.safetensors --codec codecs/encodec -o back.wav",
                    "timbre codec encode clips --codec runs/codec --codebooks 1 -o codes --format npy",
                    "timbre codec encode a.wav --codec codecs/encodec --stream 0.5 -o a.npy",
                    "timbre codec decode a.ecdc --codec codecs/encodec --vocoder voices/vocos -o back.wav"},
       .writes = true},
      fields, run);
}

}  // namespace timbre::cli
