#include "plot/png.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace timbre::plot {

Png encode_png(std::span<const unsigned char> rgb, std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1 || static_cast<std::int64_t>(rgb.size()) != width * height * 3) {
    throw UsageError(fmt::format("{} bytes are no picture of {} × {} pixels", rgb.size(), width, height));
  }
  Png out;
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  out.resize(size);
  if (!png_image_write_to_memory(&image, out.data(), &size, 0, rgb.data(), 0, nullptr)) {
    throw SystemError(fmt::format("libpng: {}", image.message));
  }
  out.resize(size);
  return out;
}

Colour heat(double value) {
  // Hue from violet-blue over teal to yellow while the lightness rises evenly.
  static constexpr std::array<std::array<double, 3>, 5> kRamp{
      {{38, 8, 84}, {48, 76, 146}, {26, 146, 140}, {112, 200, 88}, {252, 232, 64}}};
  const double at = std::clamp(std::isfinite(value) ? value : 0.0, 0.0, 1.0) * (kRamp.size() - 1);
  const std::size_t low = std::min<std::size_t>(static_cast<std::size_t>(at), kRamp.size() - 2);
  const double part = at - static_cast<double>(low);
  const auto mix = [&](std::size_t c) {
    return static_cast<unsigned char>(std::lround(kRamp[low][c] + (kRamp[low + 1][c] - kRamp[low][c]) * part));
  };
  return {mix(0), mix(1), mix(2)};
}

}  // namespace timbre::plot
