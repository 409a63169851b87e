#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "codecs/encodec/ecdc.h"
#include "codecs/encodec/parity.h"
#include "roles/parity_part.h"

namespace timbre::encodec {
namespace {

using nlohmann::json;
using roles::ParityRun;
using weights::Tensor;

constexpr const char* kCases = "cases.json";
constexpr const char* kTensors = "cases_ecdc.safetensors";
constexpr const char* kGiven = "given_ecdc.safetensors";

void put_codes(ParityRun& run, const std::string& name, const roles::Codes& codes) {
  for (std::size_t i = 0; i < codes.segments.size(); ++i) {
    const auto& segment = codes.segments[i];
    std::vector<std::int64_t> values_QF(segment.codes_FQ.size());
    for (std::int64_t f = 0; f < segment.frames; ++f)
      for (std::int64_t q = 0; q < codes.codebooks; ++q)
        values_QF[static_cast<std::size_t>(q * segment.frames + f)] =
            segment.codes_FQ[static_cast<std::size_t>(f * codes.codebooks + q)];
    const std::string number = std::to_string(i);
    if (run.has(kTensors, name + ".codes" + number))
      run.put(kTensors, name + ".codes" + number,
              Tensor::of<std::int64_t>({1, codes.codebooks, segment.frames}, std::move(values_QF)));
    if (run.has(kTensors, name + ".scale" + number))
      run.put(kTensors, name + ".scale" + number, Tensor::of<float>({1, 1}, {segment.scale}));
  }
}

/// The codes that the set gives, as they were read from somewhere.
roles::Codes given_codes(const ParityRun& run, const std::string& name, std::int64_t samples) {
  roles::Codes codes{.codebooks = 0, .samples = samples, .segments = {}};
  for (std::int64_t i = 0; run.has(kGiven, fmt::format("{}.codes{}", name, i)); ++i) {
    const Tensor tensor = run.input(kGiven, fmt::format("{}.codes{}", name, i));
    const std::int64_t Q = tensor.shape.at(1), F = tensor.shape.at(2);
    const auto values = tensor.to_i64();
    const std::string scale = fmt::format("{}.scale{}", name, i);
    roles::CodeSegment segment{
        .codes_FQ = {}, .frames = F, .scale = run.has(kGiven, scale) ? run.input(kGiven, scale).to_f32().at(0) : 1};
    for (std::int64_t f = 0; f < F; ++f)
      for (std::int64_t q = 0; q < Q; ++q)
        segment.codes_FQ.push_back(static_cast<std::int32_t>(values[static_cast<std::size_t>(q * F + f)]));
    codes.codebooks = Q;
    codes.segments.push_back(std::move(segment));
  }
  return codes;
}

void file_case(ParityRun& run, Codec& codec, const std::string& name) {
  const Tensor wave_CN = run.input(kTensors, name + ".wav");
  const std::string at = "/ecdc/" + name + "/";
  const auto kbps = run.input_json(kCases, at + "bandwidth").get<double>();
  put_codes(run, name, codec.encode(wave_CN.as<float>(), codec.codebooks_of(kbps)));

  const auto file_name = run.input_json(kCases, at + "file").get<std::string>();
  const roles::Codes codes = given_codes(run, name, wave_CN.shape.at(1));
  const std::string written = write_ecdc(codes, codec.config());
  run.put_bytes(file_name, written);
  const EcdcHeader header = read_ecdc_header(written, file_name);
  run.put_json(kCases, at + "bytes", written.size());
  run.put_json(kCases, at + "header_bytes", header.bytes);
  run.put_json(kCases, at + "segments", codes.segments.size());
  run.put_json(kCases, at + "header",
               {{"m", header.model}, {"al", header.samples}, {"nc", header.codebooks}, {"lm", header.language_model}});

  const fs::path given = run.input_path("given/" + file_name);
  const roles::Codes read = read_ecdc(read_file(given), codec.config(), given.string());
  run.put(kTensors, name + ".decompressed", Tensor::of<float>({codec.channels(), read.samples}, codec.decode(read)));
}

void bit_packer(ParityRun& run, const std::string& at) {
  const int bits = run.input_json(kCases, at + "/bits").get<int>();
  BitPacker packer(bits);
  for (const auto value : run.input_json(kCases, at + "/values").get<std::vector<std::uint32_t>>()) packer.push(value);
  const std::string bytes = packer.flush();
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  run.put_json(kCases, at + "/hex", hex);
  std::vector<std::uint32_t> back;
  BitUnpacker unpacker(bytes, bits);
  for (std::uint32_t value = 0; unpacker.pull(value);) back.push_back(value);
  run.put_json(kCases, at + "/unpacked_until_end_of_stream", back);
}

}  // namespace

void run_ecdc_parity(ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/bitpacker"))
    attempt(run, "*:/bitpacker/" + i + "/*", [&] { bit_packer(run, "/bitpacker/" + i); });
  attempt(run, "*ecdc*", [&] {
    std::vector<std::unique_ptr<Codec>> codecs;
    for (const std::string& file : run.files())
      if (file.ends_with(".th")) codecs.push_back(codec_of_set(run, file, ""));
    for (const std::string& name : run.keys(kCases, "/ecdc"))
      attempt(run, "*" + name + "*", [&] {
        const auto rate_hz = run.input_json(kCases, "/ecdc/" + name + "/sample_rate").get<std::int64_t>();
        for (const auto& codec : codecs)
          if (codec->rate_hz() == rate_hz) return file_case(run, *codec, name);
        throw DataError(fmt::format("no network of {} Hz in the set", rate_hz));
      });
  });
}

}  // namespace timbre::encodec
