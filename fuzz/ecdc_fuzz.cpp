// folders: base config kernels weights audio text roles codecs/encodec
#include "codecs/encodec/ecdc.h"
#include "fuzz/folder_input.h"

/// .ecdc files for both networks. What was accepted is written again: the same codes, and the same bytes where the
/// header is spelt as Python spells it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  for (void (*apply)(encodec::Config&) : {encodec::apply_24khz, encodec::apply_48khz})
    fuzz::guarded([&] {
      encodec::Config config;
      apply(config);
      const roles::Codes codes = encodec::read_ecdc(file, config, "fuzz");
      for (const auto& segment : codes.segments)
        for (const std::int32_t code : segment.codes_FQ) fuzz::must(code >= 0 && code < config.codebook_size);
      const std::string written = encodec::write_ecdc(codes, config);
      const roles::Codes again = encodec::read_ecdc(written, config, "written");
      fuzz::must(again.samples == codes.samples && again.segments.size() == codes.segments.size());
      for (std::size_t i = 0; i < codes.segments.size(); ++i)
        fuzz::must(again.segments[i].codes_FQ == codes.segments[i].codes_FQ);
    });
  return 0;
}
