// What the classes in a pickle mean: containers of the standard library, NumPy's arrays and numbers, torch's tensors.
// Names are compared as text; nothing is looked up, imported or called.

#include <algorithm>
#include <array>

#include "weights/pickle_reader.h"

namespace timbre::weights {
namespace {

constexpr std::size_t kMaxDimensions = 64;
constexpr std::uint64_t kNestedCost = 16;  // a nested file is charged this often its size

struct TorchType {
  std::string_view storage, name;
  DType dtype;
};
constexpr std::array<TorchType, kDTypes> kTorchTypes{{{"DoubleStorage", "float64", DType::f64},
                                                      {"FloatStorage", "float32", DType::f32},
                                                      {"HalfStorage", "float16", DType::f16},
                                                      {"BFloat16Storage", "bfloat16", DType::bf16},
                                                      {"LongStorage", "int64", DType::i64},
                                                      {"IntStorage", "int32", DType::i32},
                                                      {"ShortStorage", "int16", DType::i16},
                                                      {"CharStorage", "int8", DType::i8},
                                                      {"ByteStorage", "uint8", DType::u8},
                                                      {"BoolStorage", "bool", DType::boolean},
                                                      {"ComplexFloatStorage", "complex64", DType::c64},
                                                      {"ComplexDoubleStorage", "complex128", DType::c128},
                                                      {"", "uint16", DType::u16},
                                                      {"", "uint32", DType::u32},
                                                      {"", "uint64", DType::u64}}};

std::string_view last_part(std::string_view dotted) { return dotted.substr(dotted.rfind('.') + 1); }

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Value PickleReader::class_named(std::string module, std::string_view name) {
  if (module == "__builtin__") module = "builtins";
  if (module == "copy_reg") module = "copyreg";
  if (module.starts_with("numpy.core")) module.replace(0, 10, "numpy._core");  // NumPy 2 moved it
  Value::Opaque type;
  type.class_name = module + "." + std::string(name);
  type.is_class = true;
  const std::uint64_t bytes = type.class_name.size() + sizeof type;
  return remember({Kind::opaque, std::make_unique<Value::Opaque>(std::move(type))}, bytes);
}

const std::string& PickleReader::class_of(const Value& value) const {
  static const std::string kNone;
  return value.kind() == Kind::opaque ? value.as_opaque().class_name : kNone;
}

Value PickleReader::opaque_object(const std::string& class_name, const Value& arguments) {
  Value::Opaque object;
  object.class_name = class_name;
  object.arguments = std::make_shared<Value>(arguments);
  const std::uint64_t bytes = class_name.size() + sizeof object + 64;
  return remember({Kind::opaque, std::make_unique<Value::Opaque>(std::move(object))}, bytes);
}

Value PickleReader::call(const Value& callable, const Value& arguments) {
  if (callable.kind() != Kind::opaque) fail("calls what is no class: {}", callable.kind_name());
  if (arguments.kind() != Kind::tuple)
    fail("calls {} with a {}, expected a tuple", class_of(callable), arguments.kind_name());
  const std::string& name = class_of(callable);
  if (!callable.as_opaque().is_class)
    return opaque_object(fmt::format("(object of {})", name.substr(0, 100)), arguments);
  const Value::List& given = arguments.as_list();
  std::string_view rest = name;
  std::optional<Value> made;
  if (strip_prefix(rest, "torch."))
    made = call_torch(rest, given);
  else if (strip_prefix(rest, "numpy."))
    made = call_numpy(rest, given);
  else
    made = call_builtin(rest, given);
  return made ? *made : opaque_object(name, arguments);
}

std::optional<Value> PickleReader::call_builtin(std::string_view name, const Value::List& given) {
  if (name == "collections.OrderedDict" || name == "collections.defaultdict" || name == "collections.Counter" ||
      name == "builtins.dict") {
    Value made = remember({Kind::dict, Node::Mapping{{}, {}, name == "collections.OrderedDict"}});
    if (given.empty() || name == "collections.defaultdict") return made;
    if (given[0].is_dict()) {
      for (const auto& [key, value] : given[0].as_dict()) set_items(made, {key, value});
      return made;
    }
    if (given[0].kind() != Kind::list) return std::nullopt;
    for (const Value& pair : given[0].as_list()) {  // Python 2: [[key, value], …]
      if (!pair.is_sequence() || pair.as_list().size() != 2) return std::nullopt;
      set_items(made, pair.as_list());
    }
    return made;
  }
  if (name == "builtins.set" || name == "builtins.frozenset" || name == "builtins.list" || name == "builtins.tuple") {
    if (given.size() > 1 || (given.size() == 1 && !given[0].is_sequence())) return std::nullopt;
    const Value::List items = given.empty() ? Value::List{} : given[0].as_list();
    if (name == "builtins.tuple") return tuple(items);
    Value made = remember({name == "builtins.list" ? Kind::list : Kind::set, Value::List{}});
    append_items(made, items);
    return made;
  }
  if (name == "builtins.bytes" || name == "builtins.bytearray") {
    if (given.empty()) return text(Kind::bytes, "");
    if (given[0].kind() == Kind::bytes) return text(Kind::bytes, given[0].as_bytes());
    name = "_codecs.encode";  // bytearray(text, "latin-1")
  }
  if (name == "_codecs.encode") {
    if (given.size() != 2 || !given[0].is_text() || !given[1].is_text()) return std::nullopt;
    const std::string& codec = given[1].as_text();
    if (codec == "utf-8" || codec == "utf8") return text(Kind::bytes, given[0].as_text());
    if (codec != "latin1" && codec != "latin-1") return std::nullopt;
    charge(given[0].as_text().size());
    std::string out;
    const std::string& utf8 = given[0].as_text();
    for (std::size_t i = 0; i < utf8.size(); ++i) {
      const auto byte = static_cast<unsigned char>(utf8[i]);
      if (byte < 0x80) {
        out += utf8[i];
        continue;
      }
      // Code points 80 to ff take two bytes of UTF-8: c2 or c3, then a continuation.
      const auto next = i + 1 < utf8.size() ? static_cast<unsigned char>(utf8[i + 1]) : 0u;
      if ((byte != 0xc2 && byte != 0xc3) || (next & 0xc0) != 0x80) fail("bytes as text beyond Latin-1");
      out += static_cast<char>((byte & 3) << 6 | (next & 0x3f));
      ++i;
    }
    return remember({Kind::bytes, std::move(out)});
  }
  if (name == "builtins.complex" && given.size() == 2) {
    const auto is_number = [](const Value& v) { return v.kind() == Kind::real || v.kind() == Kind::integer; };
    if (!is_number(given[0]) || !is_number(given[1])) return std::nullopt;
    return remember({Kind::complex, std::pair(given[0].as_real(), given[1].as_real())});
  }
  return std::nullopt;
}

// ---- torch -------------------------------------------------------------------------------------------------------

std::vector<std::int64_t> PickleReader::extents(const Value& value) const {
  if (!value.is_sequence() || value.as_list().size() > kMaxDimensions)
    fail("expected a tuple of at most {} extents", kMaxDimensions);
  std::vector<std::int64_t> out;
  for (const Value& extent : value.as_list()) {
    if (extent.kind() != Kind::integer) fail("an extent is a {}, expected an integer", extent.kind_name());
    out.push_back(extent.as_int());
  }
  return out;
}

std::optional<Value> PickleReader::rebuild_tensor(const Value::List& given, std::optional<DType> stated) {
  if (given.size() < 4) fail("a tensor of {} arguments", given.size());
  const auto found = given[0].kind() == Kind::opaque ? storage_of_.find(&node_of(given[0])) : storage_of_.end();
  if (found == storage_of_.end()) return std::nullopt;
  const StorageRef& storage = state_->storages[found->second];
  const std::optional<DType> dtype = stated ? stated : storage.dtype;
  if (!dtype) return std::nullopt;
  if (given[1].kind() != Kind::integer) fail("a tensor whose offset is a {}", given[1].kind_name());
  StridedView view{*dtype, extents(given[2]), extents(given[3]), given[1].as_int()};
  charge(view.shape.size() * 4 * sizeof(std::int64_t) + sizeof(Pickled::State::Pending));
  Tensor hollow{*dtype, view.shape, nullptr, nullptr};
  Value made = remember({Kind::tensor, std::move(hollow)});
  state_->pending.push_back({shared_node(made), found->second, std::move(view)});
  return made;
}

std::optional<Value> PickleReader::call_torch(std::string_view name, const Value::List& given) {
  if (name == "_utils._rebuild_tensor" || name == "_utils._rebuild_tensor_v2")
    return rebuild_tensor(given, std::nullopt);
  if (name == "_utils._rebuild_tensor_v3") {
    if (given.size() < 7) fail("a tensor of {} arguments", given.size());
    const std::string_view wanted = class_of(given[6]);
    for (const auto& known : kTorchTypes) {
      if (wanted.starts_with("torch.") && wanted.substr(6) == known.name) return rebuild_tensor(given, known.dtype);
    }
    return std::nullopt;
  }
  if ((name == "_utils._rebuild_parameter" || name == "_utils._rebuild_parameter_with_state") && !given.empty())
    return given[0];
  if (name == "_tensor._rebuild_from_type_v2" && given.size() >= 3 && given[2].kind() == Kind::tuple &&
      class_of(given[0]) != "torch._tensor._rebuild_from_type_v2") {
    return call(given[0], given[2]);
  }
  if (name == "Size") {
    if (given.size() == 1 && given[0].is_sequence()) return given[0];
    return std::nullopt;
  }
  if (name == "storage._load_from_bytes" && given.size() == 1 && options_.nested) {
    const std::string* raw = raw_of(given[0]);
    if (!raw) return std::nullopt;
    charge(kNestedCost * raw->size() + (1 << 10));
    auto kept = std::make_shared<const std::string>(*raw);
    StorageRef storage = options_.nested(
        {bytes_of(*kept), kept, fmt::format("{}: byte {}: nested torch file", source_.name, opcode_at_)});
    const Value object = opaque_object(storage.class_name, empty_tuple_);
    storage_of_[&node_of(object)] = state_->storages.size();
    state_->storages.push_back(std::move(storage));
    return object;
  }
  return std::nullopt;
}

Value PickleReader::persistent(const Value& id) {
  if (!options_.allows_storages) fail("refers to an object outside of the pickle");
  if (id.kind() != Kind::tuple || id.as_list().empty() || !id.as_list()[0].is_text())
    fail("a persistent id that is no storage");
  const Value::List& parts = id.as_list();
  if (parts[0].as_text() == "module" && parts.size() >= 2)
    return parts[1];  // the old format keeps a class's source with it
  if (parts[0].as_text() != "storage" || parts.size() < 5)
    fail("the persistent id '{}' is no storage", parts[0].as_text().substr(0, 40));
  const std::string_view class_name = class_of(parts[1]);
  if (class_name.empty() || !parts[2].is_text() || parts[4].kind() != Kind::integer || parts[4].as_int() < 0)
    fail("a broken storage id");
  StorageRef storage;
  storage.key = parts[2].as_text();
  storage.class_name = class_name;
  storage.elements = parts[4].as_int();
  const std::string_view bare = last_part(class_name);
  storage.is_untyped = bare == "UntypedStorage" || bare == "_UntypedStorage";
  for (const auto& known : kTorchTypes) {
    if (!known.storage.empty() && bare == known.storage) storage.dtype = known.dtype;
  }
  if (parts.size() > 5 && parts[5].is_sequence() && parts[5].as_list().size() == 3) {
    const Value::List& part = parts[5].as_list();
    if (!part[0].is_text() || part[1].kind() != Kind::integer || part[2].kind() != Kind::integer)
      fail("a broken storage view");
    storage.view_key = part[0].as_text();
    storage.view_offset = part[1].as_int();
    storage.view_elements = part[2].as_int();
  }
  const std::string identity = fmt::format("{}/{}/{}", storage.key, storage.class_name, storage.view_key);
  const auto [place, is_new] = storage_by_key_.emplace(identity, state_->storages.size());
  Value object = opaque_object(storage.class_name, tuple({parts[2], parts[4]}));
  if (is_new) {
    charge(2 * identity.size() + sizeof storage + 128);
    state_->storages.push_back(std::move(storage));
  } else if (state_->storages[place->second].elements != storage.elements) {
    fail("storage '{}' is given two sizes, {} and {}", storage.key, state_->storages[place->second].elements,
         storage.elements);
  }
  storage_of_[&node_of(object)] = place->second;
  return object;
}

// ---- NumPy -------------------------------------------------------------------------------------------------------

const std::string* PickleReader::raw_of(const Value& value) const {
  if (value.kind() == Kind::bytes) return &value.as_bytes();
  return value.is_text() ? &value.as_text() : nullptr;  // Python 2 wrote bytes as text
}

std::optional<NumpyType> PickleReader::numpy_type(const Value& value) const {
  if (class_of(value) != "numpy.dtype" || value.as_opaque().is_class) return std::nullopt;
  const Value::Opaque& object = value.as_opaque();
  if (!object.arguments || object.arguments->as_list().empty() || !object.arguments->as_list()[0].is_text())
    return std::nullopt;
  auto type = parse_numpy_type(object.arguments->as_list()[0].as_text());
  // The state is (version, byte order, subtype, names, fields, size, alignment, flags).
  if (!type || !object.state || !object.state->is_sequence()) return type;
  const Value::List& state = object.state->as_list();
  if (state.size() > 1 && state[1].is_text() && state[1].as_text() == ">") type->order = ByteOrder::big;
  if (state.size() > 3 && !(state[2].is_none() && state[3].is_none())) return std::nullopt;  // records
  return type;
}

std::optional<Value> PickleReader::call_numpy(std::string_view name, const Value::List& given) {
  if (name == "_core.multiarray.scalar" && given.size() == 2) {
    const auto type = numpy_type(given[0]);
    if (!type) return std::nullopt;
    if (type->kind == 'O') return given[1];
    const std::string* raw = raw_of(given[1]);
    if (!raw || raw->size() != type->bytes)
      fail("a NumPy number of {} bytes, expected {}", raw ? raw->size() : 0, type->bytes);
    if (type->kind == 'U' || type->kind == 'S') {
      Value::List texts = numpy_texts(*type, bytes_of(*raw));
      return texts.empty() ? text(Kind::text, "") : text(Kind::text, texts[0].as_text());
    }
    if (!type->dtype) return std::nullopt;
    const Value made = make_array(*type, empty_tuple_, false, *raw);
    const Tensor& number = made.as_tensor();
    switch (*type->dtype) {
      case DType::boolean:
        return Value(number.to_i64()[0] != 0);
      case DType::f64:
      case DType::f32:
      case DType::f16:
        return Value(number.to_f64()[0]);
      case DType::c64:
      case DType::c128:
        return made;
      case DType::u64:
        if (number.as<std::uint64_t>()[0] > INT64_MAX) return decimal(std::to_string(number.as<std::uint64_t>()[0]));
        return Value(number.to_i64()[0]);
      default:
        return Value(number.to_i64()[0]);
    }
  }
  if (name == "_core.numeric._frombuffer" && given.size() == 4 && given[3].is_text()) {
    const auto type = numpy_type(given[1]);
    const std::string* raw = raw_of(given[0]);
    if (!type || !type->dtype || !raw) return std::nullopt;
    return make_array(*type, given[2], given[3].as_text() == "F", *raw);
  }
  if (name == "_core.multiarray._reconstruct" && !given.empty() && class_of(given[0]) == "numpy.ndarray") {
    return opaque_object("numpy.ndarray", empty_tuple_);  // build_array() fills it
  }
  return std::nullopt;
}

Value PickleReader::make_array(const NumpyType& type, const Value& shape, bool is_fortran, const std::string& raw) {
  const std::string where = fmt::format("{}: byte {}: array", source_.name, opcode_at_);
  StridedView view{*type.dtype, extents(shape), {}, 0};
  const std::int64_t numel = checked_numel(view.shape, view.dtype, where);
  if (static_cast<std::uint64_t>(numel) * size_of(view.dtype) != raw.size()) {
    fail("a NumPy array {} of {} bytes", shape_text(view.shape), raw.size());
  }
  view.strides = row_major_strides(view.shape);
  if (is_fortran) {
    std::vector<std::int64_t> reversed(view.shape.rbegin(), view.shape.rend());
    view.strides = row_major_strides(reversed);
    std::reverse(view.strides.begin(), view.strides.end());
  }
  charge(raw.size() + view.shape.size() * 16);
  const auto kept = std::make_shared<std::vector<std::byte>>(bytes_of(raw).begin(), bytes_of(raw).end());
  return remember({Kind::tensor, view_tensor(view, *kept, kept, type.order, budget_, where)});
}

void PickleReader::build_array(Value& array, const Value::List& state) {
  // (version, shape, dtype, is Fortran order, data); the oldest pickles lack the version.
  const std::size_t first = state.size() == 4 ? 0 : 1;
  if (state.size() != first + 4) fail("a NumPy array state of {} parts", state.size());
  const Value &shape = state[first], &order = state[first + 2], &data = state[first + 3];
  const auto type = numpy_type(state[first + 1]);
  const bool is_fortran =
      order.kind() == Kind::boolean ? order.as_bool() : order.kind() == Kind::integer && order.as_int() != 0;
  Node& node = node_of(array);
  if (type && type->kind == 'O' && data.kind() == Kind::list) {
    charge(data.as_list().size() * sizeof(Value));
    node.body = data.as_list();
    node.kind = Kind::list;
    return;
  }
  const std::string* raw = raw_of(data);
  if (type && raw && type->dtype) {
    const Value made = make_array(*type, shape, is_fortran, *raw);
    node.body = made.as_tensor();
    node.kind = Kind::tensor;
  } else if (type && raw && (type->kind == 'U' || type->kind == 'S')) {
    charge(raw->size() + (type->bytes ? raw->size() / type->bytes : 0) * 160);
    node.body = numpy_texts(*type, bytes_of(*raw));
    node.kind = Kind::list;
  } else {
    std::get<std::unique_ptr<Value::Opaque>>(node.body)->state = std::make_shared<Value>(tuple(state));
  }
}

void PickleReader::build(Value& object, const Value& state) {
  if (object.kind() == Kind::dict) {
    std::get<Node::Mapping>(node_of(object).body).attributes = state;
  } else if (object.kind() == Kind::opaque) {
    const Value::Opaque& opaque = object.as_opaque();
    if (opaque.is_class) fail("sets the state of the class {}", opaque.class_name.substr(0, 100));
    if (opaque.class_name == "numpy.ndarray" && state.kind() == Kind::tuple)
      return build_array(object, state.as_list());
    std::get<std::unique_ptr<Value::Opaque>>(node_of(object).body)->state = std::make_shared<Value>(state);
  } else if (object.kind() != Kind::tensor && object.kind() != Kind::set) {
    // Tensors and sets of subclasses may carry attributes, which we leave; numbers and texts cannot.
    fail("sets the state of what has none: {}", object.kind_name());
  }
}

}  // namespace timbre::weights
