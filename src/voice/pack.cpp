#include "voice/pack.h"

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "voice/card.h"
#include "weights/convert.h"
#include "weights/safetensors.h"

namespace timbre::voice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kAbout = "voice.json";
constexpr const char* kCard = "README.md";

fs::path trained_folder(const fs::path& path) {
  for (const fs::path& folder : {path, path / "voice"})
    if (fs::is_regular_file(folder / kAbout)) return folder;
  throw UsageError(fmt::format("{} is nothing that was trained: it has no {}", path.string(), kAbout),
                   "timbre info " + path.string());
}

/// How far rounding moved a tensor, as a share of its largest number.
double loss_of(const std::string& where, const weights::Tensor& before, const weights::Tensor& after) {
  const std::vector<float> was = before.to_f32(), is = after.to_f32();
  double largest = 0, moved = 0;
  for (std::size_t i = 0; i < was.size(); ++i) {
    if (std::isfinite(was[i]) && !std::isfinite(is[i]))
      throw DataError(fmt::format("{}: {:g} is beyond the numbers of {}", where, was[i], weights::name_of(after.dtype)),
                      "--dtype bf16 holds larger ones, --dtype f32 keeps the weights as they are");
    largest = std::max(largest, std::abs(static_cast<double>(was[i])));
    moved = std::max(moved, std::abs(static_cast<double>(was[i]) - static_cast<double>(is[i])));
  }
  return largest > 0 ? moved / largest : 0;
}

/// A folder that is gone afterwards unless it was published under another name.
struct Scratch {
  explicit Scratch(fs::path at) : path(std::move(at)) { clear(); }
  ~Scratch() { clear(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void clear() const {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

class Packer {
 public:
  Packer(fs::path to, const PackOptions& options) : to_(std::move(to)), options_(options) {}

  /// A folder with a voice.json, and the folders inside it.
  void folder(const fs::path& from, const fs::path& inside) {
    bool rounds = false;
    if (fs::is_regular_file(from / kAbout)) {
      const json about = read_json(from / kAbout);
      rounds = about.contains("model") && about["model"].value("kind", "") != "g2p";
    }
    if (options_.write) make_folders(to_ / inside);
    for (const auto& entry : fs::directory_iterator(from)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".") || name == kCard) continue;
      if (entry.is_directory())
        folder(entry.path(), inside / name);
      else
        file(entry.path(), inside / name, rounds && entry.path().extension() == ".safetensors");
    }
  }

  Packed done;

 private:
  void file(const fs::path& from, const fs::path& name, bool rounds) {
    done.before += fs::file_size(from);
    if (!rounds) {
      done.bytes += fs::file_size(from);
      if (options_.write) write_file_atomic(to_ / name, read_file(from));
      return;
    }
    weights::Metadata metadata;
    weights::TensorMap rounded;
    for (const auto& [tensor_name, tensor] : weights::read_safetensors(from, &metadata)) {
      const weights::Tensor now = weights::reals_as(tensor, options_.dtype);
      done.largest_loss = std::max(done.largest_loss, loss_of(from.string() + ": " + tensor_name, tensor, now));
      done.parameters += tensor.numel();
      rounded.insert(tensor_name, now);
    }
    done.bytes += static_cast<std::uint64_t>(rounded.bytes());
    if (options_.write) weights::write_safetensors(to_ / name, rounded, metadata);
  }

  fs::path to_;
  const PackOptions& options_;
};

/// Of files on the machine that trained (--split.test-list), the name is enough for others.
void forget_places(json& about) {
  if (about.is_structured()) {
    for (auto& child : about) forget_places(child);
  } else if (about.is_string()) {
    const fs::path path = about.get<std::string>();
    if (path.is_absolute()) about = path.filename().string();
  }
}

/// The top voice.json with what the caller adds.
json described(const fs::path& folder, const fs::path& out, const PackOptions& options) {
  json about = read_json(folder / kAbout);
  if (!about.is_object() || !about.contains("model"))
    throw DataError(fmt::format("{}: the field 'model' is missing", (folder / kAbout).string()));
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) about[key] = value;
  };
  set("name", options.name.empty() ? out.filename().string() : options.name);
  set("licence", options.licence);
  set("attribution", options.attribution);
  if (!options.scores.is_null()) {
    about["scores"] = options.scores;
    for (auto& row : about["scores"]["rows"]) row.erase("clips");
  }
  forget_places(about);
  if (about.value("licence", "").empty())
    throw UsageError(fmt::format("{} has no licence, so nobody may use it", folder.string()),
                     "say it: --licence 'CC BY-SA 3.0' --attribution 'whose recordings these are'");
  return about;
}

}  // namespace

Packed pack(const fs::path& source, const fs::path& given_out, const PackOptions& options) {
  const fs::path from = trained_folder(source);
  const fs::path out = given_out.has_filename() ? given_out : given_out.parent_path();  // "voices/small/"
  if (fs::exists(out)) throw UsageError(fmt::format("{} is there already", out.string()), "choose another --out");
  const json about = described(from, out, options);
  const Scratch fresh(out.parent_path() / ("." + out.filename().string() + "-new"));
  Packer packer(fresh.path, options);
  packer.folder(from, {});
  packer.done.name = about["name"].get<std::string>();
  if (!options.write) return packer.done;
  write_file_atomic(fresh.path / kAbout, about.dump(1) + "\n");
  write_file_atomic(fresh.path / kCard, card(about, {.parameters = packer.done.parameters,
                                                     .bytes = packer.done.bytes,
                                                     .dtype = std::string(weights::name_of(options.dtype)),
                                                     .folder = out.string()}));
  publish_folder(fresh.path, out);
  return packer.done;
}

}  // namespace timbre::voice
