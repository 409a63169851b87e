#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "plot/canvas.h"
#include "plot/font.h"
#include "plot/png.h"

namespace timbre::plot {
namespace {

/// What a PNG reader makes of our bytes.
struct Picture {
  std::int64_t width = 0, height = 0;
  std::vector<unsigned char> rgb;
  Colour at(std::int64_t x, std::int64_t y) const {
    const unsigned char* p = rgb.data() + (y * width + x) * 3;
    return {p[0], p[1], p[2]};
  }
  std::int64_t count(Colour c) const {
    std::int64_t n = 0;
    for (std::size_t i = 0; i < rgb.size(); i += 3) n += rgb[i] == c.r && rgb[i + 1] == c.g && rgb[i + 2] == c.b;
    return n;
  }
};

Picture decode(const Png& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size())) << image.message;
  image.format = PNG_FORMAT_RGB;
  Picture p{image.width, image.height, std::vector<unsigned char>(PNG_IMAGE_SIZE(image))};
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, p.rgb.data(), 0, nullptr)) << image.message;
  return p;
}

bool same(Colour a, Colour b) { return a.r == b.r && a.g == b.g && a.b == b.b; }

TEST(Png, KeepsEveryPixel) {
  std::vector<unsigned char> rgb(5 * 3 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<unsigned char>(i * 5);
  const Picture p = decode(encode_png(rgb, 5, 3));
  EXPECT_EQ(p.width, 5);
  EXPECT_EQ(p.height, 3);
  EXPECT_EQ(p.rgb, rgb);
  EXPECT_THROW(encode_png(rgb, 4, 3), UsageError);
}

TEST(Heat, LightnessRises) {
  double before = -1;
  for (int i = 0; i <= 64; ++i) {
    const Colour c = heat(i / 64.0);
    const double lightness = 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b;
    EXPECT_GT(lightness, before) << i;
    before = lightness;
  }
  EXPECT_TRUE(same(heat(-3), heat(0)));
  EXPECT_TRUE(same(heat(7), heat(1)));
  EXPECT_TRUE(same(heat(std::nan("")), heat(0)));
}

TEST(Ticks, AreRoundNumbers) {
  EXPECT_EQ(ticks(0, 1, 5).labels, (std::vector<std::string>{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(ticks(-3, 17, 4).labels, (std::vector<std::string>{"0", "5", "10", "15"}));
  EXPECT_EQ(ticks(1e6, 3e6, 2).labels, (std::vector<std::string>{"1e+06", "2e+06", "3e+06"}));
  EXPECT_EQ(log_ticks(0.5, 20).labels, (std::vector<std::string>{"0.5", "1", "2", "5", "10", "20"}));
  EXPECT_TRUE(ticks(1, 1, 5).at.empty());
}

TEST(Font, LettersDiffer) {
  EXPECT_NE(glyph(U'a'), glyph(U'b'));
  EXPECT_NE(glyph(U'ə'), glyph(U'?'));
  EXPECT_EQ(glyph(U'語'), glyph(U'?'));
  for (char32_t c = 33; c < 127; ++c) {
    if (c != U'?') EXPECT_NE(glyph(c), glyph(U'?')) << static_cast<int>(c);
    EXPECT_NE(glyph(c), glyph(U' ')) << static_cast<int>(c);
  }
  EXPECT_EQ(Canvas::text_width("ɔ̃a"), 2 * kAdvance);
}

TEST(DrawMel, BrightWhereLoud) {
  const std::int64_t frames = 40, bins = 20;
  std::vector<float> mel_FM(static_cast<std::size_t>(frames * bins), -11.0f);
  for (std::int64_t f = 20; f < 40; ++f)
    mel_FM[static_cast<std::size_t>(f * bins + 15)] = 1.0f;  // one bin, second half
  MelPicture picture{.mel_FM = mel_FM, .frames = frames, .bins = bins, .frame_s = 0.016, .title = "a title"};
  const Picture p = decode(draw_mel(picture));
  // 40 frames at 18 pixels, 20 bins at 10; bin 15 is the fifth from above.
  ASSERT_EQ(p.width, 56 + 720 + 16);
  ASSERT_EQ(p.height, 24 + 200 + 36);
  EXPECT_TRUE(same(p.at(56 + 30 * 18, 24 + 45), heat(1)));
  EXPECT_TRUE(same(p.at(56 + 10 * 18, 24 + 45), heat(0)));
  EXPECT_TRUE(same(p.at(56 + 30 * 18, 24 + 75), heat(0)));
  const auto plain = p.count(heat(0));
  const std::vector<Segment> phones{{"h", 0, 10}, {"ə", 10, 12}, {"l", 22, 18}};
  const std::vector<double> pitch_F(static_cast<std::size_t>(frames), 120.0);
  picture.segments = phones;
  picture.pitch_F = pitch_F;
  EXPECT_LT(decode(draw_mel(picture)).count(heat(0)), plain);
  picture.frames = 41;
  EXPECT_THROW(draw_mel(picture), UsageError);
}

TEST(DrawMatrix, RowZeroIsBelow) {
  const std::vector<float> values_RC{1, 0, 0, 0};
  const Picture p = decode(
      draw_matrix({.values_RC = values_RC, .rows = 2, .columns = 2, .row_labels = {"a", "b"}, .size = {272, 260}}));
  EXPECT_TRUE(same(p.at(56 + 40, 24 + 150), heat(1)));
  EXPECT_TRUE(same(p.at(56 + 40, 24 + 50), heat(0)));
  EXPECT_TRUE(same(p.at(56 + 150, 24 + 150), heat(0)));
}

TEST(DrawCurves, DrawsWhatIsFinite) {
  CurvePicture picture;
  picture.title = "loss";
  picture.lines.push_back(
      {"train", {{0, 4}, {1, 2}, {2, std::nan("")}, {3, 1}, {4, std::numeric_limits<double>::infinity()}}});
  picture.lines.push_back({"valid", {{2, 1.5}}});
  const Picture p = decode(draw_curves(picture));
  EXPECT_EQ(p.width, 760);
  EXPECT_GT(p.count(line_colour(0)), 50);
  EXPECT_GT(p.count(line_colour(1)), 5);
  picture.log_y = true;
  picture.lines[0].points.push_back({5, -1});
  EXPECT_GT(decode(draw_curves(picture)).count(line_colour(0)), 50);
  EXPECT_NO_THROW(draw_curves({}));
}

TEST(DrawHistogram, BarsAddUp) {
  std::vector<double> values(90, 1.0);
  values.insert(values.end(), 10, 2.0);
  const Picture p = decode(draw_histogram({.values = values, .bars = 2, .title = "durations"}));
  const std::int64_t width = 560 - 72 - 16, height = 300 - 28 - 38;
  const auto tall = static_cast<double>(height) / 1.05, low = tall / 9;
  EXPECT_NEAR(static_cast<double>(p.count(line_colour(0))), (tall + low) * static_cast<double>(width / 2 - 1),
              static_cast<double>(width));
  EXPECT_NO_THROW(draw_histogram({}));
}

TEST(DrawWave, IsAsTallAsItIsLoud) {
  std::vector<float> wave_N(16000);
  for (std::size_t i = 0; i < wave_N.size(); ++i)
    wave_N[i] = static_cast<float>((i < 8000 ? 1.0 : 0.1) * std::sin(static_cast<double>(i)));
  const Picture p = decode(draw_wave({.wave_N = wave_N, .rate_hz = 16000}));
  const auto column = [&](std::int64_t x) {
    std::int64_t n = 0;
    for (std::int64_t y = 0; y < p.height; ++y) n += same(p.at(x, y), line_colour(0));
    return static_cast<double>(n);
  };
  const double inner = 180 - 28 - 38, full = inner / 1.05;
  EXPECT_NEAR(column(72 + 150), full, 0.05 * full);
  EXPECT_NEAR(column(72 + 500), full / 10, 3);
  EXPECT_NO_THROW(draw_wave({}));
}

}  // namespace
}  // namespace timbre::plot
