#include "codecs/encodec/segments.h"

#include <cmath>

#include "base/error.h"

namespace timbre::encodec {

std::vector<std::int64_t> segment_lengths(const Config& config, std::int64_t samples) {
  if (config.segment_samples() == 0) return {samples};
  std::vector<std::int64_t> out;
  for (std::int64_t at = 0; at < samples; at += config.stride_samples())
    out.push_back(std::min(samples - at, config.segment_samples()));
  return out;
}

std::vector<float> overlap_add(const std::vector<Rows>& parts_NC, std::int64_t stride) {
  const std::int64_t longest = parts_NC.front().count(), channels = parts_NC.front().channels();
  for (std::size_t i = 0; i < parts_NC.size(); ++i) {
    const std::int64_t count = parts_NC[i].count();
    if (count > longest || (i + 1 < parts_NC.size() && count < stride))
      throw DataError(
          fmt::format("segment {} makes {} samples; those before the last make {} to {}", i, count, stride, longest));
  }
  std::vector<float> weight(static_cast<std::size_t>(longest));
  for (std::int64_t n = 0; n < longest; ++n) {
    const float t = static_cast<float>(static_cast<double>(n + 1) / static_cast<double>(longest + 1));
    weight[static_cast<std::size_t>(n)] = 0.5f - std::abs(t - 0.5f);
  }
  const std::int64_t total = stride * (static_cast<std::int64_t>(parts_NC.size()) - 1) + parts_NC.back().count();
  std::vector<float> out(static_cast<std::size_t>(total * channels)), sums(static_cast<std::size_t>(total));
  for (std::size_t i = 0; i < parts_NC.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i) * stride;
    for (std::int64_t n = 0; n < parts_NC[i].count(); ++n) {
      const float w = weight[static_cast<std::size_t>(n)];
      sums[static_cast<std::size_t>(at + n)] += w;
      for (std::int64_t c = 0; c < channels; ++c)
        out[static_cast<std::size_t>(c * total + at + n)] += w * parts_NC[i].data()[n * channels + c];
    }
  }
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t n = 0; n < total; ++n)
      out[static_cast<std::size_t>(c * total + n)] /= sums[static_cast<std::size_t>(n)];
  return out;
}

}  // namespace timbre::encodec
