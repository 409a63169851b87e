#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/gru.h"

namespace timbre::text {

/// A trained grapheme-to-phoneme voice (models/g2p) that pronounces single words: the same numbers as its network below
/// the torch line, so that preparing and checking need no LibTorch. Thread-safe.
class G2pVoice {
 public:
  /// A voice folder, or a run folder (its voice/). Throws UsageError when there is none there or it is of another kind,
  /// DataError naming the field or tensor that is wrong.
  static std::shared_ptr<const G2pVoice> open(const std::filesystem::path& path);

  /// "g2p 1a2b3c4d": its name and the first digits of a hash over what it is made of.
  const std::string& title() const { return title_; }
  const std::filesystem::path& dir() const { return dir_; }
  /// The files a copy of it needs, inside dir().
  const std::vector<std::string>& files() const { return files_; }
  /// ARPAbet with stress; letters it does not know are passed over, so a word without any has no phones.
  std::vector<std::string> pronounce(std::string_view word) const;

 private:
  struct Layer {
    Gru ahead, back;
  };
  struct Affine {
    std::vector<float> w, b;
  };
  /// The letters as the decoder sees them: P rows of 2 · encoder width.
  struct Read {
    std::vector<std::vector<float>> values_P, keys_P;
  };
  Read read(const std::vector<std::size_t>& letters) const;
  std::vector<float> attend(const Read& word, const std::vector<float>& query) const;

  std::filesystem::path dir_;
  std::string title_, letters_;
  std::vector<std::string> files_, symbols_;
  std::size_t heads_ = 1, longest_ = 0, embedding_ = 0;
  std::vector<float> letter_table_, phone_table_;
  std::vector<Layer> encoder_;
  Affine start_, key_, query_, out_;
  Gru lower_, upper_;
};

}  // namespace timbre::text
