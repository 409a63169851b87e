#include "weights/npy.h"

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "base/strings.h"
#include "weights/numpy_type.h"
#include "weights/pickle.h"
#include "weights/zip_file.h"

namespace timbre::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxDimensions = 64;

struct NpyHeader {
  std::string type;
  bool is_fortran = false;
  std::vector<std::int64_t> shape;
};

/// The header is a Python dict of three keys: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !has_type) {
        if (next() == '[') fail("an array of records is not supported");
        header.type = quoted();
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        header.is_fortran = truth();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = tuple();
        has_shape = true;
      } else {
        fail("the key '{}' is unknown or comes twice", key);
      }
      if (!accept(',') && next() != '}') fail("expected ',' or '}}'");
    }
    if (!has_type || !has_order || !has_shape) fail("expected descr, fortran_order and shape");
    return header;
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw DataError(
        fmt::format("{}: npy header, character {}: {}", name_, at_, fmt::format(format, std::forward<Args>(args)...)));
  }
  char next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail("expected '{}'", wanted);
  }
  std::string quoted() {
    const char quote = next();
    if (quote != '\'' && quote != '"') fail("expected a text in quotes");
    const std::size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) fail("a text without an end");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }
  bool truth() {
    next();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    }
    fail("expected True or False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (!accept(')')) {
      const std::size_t begin = (next(), at_);
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      const auto extent = parse_int(text_.substr(begin, at_ - begin));
      if (!extent) fail("expected a size");
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2
      out.push_back(*extent);
      if (out.size() > kMaxDimensions) fail("more than {} dimensions", kMaxDimensions);
      if (!accept(',') && next() != ')') fail("expected ',' or ')'");
    }
    return out;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

NpyHeader read_header(ByteReader& reader) {
  if (text_of(reader.take(kMagic.size(), "the npy magic")) != kMagic) broken(reader.name(), 0, "no npy file");
  const auto major = reader.number<std::uint8_t>("the version");
  reader.number<std::uint8_t>("the version");
  if (major < 1 || major > 3) broken(reader.name(), 6, "npy version {}, expected 1 to 3", major);
  const std::uint64_t length = major == 1 ? reader.number<std::uint16_t>("the header length")
                                          : reader.number<std::uint32_t>("the header length");
  return HeaderParser(text_of(reader.take(length, "the header")), reader.name()).parse();
}

StridedView view_of(const NpyHeader& header, DType dtype) {
  StridedView view{dtype, header.shape, row_major_strides(header.shape), 0};
  if (header.is_fortran) {
    view.strides = row_major_strides({header.shape.rbegin(), header.shape.rend()});
    std::reverse(view.strides.begin(), view.strides.end());
  }
  return view;
}

Tensor tensor_of(const Value& value, const std::string& name) {
  if (!value.is_tensor()) {
    throw DataError(fmt::format("{}: an array of text or objects ({}), expected numbers", name, value.kind_name()));
  }
  return value.as_tensor();
}

/// A zip entry's name without ".npy".
std::string array_name(const std::string& entry) {
  return entry.ends_with(".npy") ? entry.substr(0, entry.size() - 4) : entry;
}

std::string npy_head(const Tensor& tensor, bool fortran = false) {
  const auto spelled = numpy_spelling(tensor.dtype);
  if (!spelled) {
    throw UsageError(fmt::format("NumPy has no {} numbers", weights::name_of(tensor.dtype)),
                     "write .safetensors or .pt, or convert to f32 first");
  }
  std::string shape = fmt::format("{}", fmt::join(tensor.shape, ", "));
  if (tensor.shape.size() == 1) shape += ',';
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", *spelled,
                                 fortran ? "True" : "False", shape);
  constexpr std::size_t kFixed = 10, kAlignment = 64;
  text.append(kAlignment - (kFixed + text.size() + 1) % kAlignment, ' ');
  text += '\n';
  std::string out(kMagic);
  out += '\1';
  out += '\0';
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

/// The elements with the first dimension running fastest.
std::string column_major(const Tensor& tensor) {
  const std::size_t size = size_of(tensor.dtype);
  const Bytes from = tensor.raw();
  std::string out(from.size(), '\0');
  std::vector<std::size_t> step(tensor.shape.size());  // in out, of each dimension
  std::size_t count = 1;
  for (std::size_t d = 0; d < step.size(); count *= static_cast<std::size_t>(tensor.shape[d]), ++d) step[d] = count;
  std::vector<std::int64_t> at(step.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t to = 0;
    for (std::size_t d = 0; d < step.size(); ++d) to += static_cast<std::size_t>(at[d]) * step[d];
    std::memcpy(out.data() + to * size, from.data() + i * size, size);
    for (std::size_t d = step.size(); d-- > 0 && ++at[d] == tensor.shape[d];) at[d] = 0;
  }
  return out;
}

}  // namespace

Value parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name) {
  ByteReader reader(bytes, name);
  const NpyHeader header = read_header(reader);
  const auto type = parse_numpy_type(header.type);
  if (!type) throw DataError(fmt::format("{}: the number type '{}' is not supported", name, header.type.substr(0, 40)));
  if (type->kind == 'O') {
    const Source source{bytes, owner, name};
    return read_pickle(source, reader.position()).take();
  }
  if (!type->dtype && type->kind != 'U' && type->kind != 'S') {
    throw DataError(fmt::format("{}: the number type '{}' is not supported", name, header.type.substr(0, 40)));
  }
  const std::uint64_t size = type->bytes;
  // Counted in single bytes first, so that any element size is covered.
  const auto numel = static_cast<std::uint64_t>(checked_numel(header.shape, type->dtype.value_or(DType::u8), name));
  std::uint64_t wanted = 0;
  if (__builtin_mul_overflow(numel, size, &wanted) || wanted != reader.left()) {
    broken(name, reader.position(), "an array {} of '{}' does not take the {} bytes that follow",
           shape_text(header.shape), header.type, reader.left());
  }
  const Bytes data = reader.take(wanted, "the array");
  if (!type->dtype) {
    Value::List texts = numpy_texts(*type, data);
    return header.shape.empty() && texts.size() == 1 ? texts[0] : Value::list(std::move(texts));
  }
  std::uint64_t copy_budget = data.size();
  return view_tensor(view_of(header, *type->dtype), data, owner, type->order, copy_budget, name);
}

Value read_npy_value(const fs::path& path) {
  const auto file = std::make_shared<MappedFile>(path);
  return parse_npy(file->bytes(), file, path.string());
}

Tensor read_npy(const fs::path& path) { return tensor_of(read_npy_value(path), path.string()); }

void write_npy(const fs::path& path, const Tensor& tensor) {
  const std::string head = npy_head(tensor);
  AtomicFile file(path);
  file.write(head);
  file.write(tensor.raw());
  file.commit();
}

Value parse_npz(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name) {
  ZipReader zip({bytes, std::move(owner), name});
  zip.verify();
  Value::Dict entries;
  for (const auto& entry : zip.entries()) {
    if (entry.name.ends_with('/')) continue;
    if (!entry.name.ends_with(".npy"))
      throw DataError(fmt::format("{}: the entry '{}' is no .npy array", name, entry.name));
    Source array = zip.read(entry);
    entries.emplace_back(array_name(entry.name), parse_npy(array.bytes, array.owner, array.name));
  }
  return Value::dict(std::move(entries));
}

Value read_npz_value(const fs::path& path) {
  const auto file = std::make_shared<MappedFile>(path);
  return parse_npz(file->bytes(), file, path.string());
}

TensorMap read_npz(const fs::path& path) {
  TensorMap out;
  const Value arrays = read_npz_value(path);
  for (const auto& [key, value] : arrays.as_dict()) {
    out.insert(key.as_text(), tensor_of(value, fmt::format("{}: array '{}'", path.string(), key.as_text())));
  }
  return out;
}

void write_npz(const fs::path& path, const TensorMap& tensors, const std::set<std::string>& fortran) {
  for (const auto& [name, tensor] : tensors) npy_head(tensor);  // refuse before anything is written
  ZipWriter zip(path);
  for (const auto& [name, tensor] : tensors) {
    if (fortran.contains(name)) {
      const std::string bytes = column_major(tensor);
      zip.add(name + ".npy", std::array{bytes_of(npy_head(tensor, true)), bytes_of(bytes)});
      continue;
    }
    const std::string head = npy_head(tensor);
    zip.add(name + ".npy", std::array{bytes_of(head), Bytes(tensor.raw())});
  }
  zip.commit();
}

}  // namespace timbre::weights
