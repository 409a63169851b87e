#include <string_view>

#include "base/error.h"
#include "codecs/xcodec2/parity.h"
#include "fetch/digest.h"
#include "nn/fsq.h"
#include "weights/npy.h"

namespace timbre::xcodec2 {
namespace {

using nlohmann::json;
using nn::Tensor;
using roles::ParityRun;

constexpr const char* kTensors = "cases_fsq.safetensors";
constexpr const char* kCases = "cases.json";

std::string sha256(std::string_view bytes) {
  fetch::Digests digests({"sha256"});
  digests.add(bytes);
  return digests.finish().at("sha256");
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Tensor tensor(const ParityRun& run, const std::string& name) { return nn::to_torch(run.input(kTensors, name)); }

void put(ParityRun& run, const std::string& name, const Tensor& value) {
  if (run.has(kTensors, name)) run.put(kTensors, name, nn::from_torch(value.detach().contiguous().clone()));
}

/// The whole table: digests and sums.
void table(ParityRun& run, const std::string& at, const weights::FsqCodebook& book) {
  const std::vector<float> vectors = book.all_vectors();
  run.put_json(kCases, at + "/sha256_of_all_digits_uint8", sha256(bytes_of(book.all_digits())));
  run.put_json(kCases, at + "/sha256_of_all_vectors_float32_le", sha256(bytes_of(vectors)));
  std::vector<double> sums(static_cast<std::size_t>(book.dims()));
  for (std::int64_t index = 0; index < book.size(); ++index)
    for (std::size_t k = 0; k < sums.size(); ++k)
      sums[k] +=
          static_cast<double>(vectors[static_cast<std::size_t>(index) * sums.size() + k]) * static_cast<double>(index);
  run.put_json(kCases, at + "/column_sums_weighted_by_index", sums);
}

void quantizer(ParityRun& run, const std::string& name) {
  const std::string at = "/fsq/" + name, head = name + ".";
  const auto levels = run.input_json(kCases, at + "/levels").get<std::vector<std::int64_t>>();
  nn::Fsq fsq(run.input_json(kCases, at + "/dim").get<std::int64_t>(), {.levels = levels, .bounds = 2});
  weights::TensorMap projections;
  for (const char* key : {"project_in.weight", "project_in.bias", "project_out.weight", "project_out.bias"})
    projections.insert(key, run.input(kTensors, head + key));
  fsq.load_exactly(projections, (run.dir() / kTensors).string());
  table(run, at, fsq.codebook());

  const at::NoGradGuard no_grad;
  const Tensor index_N = tensor(run, head + "index");
  put(run, head + "vector", fsq.vectors(index_N));
  put(run, head + "output_from_index", fsq.decode(index_N));
  const Tensor once_NK = fsq.bound(tensor(run, head + "grid")), twice_NK = fsq.bound(once_NK);
  put(run, head + "grid_bounded_once", once_NK);
  put(run, head + "grid_bounded_twice", twice_NK);
  put(run, head + "grid_codes", fsq.round(twice_NK));
  put(run, head + "grid_index", fsq.codes_of(fsq.round(twice_NK)));
  const auto result = fsq.forward(tensor(run, head + "x"));
  put(run, head + "z", result.projected_BTK);
  put(run, head + "x_index", result.codes_BT.unsqueeze(-1));
  put(run, head + "x_out", result.out_BTD);
}

void code_files(ParityRun& run) {
  const weights::Tensor codes = weights::read_npy(run.input_path("codes_int64.npy"));
  run.put_json(kCases, "/npy/codes", codes.to_i64());
  std::vector<std::int32_t> narrow;
  for (const std::int64_t code : codes.to_i64()) narrow.push_back(static_cast<std::int32_t>(code));
  run.put("codes_int32.npy", "-", weights::Tensor::of(codes.shape, std::move(narrow)));

  const weights::Tensor grid = weights::read_npy(run.input_path("codes_fortran_2d_int16.npy"));
  if (grid.shape.size() != 2) throw DataError(fmt::format("codes_fortran_2d_int16.npy is {}", grid.describe()));
  const std::vector<std::int64_t> flat = grid.to_i64();
  json rows = json::array();
  for (std::int64_t r = 0; r < grid.shape[0]; ++r) {
    const auto first = flat.begin() + r * grid.shape[1];
    rows.push_back(std::vector<std::int64_t>(first, first + grid.shape[1]));
  }
  run.put_json(kCases, "/npy/codes_fortran_2d", rows);
}

}  // namespace

void run_codebook_parity(ParityRun& run) {
  for (const std::string& name : run.keys(kCases, "/fsq")) {
    try {
      quantizer(run, name);
    } catch (const Error& problem) {
      run.skip(std::string(kTensors) + ":" + name + ".*", problem.what());
      run.skip(std::string(kCases) + ":/fsq/" + name + "/*", problem.what());
    }
  }
  try {
    code_files(run);
  } catch (const Error& problem) {
    run.skip("*npy*", problem.what());
  }
}

}  // namespace timbre::xcodec2
