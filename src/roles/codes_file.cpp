#include "roles/codes_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "weights/npy.h"
#include "weights/safetensors.h"

namespace timbre::roles {
namespace {

namespace fs = std::filesystem;
using weights::Tensor;

weights::Tensor tensor_of(const CodeSegment& segment, std::int64_t codebooks) {
  return Tensor::of<std::int32_t>({segment.frames, codebooks}, segment.codes_FQ);
}

/// Whole numbers that fit; what the codec has is looked at by check_codes().
CodeSegment segment_of(const Tensor& tensor, const Codec& codec, const std::string& where) {
  std::vector<std::int64_t> shape = tensor.shape;
  if (shape.size() == 1) shape.push_back(1);
  if (shape.size() != 2) throw DataError(fmt::format("{}: {}; expected frames × codebooks", where, tensor.describe()));
  if (shape[1] > codec.codebooks() && shape[0] <= codec.codebooks() && shape[0] > 0)
    throw DataError(
        fmt::format("{}: {} looks like codebooks × frames; expected frames × codebooks", where, tensor.describe()),
        "transpose it: numpy.save(path, codes.T)");
  CodeSegment segment;
  segment.frames = shape[0];
  for (const std::int64_t code : tensor.to_i64())
    segment.codes_FQ.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(code, -1, INT32_MAX)));
  return segment;
}

std::int64_t number_of(const weights::Metadata& metadata, const std::string& key, const std::string& where) {
  const auto found = metadata.find(key);
  std::int64_t value = -1;
  if (found != metadata.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) value = -1;
  }
  if (value < 0) throw DataError(fmt::format("{}: metadata '{}' is no number of at least 0", where, key));
  return value;
}

void write_tensors(const fs::path& path, const Codes& codes, const Codec& codec) {
  weights::TensorMap tensors;
  std::vector<float> scales;
  const bool one = codes.segments.size() == 1;
  for (std::size_t i = 0; i < codes.segments.size(); ++i) {
    tensors.insert(one ? "codes" : fmt::format("codes.{}", i), tensor_of(codes.segments[i], codes.codebooks));
    scales.push_back(codes.segments[i].scale);
  }
  tensors.insert("scales", Tensor::of<float>({static_cast<std::int64_t>(scales.size())}, scales));
  weights::write_safetensors(path, tensors,
                             {{"codec", codec.name()},
                              {"rate_hz", std::to_string(codec.rate_hz())},
                              {"hop_samples", std::to_string(codec.hop_samples())},
                              {"channels", std::to_string(codec.channels())},
                              {"samples", std::to_string(codes.samples)}});
}

Codes read_tensors(const fs::path& path, const Codec& codec) {
  const std::string where = path.string();
  weights::Metadata metadata;
  const weights::TensorMap tensors = weights::read_safetensors(path, &metadata);
  if (const auto made = metadata.find("codec"); made != metadata.end() && made->second != codec.name())
    throw DataError(fmt::format("{}: codes of the codec {}; --codec is {}", where, made->second, codec.name()));
  if (const std::int64_t rate_hz = number_of(metadata, "rate_hz", where); rate_hz != codec.rate_hz())
    throw DataError(fmt::format("{}: codes at {} Hz; the codec has {} Hz", where, rate_hz, codec.rate_hz()));
  Codes codes;
  codes.samples = number_of(metadata, "samples", where);
  const std::vector<float> scales = tensors.at("scales").to_f32();
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const std::string name = scales.size() == 1 ? "codes" : fmt::format("codes.{}", i);
    const Tensor& tensor = tensors.at(name);
    codes.segments.push_back(segment_of(tensor, codec, where + ": " + name));
    codes.segments.back().scale = scales[i];
    codes.codebooks = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
  }
  return codes;
}

void write_array(const fs::path& path, const Codes& codes, const Codec&) {
  if (codes.segments.size() != 1 || codes.segments.front().scale != 1.0f)
    throw UsageError(fmt::format("{}: .npy holds one stretch of codes; this codec made {} of their own loudness",
                                 path.string(), codes.segments.size()),
                     "write .safetensors");
  weights::write_npy(path, tensor_of(codes.segments.front(), codes.codebooks));
}

Codes read_array(const fs::path& path, const Codec& codec) {
  const Tensor tensor = weights::read_npy(path);
  Codes codes;
  codes.segments.push_back(segment_of(tensor, codec, path.string()));
  codes.codebooks = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
  codes.samples = codes.segments.front().frames * codec.hop_samples();
  return codes;
}

const CodesFormat& format_of(const fs::path& path) {
  const auto& formats = codes_formats();
  const std::string ending = ascii_lower(path.extension().string());
  if (const auto found = formats.find(ending); found != formats.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, format] : formats) known.push_back(name);
  throw UsageError(fmt::format("{}: codes are not kept in files named {}", path.string(),
                               ending.empty() ? "without an ending" : ending),
                   "use " + join(known, ", "));
}

}  // namespace

std::map<std::string, CodesFormat>& codes_formats() {
  static std::map<std::string, CodesFormat> formats = {
      {".safetensors", {"any codec's", write_tensors, read_tensors}},
      {".npy", {"frames × codebooks, without the number of samples", write_array, read_array}}};
  return formats;
}

void write_codes(const fs::path& path, const Codes& codes, const Codec& codec) {
  format_of(path).write(path, codes, codec);
}

Codes read_codes(const fs::path& path, const Codec& codec) {
  Codes codes = format_of(path).read(path, codec);
  check_codes(codes, codec, path.string());
  return codes;
}

void check_codes(const Codes& codes, const Codec& codec, const std::string& where) {
  if (codes.codebooks < 1 || codes.codebooks > codec.codebooks())
    throw DataError(
        fmt::format("{}: {} codebooks; {} has 1 to {}", where, codes.codebooks, codec.name(), codec.codebooks()));
  std::int64_t frames = 0;
  for (const CodeSegment& segment : codes.segments) {
    if (static_cast<std::int64_t>(segment.codes_FQ.size()) != segment.frames * codes.codebooks)
      throw DataError(fmt::format("{}: {} codes are not {} frames × {} codebooks", where, segment.codes_FQ.size(),
                                  segment.frames, codes.codebooks));
    for (std::size_t i = 0; i < segment.codes_FQ.size(); ++i) {
      const std::int64_t code = segment.codes_FQ[i];
      if (code >= 0 && code < codec.codebook_size()) continue;
      const auto at = static_cast<std::int64_t>(i);
      throw DataError(fmt::format("{}: frame {}, codebook {}: code {} is out of range; {} has 0 to {}", where,
                                  frames + at / codes.codebooks, at % codes.codebooks, code, codec.name(),
                                  codec.codebook_size() - 1),
                      "were they made by this codec?");
    }
    frames += segment.frames;
  }
  if (frames == 0) throw DataError(fmt::format("{}: no frames", where));
  if (codes.samples < 1 || (codes.segments.size() == 1 && codes.samples > frames * codec.hop_samples()))
    throw DataError(fmt::format("{}: {} samples do not come of {} frames of {}", where, codes.samples, frames,
                                codec.hop_samples()));
}

}  // namespace timbre::roles
