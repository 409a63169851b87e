#include "report/compare_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/page.h"

namespace timbre::report {
namespace {

constexpr const char* kStyle = R"(<style>
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem;max-width:46rem}
.pair figure{margin:0;padding:1rem;background:var(--band);border-radius:6px}
.pair audio{max-width:none} .answers{display:flex;gap:.6rem;flex-wrap:wrap;margin:1rem 0}
button{font:inherit;padding:.55rem 1rem;border:1px solid var(--line);border-radius:6px;background:var(--band);color:var(--ink);cursor:pointer}
button:disabled{opacity:.45;cursor:default} button.chosen{border-color:var(--mark);box-shadow:inset 0 0 0 1px var(--mark)}
button:focus-visible,input:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
input{font:inherit;padding:.45rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--paper);color:var(--ink)}
progress{width:100%;max-width:46rem} .text{font-size:1.15rem} @media(max-width:40rem){.pair{grid-template-columns:1fr}}
</style>)";

constexpr const char* kBody =
    R"(<noscript><p class="bad">This page needs JavaScript to be turned on in the browser; it loads nothing from the network.</p></noscript>
<section id="trial" hidden><p><span id="count"></span></p><progress id="progress"></progress><p class="text" id="text"></p>
<div class="pair"><figure><figcaption>1</figcaption><audio id="first" controls></audio></figure>
<figure><figcaption>2</figcaption><audio id="second" controls></audio></figure></div>
<div class="answers"><button data-choice="first">1 is better</button><button data-choice="same">no difference</button><button data-choice="second">2 is better</button></div>
<p class="soft" id="hint"></p><p><button id="back">back</button></p></section>
<section id="end" hidden><h2>Done</h2><p id="thanks"></p>
<p><label>Your name or initials: <input id="listener" autocomplete="off"></label></p>
<p><button id="save">Save the answers</button> <button id="again">Look at them again</button></p>
<div id="verdict"></div></section>)";

// Nothing of what is shown before the end depends on the key.
constexpr const char* kScript = R"(
const test = JSON.parse(document.getElementById("test").textContent), at = id => document.getElementById(id);
const memory = "timbre-comparison-" + test.comparison;
let answers = {}, heard = {}, place = 0;
try { answers = JSON.parse(localStorage.getItem(memory)) || {}; } catch (e) {}
const left = () => test.trials.findIndex((t, i) => !(i in answers));
function keep() { try { localStorage.setItem(memory, JSON.stringify(answers)); } catch (e) {} }
function show(i) {
  place = i; heard = i in answers ? {first: true, second: true} : {};
  at("end").hidden = true; at("trial").hidden = false;
  at("count").textContent = `Pair ${i + 1} of ${test.trials.length}`;
  at("progress").max = test.trials.length; at("progress").value = Object.keys(answers).length;
  at("text").textContent = test.trials[i].text || "";
  for (const side of ["first", "second"]) at(side).src = test.trials[i][side];
  at("back").disabled = i === 0; ready();
}
function ready() {
  const both = heard.first && heard.second;
  for (const b of document.querySelectorAll("[data-choice]")) { b.disabled = !both; b.classList.toggle("chosen", answers[place] === b.dataset.choice); }
  at("hint").textContent = both ? "Keys: 1 and 2 play, \u2190 and \u2192 prefer, 0 sees no difference." : "Listen to both to the end first. Keys: 1 and 2 play.";
}
function choose(choice) {
  if (!(heard.first && heard.second)) return;
  answers[place] = choice; keep();
  const next = left(); next < 0 ? finish() : show(next);
}
function finish() {
  for (const side of ["first", "second"]) at(side).pause();
  at("trial").hidden = true; at("end").hidden = false;
  at("thanks").textContent = `All ${test.trials.length} pairs are answered.` + (test.key ? "" : " Please save the answers and send the file to whoever asked you.");
  verdict();
}
function verdict() {
  if (!test.key) return;
  const key = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(test.key), c => c.charCodeAt(0))));
  let a = 0, b = 0, same = 0;
  key.first.forEach((first, i) => { const c = answers[i]; c === "same" ? same++ : (c === "first") === (first === "a") ? a++ : b++; });
  const line = text => { const p = document.createElement("p"); p.textContent = text; at("verdict").append(p); };
  at("verdict").textContent = "";
  line(`${key.a}: ${a} preferred. ${key.b}: ${b} preferred. No difference: ${same}.`);
  let tail = 0, ways = 1; const n = a + b;
  for (let k = 0; k <= Math.min(a, b); ways = ways * (n - k) / ++k) tail += ways / 2 ** n;
  if (n) line(`Sign test: p = ${Math.min(1, 2 * tail).toPrecision(2)}. Below 0.05 it is unlikely to be chance.`);
}
function save() {
  const result = {format: "timbre preference 1", comparison: test.comparison, listener: at("listener").value,
                  answers: test.trials.map((t, i) => ({trial: i, choice: answers[i]}))};
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], {type: "application/json"}));
  link.download = `answers-${(at("listener").value || "listener").replace(/[^\p{L}\p{N}]+/gu, " ").trim().replaceAll(" ", "-")}.json`;
  link.click();
}
for (const side of ["first", "second"]) {
  at(side).addEventListener("ended", () => { heard[side] = true; ready(); });
  at(side).addEventListener("play", () => at(side === "first" ? "second" : "first").pause());
}
for (const b of document.querySelectorAll("[data-choice]")) b.addEventListener("click", () => choose(b.dataset.choice));
at("back").addEventListener("click", () => show(place - 1));
at("again").addEventListener("click", () => show(0));
at("save").addEventListener("click", save);
document.addEventListener("keydown", e => {
  if (at("trial").hidden || e.target.tagName === "INPUT" || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "1") at("first").play(); else if (e.key === "2") at("second").play();
  else if (e.target.tagName === "AUDIO") return;
  else if (e.key === "ArrowLeft") choose("first"); else if (e.key === "ArrowRight") choose("second"); else if (e.key === "0") choose("same");
});
left() < 0 ? finish() : show(left());
)";

/// Base64 of the key: enough that it is not read by accident in the page's source.
std::string folded(const nlohmann::json& key) {
  const std::string text = key.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string uri = data_uri("", {reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  return uri.substr(uri.find(',') + 1);
}

}  // namespace

std::string make_compare_page(const score::Comparison& comparison, const std::vector<TrialSounds>& sounds,
                              const ComparePageOptions& options) {
  nlohmann::json test = {{"comparison", comparison.id}, {"trials", nlohmann::json::array()}};
  nlohmann::json key = {{"a", comparison.a}, {"b", comparison.b}, {"first", nlohmann::json::array()}};
  for (std::size_t i = 0; i < comparison.trials.size(); ++i) {
    const score::Trial& trial = comparison.trials[i];
    test["trials"].push_back({{"text", options.show_text ? trial.text : ""},
                              {"first", sounds.at(i).first},
                              {"second", sounds.at(i).second}});
    key["first"].push_back(trial.a_first ? "a" : "b");
  }
  if (options.reveal) test["key"] = folded(key);
  std::string data = test.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;) data.replace(at, 1, "\\u003c");
  Page page(comparison.question, "Two clips of the same words at a time, in random order. Headphones help.");
  page.block_html(kStyle);
  page.block_html(kBody);
  page.block_html(fmt::format("<script type=\"application/json\" id=\"test\">{}</script>", data));
  page.block_html(fmt::format("<script>{}</script>", kScript));
  return page.html();
}

}  // namespace timbre::report
