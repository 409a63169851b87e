#pragma once
#include <filesystem>
#include <functional>
#include <memory>

#include "roles/speaker_encoder.h"

/// How the stages speaker_vec and speaker_mean come by a network without linking one: the program that has networks
/// says how a speaker encoder's folder is opened.
namespace timbre::prepare {

using OpenSpeakerEncoder = std::function<std::shared_ptr<const roles::SpeakerEncoder>(const std::filesystem::path&)>;

/// Empty in the program without networks. Set once, before the first stage runs.
OpenSpeakerEncoder& speaker_encoder_opener();

/// Throws UsageError when no folder was named, SystemError in the program without networks.
std::shared_ptr<const roles::SpeakerEncoder> open_speaker_encoder(const std::filesystem::path& folder);

}  // namespace timbre::prepare
