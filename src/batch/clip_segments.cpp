#include "batch/clip_segments.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "audio/decode.h"
#include "base/error.h"
#include "base/rng.h"

namespace timbre::batch {
namespace {

/// What the random stream of an item in an epoch is called.
std::uint64_t stream_of(std::int64_t epoch, std::size_t item) {
  return static_cast<std::uint64_t>(epoch) << 32 | static_cast<std::uint64_t>(item);
}

/// A decoded recording and the factor that brings it to the wanted peak.
struct Decoded {
  std::vector<std::int16_t> samples_N;
  float level = 1;
};
using Samples = std::shared_ptr<const Decoded>;

float level_of(const std::vector<std::int16_t>& samples_N, double peak) {
  int top = 0;
  for (const std::int16_t x : samples_N) top = std::max(top, std::abs(static_cast<int>(x)));
  return peak > 0 && top > 0 ? static_cast<float>(peak * 32768.0 / top) : 1.0f;
}

}  // namespace

struct ClipSegments::State {
  std::vector<SourceClip> clips;
  std::vector<Item> items;
  std::vector<std::pair<std::size_t, std::int64_t>> places;  ///< of each item: clip, number of its piece
  std::int64_t rate_hz, grid;
  SegmentOptions options;
  std::uint64_t seed;
  std::mutex lock;
  std::vector<Samples> kept;
  std::int64_t kept_bytes = 0;

  Samples samples(std::size_t clip) {
    {
      const std::lock_guard hold(lock);
      if (kept[clip]) return kept[clip];
    }
    const std::vector<float> wave_N = audio::decode_audio(clips[clip].audio, rate_hz).samples_N;
    if (wave_N.empty()) throw DataError(fmt::format("{}: no samples", clips[clip].audio.string()));
    // Rounded whether it is kept or not: what fits into memory must not change the numbers.
    auto made = std::make_shared<Decoded>();
    made->samples_N.resize(wave_N.size());
    std::transform(wave_N.begin(), wave_N.end(), made->samples_N.begin(), [](float x) {
      return static_cast<std::int16_t>(std::clamp(std::lround(x * 32768.0f), -32768l, 32767l));
    });
    made->level = level_of(made->samples_N, options.peak);
    const std::lock_guard hold(lock);
    const auto bytes = static_cast<std::int64_t>(made->samples_N.size() * sizeof(std::int16_t));
    if (!kept[clip] && kept_bytes + bytes <= options.memory_mb << 20) {
      kept[clip] = made;
      kept_bytes += bytes;
    }
    return made;
  }

  Piece cut(std::size_t clip, std::int64_t first, const Decoded& decoded) const {
    const std::vector<std::int16_t>& all = decoded.samples_N;
    Piece piece{.clip = clip, .first = first, .gain = decoded.level};
    piece.real = std::clamp<std::int64_t>(static_cast<std::int64_t>(all.size()) - first, 0, options.samples);
    piece.wave_N.assign(static_cast<std::size_t>(options.samples), 0.0f);
    for (std::int64_t n = 0; n < piece.real; ++n)
      piece.wave_N[static_cast<std::size_t>(n)] =
          static_cast<float>(all[static_cast<std::size_t>(first + n)]) / 32768.0f * decoded.level;
    return piece;
  }
};

ClipSegments::ClipSegments(std::vector<SourceClip> clips, std::int64_t rate_hz, const SegmentOptions& options,
                           std::uint64_t seed, std::int64_t grid)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.clips = std::move(clips);
  s.rate_hz = rate_hz;
  s.grid = grid;
  s.options = options;
  s.seed = seed;
  s.kept.resize(s.clips.size());
  for (std::size_t c = 0; c < s.clips.size(); ++c) {
    const auto whole =
        static_cast<std::int64_t>(s.clips[c].duration_s * static_cast<double>(rate_hz)) / options.samples;
    const std::int64_t pieces = std::max<std::int64_t>(whole, 1);
    for (std::int64_t k = 0; k < pieces; ++k) {
      s.items.push_back({pieces == 1 ? s.clips[c].id : fmt::format("{}/{}", s.clips[c].id, k), options.samples});
      s.places.emplace_back(c, k);
    }
  }
}

ClipSegments::~ClipSegments() = default;
ClipSegments::ClipSegments(ClipSegments&&) noexcept = default;

double ClipSegments::full_bytes() const {
  const State& s = *state_;
  double seconds = 0;
  for (const SourceClip& clip : s.clips) seconds += clip.duration_s;
  const double all = seconds * static_cast<double>(s.rate_hz) * sizeof(std::int16_t);
  return std::min(all, static_cast<double>(s.options.memory_mb) * (1 << 20));
}

const std::vector<Item>& ClipSegments::items() const { return state_->items; }
const std::vector<SourceClip>& ClipSegments::clips() const { return state_->clips; }

ClipSegments::Piece ClipSegments::draw(std::size_t item, std::int64_t epoch) const {
  State& s = *state_;
  const std::size_t clip = s.places.at(item).first;
  const Samples all = s.samples(clip);
  Philox random(s.seed, stream_of(epoch, item));
  const std::int64_t room =
      std::max<std::int64_t>(0, static_cast<std::int64_t>(all->samples_N.size()) - s.options.samples);
  const auto step = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(room / s.grid + 1)));
  Piece piece = s.cut(clip, step * s.grid, *all);
  const double wanted = s.options.gain_db > 0 ? std::pow(10.0, (2 * random.uniform() - 1) * s.options.gain_db / 20) : 1;
  if (wanted == 1) return piece;
  float peak = 0;
  for (const float x : piece.wave_N) peak = std::max(peak, std::abs(x));
  const auto change = static_cast<float>(peak * wanted > 1 ? 1 / static_cast<double>(peak) : wanted);
  for (float& x : piece.wave_N) x *= change;
  piece.gain *= change;
  return piece;
}

ClipSegments::Piece ClipSegments::fixed(std::size_t item) const {
  State& s = *state_;
  const auto [clip, number] = s.places.at(item);
  const Samples all = s.samples(clip);
  const std::int64_t room =
      std::max<std::int64_t>(0, static_cast<std::int64_t>(all->samples_N.size()) - s.options.samples);
  return s.cut(clip, std::min(number * s.options.samples, room) / s.grid * s.grid, *all);
}

std::vector<ClipSegments::Piece> ClipSegments::collate(Batch& batch, std::span<const std::size_t> items,
                                                       std::optional<std::int64_t> epoch) const {
  const State& s = *state_;
  const auto B = static_cast<std::int64_t>(items.size());
  Tensor wave_BN = at::empty({B, s.options.samples});
  float* to = wave_BN.mutable_data_ptr<float>();
  std::vector<Piece> pieces;
  std::int64_t real = 0;
  for (const std::size_t item : items) {
    Piece piece = epoch ? draw(item, *epoch) : fixed(item);
    to = std::copy(piece.wave_N.begin(), piece.wave_N.end(), to);
    piece.wave_N = {};
    real += piece.real;
    batch.ids.push_back(s.clips[piece.clip].id);
    pieces.push_back(std::move(piece));
  }
  batch.put("wave_BN", wave_BN);
  batch.counts["items"] = static_cast<double>(B);
  batch.counts["samples"] = static_cast<double>(real);
  batch.real_units = static_cast<double>(real);
  batch.padded_units = static_cast<double>(B * s.options.samples);
  return pieces;
}

std::vector<float> ClipSegments::whole(std::size_t clip) const {
  const Samples all = state_->samples(clip);
  std::vector<float> wave_N(all->samples_N.size());
  std::transform(all->samples_N.begin(), all->samples_N.end(), wave_N.begin(),
                 [&](std::int16_t x) { return static_cast<float>(x) / 32768.0f * all->level; });
  return wave_N;
}

double full_bytes(const std::vector<ClipSegments>& sides) {
  double sum = 0;
  for (const ClipSegments& side : sides) sum += side.full_bytes();
  return sum;
}

ClipCorpus ClipCorpus::open(const std::filesystem::path& dir, const corpus::SplitOptions& split_options,
                            std::int64_t rate_hz, const SegmentOptions& training, const SegmentOptions& validation,
                            std::uint64_t seed, std::int64_t grid,
                            const std::function<bool(const corpus::Utterance&)>& keep) {
  ClipCorpus out{.corpus = corpus::Corpus::open(dir), .sides = {}, .test_ids = {}};
  const auto& all = out.corpus.utterances();
  const corpus::Split split = corpus::make_split(all, split_options);
  std::vector<SourceClip> clips[2];
  for (std::size_t i = 0; i < all.size(); ++i) {
    const corpus::Side side = split.side_of[i];
    if (side == corpus::Side::test) out.test_ids.push_back(all[i].id);
    if (side != corpus::Side::train && side != corpus::Side::valid) continue;
    if (keep && !keep(all[i])) {
      out.left_out.push_back(all[i].id);
      continue;
    }
    clips[side == corpus::Side::train ? 0 : 1].push_back({all[i].id, out.corpus.audio_path(all[i]), all[i].duration_s});
  }
  if (clips[0].empty() && !out.left_out.empty())
    throw DataError(
        fmt::format("{}: none of the {} clips of the training side has what is trained on, the first is '{}'",
                    dir.string(), out.left_out.size(), out.left_out.front()),
        "make it for this corpus: timbre prepare --help");
  if (clips[0].empty())
    throw DataError(fmt::format("{}: no utterance is on the training side", dir.string()), "look at the split options");
  out.sides.emplace_back(std::move(clips[0]), rate_hz, training, seed, grid);
  out.sides.emplace_back(std::move(clips[1]), rate_hz, validation, seed, grid);
  return out;
}

}  // namespace timbre::batch
