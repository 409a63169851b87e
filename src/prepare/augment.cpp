#include "prepare/augment.h"

#include <cmath>
#include <set>

#include "audio/decode.h"
#include "audio/resample.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "corpus/split.h"

namespace timbre::prepare {

config::Fields fields(AugmentOptions& o) {
  config::Fields f;
  f.add("speed", o.speed, "a copy at each of these speeds; pitch and formants move along").metavar("X,…");
  f.add("shift_ms", o.shift_ms,
        "a copy without its first so many milliseconds each: less than a frame gives other codes of the same sound")
      .metavar("MS,…");
  f.add("except", o.except, "files of ids, one a line, that get no copies: what is held out (timbre heldout)")
      .metavar("FILE,…");
  f.add("new_speakers", o.new_speakers, "copies at other speeds are of speakers of their own ('Anna sp0.9')");
  return f;
}

namespace {

/// One way to alter a clip.
struct Change {
  std::string suffix;  ///< "_sp0.9", "_sh5"
  double speed = 1, shift_ms = 0;
};

std::vector<Change> changes_of(const AugmentOptions& options) {
  std::vector<Change> changes;
  for (double speed : options.speed) {
    if (!(speed >= 0.5 && speed <= 2) || speed == 1)
      throw UsageError(fmt::format("--speed {}: a speed from 0.5 to 2, and not 1, is needed", speed),
                       "--speed 0.9,1.1 is usual");
    changes.push_back({.suffix = fmt::format("_sp{}", speed), .speed = speed, .shift_ms = 0});
  }
  for (double shift_ms : options.shift_ms) {
    if (!(shift_ms > 0 && shift_ms <= 1000))
      throw UsageError(fmt::format("--shift-ms {}: more than 0 and at most 1000 ms are needed", shift_ms),
                       "half a frame of the codec: --shift-ms 10");
    changes.push_back({.suffix = fmt::format("_sh{}", shift_ms), .speed = 1, .shift_ms = shift_ms});
  }
  if (changes.empty()) throw UsageError("no change was given", "--speed 0.9,1.1 --shift-ms 10");
  std::set<std::string> seen;
  for (const Change& change : changes)
    if (!seen.insert(change.suffix).second)
      throw UsageError(fmt::format("the copy '{}' was asked for twice", change.suffix.substr(1)));
  return changes;
}

class Augmenter {
 public:
  Augmenter(const corpus::Corpus& corpus, const AugmentOptions& options)
      : corpus_(corpus), options_(options), changes_(changes_of(options)) {
    for (const corpus::Utterance& u : corpus.utterances())
      if (corpus::is_copy(u))
        throw DataError(fmt::format("{}: '{}' is a copy already", corpus.dir().string(), u.id),
                        "augment the corpus that it was made from, with all changes at once");
    for (const std::string& file : options.except)
      for (const std::string& id : corpus::read_id_list(file)) {
        if (corpus.find(id) < 0)
          throw UsageError(fmt::format("{}: '{}' is not in {}", file, id, corpus.dir().string()));
        excepted_.insert(id);
      }
    report_.excepted = static_cast<std::int64_t>(excepted_.size());
  }

  /// As from the manifest alone; nothing is decoded.
  AugmentReport forecast() {
    for (const corpus::Utterance& u : corpus_.utterances()) {
      count(u);
      for (const Change& change : changes_) {
        if (excepted_.contains(u.id)) continue;
        corpus::Utterance copy = described(u, change);
        copy.duration_s = (u.duration_s - change.shift_ms / 1000) / change.speed;
        if (copy.duration_s > 0)
          count(copy);
        else
          ++report_.too_short;
      }
    }
    return report_;
  }

  AugmentReport run(const fs::path& out, const EventSink& events) {
    corpus::CorpusWriter writer(out);
    make_folders(writer.staging() / "audio");
    constexpr std::size_t kPortion = 256;
    const auto& all = corpus_.utterances();
    for (std::size_t from = 0; from < all.size(); from += kPortion) {
      const std::size_t size = std::min(kPortion, all.size() - from);
      std::vector<std::vector<corpus::Utterance>> copies(size);
      parallel_for(size, [&](std::size_t i) {
        if (!excepted_.contains(all[from + i].id)) copies[i] = copies_of(all[from + i], writer.staging());
      });
      for (std::size_t i = 0; i < size; ++i) record(all[from + i], copies[i], writer);
      emit_progress(events, "augment", double(from + size), double(all.size()), "clips");
    }
    writer.finish(about());
    return report_;
  }

 private:
  static corpus::Utterance described(const corpus::Utterance& source, const Change& change) {
    corpus::Utterance copy = source;
    copy.id += change.suffix;
    if (const std::string fault = corpus::id_fault(copy.id); !fault.empty())
      throw DataError(fmt::format("the copy of '{}' cannot be named '{}': {}", source.id, copy.id, fault));
    return copy;
  }

  std::vector<corpus::Utterance> copies_of(const corpus::Utterance& source, const fs::path& staging) const {
    const audio::Clip clip = audio::decode_audio(corpus_.audio_path(source));
    std::vector<corpus::Utterance> copies;
    for (const Change& change : changes_) {
      std::span<const float> wave_N = clip.samples_N;
      const auto skipped = static_cast<std::size_t>(std::llround(change.shift_ms / 1000 * double(clip.rate_hz)));
      std::vector<float> resampled;
      if (skipped >= wave_N.size()) {
        copies.emplace_back();  // without an id: too short
        continue;
      }
      wave_N = wave_N.subspan(skipped);
      if (change.speed != 1) {
        resampled = audio::resample(wave_N, std::llround(double(clip.rate_hz) * change.speed), clip.rate_hz);
        wave_N = resampled;
      }
      corpus::Utterance copy = described(source, change);
      copy.audio = "audio/" + copy.id + ".wav";
      audio::write_staged_wav(staging / copy.audio, wave_N, clip.rate_hz);
      copy.audio_bytes = static_cast<std::int64_t>(fs::file_size(staging / copy.audio));
      copy.duration_s = double(wave_N.size()) / double(clip.rate_hz);
      copy.rate_hz = clip.rate_hz;
      copy.channels = 1;
      if (options_.new_speakers && change.speed != 1) copy.speaker += fmt::format(" sp{}", change.speed);
      if (!copy.extra.is_object()) copy.extra = nlohmann::json::object();
      copy.extra.erase("textgrid");  // its times are the original's
      copy.extra["copy_of"] = source.id;
      copies.push_back(std::move(copy));
    }
    return copies;
  }

  void count(const corpus::Utterance& u) {
    ++(corpus_.find(u.id) >= 0 ? report_.originals : report_.copies);
    report_.duration_s += u.duration_s;
  }

  void record(const corpus::Utterance& source, const std::vector<corpus::Utterance>& copies,
              corpus::CorpusWriter& writer) {
    corpus::Utterance original = source;
    original.audio = fs::absolute(corpus_.audio_path(source)).lexically_normal().string();
    if (original.extra.is_object() && original.extra.contains("textgrid"))
      original.extra["textgrid"] =
          fs::absolute(corpus_.dir() / original.extra["textgrid"].get<std::string>()).lexically_normal().string();
    writer.add(original);
    count(source);
    for (const corpus::Utterance& copy : copies) {
      if (copy.id.empty()) {
        ++report_.too_short;
        continue;
      }
      writer.add(copy);
      ++report_.copies;
      report_.duration_s += copy.duration_s;
    }
  }

  nlohmann::json about() const {
    nlohmann::json about = corpus::derived_about(corpus_);
    about["augmented_from"] = {{"corpus", fs::absolute(corpus_.dir()).lexically_normal().string()},
                               {"manifest_hash", corpus_.hash()},
                               {"speed", options_.speed},
                               {"shift_ms", options_.shift_ms},
                               {"excepted", report_.excepted}};
    return about;
  }

  const corpus::Corpus& corpus_;
  const AugmentOptions& options_;
  std::vector<Change> changes_;
  std::set<std::string> excepted_;
  AugmentReport report_;
};

}  // namespace

AugmentReport augment(const corpus::Corpus& corpus, const fs::path& out, const AugmentOptions& options, bool dry_run,
                      const EventSink& events) {
  Augmenter augmenter(corpus, options);
  if (!dry_run) return augmenter.run(out, events);
  corpus::StagedFolder::refuse_used(out, "a corpus is never changed after it was made");
  return augmenter.forecast();
}

}  // namespace timbre::prepare
