#include "models/llasa/trainer_file.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "config/fields.h"
#include "support/messages.h"

namespace timbre::llasa {
namespace {

using testing::HasSubstr;
using timbre::testing_support::message_of;

/// The settings of the speed trainer, other values.
const nlohmann::json kSettings = {{"llm_model_name_or_path", "models/Llasa-1B"},
                                  {"data_path", "data/rows: new"},
                                  {"bf16", true},
                                  {"output_dir", "runs/speed"},
                                  {"num_train_epochs", 5},
                                  {"per_device_train_batch_size", 2},
                                  {"per_device_eval_batch_size", 4},
                                  {"gradient_accumulation_steps", 8},
                                  {"evaluation_strategy", "steps"},
                                  {"eval_steps", 250},
                                  {"save_strategy", "steps"},
                                  {"save_steps", 1000},
                                  {"save_total_limit", 3},
                                  {"learning_rate", 2e-5},
                                  {"weight_decay", 0.01},
                                  {"adam_beta2", 0.95},
                                  {"warmup_ratio", 0.03},
                                  {"lr_scheduler_type", "cosine"},
                                  {"logging_steps", 10},
                                  {"report_to", "wandb"},
                                  {"model_max_length", 1024},
                                  {"gradient_checkpointing", false},
                                  {"dataloader_num_workers", 4},
                                  {"dataloader_prefetch_factor", 4}};

TEST(LlasaTrainerFile, SaysTheSameInOurWords) {
  ASSERT_TRUE(looks_like_trainer_file(kSettings.dump()));
  const std::string yaml = run_file_of(kSettings.dump(), "config_speed.json");
  const auto value = [&](const char* key) { return config::peek_yaml(yaml, key, "ours").value_or("absent"); };
  EXPECT_EQ(value("model"), "llasa");
  EXPECT_EQ(value("base"), "models/Llasa-1B");
  EXPECT_EQ(value("corpus"), "data/rows: new");
  EXPECT_EQ(value("out"), "runs/speed");
  EXPECT_EQ(value("row_length"), "1024");
  EXPECT_EQ(value("accumulate"), "8");
  EXPECT_EQ(value("max_epochs"), "5");
  EXPECT_EQ(value("max_steps"), "absent");
  EXPECT_EQ(value("valid_every_steps"), "250");
  EXPECT_EQ(value("save_every_steps"), "1000");
  EXPECT_EQ(value("precision"), "bf16");
  EXPECT_THAT(yaml, HasSubstr("  lr: 2e-05\n"));
  EXPECT_THAT(yaml, HasSubstr("  beta2: 0.95\n"));
  EXPECT_THAT(yaml, HasSubstr("  kind: warmup_cosine_hf\n  final_ratio: 0\n  warmup_ratio: 0.03\n"));
  EXPECT_THAT(yaml, HasSubstr("  items: 2\n  units: 0\n  order: trainer\n  seed: 42\n"));
}

/// What transformers takes where the file says nothing.
TEST(LlasaTrainerFile, HasTheTrainersDefaults) {
  const std::string yaml = run_file_of(R"({"llm_model_name_or_path": "a", "data_path": "b"})", "c.json");
  for (const char* line : {"  lr: 5e-05\n", "  weight_decay: 0\n", "  beta2: 0.999\n", "  items: 8\n",
                           "max_epochs: 3\n", "recompute: true\n", "precision: fp32\n", "  warmup_ratio: 0\n"})
    EXPECT_THAT(yaml, HasSubstr(line));
}

TEST(LlasaTrainerFile, RefusesWhatItCannotDo) {
  const auto with = [](const char* key, nlohmann::json value) {
    nlohmann::json settings = kSettings;
    settings[key] = std::move(value);
    return message_of<DataError>([&] { run_file_of(settings.dump(), "c.json"); });
  };
  EXPECT_THAT(with("deepspeed", "zero2.json"), HasSubstr("c.json: the setting 'deepspeed' would have an effect"));
  EXPECT_THAT(with("learning_rate", "1e-5"), HasSubstr("c.json: learning_rate is \"1e-5\", expected a number"));
  EXPECT_THAT(with("optim", "adamw_8bit"), HasSubstr("optim 'adamw_8bit' is not to be had here"));
  EXPECT_THAT(with("max_steps", 1e300), HasSubstr("max_steps is 1e+300, expected a whole number"));
  EXPECT_FALSE(looks_like_trainer_file("[1]"));
  EXPECT_FALSE(looks_like_trainer_file("model: llasa"));
}

}  // namespace
}  // namespace timbre::llasa
