#include "report/page.h"

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::report {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1d2430;--soft:#5b6575;--line:#dde2ea;--paper:#fff;--band:#f5f7fa;--mark:#2f6f9f}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b5;--line:#343c4a;--paper:#171b22;--band:#1f2530;--mark:#7cb8e4}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;margin:0 0 .25rem} h2{font-size:1.25rem;margin:2.6rem 0 .4rem;padding-top:1rem;border-top:1px solid var(--line)}
p{max-width:46rem} .soft{color:var(--soft);margin-top:0}
table{border-collapse:collapse;width:100%;margin:.8rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle}
thead th{font-weight:600;color:var(--soft);font-size:.85rem} tbody tr:nth-child(even){background:var(--band)}
figure{margin:1rem 0} figure svg{max-width:100%;height:auto;border-radius:4px} figcaption{color:var(--soft);font-size:.9rem} img{max-width:100%;height:auto;border-radius:4px}
audio{height:34px;width:100%;max-width:26rem} td audio{width:11.5rem}
.ok{color:#2a8a57} .bad{color:#c2442f} pre{background:var(--band);padding:.8rem;overflow:auto;font-size:.85rem;border-radius:4px}
.wide{overflow-x:auto}
)";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string data_uri(std::string_view media_type, std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = fmt::format("data:{};base64,", media_type);
  out.reserve(out.size() + bytes.size() * 4 / 3 + 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const unsigned group = bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += left > 1 ? kDigits[group >> 6 & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

Page::Page(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::section(const std::string& heading, const std::string& explanation) {
  body_ += fmt::format("<h2>{}</h2>\n", escape_html(heading));
  if (!explanation.empty()) paragraph(explanation);
}

void Page::paragraph(const std::string& text) { body_ += fmt::format("<p>{}</p>\n", escape_html(text)); }

void Page::paragraph_html(const std::string& html) { body_ += fmt::format("<p>{}</p>\n", html); }

void Page::block_html(const std::string& html) { body_ += html + "\n"; }

void Page::anchor(const std::string& name) { body_ += fmt::format("<a id=\"{}\"></a>\n", escape_html(name)); }

void Page::svg(const std::string& document) { body_ += "<figure>" + document + "</figure>\n"; }

void Page::picture(std::span<const unsigned char> png, const std::string& caption) {
  body_ += fmt::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n",
                       data_uri("image/png", png), escape_html(caption), escape_html(caption));
}

std::string Page::player_html(const std::string& uri) {
  return fmt::format("<audio controls preload=\"metadata\" src=\"{}\"></audio>", uri);
}

void Page::player(const std::string& uri, const std::string& caption) {
  block_html(fmt::format("<figure>{}<figcaption>{}</figcaption></figure>", player_html(uri), escape_html(caption)));
}

void Page::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  auto escaped = rows;
  for (auto& row : escaped) {
    for (auto& cell : row) cell = escape_html(cell);
  }
  table_html(head, escaped);
}

void Page::table_html(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows_html) {
  body_ += "<div class=\"wide\"><table><thead><tr>";
  for (const auto& cell : head) body_ += fmt::format("<th scope=\"col\">{}</th>", escape_html(cell));
  body_ += "</tr></thead><tbody>\n";
  for (const auto& row : rows_html) {
    body_ += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      body_ += i == 0 ? fmt::format("<th scope=\"row\">{}</th>", row[i]) : fmt::format("<td>{}</td>", row[i]);
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Page::details(const std::string& summary, const std::string& text) {
  body_ +=
      fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n", escape_html(summary), escape_html(text));
}

std::string Page::html() const {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">"
      "<title>{}</title><style>{}</style></head><body><main>\n<h1>{}</h1>\n<p "
      "class=\"soft\">{}</p>\n{}</main></body></html>\n",
      escape_html(title_), kStyle, escape_html(title_), escape_html(subtitle_), body_);
}

}  // namespace timbre::report
