#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "audio/mel_bridge.h"
#include "config/fields.h"
#include "roles/synthesizer.h"
#include "roles/vocoder.h"
#include "text/markup.h"
#include "voice/voice.h"

/// Text to waveform with a voice: sentences → phones → mel → samples, one piece after the other, so that speech can be
/// heard while the rest is still being made.
namespace timbre::voice {

/// What a listener may ask for; `timbre say` shows these.
struct SayOptions {
  std::string speed = "medium";  ///< slow, medium, fast or a factor
  double pitch = 1, energy = 1;
  std::int64_t seed = 0;
  std::string speaker;
  std::string language;                ///< of the text; "" = the speaker's, else the first the voice reads
  std::vector<float> speaker_vector;   ///< whom to sound like instead, for voices that take one; no flag of its own
  text::Tags tags = text::Tags::text;  ///< whether "<slow>" in the text is markup; no flag of its own
  double sentence_pause_s = 0.15;      ///< between sentences, beyond the silence the voice itself speaks
  double paragraph_pause_s = 0.5;
  bool accept_text_changes = false;  ///< speak although the text path reads probe sentences otherwise than in training
};
config::Fields fields(SayOptions& options);

/// "slow" 0.8, "medium" 1, "fast" 1.25, or the number itself (0.25 … 4). Throws UsageError otherwise.
double speed_factor(const std::string& speed);

struct Timed {
  std::string label;
  double start_s = 0, end_s = 0;
};

/// A stretch that was synthesised in one go. Times count from the start of the whole speech.
struct SpokenPiece {
  std::string text;
  std::vector<float> wave_N;      ///< with the pause after it
  double start_s = 0, end_s = 0;  ///< of the speech, without the pause
  std::vector<Timed> words, phones;
  std::vector<float> mel_FM;
  std::int64_t frames = 0;
  std::vector<std::string> warnings;
  std::vector<std::string> guessed;  ///< words in no lexicon, pronounced by the front end's guesser()
};

/// What speaks: a voice of mels (Speaker) or one of codes (CodeSpeaker). Not thread-safe: one object a thread.
class AnySpeaker {
 public:
  virtual ~AnySpeaker() = default;
  /// Calls `each` for every piece in order. Throws UsageError when there is nothing to say, for unknown speakers and
  /// languages and for a script the voice cannot read.
  virtual void say(const std::string& text, const SayOptions& options,
                   const std::function<void(SpokenPiece&&)>& each) = 0;
  /// The same samples as soon as they exist: `hear` gets them, stretch by stretch, before the piece they belong to is
  /// whole; the pieces come without wave_N.
  virtual void stream(const std::string& text, const SayOptions& options,
                      const std::function<void(std::span<const float>)>& hear,
                      const std::function<void(SpokenPiece&&)>& each) = 0;
  virtual std::int64_t rate_hz() const = 0;
  /// What pronounces words in no lexicon; "" where nothing does.
  virtual std::string guesser() = 0;
  /// What happened while it spoke, beyond the pieces; null when there is nothing to tell.
  virtual nlohmann::json told() const { return nullptr; }
};

/// Throws DataError (naming sentences) when this machine reads texts otherwise than the one the voice was trained on.
void expect_same_reading(const Voice& voice, text::FrontEnd& front_end);

/// Says planned pieces one after the other: `speak` fills one (its samples into wave_N, or into `hear` where that is
/// given) and returns false when there was nothing to say in it; pauses between and after pieces are made here. Throws
/// UsageError when nothing was said at all.
void say_pieces(const std::vector<text::SpeechPiece>& plan, const SayOptions& options, std::int64_t rate_hz,
                const std::function<bool(const text::SpeechPiece&, SpokenPiece&)>& speak,
                const std::function<void(std::span<const float>)>& hear,
                const std::function<void(SpokenPiece&&)>& each);

/// A voice of mels ready to speak.
class Speaker final : public AnySpeaker {
 public:
  /// Opens network and vocoder. Throws DataError when the vocoder does not take this voice's mels (naming the field),
  /// or when the text path has changed since training (naming sentences), unless `accept_text_changes`.
  Speaker(const Voice& voice, const roles::Registry& registry, bool accept_text_changes = false);

  void say(const std::string& text, const SayOptions& options, const std::function<void(SpokenPiece&&)>& each) override;
  void stream(const std::string& text, const SayOptions& options,
              const std::function<void(std::span<const float>)>& hear,
              const std::function<void(SpokenPiece&&)>& each) override;

  std::int64_t rate_hz() const override { return synthesizer_->mel().rate_hz; }
  roles::Synthesizer& synthesizer() { return *synthesizer_; }
  roles::Vocoder& vocoder() { return *vocoder_; }
  /// A mel of this voice's settings through its vocoder.
  std::vector<float> vocode(std::span<const float> mel_FM, std::int64_t frames);
  text::FrontEnd& front_end() { return *front_end_; }
  std::string guesser() override { return front_end_->guesser(); }
  /// The part of the front end that reads what is said with these options. Throws UsageError for a language the voice
  /// does not read.
  text::FrontEnd& reader(const SayOptions& options);

 private:
  /// A mel as the vocoder takes it.
  std::vector<float> brought(std::span<const float> mel_FM) const;
  using Hear = std::function<void(std::span<const float>)>;
  /// One sentence into `piece`; its samples go to `hear` when there is one. False when there is nothing to say in it.
  bool speak(const text::SpeechPiece& part, text::FrontEnd& front_end, const roles::Controls& controls,
             SpokenPiece& piece, const Hear& hear);
  void run(const std::string& text, const SayOptions& options, const Hear& hear,
           const std::function<void(SpokenPiece&&)>& each);
  /// Phones the voice has never seen become plainer ones it has, or are dropped with a warning.
  void fit_to_symbols(text::Phonemized& phonemized) const;

  Voice voice_;
  std::unique_ptr<text::FrontEnd> front_end_;
  std::unique_ptr<roles::Synthesizer> synthesizer_;
  std::unique_ptr<roles::Vocoder> vocoder_;
  audio::MelBridge bridge_;  ///< from what the voice makes to what the vocoder takes
};

/// All pieces joined.
SpokenPiece join_pieces(std::vector<SpokenPiece> pieces);

}  // namespace timbre::voice
