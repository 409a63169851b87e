#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "corpus/corpus.h"

/// Which languages a corpus is in, and whether a front end reads them.
namespace timbre::prepare {

/// Utterances of each language as they are marked ("en", "pt-BR", "" = not marked), of the whole corpus, also where
/// `corpus` holds one shard.
std::map<std::string, std::int64_t> languages_of(const corpus::Corpus& corpus);

/// The front end itself; "espeak:auto" becomes the list of the corpus' languages. Throws as
/// text::front_end_for_languages.
std::string settle_front_end(const std::string& front_end, const corpus::Corpus& corpus);

/// What to warn of: utterances in languages that the (settled) front end does not read, and what becomes of them. "" =
/// it reads all.
std::string unread_languages(const corpus::Corpus& corpus, const std::string& front_end);

}  // namespace timbre::prepare
