#include "train/parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "nn/module.h"

namespace timbre::train {
namespace {

using Names = std::vector<std::string>;

bool has(const Names& parameters, const std::string& pattern) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& name) { return nn::matches(pattern, name); });
}

const roles::Part* find(std::span<const roles::Part> parts, const std::string& name) {
  for (const roles::Part& part : parts)
    if (part.name == name || std::find(part.also.begin(), part.also.end(), name) != part.also.end()) return &part;
  return nullptr;
}

Names names_of(std::span<const roles::Part> parts) {
  Names names;
  for (const roles::Part& part : parts) {
    names.push_back(part.name);
    names.insert(names.end(), part.also.begin(), part.also.end());
  }
  return names;
}

/// Whole modules, for "did you mean": "encoder.layers.0.attention.w_qs.weight" says encoder, encoder.layers …
Names modules_of(const Names& parameters) {
  Names modules;
  for (const std::string& name : parameters)
    for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
      const std::string module = name.substr(0, dot);
      if (modules.empty() || std::find(modules.begin(), modules.end(), module) == modules.end())
        modules.push_back(module);
    }
  return modules;
}

Names patterns_of(const roles::Part& part, const Names& parameters) {
  Names patterns;
  for (const std::string& pattern : part.patterns)
    if (has(parameters, pattern)) patterns.push_back(pattern);
  return patterns;
}

Names frozen_patterns(const OptimOptions& options, std::span<const roles::Part> parts, const Names& parameters) {
  Names frozen;
  for (const std::string& word : options.freeze) {
    if (const roles::Part* part = find(parts, word)) {
      const Names patterns = patterns_of(*part, parameters);
      if (patterns.empty())
        throw UsageError(fmt::format("optim.freeze: this network has no part '{}' ({})", word, part->summary),
                         "leave it out");
      frozen.insert(frozen.end(), patterns.begin(), patterns.end());
    } else if (has(parameters, word)) {
      frozen.push_back(word);
    } else {
      Names candidates = names_of(parts);
      const Names modules = modules_of(parameters);
      candidates.insert(candidates.end(), modules.begin(), modules.end());
      const std::string meant = did_you_mean(word, candidates);
      throw UsageError(fmt::format("optim.freeze: '{}' is no part of this network and matches no parameter", word),
                       (meant.empty() ? "" : meant + " ") +
                           (parts.empty() ? fmt::format("names look like {}", parameters.empty() ? "" : parameters[0])
                                          : "parts: " + join(names_of(parts), ", ")));
    }
  }
  return frozen;
}

}  // namespace

config::Fields part_fields(OptimOptions& o, std::span<const roles::Part> parts) {
  config::Fields f;
  for (const roles::Part& part : parts)
    f.add(part.name, o.part_lr[part.name], fmt::format("learning rate of {}; 0 = optim.lr", part.summary))
        .range(0, 1e3);
  return f;
}

OptimOptions resolve_parts(const OptimOptions& options, std::span<const roles::Part> parts, const Names& parameters) {
  OptimOptions out = options;
  out.freeze = frozen_patterns(options, parts, parameters);
  Names free;
  for (const std::string& name : parameters)
    if (std::none_of(out.freeze.begin(), out.freeze.end(), [&](const auto& p) { return nn::matches(p, name); }))
      free.push_back(name);
  for (const roles::Part& part : parts) {
    const auto rate = options.part_lr.find(part.name);
    if (rate == options.part_lr.end() || rate->second == 0) continue;
    if (!(options.lr > 0))
      throw UsageError(fmt::format("lr.{} needs optim.lr above 0: the schedule is told as a share of it", part.name));
    if (patterns_of(part, parameters).empty())
      throw UsageError(fmt::format("lr.{}: this network has no such part ({})", part.name, part.summary),
                       "leave it out");
    const Names patterns = patterns_of(part, free);
    if (patterns.empty())
      throw UsageError(fmt::format("lr.{}: all of it is frozen by optim.freeze", part.name), "give one of the two");
    // A part may hold parts that came before it and took all it has.
    for (const std::string& pattern : patterns) {
      const bool left = std::any_of(free.begin(), free.end(), [&](const std::string& name) {
        return nn::matches(pattern, name) &&
               std::none_of(out.group_lr.begin(), out.group_lr.end(), [&](const std::string& before) {
                 return nn::matches(before.substr(0, before.rfind('=')), name);
               });
      });
      if (left) out.group_lr.push_back(fmt::format("{}={}", pattern, rate->second / options.lr));
    }
  }
  return out;
}

}  // namespace timbre::train
