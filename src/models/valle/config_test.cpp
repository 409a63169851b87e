#include "models/valle/config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "roles/registry.h"

namespace timbre::models {
void register_valle(roles::Registry& registry);
}

namespace timbre::valle {
namespace {

TEST(ValleConfig, PresetsHaveNoProblems) {
  roles::Registry registry;
  models::register_valle(registry);
  const auto& spec = registry.model("valle");
  for (const auto& preset : spec.presets)
    EXPECT_EQ(spec.config_of(preset.name)->problems(), std::vector<std::string>{}) << preset.name;
}

TEST(ValleConfig, NamesEveryContradiction) {
  Config config;
  config.nhead = 3;
  config.prefix_mode = 3;
  config.scaling_xformers = true;
  config.model_name = "VALL-F";
  config.languages = {"en"};
  EXPECT_EQ(config.problems().size(), 5u);  // the width twice: AR and NAR
}

TEST(ValleConfig, ScalesTheNarPartAsTheReferenceDoes) {
  Config config;
  config.decoder_dim = 96;
  config.nhead = 6;
  config.num_decoder_layers = 3;
  config.scale_factor = 0.5;
  EXPECT_EQ(config.nar_dim(), 48);
  EXPECT_EQ(config.nar_heads(), 3);
  EXPECT_EQ(config.nar_layers(), 1);  // int(1.5)
}

TEST(ValleConfig, SurvivesItsJson) {
  Config vallex;
  apply_vallex(vallex);
  Config back;
  config::Fields fields = back.fields();
  config::from_json(fields, config::to_json(vallex.fields()), "test");
  EXPECT_EQ(config::to_json(back.fields()), config::to_json(vallex.fields()));
}

}  // namespace
}  // namespace timbre::valle
