#include "models/valle/model_wiring.h"

#include <fmt/format.h>

#include <set>

namespace timbre::valle {
namespace {

Tensor parameter(Valle& model, const std::string& name) {
  for (const nn::Named& named : model.named_parameters())
    if (named.name == name) return named.tensor;
  throw std::logic_error("valle: there is no " + name);
}

bool reached(const Tensor& table) { return table.grad().defined() && (table.grad() != 0).any().item<bool>(); }

/// Gradients of a few tables, whatever is frozen; leaves them as they were.
class Watched {
 public:
  explicit Watched(std::vector<Tensor> tables) : tables_(std::move(tables)) {
    for (Tensor& table : tables_) {
      learned_.push_back(table.requires_grad());
      table.set_requires_grad(true);
      table.mutable_grad() = Tensor();
    }
  }
  ~Watched() {
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      tables_[i].mutable_grad() = Tensor();
      tables_[i].set_requires_grad(learned_[i]);
    }
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  void backward(const Tensor& loss) const { loss.backward({}, std::nullopt, false, tables_); }

 private:
  std::vector<Tensor> tables_;
  std::vector<bool> learned_;
};

void look(Valle& model, const Pass& pass, const Inputs& inputs, const NarDraws& draws, Stage stage,
          std::vector<std::string>& faults) {
  const bool ar = stage == Stage::ar;
  const char *part = ar ? "AR" : "NAR", *own = ar ? "ar" : "nar", *other = ar ? "nar" : "ar";
  const auto table = [&](const char* side, const char* kind) {
    return parameter(model, fmt::format("{}_{}_embedding.word_embeddings.weight", side, kind));
  };
  const Tensor text_VD = table(own, "text"), mine_LD = table(own, "language"), others_LD = table(other, "language");
  const Watched watched({text_VD, mine_LD, others_LD});
  watched.backward(pass(inputs, stage, draws).loss);
  if (reached(others_LD))
    faults.push_back(fmt::format("the {} part hears {}_language_embedding, the table of the other part", part, other));
  if (!reached(mine_LD)) {
    faults.push_back(fmt::format("the {} part does not hear {}_language_embedding", part, own));
    return;
  }
  std::set<std::int64_t> wanted;
  const Tensor rows = inputs.language_BX.cpu().flatten();
  for (std::int64_t i = 0; i < rows.numel(); ++i) wanted.insert(rows[i].item<std::int64_t>());
  const std::vector<std::string>& languages = model.config().languages;
  for (std::int64_t row = 0; row < mine_LD.size(0); ++row)
    if (!wanted.contains(row) && (mine_LD.grad()[row] != 0).any().item<bool>())
      faults.push_back(fmt::format("the {} part hears the row of '{}' in a text that is not of it", part,
                                   languages[static_cast<std::size_t>(row)]));
  // A token's vector is its own plus that of its language: over all tokens both get the same gradient, unless some
  // token hears no language or hears it twice.
  const Tensor by_language_D = mine_LD.grad().sum(0), by_token_D = text_VD.grad().sum(0);
  const double off = (by_language_D - by_token_D).abs().max().item<double>(),
               scale = text_VD.grad().abs().sum(0).max().item<double>();
  constexpr double kRounding = 1e-4;  // of sums over some hundred tokens in 32 bits
  if (off > kRounding * scale)
    faults.push_back(
        fmt::format("not every token of the {} part's text hears its language once: divided at an "
                    "enrolled length?",
                    part));
}

}  // namespace

std::vector<std::string> language_faults(Valle& model, const Pass& pass, const Inputs& inputs, const NarDraws& draws) {
  std::vector<std::string> faults;
  look(model, pass, inputs, draws, Stage::ar, faults);
  if (model.config().num_quantizers > 1) look(model, pass, inputs, draws, Stage::nar, faults);
  return faults;
}

}  // namespace timbre::valle
