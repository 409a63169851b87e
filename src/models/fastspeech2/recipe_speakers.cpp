#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "batch/collate.h"
#include "models/fastspeech2/recipe.h"
#include "text/language_tag.h"
#include "weights/safetensors.h"

/// Who speaks: the vectors of a speaker encoder (columns speaker_vec and speaker_mean), and the languages of each.
namespace timbre::fastspeech2 {

std::map<std::string, std::string> Recipe::speaker_languages() const {
  std::map<std::string, std::set<std::string>> spoken;
  for (const Utterance& utterance : utterances_[0]) {
    const auto& line = corpus_->utterances()[utterance.index];
    spoken[line.speaker].insert(text::language_of_tag(line.language));
  }
  std::map<std::string, std::string> one;
  for (auto& [speaker, languages] : spoken) {
    languages.erase("");
    if (languages.size() == 1) one.emplace(speaker, *languages.begin());
  }
  return one;
}

void Recipe::open_speaker_vectors(const train::DataContext& context) {
  config_.speaker.size = 0;
  if (config_.speaker.encoder.empty()) return;
  for (const char* name : {"speaker_vec", "speaker_mean"})
    columns_.emplace(name, corpus::Column::open(context.corpus, name));
  const auto speakers = columns_.at("speaker_mean").ids();
  if (speakers.empty())
    throw DataError("column speaker_mean is empty: no clip has a speaker vector", "timbre prepare says why");
  config_.speaker.size = columns_.at("speaker_mean").get(speakers.front()).numel();
  if (is_torphix(config_) && config_.speaker.size != config_.encoder.width)
    throw UsageError(
        fmt::format("the speaker vectors have {} numbers; the network of compat={} adds them to its encoder's "
                    "output as they are, and that has encoder.width {}",
                    config_.speaker.size, config_.compat, config_.encoder.width),
        "give an encoder of that embedding, or train another preset");
}

void Recipe::put_speaker_vectors(train::Split split, std::span<const std::size_t> items, batch::Batch& batch) const {
  if (config_.speaker.size == 0) return;
  const std::size_t side = split == train::Split::train ? 0 : 1;
  std::vector<std::vector<float>> vectors;
  for (const std::size_t item : items) {
    const auto& utterance = corpus_->utterances()[utterances_[side][item].index];
    vectors.push_back(config_.speaker.of == "clip" ? columns_.at("speaker_vec").get(utterance.id).to_f32()
                                                   : columns_.at("speaker_mean").get(utterance.speaker).to_f32());
  }
  batch.put("speaker_vec_BE", batch::pad_floats(vectors));
}

void Recipe::write_speaker_vectors(const std::filesystem::path& folder) const {
  if (config_.speaker.size == 0) return;
  weights::TensorMap map;
  for (const std::string& speaker : vocabulary_.speakers) map.insert(speaker, columns_.at("speaker_mean").get(speaker));
  weights::write_safetensors(folder / "speaker_vectors.safetensors", map);
  // The encoder goes along, so that the voice can take after new recordings wherever it is.
  const fs::path given = config_.speaker.encoder;
  const fs::path from = fs::exists(given / "voice" / "voice.json") ? given / "voice" : given;
  make_folders(folder / "speaker_encoder");
  for (const char* name : {"voice.json", "model.safetensors"})
    write_file_atomic(folder / "speaker_encoder" / name, read_file(from / name));
}

}  // namespace timbre::fastspeech2
