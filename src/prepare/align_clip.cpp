#include "prepare/align_clip.h"

#include <fmt/format.h>

#include <set>

#include "audio/decode.h"
#include "base/error.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "prepare/aligner_column.h"
#include "text/multilingual_front_end.h"
#include "text/phonemes.h"
#include "text/text_options.h"

namespace timbre::prepare {
namespace {

/// The language of a speaker's clips; "" where they have several, or none.
std::string language_of(const corpus::Corpus& corpus, const std::string& speaker) {
  std::set<std::string> languages;
  for (const corpus::Utterance& utterance : corpus.utterances())
    if (utterance.speaker == speaker) languages.insert(utterance.language);
  return languages.size() == 1 ? *languages.begin() : "";
}

}  // namespace

AlignedClip align_clip(const std::filesystem::path& corpus, const std::filesystem::path& clip, const std::string& text,
                       const std::string& speaker, const std::string& language) {
  const auto aligner = read_aligner(corpus);
  const nlohmann::json settings = corpus::Column::open(corpus, "phonemes").settings();
  text::FrontEndOptions options;
  options.lexicon = settings.value("lexicon", "");
  if (settings.contains("text")) {
    nlohmann::json reading = settings["text"];
    reading.erase("g2p_hash");  // what the column keeps besides the settings themselves
    auto fields = text::fields(options.text);
    config::from_json(fields, reading, "settings of phonemes: text");
  }
  const auto front_end = text::make_front_end(settings.at("front_end").get<std::string>(), std::move(options));
  std::string spoken = language;
  if (spoken.empty() && !speaker.empty() && front_end->readers().size() > 1)
    spoken = language_of(corpus::Corpus::open(corpus), speaker);
  text::Phonemized said = text::reader_of(*front_end, spoken).phonemize(text);

  align::Transcript transcript{.id = clip.string(), .speaker = speaker};
  for (std::size_t i = 0; i < said.phones.size(); ++i) {
    if (said.word_of_phone[i] < 0) continue;
    transcript.phones.push_back(said.phones[i]);
    transcript.word_of_phone.push_back(said.word_of_phone[i]);
  }
  if (transcript.phones.empty())
    throw UsageError(fmt::format("nothing in \"{}\" can be spoken", text), "give the words that are said in the clip");
  const auto rate_hz = static_cast<std::int64_t>(aligner->options().rate_hz);
  const audio::Clip sound = audio::decode_audio(clip, rate_hz);
  return {aligner->align(transcript, sound.samples_N), std::move(said.words), std::move(said.warnings)};
}

}  // namespace timbre::prepare
