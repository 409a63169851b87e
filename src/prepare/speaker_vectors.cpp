#include "prepare/speaker_vectors.h"

#include "base/error.h"

namespace timbre::prepare {

OpenSpeakerEncoder& speaker_encoder_opener() {
  static OpenSpeakerEncoder opener;
  return opener;
}

std::shared_ptr<const roles::SpeakerEncoder> open_speaker_encoder(const std::filesystem::path& folder) {
  if (folder.empty())
    throw UsageError("speaker vectors need an encoder", "--speaker-encoder FOLDER, as timbre train or convert made it");
  const OpenSpeakerEncoder& open = speaker_encoder_opener();
  if (!open) throw SystemError("speaker vectors need the program with networks, timbre-torch", "make build");
  return open(folder);
}

}  // namespace timbre::prepare
