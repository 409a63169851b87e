#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// A page that is one file: pictures and sounds are inside, no network, no scripts needed to read it.
namespace timbre::report {

std::string escape_html(std::string_view text);
/// "data:<type>;base64,…"
std::string data_uri(std::string_view media_type, std::span<const unsigned char> bytes);

/// Builds the page from top to bottom. Text given to it is escaped; `…_html` is taken as it is.
class Page {
 public:
  explicit Page(std::string title, std::string subtitle = {});
  void section(const std::string& heading, const std::string& explanation = {});
  void paragraph(const std::string& text);
  void paragraph_html(const std::string& html);
  /// Elements of any kind.
  void block_html(const std::string& html);
  /// A place that links in the page lead to ("#name").
  void anchor(const std::string& name);
  void picture(std::span<const unsigned char> png, const std::string& caption);
  /// A drawing as an SVG document.
  void svg(const std::string& document);
  /// A player of a sound inside the page (report/sound.h).
  void player(const std::string& uri, const std::string& caption);
  /// Cells of the first column are row headings.
  void table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);
  /// As above, cells being HTML.
  void table_html(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows_html);
  /// A block that is closed until it is clicked, for long lists.
  void details(const std::string& summary, const std::string& text);
  std::string html() const;

  static std::string player_html(const std::string& uri);

 private:
  std::string title_, subtitle_, body_;
};

}  // namespace timbre::report
