#include "models/llasa/recipe.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "models/llasa/adapter.h"
#include "models/llasa/growth.h"
#include "models/llasa/hf_folder.h"
#include "models/llasa/layout.h"
#include "models/llasa/model_loss.h"
#include "models/llasa/recipe_base.h"
#include "models/llasa/voice_about.h"
#include "nn/init.h"
#include "roles/network_folder.h"

namespace timbre::llasa {

using nlohmann::json;

namespace {

constexpr std::int64_t kHitRows = 1024;  // rows of logits at a time

/// Where a target is a speech token: places in the flat [B·T] rows, and codes.
struct Spoken {
  std::vector<std::int64_t> places, codes;
};

Spoken spoken_targets(const Tensor& labels_BT, const tokenizer::SpeechTokens& speech) {
  const Tensor labels = labels_BT.to(at::kCPU, at::kLong).contiguous();
  const std::int64_t length = labels.size(1);
  const auto* label = labels.const_data_ptr<std::int64_t>();
  Spoken out;
  for (std::int64_t i = 0; i + 1 < labels.numel(); ++i) {
    if (i % length == length - 1) continue;
    const auto code = speech.code_of_id(static_cast<std::int32_t>(label[i + 1]));
    if (!code) continue;
    out.places.push_back(i);
    out.codes.push_back(*code);
  }
  return out;
}

Tensor longs(std::vector<std::int64_t> values, const at::Device& device) {
  const auto count = static_cast<std::int64_t>(values.size());
  return nn::to_torch(weights::Tensor::of<std::int64_t>({count}, std::move(values))).to(device);
}

}  // namespace

CodeHits code_hits(const Model& model, const Tensor& hidden_ND, const Tensor& labels_BT,
                   const tokenizer::SpeechTokens& speech) {
  const Spoken spoken = spoken_targets(labels_BT, speech);
  CodeHits hits;
  const auto count = static_cast<std::int64_t>(spoken.places.size());
  if (count == 0) return hits;
  const Tensor head_CD = model.head().narrow(0, speech.first_id, speech.count).to(at::kFloat);
  const Tensor places_N = longs(spoken.places, hidden_ND.device()), codes_N = longs(spoken.codes, hidden_ND.device());
  for (std::int64_t from = 0; from < count; from += kHitRows) {
    const std::int64_t rows = std::min(kHitRows, count - from);
    const Tensor h_ND = at::index_select(hidden_ND, 0, places_N.narrow(0, from, rows)).to(at::kFloat);
    const Tensor logits_NC = at::mm(h_ND, head_CD.t());
    const Tensor wanted_N1 = logits_NC.gather(1, codes_N.narrow(0, from, rows).unsqueeze(1));
    const Tensor better_N = (logits_NC > wanted_N1).sum(1);
    hits.first += (better_N < 1).sum().item<double>();
    hits.ten += (better_N < 10).sum().item<double>();
  }
  return hits;
}

Recipe::Recipe(std::unique_ptr<Model> model, std::unique_ptr<Data> data)
    : config_(model->config()), data_(std::move(data)), model_(std::move(model)) {}

void Recipe::open(const train::DataContext& context) {
  data_ = std::make_unique<Data>(context, config_);
  choose_adapters(context.continued);
  if (context.continued.is_object()) {
    const json was = context.continued.value("rows", json::object());
    for (const char* side : {"train_hash", "val_hash"})
      if (was.value(side, "") != data_->rows().value(side, ""))
        throw DataError(
            fmt::format("{}: its rows are not those this run was started with ({} is {} now, was {})",
                        context.corpus.string(), side, data_->rows().value(side, "absent"), was.value(side, "absent")),
            "put the rows back, or start a new run from these weights with --base");
    baseline_ = {.top1 = context.continued.value("bigram_top1", 0.0),
                 .top10 = context.continued.value("bigram_top10", 0.0)};
    language_ = context.continued.value("language", language_);
    speaking_ = context.continued.value("speaking", json());
    config_.base_model = context.continued.value("base_model", config_.base_model);
  } else {
    baseline_ = data_->baseline();
    speaking_ = data_->speaking();
    if (baseline_.top10 > 0)
      context.events({"note",
                      {{"bigram_top1", baseline_.top1},
                       {"bigram_top10", baseline_.top10},
                       {"text", fmt::format("the code before alone names the next one in {:.1f} % of the validation "
                                            "rows' codes, and among ten in {:.1f} %: what top1 and top10 have to beat",
                                            100 * baseline_.top1, 100 * baseline_.top10)}}});
  }
  config_.vocab_size = std::max(config_.vocab_size, data_->vocabulary());
  const tokenizer::Tokenizer& tokenizer = *data_->tokenizer();
  if (!config_.bos_token_id && tokenizer.bos()) config_.bos_token_id = *tokenizer.bos();
  if (config_.eos_token_id.empty() && tokenizer.eos()) config_.eos_token_id = {*tokenizer.eos()};
  model_ = std::make_unique<Model>(config_);
}

/// The options of adapters that a run goes on from are those they were made with.
void Recipe::choose_adapters(const json& continued) {
  if (config_.adapter.empty()) return;
  if (!continued.is_object()) {
    config_.lora = read_adapter(config_.adapter).options;
    return;
  }
  Config was;
  roles::read_model(was, "llasa", continued, "the run's checkpoint");
  config_.lora = was.lora;
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo& info) {
  LossOptions options;
  if (info.divisors) options.factor = 1.0 / info.divisors->at("targets");
  return {{"loss", model_->loss(rows_of(batch), batch["labels_BT"], options).sum, "targets", 1.0}};
}

std::vector<train::Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo&) {
  const Tensor hidden_ND = model_->hidden(rows_of(batch));
  std::vector<train::Term> terms{{"loss", model_->loss_of_hidden(hidden_ND, batch["labels_BT"]).sum, "targets", 1.0}};
  if (!data_->speech() || batch.counts.at("codes") == 0) return terms;
  const CodeHits hits = code_hits(*model_, hidden_ND, batch["labels_BT"], *data_->speech());
  const auto report = [&](const char* name, double sum) {
    terms.push_back({name, nn::init_constant({}, sum), "codes", 0.0});
  };
  report("top1", hits.first);
  report("top10", hits.ten);
  if (baseline_.top10 <= 0) return terms;
  report("bigram_top1", baseline_.top1 * batch.counts.at("codes"));
  report("bigram_top10", baseline_.top10 * batch.counts.at("codes"));
  return terms;
}

std::string Recipe::data_fingerprint() const {
  const json& rows = data_->rows();
  if (!rows.is_object()) return train::Recipe::data_fingerprint();
  return fmt::format("{} train rows {}, {} val rows {}", items(train::Split::train).size(),
                     rows.value("train_hash", "absent"), items(train::Split::valid).size(),
                     rows.value("val_hash", "absent"));
}

json Recipe::about() const {
  json codec = data_->codec();
  if (!codec.is_object()) codec = {{"codec", config_.codec}};
  codec["codebooks"] = 1;
  json about = about_voice(config_, data_->tokenizer() ? tokenizer_facts(*data_->tokenizer()) : json(), codec);
  about["language"] = language_;
  if (speaking_.is_object()) about["speaking"] = speaking_;
  about["rows"] = data_->rows();
  about["bigram_top1"] = baseline_.top1;
  about["bigram_top10"] = baseline_.top10;
  // A run's own weights may have adapters beside the base's: a reader of its checkpoints must know.
  about["model"]["config"]["lora"] = roles::about_model("llasa", config_)["config"]["lora"];
  about["base_model"] = config_.base_model;
  return about;
}

train::StartReport Recipe::start_from(const train::Base& base) {
  train::StartReport report = start_network(*model_, config_, *data_->tokenizer(), base, language_);
  if (config_.base_model.empty()) config_.base_model = base.source.filename().string();
  return report;
}

void Recipe::write_voice(const fs::path& folder, const weights::TensorMap& weights, const json& provenance) const {
  weights::TensorMap base;
  Adapter adapter;
  for (const auto& [name, tensor] : weights)
    (name.find(".lora_") == std::string::npos ? base : adapter.tensors).insert(name, tensor);
  std::vector<Source> sources = sources_of(base);
  make_folders(folder);
  if (!adapter.tensors.empty()) {
    adapter.options = config_.lora;
    adapter.base_model = config_.base_model;
    adapter.base_fingerprint = fingerprint(base);
    write_adapter(folder / "adapter", adapter);
    sources = merged_sources(base, adapter);
  }
  write_hf_weights(folder, sources, {.dtype = weights::DType::f32, .shard_bytes = INT64_MAX});
  copy_tokenizer(data_->tokenizer_folder(), folder / kTokenizerFolder);
  json voice = about();
  voice["model"] = about_voice(config_, {}, {})["model"];  // the adapters are merged
  voice["format"] = "timbre voice 1";
  voice["name"] = provenance.value("run", std::string("llasa"));
  voice["provenance"] = provenance;
  voice["provenance"]["rows"] = voice["rows"];
  voice.erase("rows");
  voice.erase("base_model");
  write_file_atomic(folder / "voice.json", voice.dump(1) + "\n");
}

double Recipe::bytes_per_unit() const {
  // Kept for the way back, floats a token: inputs, norms and attention of a layer, and what is inside its feed-forward.
  const auto width = static_cast<double>(config_.hidden_size), inner = static_cast<double>(config_.intermediate_size);
  const double layer = config_.recompute ? width : 8 * width + 4 * inner;
  return 4.0 * (static_cast<double>(config_.num_hidden_layers) * layer + 4 * width);
}

void recipe_defaults(train::TrainOptions& options, const std::string& preset) {
  options.optim.beta2 = 0.95;
  options.optim.eps = 1e-8;
  options.optim.weight_decay = 0.01;
  options.optim.no_decay = {"*norm*"};
  options.optim.clip_norm = 1.0;
  options.schedule.kind = "warmup_cosine";
  options.schedule.final_ratio = 0;
  options.keep = 2;
  if (preset == "small" || preset == "debug") {
    options.optim.lr = 1e-3;
    options.schedule.warmup_steps = 100;
    options.batch.items = 0;
    options.batch.units = 4096;
    options.max_steps = 5000;
    options.valid_every_steps = 500;
    options.valid_at_epoch_end = false;
    return;
  }
  options.optim.lr = 1e-5;
  options.schedule.warmup_steps = 300;
  options.batch.items = 4;
  options.accumulate = 4;
  options.max_epochs = 5;
  options.valid_every_steps = 500;
  options.save_every_minutes = 60;
}

}  // namespace timbre::llasa
