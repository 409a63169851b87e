#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/event.h"
#include "exchange/catalogue.h"
#include "fetch/download.h"

/// A public corpus onto this disk: fetched, verified, unpacked. The folder keeps a record, get.json, so that a later
/// call does only what is missing.
namespace timbre::exchange {

struct GetRequest {
  Dataset dataset;
  std::vector<std::string> parts;
  fs::path out;  ///< gets the unpacked files, get.json, and the archives while they are needed
  bool keep_archives = false;
  fetch::DownloadOptions download;
};

struct GotFile {
  std::string name, url, sha256;
  std::int64_t bytes = 0, unpacked_files = 0, unpacked_bytes = 0, left_out = 0;
  bool already_there = false;  ///< fetched and unpacked by an earlier call
  bool verified = false;       ///< against a published hash; otherwise `sha256` is only what was computed
  std::int64_t resumed_from = 0, retries = 0;
};

struct GetResult {
  std::vector<GotFile> files;
  fs::path source;  ///< what the importer takes
};
nlohmann::json to_json(const GetResult& result);

/// Throws as fetch::download and unpack(). What was finished before an error stays, and a later call goes on.
GetResult get_dataset(const GetRequest& request, const EventSink& events, const std::atomic<bool>* stop = nullptr);

}  // namespace timbre::exchange
