#include "codecs/encodec/ecdc.h"

#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "codecs/encodec/segments.h"

namespace timbre::encodec {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "ECDC";
constexpr std::size_t kHead = 9;  // magic, version, length

template <class... Args>
[[noreturn]] void broken(const std::string& where, std::int64_t byte, fmt::format_string<Args...> format,
                         Args&&... args) {
  throw DataError(fmt::format("{}: byte {}: {}", where, byte, fmt::format(format, std::forward<Args>(args)...)),
                  "expected: a file that the encodec package or timbre wrote");
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void append_big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

std::int64_t frames_of(const Config& config, std::int64_t samples) {
  return ceil_div(samples * config.frame_rate(), config.rate_hz);
}

/// More samples than any file can hold the codes of; beyond it products would overflow.
constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;

std::int64_t header_int(const json& header, const char* key, const std::string& where) {
  const auto found = header.find(key);
  if (found == header.end() || !found->is_number_integer() || (found->is_number_unsigned() && *found > kMostSamples) ||
      found->get<std::int64_t>() < 1 || found->get<std::int64_t>() > kMostSamples)
    broken(where, static_cast<std::int64_t>(kHead), "'{}' of the header is {}, expected a number of at least 1", key,
           found == header.end() ? "missing" : found->dump(-1, ' ', true, json::error_handler_t::replace));
  return found->get<std::int64_t>();
}

}  // namespace

void BitPacker::push(std::uint32_t value) {
  pending_ |= static_cast<std::uint64_t>(value) << pending_bits_;
  for (pending_bits_ += bits_; pending_bits_ >= 8; pending_bits_ -= 8, pending_ >>= 8)
    bytes_ += static_cast<char>(pending_ & 0xFF);
}

std::string BitPacker::flush() {
  if (pending_bits_ > 0) bytes_ += static_cast<char>(pending_ & 0xFF);
  pending_ = 0;
  pending_bits_ = 0;
  return std::exchange(bytes_, {});
}

bool BitUnpacker::pull(std::uint32_t& value) {
  for (; pending_bits_ < bits_; pending_bits_ += 8) {
    if (at_ == bytes_.size()) return false;
    pending_ |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_++])) << pending_bits_;
  }
  value = static_cast<std::uint32_t>(pending_ & ((std::uint64_t{1} << bits_) - 1));
  pending_ >>= bits_;
  pending_bits_ -= bits_;
  return true;
}

EcdcHeader read_ecdc_header(std::string_view file, const std::string& where) {
  if (!file.starts_with(kMagic)) broken(where, 0, "no .ecdc file: it does not begin with ECDC");
  if (file.size() < kHead)
    broken(where, static_cast<std::int64_t>(file.size()), "the file ends in its first {} bytes", kHead);
  if (file[4] != 0) broken(where, 4, "version {} of the format; only 0 is known", static_cast<unsigned char>(file[4]));
  const std::uint32_t length = big_endian(file.substr(5, 4));
  if (length > file.size() - kHead)
    broken(where, 5, "a header of {} bytes, the file has {} left", length, file.size() - kHead);
  const json header = parse_json(file.substr(kHead, length), where + ": header");
  if (!header.is_object()) broken(where, static_cast<std::int64_t>(kHead), "the header is no JSON object");
  EcdcHeader out;
  const auto model = header.find("m"), lm = header.find("lm");
  if (model == header.end() || !model->is_string())
    broken(where, static_cast<std::int64_t>(kHead), "the header names no model ('m')");
  if (lm == header.end() || !lm->is_boolean())
    broken(where, static_cast<std::int64_t>(kHead), "the header does not say whether a language model was used ('lm')");
  out.model = model->get<std::string>();
  out.samples = header_int(header, "al", where);
  out.codebooks = header_int(header, "nc", where);
  out.language_model = lm->get<bool>();
  out.bytes = static_cast<std::int64_t>(kHead + length);
  return out;
}

roles::Codes read_ecdc(std::string_view file, const Config& config, const std::string& where) {
  const EcdcHeader header = read_ecdc_header(file, where);
  if (header.model != config.name)
    throw DataError(fmt::format("{}: coded by '{}', this codec is '{}'", where, header.model, config.name),
                    "give the codec folder of that model");
  if (header.language_model)
    throw DataError(
        fmt::format("{}: its codes are entropy-coded with EnCodec's language model (lm: true), which timbre "
                    "does not have",
                    where),
        "decompress it with the encodec package and write it again with use_lm=False");
  if (header.codebooks > config.codebooks)
    broken(where, static_cast<std::int64_t>(kHead), "{} codebooks a frame, {} has {}", header.codebooks, config.name,
           config.codebooks);
  // Before anything is allocated: can the file hold that many?
  const std::int64_t left = static_cast<std::int64_t>(file.size()) - header.bytes;
  if (frames_of(config, header.samples) > left * 8)
    broken(where, header.bytes, "{} samples need more codes than the {} bytes left hold", header.samples, left);
  roles::Codes out{.codebooks = header.codebooks, .samples = header.samples, .segments = {}};
  std::string_view rest = file.substr(static_cast<std::size_t>(header.bytes));
  const int bits = static_cast<int>(config.bits());
  for (const std::int64_t samples : segment_lengths(config, header.samples)) {
    const auto at = [&] { return static_cast<std::int64_t>(file.size() - rest.size()); };
    roles::CodeSegment segment;
    segment.frames = frames_of(config, samples);
    const std::int64_t bytes = ceil_div(segment.frames * header.codebooks * bits, 8) + (config.normalize ? 4 : 0);
    if (bytes > static_cast<std::int64_t>(rest.size()))
      broken(where, at(), "segment {} needs {} bytes, the file has {} left", out.segments.size(), bytes, rest.size());
    if (config.normalize) {
      segment.scale = std::bit_cast<float>(big_endian(rest));
      if (!std::isfinite(segment.scale))
        broken(where, at(), "the scale of segment {} is no number", out.segments.size());
      rest.remove_prefix(4);
    }
    const auto packed = static_cast<std::size_t>(bytes - (config.normalize ? 4 : 0));
    BitUnpacker unpacker(rest.substr(0, packed), bits);
    segment.codes_FQ.resize(static_cast<std::size_t>(segment.frames * header.codebooks));
    for (std::int32_t& code : segment.codes_FQ) {
      std::uint32_t value = 0;
      unpacker.pull(value);  // there are as many: counted above
      code = static_cast<std::int32_t>(value);
    }
    rest.remove_prefix(packed);
    out.segments.push_back(std::move(segment));
  }
  if (!rest.empty())
    broken(where, static_cast<std::int64_t>(file.size() - rest.size()),
           "{} bytes follow the last frame: the header's lengths do not fit the file", rest.size());
  return out;
}

std::string write_ecdc(const roles::Codes& codes, const Config& config) {
  const auto lengths = segment_lengths(config, codes.samples);
  if (codes.samples < 1 || codes.codebooks < 1 || codes.codebooks > config.codebooks ||
      lengths.size() != codes.segments.size())
    throw DataError(fmt::format("{} samples in {} segments of {} codebooks cannot be written for {}", codes.samples,
                                codes.segments.size(), codes.codebooks, config.name),
                    fmt::format("expected {} segments, 1 to {} codebooks", lengths.size(), config.codebooks));
  // As Python's json.dumps writes it: its order and its spaces.
  const std::string header = fmt::format(R"({{"m": {}, "al": {}, "nc": {}, "lm": false}})",
                                         json(config.name).dump(-1, ' ', true), codes.samples, codes.codebooks);
  std::string out(kMagic);
  out += '\0';
  append_big_endian(out, static_cast<std::uint32_t>(header.size()));
  out += header;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto& segment = codes.segments[i];
    const std::int64_t frames = frames_of(config, lengths[i]);
    if (segment.frames != frames || static_cast<std::int64_t>(segment.codes_FQ.size()) != frames * codes.codebooks)
      throw DataError(fmt::format("segment {} has {} frames and {} codes, {} samples make {} frames of {}", i,
                                  segment.frames, segment.codes_FQ.size(), lengths[i], frames, codes.codebooks));
    if (config.normalize) append_big_endian(out, std::bit_cast<std::uint32_t>(segment.scale));
    BitPacker packer(static_cast<int>(config.bits()));
    for (std::size_t at = 0; at < segment.codes_FQ.size(); ++at) {
      const std::int32_t code = segment.codes_FQ[at];
      if (code < 0 || code >= config.codebook_size)
        throw DataError(fmt::format("segment {}, frame {}, codebook {}: code {}, expected 0 to {}", i,
                                    static_cast<std::int64_t>(at) / codes.codebooks,
                                    static_cast<std::int64_t>(at) % codes.codebooks, code, config.codebook_size - 1));
      packer.push(static_cast<std::uint32_t>(code));
    }
    out += packer.flush();
  }
  return out;
}

}  // namespace timbre::encodec
