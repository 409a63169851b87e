#include "codecs/encodec/codes_format.h"

#include "base/error.h"
#include "base/files.h"
#include "codecs/encodec/codec.h"
#include "codecs/encodec/ecdc.h"
#include "roles/codes_file.h"

namespace timbre::encodec {
namespace {

const Config& config_of(const roles::Codec& codec, const fs::path& path) {
  const auto* ours = dynamic_cast<const Codec*>(&codec);
  if (!ours)
    throw UsageError(fmt::format("{}: .ecdc files hold EnCodec's codes, the codec is {}", path.string(), codec.name()),
                     "name a file that ends in .safetensors");
  return ours->config();
}

}  // namespace

void add_ecdc_format() {
  roles::codes_formats()[".ecdc"] = {
      .summary = "the encodec package's container, without language model",
      .write = [](const fs::path& path, const roles::Codes& codes,
                  const roles::Codec& codec) { write_file_atomic(path, write_ecdc(codes, config_of(codec, path))); },
      .read =
          [](const fs::path& path, const roles::Codec& codec) {
            return read_ecdc(read_file(path), config_of(codec, path), path.string());
          }};
}

}  // namespace timbre::encodec
