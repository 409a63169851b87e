#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "corpus/clips.h"
#include "corpus/corpus.h"
#include "exchange/importer.h"

/// A source folder made on the spot, imported as from the command line.
namespace timbre::testing_support {

class ImportTest : public testing::Test {
 protected:
  /// `flags` are given as on the command line.
  exchange::ImportResult run(const std::string& format, const fs::path& source,
                             const std::vector<std::string>& flags = {}, bool dry_run = false) {
    exchange::Importers all;
    exchange::register_all_importers(all);
    exchange::Importer importer = all.make(format);
    exchange::ImportRequest request;
    request.sources = {source};
    request.sources.insert(request.sources.end(), more_sources.begin(), more_sources.end());
    request.out = dir / "out";
    request.dry_run = dry_run;
    config::Fields options;
    options.group("", exchange::fields(request.options));
    options.group(exchange::option_prefix(format), importer.fields);
    config::parse_flags(options, flags);
    return exchange::import_corpus(importer, request, no_events());
  }
  template <class E>
  std::string error(const std::string& format, const fs::path& source, const std::vector<std::string>& flags = {}) {
    try {
      run(format, source, flags);
    } catch (const E& e) {
      return std::string(e.what()) + " | " + e.next();
    }
    return "no such error";
  }
  std::vector<corpus::Utterance> imported() { return corpus::Corpus::open(dir / "out").utterances(); }
  std::map<std::string, std::string> texts() {
    std::map<std::string, std::string> by_id;
    for (const corpus::Utterance& u : imported()) by_id[u.id] = u.text;
    return by_id;
  }
  void clip(const fs::path& name, double seconds = 0.5) {
    write_clip(dir / "src" / name, babble(seconds, 16000, std::hash<std::string>{}(name.string())), 16000);
  }
  void text(const fs::path& name, const std::string& bytes) { write_bytes(dir / "src" / name, bytes); }
  /// One utterance of the imported corpus; an empty one when it is not there.
  corpus::Utterance utterance(const std::string& id) {
    for (const corpus::Utterance& u : imported())
      if (u.id == id) return u;
    ADD_FAILURE() << "no utterance " << id;
    return {};
  }
  /// "reason: file name:line" of every line of rejected.jsonl.
  std::vector<std::string> rejects() {
    std::vector<std::string> lines;
    for (const std::string& line : read_lines(dir / "out/rejected.jsonl")) {
      nlohmann::json reject = nlohmann::json::parse(line);
      lines.push_back(fmt::format("{}: {}:{}", reject["reason"].get<std::string>(),
                                  fs::path(reject["file"].get<std::string>()).filename().string(),
                                  reject["line"].get<std::int64_t>()));
    }
    return lines;
  }
  TempFolder dir;
  std::vector<fs::path> more_sources;
};

}  // namespace timbre::testing_support
