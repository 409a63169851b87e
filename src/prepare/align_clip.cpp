#include "prepare/align_clip.h"

#include <fmt/format.h>

#include "audio/decode.h"
#include "base/error.h"
#include "corpus/columns.h"
#include "prepare/aligner_column.h"
#include "text/phonemes.h"

namespace timbre::prepare {

AlignedClip align_clip(const std::filesystem::path& corpus, const std::filesystem::path& clip, const std::string& text,
                       const std::string& speaker) {
  const auto aligner = read_aligner(corpus);
  const nlohmann::json settings = corpus::Column::open(corpus, "phonemes").settings();
  text::FrontEndOptions options;
  options.lexicon = settings.value("lexicon", "");
  const auto front_end = text::make_front_end(settings.at("front_end").get<std::string>(), std::move(options));
  text::Phonemized said = front_end->phonemize(text);

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
