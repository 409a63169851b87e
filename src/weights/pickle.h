#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "weights/bytes.h"
#include "weights/checkpoint_value.h"
#include "weights/strided.h"

/// A restricted interpreter for Python pickles, protocols 0 to 5, as torch and NumPy write them.
/// It builds numbers, text, containers and tensors. It never imports a module and never calls anything: a class it
/// does not know becomes Value::Opaque. What it allocates is bounded by 64 times the stream plus 1 MiB.
/// Non-goals: out-of-band buffers, extension codes, objects that contain themselves (the inner one is replaced by
/// the opaque class "(itself)").
namespace timbre::weights {

/// Where the bytes of a storage are.
struct StorageBytes {
  Bytes bytes;
  std::shared_ptr<const void> owner;
};

/// A torch storage as a pickle names it: its bytes come from elsewhere in the file.
struct StorageRef {
  std::string key;             ///< "0", or the old format's address
  std::string class_name;      ///< "torch.FloatStorage"
  std::optional<DType> dtype;  ///< none for number types we do not have, and for untyped bytes
  bool is_untyped = false;     ///< counts bytes; the tensor says the number type
  std::int64_t elements = 0;
  std::string view_key;          ///< the old format: a part of another storage, else empty
  std::int64_t view_offset = 0;  ///< elements
  std::int64_t view_elements = 0;
  std::optional<StorageBytes> own;  ///< known already, for a storage within the pickle
};

struct PickleOptions {
  bool allows_storages = false;  ///< persistent ids are torch storages (else an error)
  /// Reads the torch file of one storage that a plain pickle of a tensor holds as bytes; empty = it stays opaque.
  std::function<StorageRef(const Source&)> nested;
};

/// What one pickle gave. Its tensors over torch storages are hollow until resolve() was called.
class Pickled {
 public:
  Pickled();
  ~Pickled();
  Pickled(Pickled&&) noexcept;
  Pickled& operator=(Pickled&&) noexcept;

  /// The storages in order of first appearance, each key once.
  const std::vector<StorageRef>& storages() const;
  /// Fills the tensors in. `find` gives a storage's bytes; copies are taken off `copy_budget`. Throws DataError.
  void resolve(const std::function<StorageBytes(const StorageRef&)>& find, ByteOrder order, std::uint64_t& copy_budget);
  /// The value. Call resolve() before when there are storages.
  Value take();
  /// Bytes of the stream up to and with its STOP.
  std::size_t consumed() const;

 private:
  friend class PickleReader;
  struct State;
  std::unique_ptr<State> state_;
};

/// Interprets the pickle that begins at `offset` of `source`. Throws DataError (file, byte, what).
Pickled read_pickle(const Source& source, std::size_t offset = 0, const PickleOptions& options = {});

}  // namespace timbre::weights
