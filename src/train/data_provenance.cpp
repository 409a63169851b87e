#include "train/data_provenance.h"

namespace timbre::train {

using nlohmann::json;

json with_licence(json about, const corpus::Corpus& corpus) {
  about["licence"] = corpus.about().value("licence", "");
  about["attribution"] = corpus.about().value("attribution", "");
  return about;
}

json with_provenance(json about, const json& run, const corpus::Corpus& corpus,
                     const std::vector<std::string>& test_ids) {
  json& provenance = about["provenance"] = run;
  provenance["corpus"] = corpus.name();
  provenance["corpus_hash"] = corpus.hash();
  provenance["test_ids"] = test_ids;
  return about;
}

}  // namespace timbre::train
