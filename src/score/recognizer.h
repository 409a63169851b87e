#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// A recogniser with a closed grammar: it may only answer with one of the given sentences. It measures whether speech
/// can be understood, far less noisily than an open vocabulary would on a small test. CMU PocketSphinx, US-English
/// model.
namespace timbre::score {

/// The words of a prompt as the recogniser's dictionary spells them: lower case, punctuation gone. Empty when the text
/// has a digit, a symbol or a [non-speech] mark, whose spoken form the letters do not fix.
std::vector<std::string> prompt_words(const std::string& text);

class Recognizer {
 public:
  /// Loads the plugin and the model at first use. Throws SystemError naming the packages when they are missing.
  Recognizer();
  ~Recognizer();
  Recognizer(const Recognizer&) = delete;
  Recognizer& operator=(const Recognizer&) = delete;

  /// True when the dictionary knows the word.
  bool knows(const std::string& word) const;
  /// Sets the grammar: any one of `sentences` (words of the dictionary, joined by blanks).
  void set_sentences(const std::vector<std::string>& sentences);
  /// The sentence heard in 16 kHz mono samples in [-1, 1]; empty when none fits.
  std::string recognize(std::span<const float> wave_N);

  static constexpr std::int64_t kRateHz = 16000;

 private:
  struct Plugin;
  std::unique_ptr<Plugin> plugin_;
};

}  // namespace timbre::score
