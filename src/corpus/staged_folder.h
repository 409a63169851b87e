#pragma once
#include <filesystem>
#include <string>

/// A folder that appears whole or not at all.
namespace timbre::corpus {

namespace fs = std::filesystem;

/// Files go to a temporary neighbour "<dir>.<doing>"; publish() makes it real by one rename. What an interrupted
/// process left there is removed by the next one; two processes never write the same.
class StagedFolder {
 public:
  /// `doing` names the neighbour ("importing"), `why` ends the refusal of a folder that holds something ("a corpus is
  /// never changed after import"). Throws UsageError when `dir` exists and is not an empty folder, SystemError when
  /// another process is writing it.
  StagedFolder(const fs::path& dir, const std::string& doing, const std::string& why);
  /// Removes what was not published.
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const fs::path& dir() const { return dir_; }
  const fs::path& staging() const { return staging_; }
  /// fsyncs every file and renames. Throws SystemError.
  void publish();
  /// Throws the constructor's UsageError.
  static void refuse_used(const fs::path& dir, const std::string& why);

 private:
  fs::path dir_, staging_;
  struct Lock {
    int file = -1;
    ~Lock();
  } lock_;
};

}  // namespace timbre::corpus
