#pragma once
#include <memory>
#include <optional>
#include <string>

#include "config/fields.h"
#include "roles/code_synthesizer.h"
#include "roles/code_vocoder.h"
#include "roles/codec.h"
#include "voice/code_prompt.h"
#include "voice/speech.h"
#include "voice/text_reader.h"

/// Text to waveform with a voice of codes: sentences → tokens → codes → samples, each sentence going on from a prompt.
namespace timbre::voice {

/// How codes are drawn, and what is done when that goes wrong. What is absent is as the network's makers have it.
struct CodeSayOptions {
  std::optional<std::int64_t> top_k;  ///< 0 or less = all
  std::optional<double> top_p, temperature;
  std::int64_t repetition_window = 0;
  double repetition_share = 0.1;
  std::string long_text = "fixed";  ///< fixed, sliding or whole
  std::int64_t retries = 3;         ///< further tries, each with another seed
  double loop_s = 2;                ///< so long a repetition is a loop; 0 = never
  double longest_s = 0;             ///< of one sentence; 0 = what the network was made for
  std::int64_t best_of = 1;         ///< utterances drawn, of which the likeliest (or best long) is taken
  double length_penalty = 1;        ///< of that choice
  std::string accent;               ///< of networks with language tables: the row for all of the text; "" = its own

  // Of voices with a tokenizer (Llasa).
  double repetition_penalty = 1, min_p = 0;
  std::int64_t no_repeat_ngram = 0;
  std::string prompt_mask;  ///< voice::PromptMask by name; "" = as in training
  std::optional<double>
      shortest_share;  ///< 0.3; of what its text should take: what is shorter is tried again; 0 = never
  std::optional<double> longest_share;  ///< 2.5; what is longer is a runaway; 0 = only the row's end is
  std::optional<double> silence_s;      ///< 1.5; so long a silence is tried again; 0 = never
};
config::Fields fields(CodeSayOptions& options);

class CodeSpeaker final : public AnySpeaker {
 public:
  struct Parts {
    std::string name;  ///< of the voice, for messages
    std::unique_ptr<roles::CodeSynthesizer> synthesizer;
    std::shared_ptr<roles::Codec> codec;
    std::unique_ptr<roles::CodeVocoder> vocoder;  ///< null: the codec decodes
  };
  /// Throws UsageError when the codec is not the one whose codes the voice speaks, by what differs.
  CodeSpeaker(Parts parts, std::unique_ptr<TextReader> texts, const CodeSayOptions& options);

  /// Whom to sound like from now on. A prompt of text alone gets its tokens here. Throws UsageError, DataError for one
  /// that this voice cannot go on from: another codec's, too long, without its text.
  void set_prompt(CodePrompt prompt);
  /// Its own voice from now on, where the network has one.
  void forget_prompt() { prompt_ = {}; }
  /// The present one; no frames = none.
  const CodePrompt& prompt() const { return prompt_; }
  /// Codes of a recording at the codec's rate, cut to the codebooks the voice has, as a prompt; its tokens are made.
  CodePrompt make_prompt(std::span<const float> wave_CN, const std::string& text, const std::string& language);

  void say(const std::string& text, const SayOptions& options, const std::function<void(SpokenPiece&&)>& each) override;
  void stream(const std::string& text, const SayOptions& options,
              const std::function<void(std::span<const float>)>& hear,
              const std::function<void(SpokenPiece&&)>& each) override;
  /// The whole text in one go, without sentences and pauses, as the references' inference commands speak. Throws as
  /// say(); `piece` gets samples and warnings.
  void utter(const std::string& text, const SayOptions& options, SpokenPiece& piece);
  /// The reference's "continual": the prompt's recording anew after its first half (3 s at most), its own text.
  std::vector<float> revoice();
  std::int64_t rate_hz() const override { return parts_.codec->rate_hz(); }
  std::string guesser() override;
  /// {"endings": {"sentences", "retried", "immediate", "loop", "limit", "short", "silence", "given_up"}}, of everything
  /// said so far; of voices without a tokenizer neither "short" nor "silence".
  nlohmann::json told() const override;
  const EndingCounts& counts() const { return counts_; }
  const roles::Codec& codec() const { return *parts_.codec; }
  roles::Codec& codec() { return *parts_.codec; }
  /// Rows of the voice's language table; none where it has no such table.
  const std::vector<std::string>& languages() const { return texts_->languages(); }
  /// Whether it makes a difference which language a text is said to be in.
  bool asks_for_language() const;
  /// Of its codes: the codec may have more.
  std::int64_t codebooks() const { return parts_.synthesizer->codebooks(); }
  double longest_prompt_s() const { return static_cast<double>(parts_.synthesizer->most_prompt_frames()) * frame_s(); }
  double frame_s() const { return static_cast<double>(parts_.codec->hop_samples()) / static_cast<double>(rate_hz()); }

 private:
  using Hear = std::function<void(std::span<const float>)>;
  void run(const std::string& text, const SayOptions& options, const Hear& hear,
           const std::function<void(SpokenPiece&&)>& each);
  bool speak(const text::SpeechPiece& part, const std::string& language, roles::CodeSampling& sampling,
             CodeSentences& sentences, SpokenPiece& piece, const Hear& hear);
  CodeSentences begin();
  CodeText tokens_of_prompt(const CodePrompt& prompt, std::vector<std::string>* warnings = nullptr);
  roles::CodeSampling sampling_of(const SayOptions& options) const;
  /// The same for one piece: how long it should be and may be.
  roles::CodeSampling sampling_of(const text::SpeechPiece& part, const CodeSentences& sentences,
                                  roles::CodeSampling sampling) const;
  /// What is wrong with an utterance that ended by itself.
  roles::Ending judged(const roles::CodeUtterance& made);
  std::vector<float> decoded(const roles::CodeUtterance& made);
  /// Samples of the frames, all at once or to `hear` as soon as they are final.
  std::vector<float> sound(const roles::CodeUtterance& made, const Hear& hear);

  Parts parts_;
  std::unique_ptr<TextReader> texts_;
  CodeSayOptions options_;
  std::optional<std::int64_t> accent_;  ///< row of CodeSayOptions::accent
  CodePrompt prompt_;
  /// What the present prompt says, for voices that read it together with what follows, and phones given in it.
  text::SpeechPiece before_;
  EndingCounts counts_;
  double expected_frames_ = 0;  ///< of the piece that is being said; 0 = nobody knows
  /// What judged() listened to last, so that it is not decoded again.
  std::vector<std::int32_t> heard_FQ_;
  std::vector<float> heard_N_;
};

}  // namespace timbre::voice
