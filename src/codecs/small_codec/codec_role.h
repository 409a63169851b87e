#pragma once
#include <memory>

#include "codecs/small_codec/config.h"
#include "roles/codec.h"

/// The codec as roles/codec.h has it, whoever computes the network: which samples and windows make which frames, what
/// is checked, how windows are laid over each other. Letters: S samples of a window, T inner frames.
namespace timbre::small_codec {

/// What the network remembers of earlier pieces of one recording on its way to codes.
class EncodePass {
 public:
  virtual ~EncodePass() = default;
  /// samples_N: windows that begin a hop apart. The first `skip` of them are for nothing, the `inner` (an even number)
  /// after them become inner / 2 frames of codes.
  virtual std::vector<std::int32_t> run(std::span<const float> samples_N, std::int64_t skip, std::int64_t inner) = 0;
};

/// The way back.
class DecodePass {
 public:
  virtual ~DecodePass() = default;
  /// Frames of codes that are in range → two windows each, already times the Hann window, into windows_TS.
  virtual void run(std::span<const std::int32_t> codes_FQ, std::int64_t frames, std::vector<float>& windows_TS) = 0;
};

class CodecRole : public roles::Codec {
 public:
  explicit CodecRole(const Config& config) : config_(config), codebook_size_(config.codebook_size()) {}

  std::string name() const override { return "small_codec"; }
  std::int64_t rate_hz() const override { return config_.rate_hz; }
  std::int64_t channels() const override { return 1; }
  std::int64_t hop_samples() const override { return config_.frame_samples(); }
  std::int64_t codebooks() const override { return config_.quantiser.codebooks; }
  std::int64_t codebook_size() const override { return codebook_size_; }
  std::int64_t codebooks_of(double bandwidth_kbps) const override;
  roles::Codes encode(std::span<const float> wave_CN, std::int64_t wanted) override;
  std::vector<float> decode(const roles::Codes& codes) override;
  /// Streams may not outlive the codec.
  std::unique_ptr<roles::DecodeStream> decode_stream(std::int64_t wanted) override;
  std::unique_ptr<roles::EncodeStream> encode_stream(std::int64_t wanted) override;

 protected:
  virtual std::unique_ptr<EncodePass> encode_pass(std::int64_t codebooks) = 0;
  virtual std::unique_ptr<DecodePass> decode_pass(std::int64_t codebooks) = 0;
  const Config& config() const { return config_; }

 private:
  /// Throws UsageError for more codebooks than there are; 0 = all.
  std::int64_t checked(std::int64_t wanted) const;

  Config config_;
  std::int64_t codebook_size_;
};

}  // namespace timbre::small_codec
