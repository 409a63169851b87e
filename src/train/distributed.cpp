#include "train/distributed.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gloo/transport/tcp/device.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"

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
constexpr std::chrono::seconds kStep{1800};  // a rank may validate or write a checkpoint while the others wait

}  // namespace

struct Ranks::Link {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
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
}

Ranks::~Ranks() = default;

void Ranks::sum(Tensor& tensor) const {
  if (world_ == 1) return;
  Tensor here = tensor.to(at::kCPU).contiguous();
  std::vector<Tensor> list{here};
  link_->group->allreduce(list)->wait();
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

void Ranks::broadcast(const std::vector<Tensor>& tensors) const {
  if (world_ == 1) return;
  for (const Tensor& tensor : tensors) {
    Tensor here = tensor.detach().to(at::kCPU).contiguous();
    std::vector<Tensor> list{here};
    link_->group->broadcast(list)->wait();
    tensor.detach().copy_(here);
  }
}

void Ranks::barrier() const {
  if (world_ > 1) link_->group->barrier()->wait();
}

}  // namespace timbre::train
