#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"

/// One file from the network to the disk, whole and verified or not at all. libcurl is loaded on first use.
///
/// While it comes it lies beside its place as NAME.part, with NAME.part.json (address, ETag, size): a later call goes
/// on where the earlier one ended, if the server still has the same file. What does not have the published hash is set
/// aside as NAME.corrupt.
///
/// Non-goals: several connections for one file; logging in.
namespace timbre::fetch {

namespace fs = std::filesystem;

/// A file and where it is to be had.
struct Source {
  std::vector<std::string> urls;  ///< tried in this order; all must hold the same bytes
  std::int64_t bytes = -1;        ///< published size, -1 = not known
  std::string sha256, md5;        ///< published hashes, "" = not known
};

struct DownloadOptions {
  std::int64_t retries = 8;
  double backoff_s = 1;
  std::int64_t connect_timeout_s = 30, stall_timeout_s = 60;
};
config::Fields fields(DownloadOptions& options);

struct Downloaded {
  std::int64_t bytes = 0;
  std::string sha256;             ///< computed
  std::string url;                ///< where the last byte came from; "" = the file was there
  std::int64_t resumed_from = 0;  ///< bytes that were there from an earlier call
  std::int64_t retries = 0;
  bool already_there = false, verified = false;  ///< verified = against a published hash
};

/// Fetches `source` to the file `to`. A file that is there already is verified instead. Throws SystemError when no
/// address has it (what each of them said), when the disk is full or the folder read-only or `stop` was set (what came
/// is kept), DataError when its size or hash is not the published one.
Downloaded download(const Source& source, const fs::path& to, const DownloadOptions& options, const EventSink& events,
                    const std::atomic<bool>* stop = nullptr);

}  // namespace timbre::fetch
