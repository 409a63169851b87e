#include "train/parts.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "train/optim.h"

namespace timbre::train {
namespace {

const std::vector<roles::Part> kParts = {
    {"pitch", "the pitch predictor", {"adaptor.pitch", "adaptor.pitch_conv"}, {"variance.pitch"}},
    {"postnet", "the post-net", {"postnet"}, {}},
    {"encoder", "the encoder", {"encoder"}, {}},
    {"mel", "all but the predictors", {"encoder", "decoder"}, {}}};
const std::vector<std::string> kNames = {"encoder.w", "encoder.b", "decoder.w", "adaptor.pitch.w"};

std::map<std::string, double> factors(const OptimOptions& resolved) {
  std::vector<Named> all;
  for (const std::string& name : kNames) all.push_back({name, at::zeros({1}).set_requires_grad(true)});
  std::map<std::string, double> by_name;
  for (const ParameterGroup& group : make_groups(all, resolved.group_lr))
    for (const Named& named : group.parameters) by_name[named.name] = group.factor * resolved.lr;
  return by_name;
}

TEST(Parts, EveryPartLearnsAtItsOwnRate) {
  OptimOptions o;
  o.lr = 1e-3;
  o.part_lr = {{"pitch", 1e-4}, {"mel", 2e-3}, {"encoder", 5e-4}, {"postnet", 0}};
  const auto rates = factors(resolve_parts(o, kParts, kNames));
  EXPECT_NEAR(rates.at("adaptor.pitch.w"), 1e-4, 1e-12);
  EXPECT_NEAR(rates.at("encoder.w"), 5e-4, 1e-12) << "the part named first counts";
  EXPECT_NEAR(rates.at("decoder.w"), 2e-3, 1e-12);
}

TEST(Parts, TheFieldsAreBoundToTheRates) {
  OptimOptions o;
  config::Fields fields;
  fields.group("lr", part_fields(o, kParts));
  fields.set("lr.pitch", "1e-4");
  EXPECT_EQ(o.part_lr.at("pitch"), 1e-4);
  EXPECT_EQ(o.part_lr.at("mel"), 0);
}

TEST(Parts, FreezeTakesPartsTheirOtherNamesAndPatterns) {
  OptimOptions o;
  o.freeze = {"variance.pitch", "*.b"};
  EXPECT_EQ(resolve_parts(o, kParts, kNames).freeze, (std::vector<std::string>{"adaptor.pitch", "*.b"}));
}

std::string complaint(const OptimOptions& o) {
  try {
    resolve_parts(o, kParts, kNames);
  } catch (const UsageError& error) {
    return std::string(error.what()) + " | " + error.next();
  }
  return "none";
}

TEST(Parts, WhatCannotBeMeantIsTold) {
  OptimOptions o;
  o.freeze = {"variance.pich"};
  EXPECT_NE(complaint(o).find("did you mean 'variance.pitch'"), std::string::npos) << complaint(o);
  o.freeze = {"encodr"};
  EXPECT_NE(complaint(o).find("did you mean 'encoder'"), std::string::npos) << complaint(o);
  o.freeze = {"postnet"};
  EXPECT_NE(complaint(o).find("no part 'postnet'"), std::string::npos) << complaint(o);
  o.freeze = {};
  o.part_lr = {{"postnet", 1e-4}};
  EXPECT_NE(complaint(o).find("lr.postnet: this network has no such part"), std::string::npos) << complaint(o);
  o.part_lr = {{"pitch", 1e-4}};
  o.freeze = {"pitch"};
  EXPECT_NE(complaint(o).find("frozen"), std::string::npos) << complaint(o);
  o.freeze = {};
  o.lr = 0;
  EXPECT_NE(complaint(o).find("optim.lr above 0"), std::string::npos) << complaint(o);
}

}  // namespace
}  // namespace timbre::train
