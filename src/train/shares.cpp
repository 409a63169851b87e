#include "train/shares.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace timbre::train {

Shares::Pieces Shares::deal(const std::vector<ParameterGroup>& groups, int world) {
  std::int64_t all = 0;
  for (const ParameterGroup& group : groups)
    for (const Named& named : group.parameters) all += named.tensor.numel();
  Pieces pieces;
  for (int rank = 0; rank < world; ++rank) {
    const std::int64_t from = all * rank / world, to = all * (rank + 1) / world;
    std::int64_t before = 0;
    auto& mine = pieces.emplace_back();
    for (const ParameterGroup& group : groups) {
      mine.emplace_back();
      for (const Named& named : group.parameters) {
        const std::int64_t size = named.tensor.numel();
        // Rounded within the parameter that the place falls into.
        const auto place = [&](std::int64_t in_row) {
          const std::int64_t within = std::clamp<std::int64_t>(in_row - before, 0, size);
          const std::int64_t below = within / kAlign * kAlign, above = std::min(below + kAlign, size);
          return within - below < above - within ? below : above;
        };
        mine.back().push_back({place(from), place(to)});
        before += size;
      }
    }
  }
  return pieces;
}

Shares::Shares(const std::vector<ParameterGroup>& groups, const Ranks& ranks)
    : ranks_(ranks), pieces_(deal(groups, ranks.world())) {}

Tensor Shares::cut(const Tensor& whole, Piece piece) {
  return whole.detach().reshape({-1}).narrow(0, piece.begin, piece.size());
}

void Shares::exchange(const std::vector<ParameterGroup>& groups) const {
  for (int rank = 0; rank < ranks_.world(); ++rank) {
    std::vector<Tensor> pieces;
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (std::size_t i = 0; i < groups[g].parameters.size(); ++i)
        if (const Piece part = piece(rank, g, i); part.size() > 0)
          pieces.push_back(cut(groups[g].parameters[i].tensor, part));
    ranks_.broadcast_rows(pieces, rank);
  }
}

Tensor Shares::whole(const Tensor& mine, std::size_t group, std::size_t parameter, at::IntArrayRef shape) const {
  if (!ranks_.first()) {
    if (mine.numel() > 0) ranks_.send(mine, 0);
    return {};
  }
  Tensor row = at::empty({c10::multiply_integers(shape)}, mine.options().device(at::kCPU));
  for (int rank = 0; rank < ranks_.world(); ++rank) {
    const Piece part = piece(rank, group, parameter);
    if (part.size() == 0) continue;
    Tensor place = row.narrow(0, part.begin, part.size());
    if (rank == 0)
      place.copy_(mine);
    else
      ranks_.receive(place, rank);
  }
  return row.view(shape);
}

}  // namespace timbre::train
