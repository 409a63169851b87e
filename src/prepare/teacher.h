#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "prepare/plan.h"
#include "roles/registry.h"
#include "roles/synthesizer.h"

/// How the stages mel_of.<kind> come by a voice without linking its network, as codecs.h does it for codecs, and what a
/// voice's folder says about the columns it would follow.
namespace timbre::prepare {

using OpenTeacher = std::function<std::shared_ptr<const roles::Synthesizer>(const roles::VoiceFiles&)>;

/// Set once, before the first stage runs.
OpenTeacher& teacher_opener();

/// A voice's folder, or the run that trained it, by its voice.json alone.
struct TeacherFolder {
  std::filesystem::path dir;
  nlohmann::json about;  ///< voice.json
  std::string kind;      ///< model.kind: what the column is named after
  audio::MelOptions mel;
};
/// Throws UsageError for what is no folder of a voice that makes mels, DataError for a broken voice.json.
TeacherFolder find_teacher_folder(const std::filesystem::path& given);

/// What a voice follows: the columns of StageJob::read.
const std::vector<std::string>& followed_columns();

/// The column mel_of.<kind> of a voice, and those it follows as the voice was trained on them. Throws UsageError for a
/// kind of voice that is trained on other columns.
std::vector<ColumnRequest> requests_of_teacher(const std::filesystem::path& voice, const roles::Registry& registry);

}  // namespace timbre::prepare
