#include <gtest/gtest.h>

#include "parity/sets.h"
#include "support/parity.h"

namespace timbre::parity {
namespace {

TEST(LlasaDataParity, EveryEntryIsWithinItsBound) {
  testing_support::expect_whole_set(
      "llasa_data",
      [](roles::ParityRun& run) {
        roles::Registry registry;
        register_all_sets(registry);
        registry.parity_sets().at(run.set())(run);
      },
      60);
}

}  // namespace
}  // namespace timbre::parity
