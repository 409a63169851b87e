#include "prepare/clip.h"
#include "prepare/teacher.h"

/// Columns mel_of.<kind>: what a voice makes of each clip's own durations, pitch and energy (teacher-forced), frame by
/// frame on the clip's clock. Vocoders are fine-tuned on it.
namespace timbre::prepare {
namespace {

struct TeacherSettings {
  std::string voice;
};

config::Fields fields(TeacherSettings& s) {
  config::Fields f;
  f.add("voice", s.voice, "folder of the voice").metavar("FOLDER");
  return f;
}

TeacherFolder folder_of(const nlohmann::json& given, const std::string& column) {
  const auto settings = options_from<TeacherSettings>(given, fields, column);
  if (settings.voice.empty()) throw UsageError(column + " needs a voice", "timbre prepare CORPUS --mels-of VOICE");
  TeacherFolder found = find_teacher_folder(settings.voice);
  if ("mel_of." + found.kind != column)
    throw UsageError(
        fmt::format("{} is a {}: it makes mel_of.{}, not {}", settings.voice, found.kind, found.kind, column));
  return found;
}

MakeRow rows(const StageJob& job, const std::string& column) {
  const TeacherFolder folder = folder_of(job.settings, column);
  if (!teacher_opener()) throw std::logic_error("nobody said how a voice is opened");
  const auto voice = teacher_opener()({.dir = folder.dir, .about = folder.about, .vocoder = {}});
  const MelSettings recorded = mel_settings_of(job);
  return [&job, voice, folder, recorded, column](const corpus::Utterance& utterance) -> RowResult {
    const auto read = [&](const char* name) { return job.read(name, utterance.id).value(); };
    const std::int64_t frames = read("mel").shape.at(0);
    // A column that another program made may be of a part of the recording alone.
    const auto samples = static_cast<std::int64_t>(load_samples(job, utterance, recorded, std::nullopt).size());
    if (const std::int64_t whole = audio::mel_frames(samples, recorded.mel); frames != whole)
      throw DataError(fmt::format("{}: its column mel has {} frames, its recording {}: they are not on one clock",
                                  utterance.id, frames, whole));
    roles::MelUtterance made = voice->follow({.phones = corpus::tensor_list(read("aligned_phonemes")),
                                              .durations_P = read("durations").to_i64(),
                                              .pitch = read("pitch").to_f32(),
                                              .energy = read("energy").to_f32(),
                                              .speaker = utterance.speaker});
    if (made.frames != frames || made.bins != folder.mel.mels)
      throw DataError(fmt::format("{}: {} makes {} frames of {} bins of it, its recording has {} of {}", utterance.id,
                                  folder.kind, made.frames, made.bins, frames, folder.mel.mels));
    return Row{{column, weights::Tensor::of<float>({made.frames, made.bins}, std::move(made.mel_FM))}};
  };
}

nlohmann::json facts(const nlohmann::json& settings, const std::string& column) {
  TeacherFolder folder = folder_of(settings, column);
  return {{"mel", config::to_json(audio::fields(folder.mel))},
          {"kind", folder.kind},
          {"name", folder.about.value("name", "")}};
}

}  // namespace

void register_stage_mel_of(Stages& stages) {
  stages.add_family("mel_of.", [](const std::string& column) {
    return Stage{.name = column,
                 .summary = "mels that a voice makes of each clip's own durations, pitch and energy",
                 .makes = {column},
                 .settings = [] { return settings_of_struct<TeacherSettings>(fields); },
                 .files = {"voice"},
                 .needs = [](const nlohmann::json&) { return followed_columns(); },
                 .rows = [column](const StageJob& job) { return rows(job, column); },
                 .network = true,
                 .all = {},
                 .facts = [column](const nlohmann::json& settings) { return facts(settings, column); }};
  });
}

}  // namespace timbre::prepare
