#include "train/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/files.h"

namespace timbre::train {
namespace {

/// A protocol buffer message being built: fields are appended in wire format.
class Message {
 public:
  Message& varint(int field, std::uint64_t value) {
    key(field, 0);
    raw_varint(value);
    return *this;
  }
  Message& fixed64(int field, double value) {
    key(field, 1);
    raw(std::bit_cast<std::uint64_t>(value), 8);
    return *this;
  }
  Message& fixed32(int field, float value) {
    key(field, 5);
    raw(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    key(field, 2);
    raw_varint(value.size());
    out_ += value;
    return *this;
  }
  const std::string& str() const { return out_; }

 private:
  void key(int field, int wire) {
    raw_varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
  }
  void raw_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void raw(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) out_ += static_cast<char>(value >> (8 * i));
  }
  std::string out_;
};

void put_u32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string record(const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(static_cast<std::uint64_t>(data.size()) >> (8 * i));
  put_u32(out, masked_crc32c(out));
  out += data;
  put_u32(out, masked_crc32c(data));
  return out;
}

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Event.summary with one Summary.Value.
std::string summary(const Message& value) { return Message().bytes(5, Message().bytes(1, value.str()).str()).str(); }

std::uint32_t big_endian(std::span<const unsigned char> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[at + i];
  return value;
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82F63B78u : value >> 1;
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ crc >> 8;
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

std::string wav_bytes(std::span<const float> samples_N, std::int64_t rate_hz) {
  std::string out = "RIFF";
  const auto bytes = static_cast<std::uint32_t>(samples_N.size() * 2);
  const auto put_u16 = [&](std::uint32_t value) { out += {static_cast<char>(value), static_cast<char>(value >> 8)}; };
  put_u32(out, 36 + bytes);
  out += "WAVEfmt ";
  put_u32(out, 16);
  put_u16(1);  // PCM
  put_u16(1);  // mono
  put_u32(out, static_cast<std::uint32_t>(rate_hz));
  put_u32(out, static_cast<std::uint32_t>(rate_hz * 2));
  put_u16(2);
  put_u16(16);
  out += "data";
  put_u32(out, bytes);
  for (const float sample : samples_N)
    put_u16(
        static_cast<std::uint16_t>(static_cast<std::int16_t>(std::lround(std::clamp(sample, -1.0f, 1.0f) * 32767.0f))));
  return out;
}

TensorBoard::TensorBoard(const fs::path& folder, std::int64_t first_step) {
  make_folders(folder);
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  path_ = folder / fmt::format("events.out.tfevents.{}.{}.{}", static_cast<std::int64_t>(now_s()), host, ::getpid());
  pending_ += record(Message().fixed64(1, now_s()).bytes(3, "brain.Event:2").str());
  if (first_step > 0)
    event(first_step, Message().bytes(7, Message().varint(1, 1).str()).str());  // SessionLog START: purge what is later
  flush();
}

void TensorBoard::event(std::int64_t step, const std::string& field) {
  pending_ += record(Message().fixed64(1, now_s()).varint(2, static_cast<std::uint64_t>(step)).str() + field);
}

void TensorBoard::scalar(const std::string& tag, double value, std::int64_t step) {
  event(step, summary(Message().bytes(1, tag).fixed32(2, static_cast<float>(value))));
}

void TensorBoard::audio(const std::string& tag, std::span<const float> samples_N, std::int64_t rate_hz,
                        std::int64_t step) {
  const Message sound = Message()
                            .fixed32(1, static_cast<float>(rate_hz))
                            .varint(2, 1)
                            .varint(3, samples_N.size())
                            .bytes(4, wav_bytes(samples_N, rate_hz))
                            .bytes(5, "audio/wav");
  event(step, summary(Message().bytes(1, tag).bytes(6, sound.str())));
}

void TensorBoard::image(const std::string& tag, std::span<const unsigned char> png, std::int64_t step) {
  if (png.size() < 24 || png[1] != 'P') throw std::logic_error("TensorBoard::image: not a PNG file");
  const Message picture = Message()
                              .varint(1, big_endian(png, 20))
                              .varint(2, big_endian(png, 16))
                              .varint(3, 3)
                              .bytes(4, {reinterpret_cast<const char*>(png.data()), png.size()});
  event(step, summary(Message().bytes(1, tag).bytes(4, picture.str())));
}

void TensorBoard::text(const std::string& tag, const std::string& text, std::int64_t step) {
  const Message shape = Message().bytes(2, Message().varint(1, 1).str());
  const Message tensor = Message().varint(1, 7).bytes(2, shape.str()).bytes(8, text);  // 7 = DT_STRING
  const Message metadata = Message().bytes(1, Message().bytes(1, "text").str());
  event(step, summary(Message().bytes(1, tag).bytes(8, tensor.str()).bytes(9, metadata.str())));
}

void TensorBoard::flush() {
  if (pending_.empty()) return;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) throw SystemError(fmt::format("cannot open {}: {}", path_.string(), std::strerror(errno)));
  std::string_view left = pending_;
  while (!left.empty()) {
    const ssize_t n = ::write(fd, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      throw SystemError(fmt::format("cannot write {}: {}", path_.string(), std::strerror(error)));
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  ::close(fd);
  pending_.clear();
}

}  // namespace timbre::train
