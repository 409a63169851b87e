#pragma once
#include <string>
#include <thread>
#include <vector>

namespace timbre::train {

/// What to do when a rank is gone.
inline constexpr const char* kAfterLoss =
    "the last checkpoint is whole; look at what that rank said, then go on with: timbre train --continue RUN";

/// Watches the processes of the other ranks on this machine, so that a rank that computes, and would not look at its
/// links for minutes, learns that another is gone. Ranks elsewhere are missed when a link breaks.
class PeerWatch {
 public:
  /// Where this process can be watched from: boot, namespace of process numbers, process number.
  static std::string place();

  /// `places` of all ranks. From here on, a rank of this machine that ends before stop() ends this process as well:
  /// after a second in which this rank may say what it knows, with a message that names the other and exit code 4.
  /// Nothing that is being written is finished: checkpoints are whole or absent.
  PeerWatch(int rank, const std::vector<std::string>& places);
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  /// From here on others may end.
  void stop();
  /// Those known to have ended, waiting a moment for the first.
  std::vector<int> gone() const;

 private:
  struct Peer {
    int rank = 0;
    int handle = -1;  ///< pidfd: readable when the process has ended
  };
  std::vector<int> wait(int milliseconds, int also) const;
  void watch() const;

  int rank_;
  std::vector<Peer> peers_;
  int stop_ = -1;  ///< eventfd
  std::thread thread_;
};

}  // namespace timbre::train
