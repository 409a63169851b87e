#include "train/distributed.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gloo/transport/tcp/device.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "train/peer_watch.h"

namespace timbre::train {
namespace {

std::string environment(const char* name, const std::string& otherwise = {}) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

int number(const char* name, int otherwise) {
  const std::string text = environment(name);
  if (text.empty()) return otherwise;
  const auto value = parse_int(text);
  if (!value || *value < 0)
    throw UsageError(fmt::format("environment variable {}='{}' is not a whole number", name, text),
                     "start ranks with torchrun or with --ranks N");
  return static_cast<int>(*value);
}

constexpr std::chrono::seconds kMeet{120};
constexpr std::chrono::seconds kRollCall{3};
constexpr std::chrono::seconds kStep{1800};  // a rank may validate or write a checkpoint while the others wait

/// Gloo's first sentence, without the place in its source.
std::string plain(std::string text) {
  text = text.substr(0, text.find('\n'));
  if (text.starts_with('[') && text.find("] ") != std::string::npos) text.erase(0, text.find("] ") + 2);
  return text.substr(0, text.find(". "));
}

}  // namespace

struct Ranks::Link {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
  std::optional<PeerWatch> watch;
  int rank = 0, world = 1;

  /// Begins something with all ranks and waits until it is done.
  template <class Begin>
  void together(const Begin& begin) {
    try {
      begin()->wait();
    } catch (const std::exception& problem) {
      lost(plain(problem.what()));
    }
  }

  [[noreturn]] void lost(const std::string& why) {
    const std::vector<int> ended = watch ? watch->gone() : std::vector<int>{};
    const std::vector<int> missing = ended.empty() && watch ? who_is_silent() : ended;
    if (watch) watch->stop();
    std::string names;
    for (const int one : missing) names += fmt::format("{}rank {}", names.empty() ? "" : ", ", one);
    throw LostRank(names.empty() ? fmt::format("rank {} reaches the others no more ({})", rank, why)
                                 : fmt::format("{} {}: rank {} cannot go on alone ({})", names,
                                               ended.empty()       ? "gave no answer"
                                               : ended.size() == 1 ? "is gone"
                                                                   : "are gone",
                                               rank, why),
                   kAfterLoss);
  }

  /// A roll call, for ranks that cannot be watched from here.
  std::vector<int> who_is_silent() {
    std::vector<int> missing;
    const auto key = [](int one) { return fmt::format("roll_call/{}", one); };
    try {
      store->set(key(rank), std::vector<std::uint8_t>{1});
      const auto end = std::chrono::steady_clock::now() + kRollCall;
      do {
        missing.clear();
        for (int one = 0; one < world; ++one)
          if (!store->check({key(one)})) missing.push_back(one);
        if (missing.empty()) return missing;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      } while (std::chrono::steady_clock::now() < end);
    } catch (const std::exception&) {
      missing = {0};  // it kept the list, or the link to where it is kept is broken
    }
    return missing;
  }
};

bool is_rank() { return !environment("RANK").empty() && !environment("WORLD_SIZE").empty(); }

Ranks::Ranks() {
  rank_ = number("RANK", 0);
  world_ = number("WORLD_SIZE", 1);
  if (world_ <= 1) {
    rank_ = 0;
    world_ = 1;
    return;
  }
  if (rank_ >= world_) throw UsageError(fmt::format("RANK={} but WORLD_SIZE={}", rank_, world_));
  const std::string host = environment("MASTER_ADDR", "127.0.0.1");
  const int port = number("MASTER_PORT", 29500);
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(port);
    // torchrun's agent keeps the store itself: then rank 0 is a client like the rest.
    options.isServer = rank_ == 0 && environment("TORCHELASTIC_USE_AGENT_STORE") != "True";
    options.numWorkers = static_cast<std::size_t>(world_);
    options.waitWorkers = false;
    options.timeout = kMeet;
    auto tcp = c10::make_intrusive<c10d::TCPStore>(host, options);
    // A restarted group must not read the keys of the one before.
    const std::string prefix =
        "timbre/" + environment("TORCHELASTIC_RUN_ID", "alone") + "/" + environment("TORCHELASTIC_RESTART_COUNT", "0");
    link_ = std::make_unique<Link>();
    link_->rank = rank_;
    link_->world = world_;
    link_->store = c10::make_intrusive<c10d::PrefixStore>(prefix, tcp);
    auto gloo = c10d::ProcessGroupGloo::Options::create(kStep);
    const bool here = host == "127.0.0.1" || host == "localhost" || number("LOCAL_WORLD_SIZE", 0) == world_;
    gloo->devices.push_back(here ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                 : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo->threads = 2;
    link_->group = c10::make_intrusive<c10d::ProcessGroupGloo>(link_->store, rank_, world_, gloo);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    const std::string text = e.what();
    throw SystemError(fmt::format("rank {} of {} could not meet the others at {}:{}: {}", rank_, world_, host, port,
                                  text.substr(0, text.find('\n'))),
                      "check that all ranks were started, and MASTER_ADDR and MASTER_PORT");
  }
  // Proof that every rank is there once and that sums are sums.
  const double n = world_;
  Tensor known = at::full({3}, static_cast<double>(rank_ + 1), at::TensorOptions(at::kDouble));
  known[1] = known[0] * known[0];
  known[2] = 1.0;
  sum(known);
  const double want[3] = {n * (n + 1) / 2, n * (n + 1) * (2 * n + 1) / 6, n};
  for (int i = 0; i < 3; ++i)
    if (known[i].item<double>() != want[i])
      throw SystemError(fmt::format("rank {}: the sum of known values over {} ranks is {:g}, expected {:g}", rank_,
                                    world_, known[i].item<double>(), want[i]),
                        "two groups may share one MASTER_PORT: choose another");
  link_->watch.emplace(rank_, texts(PeerWatch::place()));
}

Ranks::~Ranks() = default;

void Ranks::sum(Tensor& tensor) const {
  if (world_ == 1) return;
  Tensor here = tensor.to(at::kCPU).contiguous();
  std::vector<Tensor> list{here};
  link_->together([&] { return link_->group->allreduce(list); });
  if (!here.is_same(tensor)) tensor.copy_(here);
}

double Ranks::sum(double value) const {
  if (world_ == 1) return value;
  Tensor tensor = at::full({1}, value, at::TensorOptions(at::kDouble));
  sum(tensor);
  return tensor.item<double>();
}

void Ranks::sum_all(const std::vector<Tensor>& tensors, std::int64_t bucket_bytes) const {
  if (world_ == 1) return;
  std::size_t from = 0;
  while (from < tensors.size()) {
    std::size_t to = from;
    std::int64_t bytes = 0;
    std::vector<Tensor> flat;
    while (to < tensors.size() &&
           (to == from || bytes + static_cast<std::int64_t>(tensors[to].nbytes()) <= bucket_bytes)) {
      bytes += static_cast<std::int64_t>(tensors[to].nbytes());
      flat.push_back(tensors[to++].reshape({-1}));
    }
    Tensor bucket = at::cat(flat);
    sum(bucket);
    std::int64_t offset = 0;
    for (; from < to; ++from) {
      tensors[from].copy_(bucket.narrow(0, offset, tensors[from].numel()).view(tensors[from].sizes()));
      offset += tensors[from].numel();
    }
  }
}

void Ranks::broadcast_rows(const std::vector<Tensor>& rows, int root, std::int64_t bucket_bytes) const {
  if (world_ == 1) return;
  struct Part {
    Tensor row;
    std::int64_t offset;  ///< bytes into the bucket
  };
  std::vector<Part> parts;
  std::int64_t filled = 0;
  const auto flush = [&] {
    if (parts.empty()) return;
    Tensor bucket = at::empty({filled}, at::TensorOptions(at::kByte));
    const auto place = [&](const Part& part) {
      const auto bytes = static_cast<std::int64_t>(part.row.nbytes());
      return bucket.narrow(0, part.offset, bytes).view(part.row.scalar_type());
    };
    if (rank_ == root)
      for (const Part& part : parts) place(part).copy_(part.row);
    std::vector<Tensor> list{bucket};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    link_->together([&] { return link_->group->broadcast(list, options); });
    if (rank_ != root)
      for (const Part& part : parts) part.row.copy_(place(part));
    parts.clear();
    filled = 0;
  };
  constexpr std::int64_t kAlign = 16;  // so that a number of any type may begin there
  for (const Tensor& row : rows) {
    const auto width = static_cast<std::int64_t>(row.element_size());
    for (std::int64_t from = 0; from < row.numel();) {
      if (filled + width > bucket_bytes) flush();
      const std::int64_t count =
          std::min(row.numel() - from, std::max<std::int64_t>(1, (bucket_bytes - filled) / width));
      parts.push_back({row.detach().narrow(0, from, count), filled});
      filled += (count * width + kAlign - 1) / kAlign * kAlign;
      from += count;
    }
  }
  flush();
}

void Ranks::send(const Tensor& tensor, int rank) const {
  std::vector<Tensor> list{tensor.detach().to(at::kCPU).contiguous()};
  link_->together([&] { return link_->group->send(list, rank, 0); });
}

void Ranks::receive(Tensor& tensor, int rank) const {
  std::vector<Tensor> list{tensor};
  link_->together([&] { return link_->group->recv(list, rank, 0); });
}

void Ranks::broadcast(const std::vector<Tensor>& tensors) const {
  if (world_ == 1) return;
  for (const Tensor& tensor : tensors) {
    Tensor here = tensor.detach().to(at::kCPU).contiguous();
    std::vector<Tensor> list{here};
    link_->together([&] { return link_->group->broadcast(list); });
    tensor.detach().copy_(here);
  }
}

std::vector<std::string> Ranks::texts(const std::string& mine) const {
  if (world_ == 1) return {mine};
  const auto longs = at::TensorOptions(at::kLong);
  Tensor sizes = at::zeros({world_}, longs);
  sizes[rank_] = static_cast<std::int64_t>(mine.size());
  sum(sizes);
  Tensor letters = at::zeros({world_, std::max<std::int64_t>(1, sizes.max().item<std::int64_t>())}, longs);
  std::int64_t* own = letters.mutable_data_ptr<std::int64_t>() + rank_ * letters.size(1);
  for (std::size_t i = 0; i < mine.size(); ++i) own[i] = static_cast<unsigned char>(mine[i]);
  sum(letters);
  std::vector<std::string> all;
  for (int rank = 0; rank < world_; ++rank) {
    const std::int64_t* row = letters.const_data_ptr<std::int64_t>() + rank * letters.size(1);
    all.emplace_back(row, row + sizes[rank].item<std::int64_t>());
  }
  return all;
}

void Ranks::barrier() const {
  if (world_ > 1) link_->together([&] { return link_->group->barrier(); });
}

void Ranks::part() const {
  if (world_ == 1) return;
  link_->watch->stop();
  barrier();
}

}  // namespace timbre::train
