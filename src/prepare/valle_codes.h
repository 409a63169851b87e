#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "prepare/valle_stages.h"
#include "roles/codec.h"
#include "weights/hdf5.h"

/// Stage 2's codes: clips are encoded in shards of a fixed number of cuts, each a file that is whole or absent, so that
/// an interrupted run goes on after its last shard; lhotse's own jobs leave such files too.
namespace timbre::prepare {

inline constexpr std::size_t kShardCuts = 256;

/// A cut before it has codes and tokens.
struct ValleClip {
  std::string cut_id, recording_id;
  nlohmann::ordered_json recording, supervision;  ///< as the manifests have them
  fs::path audio;
  double duration_s = 0;
  std::int64_t samples = 0, rate_hz = 0, channels = 1;
  std::string fault;  ///< why it is left out
  std::int64_t frames = 0;
};

/// The codec, once for each thread.
struct ValleCoder {
  std::shared_ptr<roles::Codec> codec;
  std::vector<std::shared_ptr<roles::Codec>> workers;  ///< one a thread, `codec` the first
  std::int64_t codebooks = 0;
  double frame_s() const { return static_cast<double>(codec->hop_samples()) / static_cast<double>(codec->rate_hz()); }
  /// Frames that lhotse counts: samples over the hop, rounded half up.
  std::int64_t frames_of(double duration_s) const;
};
/// Throws UsageError when no codec is named or it cannot make so many codebooks.
ValleCoder open_coder(const ValleOptions& options);
/// Gives each thread a codec of its own, where that costs little memory.
void open_workers(ValleCoder& coder, const std::string& folder);
/// Of the codec's files: other weights make other codes.
nlohmann::json codec_hashes(const std::string& folder);

/// Codes of one part of a corpus.
class ValleEncoder {
 public:
  /// `made_of`: what the shards depend on; those of anything else are made anew.
  ValleEncoder(const ValleJob& job, const ValleCoder& coder, std::string part, nlohmann::json made_of);
  /// Fills in frames, faults and, of what was mixed down, the recording. Throws SystemError when stopped.
  void run(std::vector<ValleClip>& clips);
  /// Where the codes of shard `shard` lie.
  fs::path file(std::size_t shard) const;

 private:
  fs::path index(std::size_t shard) const;
  bool take_over(std::span<ValleClip> clips, std::size_t shard) const;
  void make(std::span<ValleClip> clips, std::size_t shard);
  void encode(std::span<ValleClip> clips, weights::Hdf5Writer& store);
  std::vector<std::optional<roles::Codes>> encode_each(std::span<const std::vector<float>> batch,
                                                       std::span<ValleClip* const> of) const;
  void keep(ValleClip& clip, const roles::Codes& codes, weights::Hdf5Writer& store) const;
  void sweep() const;
  const ValleJob& job_;
  const ValleCoder& coder_;
  std::string part_;
  fs::path folder_;
  DoneMarker marker_;
};

/// Fields of foreign or damaged JSON: what is of another type counts as absent.
template <class Json>
std::int64_t whole_or(const Json& object, const std::string& key, std::int64_t otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_integer() ? found->template get<std::int64_t>() : otherwise;
}
template <class Json>
std::string text_or(const Json& object, const std::string& key, const std::string& otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->template get<std::string>() : otherwise;
}

}  // namespace timbre::prepare
