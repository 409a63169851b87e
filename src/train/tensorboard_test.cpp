#include "train/tensorboard.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "base/files.h"
#include "train/tiny_for_test.h"

namespace timbre::train {
namespace {

TEST(TensorBoard, ChecksumsAreTfRecords) {
  // CRC-32C of "123456789" is e3069283 (RFC 3720 appendix B.4 lists others of the same polynomial); masked as TFRecord
  // does.
  EXPECT_EQ(masked_crc32c("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
  EXPECT_EQ(masked_crc32c(std::string(32, '\0')), ((0x8a9136aau >> 15) | (0x8a9136aau << 17)) + 0xa282ead8u);
}

TEST(TensorBoard, WavHeaderSaysItsLength) {
  const std::vector<float> tone = {0.0f, 1.0f, -1.0f, 2.0f};
  const std::string wav = wav_bytes(tone, 16000);
  EXPECT_EQ(wav.size(), 44u + 8u);
  EXPECT_EQ(wav.substr(0, 4), "RIFF");
  std::int16_t samples[4];
  std::memcpy(samples, wav.data() + 44, 8);
  EXPECT_EQ(samples[1], 32767);
  EXPECT_EQ(samples[2], -32767);
  EXPECT_EQ(samples[3], 32767);  // limited, not wrapped
}

// tests/interop/tensorboard_test.py reads the folder back with TensorBoard's own EventAccumulator.
TEST(TensorBoard, WritesAFolder) {
  const char* wish = std::getenv("TIMBRE_TENSORBOARD_OUT");
  const Scratch scratch;
  const fs::path folder = wish ? fs::path(wish) : static_cast<fs::path>(scratch) / "tb";
  {
    TensorBoard board(folder, 0);
    for (int step = 1; step <= 5; ++step) board.scalar("train/loss", 1.0 / step, step);
    board.scalar("train/lr", 1e-3, 300);
    std::vector<float> tone(800);
    for (std::size_t i = 0; i < tone.size(); ++i) tone[i] = i % 2 ? 0.5f : -0.5f;
    board.audio("voice", tone, 8000, 4);
    const unsigned char png[] = {0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0,    0,    13,   'I',  'H',
                                 'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,    8,    2,    0,    0,
                                 0,    0x90, 0x77, 0x53, 0xde, 0,    0,    0,    12,   'I',  'D',  'A',  'T',  0x08,
                                 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0,    0,    0x03, 0x01, 0x01, 0,    0x18, 0xdd, 0x8d,
                                 0xb0, 0,    0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};
    board.image("mel", png, 4);
    board.text("words", "hello", 4);
    board.flush();
  }
  TensorBoard later(folder / "continued", 4);  // forget what came after step 3
  later.scalar("train/loss", 9.0, 4);
  later.flush();
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "continued"), fs::directory_iterator{}), 1);
}

}  // namespace
}  // namespace timbre::train
