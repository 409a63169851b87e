#pragma once
#include <optional>
#include <span>
#include <string>

#include "text/phonemes.h"

/// What a front end makes of the probe sentences (text/probe.h), remembered from one start of the program to the next:
/// reading 200 sentences takes longer than saying one. Kept in cache_folder()/readings; what is kept counts only while
/// this program and every file that the reading comes from are the ones they were (FrontEnd::sources()).
namespace timbre::text {

/// One hash for a fingerprint's sentences.
std::string reading_hash(std::span<const std::string> sentences);

/// The reading_hash() that this front end is known to make here; nothing when it must be probed.
std::optional<std::string> recall_reading(const FrontEnd& front_end);

/// To be called with what was just probed. A cache that cannot be written is no error: the next start probes again.
void remember_reading(const FrontEnd& front_end, const std::string& reading);

}  // namespace timbre::text
